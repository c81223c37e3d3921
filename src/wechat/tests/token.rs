//! Calls that show an access token.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::server::{Say, Server};
use super::setup::{APPID, KEY, PHONE, SECRET, SIGNED_IN, TOKEN};
use super::setup::{appid, client, config, login, openid, phone};
use crate::auth::SessionKey;
use crate::wechat::Error;
use crate::wechat::access_token::{Fresh, Token};

const PHONE_PATH: &str = "getuserphonenumber";
const TOKEN_PATH: &str = "stable_token";

/// A `WeChat` that gives a token and says `json` to everything else.
async fn with_token(json: &'static str) -> Server {
    Server::start(move |_, asked| Say::Json(if asked.is(TOKEN_PATH) { TOKEN } else { json })).await
}

#[tokio::test]
async fn a_phone_code_becomes_a_number() {
    let server = with_token(PHONE).await;
    let number = phone(&client(&config(&[&server]))).await.unwrap();
    assert_eq!(number.number(), "+85251230000");
    assert_eq!((number.pure(), number.country()), ("51230000", "852"));
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /cgi-bin/stable_token HTTP/1.1");
    assert_eq!(
        asked[0].body,
        format!(
            r#"{{"appid":"{APPID}","force_refresh":false,"grant_type":"client_credential","secret":"{SECRET}"}}"#
        )
    );
    assert_eq!(
        asked[1].line,
        "POST /wxa/business/getuserphonenumber?access_token=TOKEN-1 HTTP/1.1"
    );
    assert_eq!(asked[1].body, r#"{"code":"PCODE","openid":"oUSER"}"#);
    for asked in asked {
        assert!(asked.head.contains("content-type: application/json"));
        assert!(asked.head.contains("content-length: "));
        assert!(!asked.head.contains("transfer-encoding"));
    }
}

#[tokio::test]
async fn the_openid_is_left_out_where_the_operator_says_so() {
    let server = with_token(PHONE).await;
    let mut config = config(&[&server]);
    config.phone_openid = false;
    assert!(phone(&client(&config)).await.is_ok());
    assert_eq!(server.asked()[1].body, r#"{"code":"PCODE"}"#);
}

#[tokio::test]
async fn what_wechat_says_of_a_phone_code_is_what_the_caller_hears() {
    let rows = [
        (r#"{"errcode":40029}"#, Error::PhoneCodeRejected),
        (r#"{"errcode":40013}"#, Error::WrongApp),
        (
            r#"{"errcode":45011}"#,
            Error::RateLimited { retry_after: 60 },
        ),
        (r#"{"errcode":47001}"#, Error::Ours { errcode: 47001 }),
        (r#"{"errcode":48001}"#, Error::Misconfigured),
        (r#"{"errcode":0}"#, Error::Failed),
        (
            r#"{"errcode":0,"phone_info":{"phoneNumber":"1","purePhoneNumber":"1","countryCode":"86","watermark":{"appid":"wxffffffffffffffff"}}}"#,
            Error::WrongApp,
        ),
    ];
    for (json, error) in rows {
        let server = with_token(json).await;
        let answer = phone(&client(&config(&[&server]))).await;
        assert_eq!(answer.unwrap_err(), error, "{json}");
        assert_eq!(server.count(PHONE_PATH), 1, "{json}");
    }
}

#[tokio::test]
async fn fifty_callers_share_one_token() {
    let server = with_token(PHONE).await;
    let client = client(&config(&[&server]));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        calls.spawn(async move { phone(&client).await.is_ok() });
    }
    assert!(calls.join_all().await.into_iter().all(|good| good));
    assert_eq!(server.count(TOKEN_PATH), 1);
    assert_eq!(server.count(PHONE_PATH), 50);
}

#[tokio::test]
async fn callers_who_wait_for_a_token_share_its_failure_too() {
    let server = Server::start(|_, _| Say::Silence).await;
    let mut config = config(&[&server]);
    config.timeout = Duration::from_millis(200);
    let client = client(&config);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        calls.spawn(async move { phone(&client).await.unwrap_err() });
    }
    let begin = Instant::now();
    for error in calls.join_all().await {
        assert_eq!(error, Error::Timeout);
    }
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_made_once_more() {
    for refusal in [
        r#"{"errcode":40001}"#,
        r#"{"errcode":40014}"#,
        r#"{"errcode":"42001"}"#,
    ] {
        let issued = AtomicUsize::new(0);
        let server = Server::start(move |_, asked| {
            if asked.is(TOKEN_PATH) {
                let n = issued.fetch_add(1, Ordering::Relaxed);
                Say::Text(format!(r#"{{"access_token":"T{n}","expires_in":7200}}"#))
            } else if asked.is("access_token=T0") {
                Say::Json(refusal)
            } else {
                Say::Json(PHONE)
            }
        })
        .await;
        let client = client(&config(&[&server]));
        for _ in 0..2 {
            assert!(phone(&client).await.is_ok());
        }
        assert_eq!(server.count(TOKEN_PATH), 2);
        assert_eq!(server.count(PHONE_PATH), 3);
    }
}

#[tokio::test]
async fn a_refused_token_that_wechat_gives_again_is_not_tried_again() {
    let server = with_token(r#"{"errcode":40001}"#).await;
    let answer = phone(&client(&config(&[&server]))).await;
    assert_eq!(answer.unwrap_err(), Error::Failed);
    assert_eq!(server.count(TOKEN_PATH), 2);
    assert_eq!(server.count(PHONE_PATH), 1);
}

#[tokio::test]
async fn login_does_not_need_a_token() {
    let server = Server::start(|_, asked| {
        Say::Json(if asked.is(TOKEN_PATH) {
            r#"{"errcode":40164}"#
        } else {
            SIGNED_IN
        })
    });
    let server = server.await;
    let client = client(&config(&[&server]));
    assert_eq!(phone(&client).await.unwrap_err(), Error::Misconfigured);
    assert_eq!(phone(&client).await.unwrap_err(), Error::Misconfigured);
    assert!(login(&client).await.is_ok());
    assert_eq!(server.count(TOKEN_PATH), 1);
}

#[tokio::test]
async fn an_early_fetch_does_not_hold_up_the_call() {
    let server = Server::start(|_, asked| {
        if asked.is(TOKEN_PATH) {
            Say::Silence
        } else {
            Say::Json(PHONE)
        }
    });
    let server = server.await;
    let client = client(&config(&[&server]));
    let ageing = Fresh {
        token: Token::new(Zeroizing::new("OLD".to_owned())).unwrap(),
        asked: Instant::now() - Duration::from_secs(60),
        life: Duration::from_secs(100),
    };
    let member = &client.0.members[&appid()];
    member.access_token.renew(async { Ok(ageing) }).await;
    for _ in 0..3 {
        assert!(phone(&client).await.is_ok());
    }
    assert_eq!(server.count("access_token=OLD"), 3);
    let asks = async {
        while server.count(TOKEN_PATH) == 0 {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(5);
    assert!(tokio::time::timeout(patience, asks).await.is_ok());
    assert_eq!(server.count(TOKEN_PATH), 1);
}

#[tokio::test]
async fn wechat_says_whether_a_session_key_is_current() {
    let key = SessionKey::from_text(KEY).unwrap();
    let rows = [
        (r#"{"errcode":0,"errmsg":"ok"}"#, Ok(true)),
        (r#"{"errcode":87009}"#, Ok(false)),
        (r#"{"errcode":87008}"#, Err(Error::Ours { errcode: 87008 })),
    ];
    for (json, expected) in rows {
        let server = with_token(json).await;
        let client = client(&config(&[&server]));
        let answer = client.check_session(&appid(), &openid(), &key).await;
        assert_eq!(answer, expected, "{json}");
        let line = "GET /wxa/checksession?access_token=TOKEN-1&openid=oUSER&signature=7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735&sig_method=hmac_sha256 HTTP/1.1";
        assert_eq!(server.asked()[1].line, line);
    }
}
