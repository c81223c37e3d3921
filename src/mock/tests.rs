//! The mock as its clients meet it: through sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::auth::{SessionKey, crypto};
use crate::wechat::decrypt;

mod control_api;
mod session_key;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn start() -> Mock {
    Mock::start(Options::default()).await.unwrap()
}

async fn start_with(change: impl FnOnce(&mut Options)) -> Mock {
    let mut options = Options::default();
    change(&mut options);
    Mock::start(options).await.unwrap()
}

struct Got {
    status: u16,
    content_type: String,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn errcode(&self) -> i64 {
        self.json()["errcode"].as_i64().unwrap_or(0)
    }
}

async fn ask(request: reqwest::RequestBuilder) -> Got {
    let answer = request.send().await.unwrap();
    let content_type = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    Got {
        status: answer.status().as_u16(),
        content_type,
        text: answer.text().await.unwrap(),
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn get(mock: &Mock, path: &str) -> Got {
    ask(client().get(format!("{}{path}", mock.url()))).await
}

async fn post(mock: &Mock, path: &str, body: impl ToString) -> Got {
    let url = format!("{}{path}", mock.url());
    ask(client().post(url).body(body.to_string())).await
}

async fn log_in(mock: &Mock, code: &str) -> Got {
    log_in_to(mock, DEFAULT_APPID, SECRET, code).await
}

async fn log_in_to(mock: &Mock, appid: &str, secret: &str, code: &str) -> Got {
    let path = format!(
        "/sns/jscode2session?appid={appid}&secret={secret}&js_code={code}&grant_type=authorization_code"
    );
    get(mock, &path).await
}

async fn token(mock: &Mock) -> String {
    token_of(mock, DEFAULT_APPID).await.0
}

async fn token_of(mock: &Mock, appid: &str) -> (String, u64) {
    let body = json!({"grant_type": "client_credential", "appid": appid, "secret": SECRET});
    let got = post(mock, "/cgi-bin/stable_token", body).await.json();
    let token = got["access_token"].as_str().unwrap().to_owned();
    (token, got["expires_in"].as_u64().unwrap())
}

async fn phone(mock: &Mock, token: &str, code: &str, openid: &str) -> Got {
    let path = format!("/wxa/business/getuserphonenumber?access_token={token}");
    post(mock, &path, json!({"code": code, "openid": openid})).await
}

async fn check_session(mock: &Mock, token: &str, openid: &str, key: &str) -> Got {
    let signature = crypto::hex(&crypto::hmac_sha256(key.as_bytes(), b""));
    get(mock, &format!(
        "/wxa/checksession?access_token={token}&openid={openid}&signature={signature}&sig_method=hmac_sha256"
    ))
    .await
}

/// Writes `request` as it stands and reads until the other side closes.
async fn raw(mock: &Mock, request: &str) -> String {
    let address = mock.address();
    let request = request.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is as good an end as a close.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    });
    read.await.unwrap()
}

