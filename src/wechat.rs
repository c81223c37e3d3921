//! The client of `WeChat`'s server API.

pub mod decrypt;
pub mod errcode;

use std::time::Duration;

use crate::auth::{AppId, OpenId, Phone, SessionKey, UnionId};
use crate::setting::{self, Secret};

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
#[derive(Debug, Clone)]
pub struct Client {}

impl Client {
    /// A client for `apps`. May be made outside of the runtime that will use it.
    pub fn new(config: &Config, apps: &[App]) -> Result<Self, Error> {
        let _ = (config, apps);
        Ok(Self {})
    }

    /// Turns a login code into the user who got it (`WeChat`: `code2Session`).
    pub async fn code_to_session(&self, appid: &AppId, code: &str) -> Result<SignIn, Error> {
        let _ = (appid, code);
        Err(Error::Failed)
    }

    /// Turns a phone code into the number of the user `openid` (`WeChat`: `getuserphonenumber`).
    pub async fn phone_number(
        &self,
        appid: &AppId,
        openid: &OpenId,
        code: &str,
    ) -> Result<Phone, Error> {
        let _ = (appid, openid, code);
        Err(Error::Failed)
    }

    /// Whether `key` is still the current one of the user `openid` (`WeChat`: `checksession`).
    pub async fn check_session(
        &self,
        appid: &AppId,
        openid: &OpenId,
        key: &SessionKey,
    ) -> Result<bool, Error> {
        let _ = (appid, openid, key);
        Err(Error::Failed)
    }
}
