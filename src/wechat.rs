//! The client of `WeChat`'s server API.

mod access_token;
pub mod address;
pub mod decrypt;
pub mod errcode;
mod report;
mod restraint;
mod transport;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tracing::error;
use zeroize::Zeroizing;

use crate::auth::{AppId, OpenId, Phone, SessionKey, UnionId};
use crate::setting::{self, Secret};
use crate::telemetry::metrics::Calls;

use access_token::{AccessToken, Fresh, Stock, Token};
use errcode::{Api, Verdict};
use restraint::Restraint;
use transport::{Answer, Request, Transport};

pub use errcode::Error;

setting::section! {
    /// `[wechat]`: how `WeChat` is reached.
    pub struct Config {
        /// Its addresses; the second and further are fall-backs.
        api: Vec<String> = vec!["https://api.weixin.qq.com".to_owned()],
        /// A proxy on the way there; empty: none.
        proxy: String = String::new(),
        /// The longest wait for an answer.
        timeout: Duration = Duration::from_secs(5),
        /// Calls at once, for each app; as many again may wait.
        concurrency: u32 = 200,
        /// Whether a phone code is sent with the openid that it must belong to.
        phone_openid: bool = true,
    }
}

setting::section! {
    /// One `[[app]]`: a mini-program whose users sign in here.
    pub struct App {
        /// Its id.
        appid: AppId,
        /// Its secret: 32 characters.
        secret: Secret,
    }
    later { "platform": "platforms other than WeChat", "component_appid": "third-party platforms", "component_token": "third-party platforms", "private_key": "Douyin" }
}

/// Who signed in, as `code2Session` tells.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Who they are in this app.
    pub openid: OpenId,
    /// Who they are in all apps of the company, where `WeChat` says.
    pub unionid: Option<UnionId>,
    /// The key that their open data will be encrypted under.
    pub key: SessionKey,
}

/// The client of `WeChat`'s server API, for all apps of the gateway. Clones are cheap and share
/// connections, access tokens and limits.
///
/// A call waits at most `timeout` for each answer and ends after twice that time, whatever happens.
/// Dropping a call ends it; one that uses up a code should be spawned.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    transport: Transport,
    timeout: Duration,
    phone_openid: bool,
    calls: Arc<Calls>,
    members: HashMap<AppId, Member>,
}

/// What the client knows of one app.
struct Member {
    appid: AppId,
    secret: Secret,
    restraint: Restraint,
    access_token: AccessToken,
}

/// An answer that the call goes on with.
enum Reply {
    Answer(Answer),
    TokenRefused,
    StaleKey,
}

impl Client {
    /// A client for `apps`. May be made outside of the runtime that will use it.
    /// [`Error::Misconfigured`] if `config` cannot work; the log says why. Every call is counted in
    /// `calls`.
    pub fn new(config: &Config, apps: &[App], calls: Arc<Calls>) -> Result<Self, Error> {
        let transport =
            Transport::new(&config.api, &config.proxy, config.timeout).map_err(|reason| {
                error!(reason, "WeChat cannot be called");
                Error::Misconfigured
            })?;
        let member = |app: &App| Member {
            appid: app.appid.clone(),
            secret: app.secret.clone(),
            restraint: Restraint::new(config.concurrency),
            access_token: AccessToken::new(),
        };
        Ok(Self(Arc::new(Shared {
            transport,
            timeout: config.timeout,
            phone_openid: config.phone_openid,
            calls,
            members: apps
                .iter()
                .map(|app| (app.appid.clone(), member(app)))
                .collect(),
        })))
    }