#[tokio::test]
async fn a_login_answers_what_was_ordered_under_wechats_label() {
    let mock = start().await;
    let code = mock.mint_login(LoginCode {
        openid: "oAlice".to_owned(),
        unionid: Some("uAlice".to_owned()),
        session_key: Some("tiihtNczf5v6AKRyjwEUhQ==".to_owned()),
        code: Some("chosen".to_owned()),
        ..LoginCode::default()
    });
    assert_eq!(code, "chosen");
    let got = log_in(&mock, &code).await;
    assert_eq!((got.status, got.content_type.as_str()), (200, "text/plain"));
    assert_eq!(
        got.json(),
        json!({"openid": "oAlice", "unionid": "uAlice", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="})
    );
}

#[tokio::test]
async fn a_code_works_once_and_for_five_minutes() {
    let mock = start().await;
    let code = mock.login_code("oAlice");
    assert_eq!(log_in(&mock, &code).await.errcode(), 0);
    assert_eq!(log_in(&mock, &code).await.errcode(), 40163);
    let late = mock.login_code("oAlice");
    mock.advance(Duration::from_secs(300));
    let got = log_in(&mock, &late).await;
    assert_eq!((got.status, got.errcode()), (200, 40029));
    assert!(got.text.contains("invalid code, rid: "), "{}", got.text);
    assert_eq!(log_in(&mock, "made-up").await.errcode(), 40029);
    assert_eq!(
        log_in(&mock, &mock.phone_code("oAlice")).await.errcode(),
        40029
    );
}

#[tokio::test]
async fn every_wrong_call_gets_its_errcode() {
    let mock = start().await;
    for (query, errcode) in [
        ("", 41002),
        ("appid=wx0123456789abcdef", 41004),
        ("appid=wx0123456789abcdef&secret=s", 41008),
        ("appid=wx0123456789abcdef&secret=s&js_code=c", 40002),
        (
            "appid=wx0&secret=s&js_code=c&grant_type=authorization_code",
            40013,
        ),
        (
            "appid=wx0123456789abcdef&secret=s&js_code=c&grant_type=authorization_code",
            40125,
        ),
    ] {
        let got = get(&mock, &format!("/sns/jscode2session?{query}")).await;
        assert_eq!((got.status, got.errcode()), (200, errcode), "{query}");
    }
    assert_eq!(
        post(&mock, "/sns/jscode2session", "").await.errcode(),
        43001
    );

    let token = token(&mock).await;
    let business = |name: &str| format!("/wxa/business/{name}?access_token={token}");
    for (path, body, errcode) in [
        ("/cgi-bin/stable_token", "", 44002),
        ("/cgi-bin/stable_token", "{", 47001),
        ("/cgi-bin/stable_token", "{}", 40002),
        (
            "/cgi-bin/stable_token",
            r#"{"grant_type":"client_credential"}"#,
            41002,
        ),
        ("/wxa/business/getuserphonenumber", "{}", 41001),
        (
            "/wxa/business/getuserphonenumber?access_token=x",
            "{}",
            40001,
        ),
        (&business("getuserphonenumber"), "[]", 47001),
        (&business("getuserphonenumber"), "{}", 41008),
        (&business("checkencryptedmsg"), "", 44002),
        (
            &business("checkencryptedmsg"),
            r#"{"encrypted_msg_hash":"no"}"#,
            40097,
        ),
        ("/nowhere", "", 40066),
    ] {
        let got = post(&mock, path, body).await;
        assert_eq!((got.status, got.errcode()), (200, errcode), "{path} {body}");
    }
    assert_eq!(get(&mock, "/cgi-bin/stable_token").await.errcode(), 43002);
}

#[tokio::test]
async fn only_listed_apps_are_known_if_apps_are_listed() {
    let mock = start_with(|options| {
        options.apps = vec![App {
            appid: AppId::new("wxaaaaaaaaaaaaaaaa").unwrap(),
            secret: Secret::new(SECRET),
        }];
    })
    .await;
    let code = mock.login_code("oAlice");
    for (appid, secret, errcode) in [
        (DEFAULT_APPID, SECRET, 40013),
        (
            "wxaaaaaaaaaaaaaaaa",
            "ffffffffffffffffffffffffffffffff",
            40125,
        ),
        ("wxaaaaaaaaaaaaaaaa", SECRET, 0),
    ] {
        let got = log_in_to(&mock, appid, secret, &code).await;
        assert_eq!(got.errcode(), errcode, "{appid}");
    }
}

#[tokio::test]
async fn a_chunked_post_gets_412() {
    let mock = start().await;
    let answer = raw(
        &mock,
        "POST /cgi-bin/stable_token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 412 "), "{answer}");
}

#[tokio::test]
async fn everybody_gets_the_same_access_token_until_it_rotates() {
    let mock = start().await;
    let (old, left) = token_of(&mock, DEFAULT_APPID).await;
    assert_eq!((old.len(), left), (512, 7200));
    assert_eq!(token(&mock).await, old);

    mock.advance(Duration::from_secs(6901));
    let new = token(&mock).await;
    assert_ne!(new, old);
    for (token, errcode) in [(&old, 40029), (&new, 40029)] {
        assert_eq!(phone(&mock, token, "c", "o").await.errcode(), errcode);
    }
    mock.advance(Duration::from_secs(301));
    assert_eq!(phone(&mock, &old, "c", "o").await.errcode(), 42001);
    assert_eq!(phone(&mock, &new, "c", "o").await.errcode(), 40029);

    mock.expire_access_token(DEFAULT_APPID);
    assert_eq!(phone(&mock, &new, "c", "o").await.errcode(), 42001);
    mock.revoke_access_token(DEFAULT_APPID);
    assert_eq!(phone(&mock, &new, "c", "o").await.errcode(), 40001);
    let by_hand = mock.rotate_access_token(DEFAULT_APPID);
    assert_eq!(token(&mock).await, by_hand);
}

#[tokio::test]
async fn a_phone_code_is_good_once_for_its_owner_and_its_app() {
    let mock = start().await;
    let token = token(&mock).await;
    let code = mock.mint_phone(PhoneCode {
        openid: "oAlice".to_owned(),
        phone: Some("51230000".to_owned()),
        country: Some("852".to_owned()),
        appid: Some(DEFAULT_APPID.to_owned()),
        code: None,
    });
    let (other_app, _) = token_of(&mock, "wxaaaaaaaaaaaaaaaa").await;
    assert_eq!(
        phone(&mock, &other_app, &code, "oAlice").await.errcode(),
        40013
    );
    assert_eq!(phone(&mock, &token, &code, "oBob").await.errcode(), 40029);
    let got = phone(&mock, &token, &code, "oAlice").await;
    let found = got.json()["phone_info"].clone();
    assert_eq!(found["phoneNumber"], "+85251230000");
    assert_eq!(found["purePhoneNumber"], "51230000");
    assert_eq!(found["countryCode"], "852");
    assert_eq!(found["watermark"]["appid"], DEFAULT_APPID);
    assert_eq!(phone(&mock, &token, &code, "oAlice").await.errcode(), 40029);

    mock.set_numeric_country(true);
    let code = mock.phone_code("oAlice");
    let got = phone(&mock, &token, &code, "oAlice").await;
    assert_eq!(got.json()["phone_info"]["countryCode"], 852);
    let login = mock.login_code("oAlice");
    assert_eq!(
        phone(&mock, &token, &login, "oAlice").await.errcode(),
        40029
    );
}

#[tokio::test]
async fn any_code_is_taken_once_for_the_default_user() {
    let mock = start_with(|options| options.any_code = true).await;
    let token = token(&mock).await;
    let got = log_in(&mock, "from-the-ide").await;
    assert_eq!(got.json()["openid"], DEFAULT_OPENID);
    assert_eq!(log_in(&mock, "from-the-ide").await.errcode(), 40163);
    assert_eq!(
        phone(&mock, &token, "from-the-ide", DEFAULT_OPENID)
            .await
            .errcode(),
        40029,
        "a login code is no phone code"
    );
    let got = phone(&mock, &token, "tapped", DEFAULT_OPENID).await;
    assert_eq!(got.json()["phone_info"]["purePhoneNumber"], "13800138000");

    mock.choose_user("oBob");
    assert_eq!(log_in(&mock, "another").await.json()["openid"], "oBob");
}

#[tokio::test]
async fn a_dropped_mock_is_gone() {
    let mock = start().await;
    let address = mock.address();
    let mut open = tokio::net::TcpStream::connect(address).await.unwrap();
    drop(mock);
    // The accept loop ends at its next turn, and with it the connections.
    let mut end = [0];
    let read = tokio::io::AsyncReadExt::read(&mut open, &mut end).await;
    assert!(matches!(read, Ok(0) | Err(_)));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
