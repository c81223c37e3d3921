//! What a mini-program does, in few words: log in, tap, ask; and what WeChat does meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wxgate::mock::{LoginCode, Mock, Options, Sealed, Signed};

use super::{Bed, Client, Reply};

/// Nothing may take longer to come about.
const PATIENCE: Duration = Duration::from_secs(20);

impl Bed {
    /// Logs in with a code of this order.
    pub fn log_in(&self, order: LoginCode) -> Reply {
        let appid = order.appid.clone();
        let code = self.mock.mint_login(order);
        let mut body = json!({ "code": code });
        if let Some(appid) = appid {
            body["appid"] = appid.into();
        }
        self.call("login", "", &body)
    }

    /// A token of `openid` in `appid`, where the gateway has several apps.
    pub fn sign_in_at(&self, appid: &str, openid: &str) -> String {
        token(&self.log_in(LoginCode {
            openid: openid.to_owned(),
            appid: Some(appid.to_owned()),
            ..LoginCode::default()
        }))
    }

    /// Shares the phone of `openid` by a code of theirs.
    pub fn tap(&self, openid: &str, token: &str) -> Reply {
        let code = self.mock.phone_code(openid);
        self.call("phone", token, &json!({ "code": code }))
    }

    /// `GET` of an endpoint.
    pub fn ask(&self, endpoint: &str, token: &str) -> Reply {
        self.get(&format!("/wxgate/{endpoint}"), token)
    }

    /// Waits until `calls` calls of `api` have come to WeChat, from the start on.
    pub fn called(&self, api: &str, calls: u64) {
        self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, self.mock.called(api, calls))
                .await
                .unwrap_or_else(|_| panic!("{} of {calls} {api}", self.mock.calls(api)));
        });
    }

    /// WeChat goes away: its address refuses connections, those that are open end.
    pub fn lose_wechat(&mut self) {
        let address = self.mock.address();
        let other = self.runtime.block_on(Mock::start(Options::default()));
        drop(std::mem::replace(&mut self.mock, other.unwrap()));
        until("WeChat is gone", || {
            std::net::TcpStream::connect(address).is_err()
        });
    }
}

impl Client {
    /// `GET path` with `token` on this connection.
    pub fn get(&mut self, path: &str, token: &str) -> Reply {
        self.send(
            "GET",
            path,
            &[("Authorization", &format!("Bearer {token}"))],
            b"",
        )
    }

    /// Writes a call of an endpoint, and does not wait for the answer.
    pub fn begin(&mut self, endpoint: &str, token: &str, body: &Value) {
        let body = body.to_string();
        let credential = if token.is_empty() {
            String::new()
        } else {
            format!("Authorization: Bearer {token}\r\n")
        };
        self.write(
            format!(
                "POST /wxgate/{endpoint} HTTP/1.1\r\nHost: gateway.test\r\n{credential}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
    }
}

impl Reply {
    /// Whether this is a row of the contract's table. Panics with all of the answer if not.
    #[track_caller]
    pub fn is(&self, status: u16, code: &str, action: &str) {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            self.text()
        );
        assert_eq!(self.json()["action"], action, "{}", self.text());
    }

    /// Whether this is a 200; its body.
    #[track_caller]
    pub fn good(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }
}

/// `[[app]]`s of these ids.
pub fn apps(appids: &[&str]) -> String {
    let secret = "secret = { file = \"tests/fixtures/app-secret\" }";
    let app = |appid: &&str| format!("[[app]]\nappid = \"{appid}\"\n{secret}\n");
    appids.iter().map(app).collect::<Vec<_>>().concat()
}

/// The token in the answer to a login.
#[track_caller]
pub fn token(reply: &Reply) -> String {
    reply.good()["token"].as_str().unwrap().to_owned()
}

/// Open data as the mini-program sends it.
pub fn sealed(sealed: &Sealed) -> Value {
    json!({ "encryptedData": sealed.encrypted_data, "iv": sealed.iv })
}

/// A signed profile as the mini-program sends it.
pub fn signed(signed: &Signed) -> Value {
    json!({ "rawData": signed.raw_data, "signature": signed.signature })
}

/// Asks again and again until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}
