//! The mock's controls: faults, holds, counts, and the same over HTTP.

use serde_json::json;

use super::*;

#[tokio::test]
async fn errcodes_come_on_demand_and_leave_the_code_alone_unless_told() {
    let mock = start().await;
    let code = mock.login_code("oAlice");
    mock.fault("jscode2session", Fault::errcode(-1).times(2));
    assert_eq!(log_in(&mock, &code).await.errcode(), -1);
    assert_eq!(log_in(&mock, &code).await.errcode(), -1);
    mock.fault("jscode2session", Fault::errcode(-1).after_handling());
    assert_eq!(log_in(&mock, &code).await.errcode(), -1);
    assert_eq!(log_in(&mock, &code).await.errcode(), 40163);

    mock.fault("jscode2session", Fault::status(502));
    let got = log_in(&mock, &code).await;
    assert_eq!((got.status, got.content_type.as_str()), (502, "text/html"));
    mock.fault("jscode2session", Fault::body("not json").always());
    assert_eq!(log_in(&mock, &code).await.text, "not json");
    assert_eq!(log_in(&mock, &code).await.text, "not json");
    mock.heal();
    assert_eq!(log_in(&mock, &code).await.errcode(), 40163);
    assert_eq!(mock.calls("jscode2session"), 8);
}

#[tokio::test]
async fn an_answer_breaks_off_on_demand() {
    let mock = start().await;
    let request = |code: &str| {
        format!(
            "GET /sns/jscode2session?appid={DEFAULT_APPID}&secret={SECRET}&js_code={code}\
             &grant_type=authorization_code HTTP/1.1\r\nHost: x\r\n\r\n"
        )
    };
    mock.fault("jscode2session", Fault::close());
    assert_eq!(raw(&mock, &request("c")).await, "");

    mock.fault("jscode2session", Fault::cut_short());
    let code = mock.login_code("oAlice");
    let answer = raw(&mock, &request(&code)).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let announced = head.to_ascii_lowercase();
    let announced = announced.split("content-length: ").nth(1).unwrap();
    let announced: usize = announced.lines().next().unwrap().parse().unwrap();
    assert_eq!(body.len(), announced / 2);
    assert_eq!(log_in(&mock, &code).await.errcode(), 40163);
}

#[tokio::test]
async fn held_answers_wait_for_their_release() {
    let mock = start().await;
    mock.hold("jscode2session");
    let codes = [mock.login_code("oAlice"), mock.login_code("oBob")];
    let (one, two, ()) = tokio::join!(log_in(&mock, &codes[0]), log_in(&mock, &codes[1]), async {
        mock.called("jscode2session", 2).await;
        mock.release("jscode2session");
    });
    assert_eq!((one.errcode(), two.errcode()), (0, 0));
    assert_eq!(mock.peak("jscode2session"), 2);
}

#[tokio::test]
async fn calls_are_counted_and_recorded_without_the_secret() {
    let mock = start().await;
    assert_eq!(mock.calls("stable_token"), 0);
    token(&mock).await;
    log_in(&mock, "c").await;
    assert_eq!(mock.calls("stable_token"), 1);
    let last = mock.last("stable_token").unwrap();
    assert_eq!(
        last.body,
        json!({"grant_type": "client_credential", "appid": DEFAULT_APPID})
    );
    let last = mock.last("jscode2session").unwrap();
    assert_eq!(
        (last.method.as_str(), last.query["js_code"].as_str()),
        ("GET", "c")
    );
    assert!(!last.query.contains_key("secret"));
}

