//! What the log hears, and what it must never hear.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::server::{Say, Server};
use super::setup::{APPID, KEY, PHONE, SECRET, SIGNED_IN, TOKEN};
use super::setup::{client, config, login, nowhere, phone};
use crate::wechat::Error;

/// All that is logged in this thread, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn an_operators_error_is_logged_once_with_its_cure_and_not_looped_on() {
    let log = Log::default();
    let _guard = log.listen();
    let server = Server::always(
        r#"{"errcode":40164,"errmsg":"invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist, rid: 6a-7b-8c"}"#,
    );
    let server = server.await;
    let client = client(&config(&[&server]));
    for _ in 0..5 {
        assert_eq!(login(&client).await.unwrap_err(), Error::Misconfigured);
    }
    assert_eq!(server.asked().len(), 1);
    let text = log.text();
    let line = text.lines().find(|line| line.contains("ERROR")).unwrap();
    for part in [
        "whitelist",
        "203.0.113.9",
        "6a-7b-8c",
        "40164",
        APPID,
        "code2Session",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(text.matches("ERROR").count(), 1);
}

#[tokio::test]
async fn no_way_to_fail_prints_a_secret() {
    let log = Log::default();
    let _guard = log.listen();
    let echo = r#"{"errcode":40029,"errmsg":"CODE PCODE TOKEN-1 oUSER rid: 1-2","access_token":"TOKEN-1"}"#;
    let mut printed = Vec::new();
    for say in [
        (|| Say::Silence) as fn() -> Say,
        || Say::Hangup,
        || Say::Raw("HTTP/1.1 302 X\r\nlocation: /?secret=5ec3e75e\r\n\r\n"),
        || Say::Raw("garbage\r\n\r\n"),
        || Say::Raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"),
        || Say::Json(SIGNED_IN),
        || Say::Json(r#"{"openid":"oUSER","session_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#),
        || Say::Json(PHONE),
        || Say::Json(r#"{"errcode":12345,"errmsg":"CODE PCODE TOKEN-1 oUSER"}"#),
        || Say::Json(r#"{"errcode":48001,"errmsg":"CODE PCODE TOKEN-1 oUSER"}"#),
    ] {
        let server = Server::start(move |_, asked| {
            if asked.is("stable_token") {
                Say::Json(TOKEN)
            } else {
                say()
            }
        });
        let server = server.await;
        let mut config = config(&[&server]);
        config.timeout = Duration::from_millis(200);
        let found = client(&config);
        let (user, number) = (login(&found).await, phone(&found).await);
        printed.push(format!("{found:?} {user:?} {number:?}"));
        config.api = vec![nowhere().await];
        let lost = client(&config);
        printed.push(format!("{:?}", login(&lost).await));
    }
    let server = Server::always(echo).await;
    let client = client(&config(&[&server]));
    let (user, number) = (login(&client).await, phone(&client).await);
    printed.push(format!("{user:?} {number:?}"));
    printed.push(log.text());
    let printed = printed.concat();
    assert!(log.text().contains("could not be reached"));
    assert!(log.text().contains("broke before the answer"));
    for secret in [
        SECRET, KEY, "TOKEN-1", "oUSER", "51230000", "CODE", "AAAAAAAA",
    ] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
}