    /// Turns a login code into the user who got it (`WeChat`: `code2Session`). Needs no access
    /// token.
    pub async fn code_to_session(&self, appid: &AppId, code: &str) -> Result<SignIn, Error> {
        if !is_code(code) {
            return Err(Error::CodeRejected);
        }
        let (member, deadline) = self.begin(appid)?;
        let _pass = member.restraint.enter(deadline).await?;
        let request = Request {
            api: Api::CodeToSession,
            query: vec![
                ("appid", appid.as_str()),
                ("secret", member.secret.expose()),
                ("js_code", code),
                ("grant_type", "authorization_code"),
            ],
            body: None,
        };
        match self.ask(member, &request, deadline).await? {
            Reply::Answer(answer) => sign_in(answer).ok_or_else(|| senseless(member, &request)),
            Reply::TokenRefused | Reply::StaleKey => Err(Error::Failed),
        }
    }

    /// Turns a phone code into the number of the user `openid` (`WeChat`: `getuserphonenumber`).
    /// This costs the customer money, and a code that was sent is used up.
    pub async fn phone_number(
        &self,
        appid: &AppId,
        openid: &OpenId,
        code: &str,
    ) -> Result<Phone, Error> {
        if !is_code(code) {
            return Err(Error::PhoneCodeRejected);
        }
        let mut body = Map::from_iter([("code".to_owned(), Value::from(code))]);
        if self.0.phone_openid {
            // Without it a code that another user made would bind their number to this one.
            body.insert("openid".to_owned(), Value::from(openid.as_str()));
        }
        let body = Zeroizing::new(Value::Object(body).to_string());
        let (member, deadline) = self.begin(appid)?;
        let request = Request {
            api: Api::PhoneNumber,
            query: Vec::new(),
            body: Some(body),
        };
        let reply = self.ask_with_token(member, &request, deadline).await?;
        let Reply::Answer(answer) = reply else {
            return Err(Error::Failed);
        };
        let senseless = || senseless(member, &request);
        let details = answer.object("phone_info").ok_or_else(senseless)?;
        if decrypt::watermark(details).is_some_and(|mark| !mark.is_for(appid)) {
            return Err(Error::WrongApp);
        }
        decrypt::phone(details).ok_or_else(senseless)
    }

    /// Whether `key` is still the current one of the user `openid` (`WeChat`: `checksession`).
    pub async fn check_session(
        &self,
        appid: &AppId,
        openid: &OpenId,
        key: &SessionKey,
    ) -> Result<bool, Error> {
        let (member, deadline) = self.begin(appid)?;
        let signature = decrypt::user_signature(b"", key);
        let request = Request {
            api: Api::CheckSession,
            query: vec![
                ("openid", openid.as_str()),
                ("signature", &signature),
                ("sig_method", "hmac_sha256"),
            ],
            body: None,
        };
        match self.ask_with_token(member, &request, deadline).await? {
            Reply::Answer(_) => Ok(true),
            Reply::StaleKey => Ok(false),
            Reply::TokenRefused => Err(Error::Failed),
        }
    }

    fn begin(&self, appid: &AppId) -> Result<(&Member, Instant), Error> {
        let member = self.0.members.get(appid).ok_or(Error::Misconfigured)?;
        Ok((member, Instant::now() + 2 * self.0.timeout))
    }

    /// Asks with the app's access token; when `WeChat` refuses it and there is another one by
    /// now, once more.
    async fn ask_with_token(
        &self,
        member: &Member,
        request: &Request<'_>,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        let _pass = member.restraint.enter(deadline).await?;
        let token = self.access_token(member, None, deadline).await?;
        let reply = self
            .ask(member, &request.with_token(token.expose()), deadline)
            .await?;
        if !matches!(reply, Reply::TokenRefused) {
            return Ok(reply);
        }
        let other = self.access_token(member, Some(&token), deadline).await?;
        if other == token {
            return Ok(reply);
        }
        self.ask(member, &request.with_token(other.expose()), deadline)
            .await
    }

