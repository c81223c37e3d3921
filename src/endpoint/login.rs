//! `POST …/login`: a code of `wx.login` becomes a session of ours.

use http::HeaderValue;
use serde_json::{Map, Value};

use crate::auth::AppId;
use crate::endpoint::call::{Call, Reply};
use crate::endpoint::error::Error;
use crate::session::{Sessions, SignIn, SignedIn};
use crate::wechat;

/// The part of the identity that a client may see.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exposed {
    pub(super) openid: bool,
    pub(super) unionid: bool,
}

/// Signs people in.
pub(super) struct Login {
    pub(super) apps: Vec<AppId>,
    pub(super) exposed: Exposed,
    /// The cookie that carries the token as well.
    pub(super) cookie: Option<String>,
    pub(super) sessions: Sessions,
    pub(super) wechat: wechat::Client,
}

impl Login {
    /// A code is used up by this, so it runs to its end when the client is gone.
    pub(super) async fn answer(&self, call: &Call) -> Result<Reply, Error> {
        let fields = call.fields()?;
        let appid = self.app(fields.text("appid")?)?.clone();
        let code = fields
            .text("code")?
            .ok_or_else(|| Error::bad_request("`code` is missing: send what wx.login gave"))?;
        let (sessions, wechat) = (self.sessions.clone(), self.wechat.clone());
        let (code, previous, now) = (code.to_owned(), call.token().cloned(), call.now);
        let signing_in = tokio::spawn(async move {
            let who = wechat.code_to_session(&appid, &code).await?;
            let sign_in = SignIn {
                appid,
                openid: who.openid,
                unionid: who.unionid,
                key: who.key,
            };
            let signed_in = sessions.sign_in(sign_in, previous.as_ref(), now).await?;
            Ok::<_, Error>(signed_in)
        });
        let signed_in = signing_in.await.map_err(|_| Error::Panicked)??;
        call.caller().is(&signed_in.session.identity.openid);
        let body = self.told(&signed_in);
        let cookie = self.cookie.as_ref();
        Ok(Reply {
            cookie: cookie
                .and_then(|name| set_cookie(name, signed_in.token.as_str(), signed_in.expires_in)),
            ..Reply::json(body)
        })
    }

    /// What the client is told.
    fn told(&self, signed_in: &SignedIn) -> Value {
        let identity = &signed_in.session.identity;
        let openid = Some(identity.openid.as_str()).filter(|_| self.exposed.openid);
        let unionid = identity.unionid.as_ref().filter(|_| self.exposed.unionid);
        let mut body = Map::new();
        body.insert("token".into(), signed_in.token.as_str().into());
        body.insert("expires_in".into(), signed_in.expires_in.into());
        body.insert("phone".into(), identity.phone.is_some().into());
        body.extend(openid.map(|id| ("openid".to_owned(), id.into())));
        body.extend(unionid.map(|id| ("unionid".to_owned(), id.as_str().into())));
        Value::Object(body)
    }

    /// The app that was named, or the only one. It is never guessed.
    fn app(&self, named: Option<&str>) -> Result<&AppId, Error> {
        match (named, self.apps.as_slice()) {
            (Some(named), apps) => apps
                .iter()
                .find(|app| app.as_str() == named)
                .ok_or_else(|| Error::bad_request("`appid` is none of this gateway's apps")),
            (None, [only]) => Ok(only),
            (None, _) => Err(Error::bad_request(
                "`appid` is missing: this gateway serves several apps, so say which one's wx.login gave the code",
            )),
        }
    }
}

/// A cookie that no script reads and no other site sends along with anything but a visit. Empty and with no
/// life it removes the one there is.
pub(super) fn set_cookie(name: &str, token: &str, seconds: u64) -> Option<HeaderValue> {
    let cookie =
        format!("{name}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    let mut value = HeaderValue::from_str(&cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_one_that_only_this_host_gets() {
        let cookie = set_cookie("__Host-wxgate", "wxg_x", 60).unwrap();
        assert_eq!(
            cookie,
            "__Host-wxgate=wxg_x; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(cookie.is_sensitive());
        assert_eq!(set_cookie("a\nb", "", 0), None);
    }
}
