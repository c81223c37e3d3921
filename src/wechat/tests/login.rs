//! Logins, and what holds for every call.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::server::{Say, Server};
use super::setup::{APPID, BUSY, KEY, SECRET, SIGNED_IN};
use super::setup::{app, appid, client, config, login, nowhere, openid};
use crate::wechat::{Client, Config, Error};

#[tokio::test]
async fn a_login_code_becomes_a_user() {
    let server = Server::always(SIGNED_IN).await;
    let user = login(&client(&config(&[&server]))).await.unwrap();
    assert_eq!(user.openid, openid());
    assert_eq!(user.unionid, None);
    assert_eq!(user.key.text().as_str(), KEY);
    let line = format!(
        "GET /sns/jscode2session?appid={APPID}&secret={SECRET}&js_code=CODE&grant_type=authorization_code HTTP/1.1"
    );
    assert_eq!(server.asked()[0].line, line);
}

#[tokio::test]
async fn what_wechat_says_at_login_is_what_the_caller_hears() {
    let rows = [
        (
            r#"{"errcode":40029,"errmsg":"invalid code"}"#,
            Error::CodeRejected,
        ),
        (r#"{"errcode":"40163"}"#, Error::CodeUsed),
        (r#"{"errcode":40226}"#, Error::UserBlocked),
        (
            r#"{"errcode":45011}"#,
            Error::RateLimited { retry_after: 60 },
        ),
        (r#"{"errcode":45009}"#, Error::QuotaExhausted),
        (r#"{"errcode":40013}"#, Error::Misconfigured),
        (r#"{"errcode":40125}"#, Error::Misconfigured),
        (r#"{"errcode":40243}"#, Error::Misconfigured),
        (r#"{"errcode":41008}"#, Error::Ours { errcode: 41008 }),
        (r#"{"errcode":12345}"#, Error::Failed),
        (r#"{"errcode":0}"#, Error::Failed),
        (
            r#"{"openid":"o1","session_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            Error::Failed,
        ),
        (
            r#"{"openid":"a b","session_key":"tiihtNczf5v6AKRyjwEUhQ=="}"#,
            Error::Failed,
        ),
    ];
    for (json, error) in rows {
        let server = Server::always(json).await;
        let answer = login(&client(&config(&[&server]))).await;
        assert_eq!(answer.unwrap_err(), error, "{json}");
        assert_eq!(server.asked().len(), 1, "{json}");
    }
}

#[tokio::test]
async fn a_busy_wechat_is_asked_once_more_at_the_next_address() {
    let busy = Server::always(BUSY).await;
    let good = Server::always(SIGNED_IN).await;
    assert!(login(&client(&config(&[&busy, &good]))).await.is_ok());
    assert_eq!((busy.asked().len(), good.asked().len()), (1, 1));

    let alone = Server::always(BUSY).await;
    let answer = login(&client(&config(&[&alone]))).await;
    assert_eq!(answer.unwrap_err(), Error::Failed);
    assert_eq!(alone.asked().len(), 2);

    let used = Server::start(|n, _| Say::Json(if n == 0 { BUSY } else { r#"{"errcode":40163}"# }));
    let used = used.await;
    let answer = login(&client(&config(&[&used]))).await;
    assert_eq!(answer.unwrap_err(), Error::CodeUsed);
}

#[tokio::test]
async fn what_is_not_http_200_with_json_counts_as_busy() {
    let rows = [
        (|| Say::Raw("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")) as fn() -> Say,
        || Say::Raw("HTTP/1.1 412 X\r\ncontent-length: 2\r\n\r\n{}"),
        || Say::Json("<html>"),
        || Say::Json("[]"),
        || Say::Json(""),
        || Say::Json(r#"{"errcode":"what"}"#),
        || Say::Long(64 * 1024),
    ];
    for (row, say) in rows.into_iter().enumerate() {
        let server = Server::start(move |n, _| if n == 0 { say() } else { Say::Json(SIGNED_IN) });
        let server = server.await;
        let answer = login(&client(&config(&[&server]))).await;
        assert!(answer.is_ok(), "{row}: {answer:?}");
        assert_eq!(server.asked().len(), 2, "{row}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n";
    let server = Server::start(move |_, _| {
        Say::Raw(Box::leak(
            format!("{endless}{}", " ".repeat(80 * 1024)).into(),
        ))
    });
    let server = server.await;
    let answer = login(&client(&config(&[&server]))).await;
    assert_eq!(answer.unwrap_err(), Error::Failed);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::always(SIGNED_IN).await;
    let target = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}/x\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url
    );
    let target: &'static str = target.leak();
    let server = Server::start(move |_, _| Say::Raw(target)).await;
    let answer = login(&client(&config(&[&server]))).await;
    assert_eq!(answer.unwrap_err(), Error::Failed);
    assert_eq!(elsewhere.asked().len(), 0);
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_passed_over() {
    let good = Server::always(SIGNED_IN).await;
    let mut config = config(&[&good]);
    config.api.insert(0, nowhere().await);
    let client = client(&config);
    for _ in 0..3 {
        assert!(login(&client).await.is_ok());
    }
    assert_eq!(good.asked().len(), 3);

    config.api = vec![nowhere().await, nowhere().await];
    let lost = Client::new(&config, &[app()], Arc::default()).unwrap();
    assert_eq!(login(&lost).await.unwrap_err(), Error::Failed);
}

#[tokio::test]
async fn a_question_without_an_answer_is_not_repeated() {
    for say in [(|| Say::Silence) as fn() -> Say, || Say::Hangup] {
        let server = Server::start(move |_, _| say()).await;
        let spare = Server::always(SIGNED_IN).await;
        let mut config = config(&[&server, &spare]);
        config.timeout = Duration::from_millis(200);
        let begin = Instant::now();
        let answer = login(&client(&config)).await;
        assert_eq!(answer.unwrap_err(), Error::Timeout);
        assert!(begin.elapsed() < Duration::from_secs(3));
        assert_eq!((server.asked().len(), spare.asked().len()), (1, 0));
    }
}

#[tokio::test]
async fn too_many_calls_at_once_are_turned_away() {
    let server = Server::start(|_, _| Say::Silence).await;
    let mut config = config(&[&server]);
    config.concurrency = 1;
    config.timeout = Duration::from_millis(300);
    let client = client(&config);
    let (first, second, third) = tokio::join!(login(&client), login(&client), login(&client));
    assert_eq!(first.unwrap_err(), Error::Timeout);
    assert_eq!(second.unwrap_err(), Error::Timeout);
    assert_eq!(third.unwrap_err(), Error::Overloaded);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn codes_that_cannot_be_codes_are_not_sent() {
    let server = Server::always(SIGNED_IN).await;
    let client = client(&config(&[&server]));
    for code in ["", "a b", "a\r\nb", "é", &"c".repeat(257)] {
        let answer = client.code_to_session(&appid(), code).await;
        assert_eq!(answer.unwrap_err(), Error::CodeRejected);
        let answer = client.phone_number(&appid(), &openid(), code).await;
        assert_eq!(answer.unwrap_err(), Error::PhoneCodeRejected);
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn the_way_leads_through_the_proxy_that_is_configured() {
    let proxy = Server::always(SIGNED_IN).await;
    let config = Config {
        api: vec!["http://wechat.invalid".to_owned()],
        proxy: proxy.url.clone(),
        ..Config::default()
    };
    assert!(login(&client(&config)).await.is_ok());
    assert!(proxy.asked()[0].is("http://wechat.invalid/sns/jscode2session"));
}

#[test]
fn a_client_outlives_the_runtime_that_used_it() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let servers = runtime();
    let (started, url) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        servers.block_on(async {
            let server = Server::always(SIGNED_IN).await;
            started.send(server.url.clone()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let client = client(&Config {
        api: vec![url.recv().unwrap()],
        ..Config::default()
    });
    for _ in 0..2 {
        assert!(runtime().block_on(login(&client)).is_ok());
    }
}

#[test]
fn a_config_that_cannot_work_is_refused() {
    for (api, proxy) in [("", ""), ("not a url", ""), ("http://127.0.0.1:1", "::")] {
        let config = Config {
            api: if api.is_empty() {
                vec![]
            } else {
                vec![api.to_owned()]
            },
            proxy: proxy.to_owned(),
            ..Config::default()
        };
        assert_eq!(
            Client::new(&config, &[], Arc::default()).unwrap_err(),
            Error::Misconfigured
        );
    }
}