    /// The app's access token, other than one that `WeChat` `refused` if it gives another.
    async fn access_token(
        &self,
        member: &Member,
        refused: Option<&Token>,
        deadline: Instant,
    ) -> Result<Token, Error> {
        let seen = member.access_token.ended();
        match member.access_token.stock(refused, Instant::now()) {
            Stock::Good(token) => Ok(token),
            Stock::Ageing(token) => {
                self.renew(member.appid.clone());
                Ok(token)
            }
            Stock::Empty => {
                let fetch = self.fetch_token(member, deadline);
                member.access_token.obtain(seen, deadline, fetch).await
            }
        }
    }

    /// Fetches the next token beside the calls that still use this one.
    fn renew(&self, appid: AppId) {
        let client = self.clone();
        tokio::spawn(async move {
            if let Ok((member, deadline)) = client.begin(&appid) {
                let fetch = client.fetch_token(member, deadline);
                member.access_token.renew(fetch).await;
            }
        });
    }

    /// `WeChat`: `stable_token`, always in its normal mode: forcing would take the token from
    /// everybody else who uses it.
    async fn fetch_token(&self, member: &Member, deadline: Instant) -> Result<Fresh, Error> {
        let body = json!({
            "grant_type": "client_credential",
            "appid": member.appid.as_str(),
            "secret": member.secret.expose(),
            "force_refresh": false,
        });
        let request = Request {
            api: Api::StableToken,
            query: Vec::new(),
            body: Some(Zeroizing::new(body.to_string())),
        };
        let asked = Instant::now();
        let Reply::Answer(mut answer) = self.ask(member, &request, deadline).await? else {
            return Err(Error::Failed);
        };
        let token = answer.take_secret("access_token").and_then(Token::new);
        match (token, answer.number("expires_in")) {
            (Some(token), Some(seconds)) => Ok(Fresh {
                token,
                asked,
                life: Duration::from_secs(seconds),
            }),
            _ => Err(senseless(member, &request)),
        }
    }

    /// Asks, judges the answer and tells the log.
    async fn ask(
        &self,
        member: &Member,
        request: &Request<'_>,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        let api = request.api;
        if let Some(error) = member.restraint.paused(api, Instant::now()) {
            return Err(error);
        }
        let asked = Instant::now();
        let answer = self.0.transport.ask(request, deadline).await;
        let said = report::said(api, answer.as_ref().map(Answer::errcode));
        self.0.calls.ended(api.name(), said, asked.elapsed());
        let answer = answer?;
        let errcode = answer.errcode();
        let verdict = errcode::judge(api, errcode);
        let mut news = true;
        if let Verdict::Operator { error, pause, .. } = verdict {
            let now = Instant::now();
            news = (member.restraint).pause(api, errcode, error, pause, now);
        } else if verdict != Verdict::Busy {
            member.restraint.resume(api);
        }
        if news {
            report::tell(&member.appid, api, &answer, verdict);
        }
        match verdict {
            Verdict::Success => Ok(Reply::Answer(answer)),
            Verdict::TokenRefused => Ok(Reply::TokenRefused),
            Verdict::StaleKey => Ok(Reply::StaleKey),
            Verdict::Busy => Err(Error::Failed),
            Verdict::Refused(error) | Verdict::Operator { error, .. } => Err(error),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

/// Whether `code` can be one of `WeChat`'s: it goes into a URL.
fn is_code(code: &str) -> bool {
    (1..=256).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic())
}

/// The user in an answer of `code2Session`; `None` if one of the parts is not what it should be.
fn sign_in(mut answer: Answer) -> Option<SignIn> {
    let key = answer.take_secret("session_key")?;
    let unionid = answer.text("unionid").filter(|text| !text.is_empty());
    Some(SignIn {
        openid: OpenId::new(answer.text("openid")?).ok()?,
        unionid: unionid.map(UnionId::new).transpose().ok()?,
        key: SessionKey::from_text(&key).ok()?,
    })
}

fn senseless(member: &Member, request: &Request<'_>) -> Error {
    let (app, api) = (&member.appid, request.api.name());
    error!(%app, api, "WeChat's answer lacks what it should hold, or holds it malformed");
    Error::Failed
}

#[cfg(test)]
mod tests;
