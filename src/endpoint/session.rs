//! `GET …/session` and `POST …/logout`: what a session is, and its end.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value};

use crate::auth::{UnixSeconds, crypto};
use crate::endpoint::call::{Call, Reply};
use crate::endpoint::error::Error;
use crate::endpoint::flight::Flights;
use crate::endpoint::login::set_cookie;
use crate::session::{Session, Sessions};
use crate::wechat;

/// Seconds within which WeChat is asked once about a session.
const KEPT: UnixSeconds = 60;

/// Answers kept at once.
const MOST: usize = 20_000;

/// Tells about sessions and ends them.
pub(super) struct Desk {
    /// The cookie that carries the token as well.
    pub(super) cookie: Option<String>,
    pub(super) sessions: Sessions,
    pub(super) wechat: wechat::Client,
    pub(super) checks: Flights<Check>,
}

/// Whether a key is the current one.
pub(super) type Check = Result<bool, wechat::Error>;

/// Room for WeChat's answers.
pub(super) fn checks() -> Flights<Check> {
    Flights::new(KEPT, MOST)
}

impl Desk {
    /// What the session is.
    pub(super) async fn show(&self, call: &Call) -> Result<Reply, Error> {
        let session = call.session(&self.sessions).await?;
        let key = match call.asks("check") {
            None => None,
            Some("wechat") if self.is_current(&session, call.now).await? => Some("current"),
            Some("wechat") => Some("stale"),
            Some(_) => return Err(Error::bad_request("`check` can only be `wechat`")),
        };
        let mut body = Map::new();
        body.insert("appid".into(), session.identity.appid.as_str().into());
        body.insert("phone".into(), session.identity.phone.is_some().into());
        body.insert("expires_in".into(), session.expires_in(call.now).into());
        body.extend(key.map(|key| ("key".to_owned(), key.into())));
        Ok(Reply::json(Value::Object(body)))
    }

    /// Whether the newest key is the current one, as WeChat said within the last minute. A failure counts as
    /// an answer: these calls have a quota.
    async fn is_current(&self, session: &Arc<Session>, now: UnixSeconds) -> Result<bool, Error> {
        let newest = self.sessions.keys(session, now).await?.into_iter().next();
        let newest = newest.ok_or(Error::SessionExpired)?;
        let (wechat, owner) = (self.wechat.clone(), Arc::clone(session));
        let key = key(session);
        let work = async move {
            let who = &owner.identity;
            wechat.check_session(&who.appid, &who.openid, &newest).await
        };
        let check = self.checks.fly(key, now, |_| true, work).await;
        Ok(check.ok_or(Error::Panicked)??)
    }

    /// Ends the session, or all of the user's. Who has none has what they wanted.
    pub(super) async fn end(&self, call: &Call) -> Result<Reply, Error> {
        let everywhere = call.optional_fields()?.flag("everywhere")?;
        match call.session(&self.sessions).await {
            Ok(session) => {
                self.sessions
                    .sign_out(&session, everywhere, call.now)
                    .await?;
            }
            Err(Error::SessionMissing | Error::SessionExpired) => {}
            // SECURITY: a store that does not answer has ended nothing; saying otherwise would be a lie.
            Err(error) => return Err(error),
        }
        let cookie = self.cookie.as_ref();
        Ok(Reply {
            cookie: cookie.and_then(|name| set_cookie(name, "", 0)),
            ..Reply::empty(StatusCode::NO_CONTENT)
        })
    }
}

/// One a session.
fn key(session: &Session) -> [u8; 32] {
    crypto::sha256(&[b"check session\0", session.digest().0.as_slice()].concat())
}
