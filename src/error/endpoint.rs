//! What an endpoint's errors, and WeChat's, are to a mini-program.

use http::HeaderValue;

use crate::endpoint::Error;
use crate::error::{Code, Problem};
use crate::wechat;

/// Seconds to the next try when a day's quota is used up: nobody gains by asking more often.
const AN_HOUR: u64 = 3_600;

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let code = match error {
            Error::WeChat(error) => return error.into(),
            Error::Session(error) => return error.into(),
            Error::TooOften(exceeded) => return (*exceeded).into(),
            Error::MethodNotAllowed { allow, detail } => {
                return Self::new(Code::MethodNotAllowed, *detail)
                    .allow(HeaderValue::from_static(allow));
            }
            Error::BadRequest(_) => Code::BadRequest,
            Error::NotJson => Code::NotJson,
            Error::NoRoute => Code::NoRoute,
            Error::ForeignOrigin => Code::RouteDenied,
            Error::SessionMissing => Code::SessionMissing,
            Error::SessionExpired => Code::SessionExpired,
            Error::Damaged(_) => Code::DamagedData,
            Error::KeyStale => Code::SessionKeyStale,
            Error::DataExpired => Code::DataExpired,
            Error::WrongApp | Error::WrongUser => Code::WrongApp,
            Error::WrongSignature => Code::WrongSignature,
            Error::Draining => Code::Overloaded,
            Error::Panicked => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<&wechat::Error> for Problem {
    fn from(error: &wechat::Error) -> Self {
        use wechat::Error;
        let code = match error {
            Error::CodeRejected => Code::CodeRejected,
            Error::CodeUsed => Code::CodeUsed,
            Error::PhoneCodeRejected => Code::PhoneCodeRejected,
            Error::WrongApp => Code::WrongApp,
            Error::UserBlocked => Code::UserBlocked,
            Error::RateLimited { .. } => Code::RateLimited,
            Error::QuotaExhausted => Code::QuotaExhausted,
            Error::Misconfigured => Code::Misconfigured,
            Error::Overloaded => Code::Overloaded,
            Error::Failed => Code::WechatFailed,
            Error::Timeout => Code::WechatTimeout,
            Error::Ours { .. } => Code::Internal,
        };
        let problem = Self::new(code, error.to_string());
        match error {
            Error::RateLimited { retry_after } => problem.retry_after(*retry_after),
            Error::QuotaExhausted => problem.retry_after(AN_HOUR),
            _ => problem,
        }
    }
}
