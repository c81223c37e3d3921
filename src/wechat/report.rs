//! What the log and the counts are told of a call.

use tracing::{debug, error, warn};

use crate::auth::AppId;
use crate::telemetry::metrics::Said;
use crate::wechat::errcode::{self, Api, Error, Verdict};
use crate::wechat::transport::Answer;

/// Tells the log what `WeChat` said. Its message is not quoted, only the request id in it.
pub(super) fn tell(app: &AppId, api: Api, answer: &Answer, verdict: Verdict) {
    let (api, errcode) = (api.name(), answer.errcode());
    let errmsg = answer.text("errmsg").unwrap_or_default();
    let rid = errcode::request_id(errmsg).unwrap_or("-");
    match verdict {
        Verdict::Success => {}
        Verdict::Operator { cure, .. } => {
            let address = errcode::address(errmsg).map(tracing::field::display);
            error!(%app, api, errcode, rid, address, cure, "WeChat refuses us");
        }
        Verdict::Refused(Error::Ours { .. }) => {
            error!(%app, api, errcode, rid, "WeChat finds our call malformed");
        }
        Verdict::Busy
        | Verdict::TokenRefused
        | Verdict::Refused(Error::Failed | Error::RateLimited { .. }) => {
            warn!(%app, api, errcode, rid, "WeChat did not do what was asked");
        }
        Verdict::StaleKey | Verdict::Refused(_) => {
            debug!(%app, api, errcode, rid, "WeChat says no");
        }
    }
}

/// What came of a call, as it is counted: there are only so many errcodes that mean something.
pub(super) fn said(api: Api, errcode: Result<i64, &Error>) -> Said {
    match errcode {
        Ok(errcode) if errcode::judge(api, errcode) == Verdict::Refused(Error::Failed) => {
            Said::Other
        }
        Ok(errcode) => Said::Errcode(errcode),
        Err(Error::Timeout) => Said::Timeout,
        Err(_) => Said::Unreachable,
    }
}