#[tokio::test]
async fn the_control_api_does_what_the_functions_do() {
    let mock = start().await;
    let user = post(
        &mock,
        "/mock/users",
        json!({"openid": "oAlice", "phone": "13900000000", "session_key": "AAECAwQFBgcICQoLDA0ODw=="}),
    )
    .await;
    assert_eq!(user.json()["session_key"], "AAECAwQFBgcICQoLDA0ODw==");
    let minted = post(&mock, "/mock/login-code", json!({"openid": "oAlice"})).await;
    let code = minted.json()["code"].as_str().unwrap().to_owned();
    let login = log_in(&mock, &code).await.json();
    assert_eq!(login["session_key"], "AAECAwQFBgcICQoLDA0ODw==");

    let order = json!({"openid": "oAlice", "kind": "phone", "timestamp": 7});
    let sealed = post(&mock, "/mock/open-data", order).await.json();
    let key = SessionKey::from_text("AAECAwQFBgcICQoLDA0ODw==").unwrap();
    let text = |name: &str| sealed[name].as_str().unwrap().to_owned();
    let opened = decrypt::open(&key, &text("encryptedData"), &text("iv")).unwrap();
    assert_eq!(opened.fields()["purePhoneNumber"], "13900000000");
    assert_eq!(opened.watermark().unwrap().timestamp, 7);

    let order = json!({"api": "jscode2session", "errcode": 45011});
    post(&mock, "/mock/fault", order).await;
    assert_eq!(log_in(&mock, "c").await.errcode(), 45011);
    let calls = get(&mock, "/mock/calls").await.json();
    assert_eq!(calls["jscode2session"]["calls"], 2);

    let before = mock.now();
    let clock = post(&mock, "/mock/clock", json!({"advance": 1000})).await;
    assert!(clock.json()["now"].as_u64().unwrap() >= before + 1000);
    post(&mock, "/mock/reset", "").await;
    assert!(mock.now() < before + 1000);
    assert_eq!(mock.calls("jscode2session"), 0);
}

#[tokio::test]
async fn wrong_orders_are_explained() {
    let mock = start().await;
    for (path, body, status, part) in [
        ("/mock/users", r#"{"openid":""}"#, 400, "empty"),
        ("/mock/users", r#"{"openid":"o","phne":"1"}"#, 400, "phne"),
        ("/mock/open-data", r#"{"kind":"pone"}"#, 400, "kind is"),
        ("/mock/open-data", r#"{"key":5}"#, 400, "no session key"),
        ("/mock/open-data", r#"{"key":"short"}"#, 400, "16 bytes"),
        (
            "/mock/fault",
            r#"{"api":"x","errcode":1}"#,
            400,
            "api is one of",
        ),
        (
            "/mock/fault",
            r#"{"api":"stable_token"}"#,
            400,
            "give errcode",
        ),
        ("/mock/access-token", r#"{"do":"x"}"#, 400, "rotate"),
        ("/mock/nothing", "", 404, "GET /mock"),
    ] {
        let got = post(&mock, path, body).await;
        assert_eq!(got.status, status, "{path} {body}");
        let why = got.json()["error"].as_str().unwrap().to_owned();
        assert!(why.contains(part), "{why}");
    }
}

#[tokio::test]
async fn the_control_api_answers_no_foreign_page() {
    let mock = start().await;
    let port = mock.address().port();
    let lines = |lines: &str| format!("GET /mock HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
    for (head, status) in [
        (format!("Host: 127.0.0.1:{port}\r\n"), 200),
        (format!("Host: localhost:{port}\r\n"), 200),
        ("Host: [::1]\r\n".to_owned(), 200),
        ("Host: evil.example\r\n".to_owned(), 403),
        (format!("Host: evil.example:{port}\r\n"), 403),
        ("Host: 127.0.0.1.evil.example\r\n".to_owned(), 403),
        ("Host: localhost\r\nHost: evil.example\r\n".to_owned(), 403),
        (String::new(), 403),
        (
            "Host: localhost\r\nOrigin: https://evil.example\r\n".to_owned(),
            403,
        ),
        ("Host: localhost\r\nOrigin: null\r\n".to_owned(), 403),
        (
            format!("Host: localhost\r\nOrigin: http://localhost:{port}\r\n"),
            200,
        ),
    ] {
        let answer = raw(&mock, &lines(&head)).await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{head}: {answer}");
    }
    let absolute =
        "GET http://evil.example/mock HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = raw(&mock, absolute).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn the_control_api_answers_no_other_machine() {
    let mock = start().await;
    let request = hyper::Request::get("/mock").header("host", "127.0.0.1");
    let (head, ()) = request.body(()).unwrap().into_parts();
    for (peer, status) in [
        ("127.0.0.1:1", 200),
        ("[::ffff:127.0.0.1]:1", 200),
        ("192.0.2.1:1", 403),
        ("[2001:db8::1]:1", 403),
    ] {
        let answer = control::http::answer(&mock, &head, b"", peer.parse().unwrap());
        assert_eq!(answer.status, status, "{peer}");
    }
}
