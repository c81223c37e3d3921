//! A gateway of one app, and what it is told.

use std::sync::Arc;
use std::time::Duration;

use super::server::Server;
use crate::auth::{AppId, OpenId, Phone};
use crate::setting::Secret;
use crate::wechat::{App, Client, Config, Error, SignIn};

pub(super) const APPID: &str = "wx0123456789abcdef";
pub(super) const SECRET: &str = "5ec3e75ec3e75ec3e75ec3e75ec3e75e";
pub(super) const KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";
pub(super) const SIGNED_IN: &str =
    r#"{"openid":"oUSER","session_key":"tiihtNczf5v6AKRyjwEUhQ==","unionid":""}"#;
pub(super) const BUSY: &str = r#"{"errcode":-1,"errmsg":"system error"}"#;
pub(super) const TOKEN: &str = r#"{"access_token":"TOKEN-1","expires_in":7200}"#;
pub(super) const PHONE: &str = r#"{"errcode":0,"errmsg":"ok","phone_info":{"phoneNumber":"+85251230000","purePhoneNumber":"51230000","countryCode":852,"watermark":{"timestamp":1700000000,"appid":"wx0123456789abcdef"}}}"#;

pub(super) fn appid() -> AppId {
    AppId::new(APPID).unwrap()
}

pub(super) fn openid() -> OpenId {
    OpenId::new("oUSER").unwrap()
}

pub(super) fn config(servers: &[&Server]) -> Config {
    Config {
        api: servers.iter().map(|server| server.url.clone()).collect(),
        timeout: Duration::from_secs(5),
        ..Config::default()
    }
}

pub(super) fn app() -> App {
    App {
        appid: appid(),
        secret: Secret::new(SECRET),
    }
}

pub(super) fn client(config: &Config) -> Client {
    Client::new(config, &[app()], Arc::default()).unwrap()
}

pub(super) async fn login(client: &Client) -> Result<SignIn, Error> {
    client.code_to_session(&appid(), "CODE").await
}

pub(super) async fn phone(client: &Client) -> Result<Phone, Error> {
    client.phone_number(&appid(), &openid(), "PCODE").await
}

/// An address on which nothing listens.
pub(super) async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
