//! `POST /wxgate/login`.

use serde_json::{Value, json};
use wxgate::mock::{Fault, LoginCode};

use crate::harness::{APPID, Bed, OTHER_APP, ROUTES, Reply, apps, token};

const MONTH: u64 = 30 * 86_400;

fn names(body: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

fn with_unionid(bed: &Bed) -> Reply {
    bed.log_in(LoginCode {
        openid: "oAlice".to_owned(),
        unionid: Some("uAlice".to_owned()),
        ..LoginCode::default()
    })
}

#[test]
fn a_login_gives_a_token_that_opens_the_routes() {
    let bed = Bed::new();
    let reply = with_unionid(&bed);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("set-cookie"), None);
    let body = reply.good();
    assert_eq!(names(&body), ["expires_in", "phone", "token"]);
    assert_eq!(body["phone"], false);
    let expires_in = body["expires_in"].as_u64().unwrap();
    assert!((MONTH - 5..=MONTH).contains(&expires_in), "{expires_in}");
    let token = token(&reply);
    assert!(token.starts_with("wxg_") && token.len() == 68, "{token}");

    assert_eq!(bed.get("/api/me", &token).status, 200);
    let seen = bed.upstream.last();
    for (name, value) in [
        ("x-wx-openid", Some("oAlice")),
        ("x-wx-appid", Some(APPID)),
        ("x-wx-unionid", Some("uAlice")),
        ("x-wx-source", Some("wx_client")),
        ("x-wx-phone", None),
        ("authorization", None),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
}

#[test]
fn each_login_gives_another_token() {
    let bed = Bed::new();
    let tokens: std::collections::BTreeSet<String> =
        (0..4).map(|_| bed.sign_in("oAlice")).collect();
    assert_eq!(tokens.len(), 4);
}

#[test]
fn the_client_sees_of_the_identity_what_expose_names() {
    for (expose, seen) in [
        (
            "[\"openid\"]",
            &["expires_in", "openid", "phone", "token"][..],
        ),
        (
            "[\"unionid\"]",
            &["expires_in", "phone", "token", "unionid"],
        ),
        (
            "[\"openid\", \"unionid\"]",
            &["expires_in", "openid", "phone", "token", "unionid"],
        ),
    ] {
        let bed = Bed::with(&format!("[endpoints]\nexpose = {expose}\n"), ROUTES);
        let body = with_unionid(&bed).good();
        assert_eq!(names(&body), seen);
        for (name, value) in [("openid", "oAlice"), ("unionid", "uAlice")] {
            if seen.contains(&name) {
                assert_eq!(body[name], value);
            }
        }
        // WeChat knows no unionid of this one.
        let code = bed.mock.login_code("oBob");
        let body = bed.call("login", "", &json!({ "code": code })).good();
        assert!(body.get("unionid").is_none_or(Value::is_null), "{body}");
    }
}

#[test]
fn with_one_app_its_id_may_be_left_out() {
    let bed = Bed::new();
    let code = || bed.mock.login_code("oAlice");
    bed.call("login", "", &json!({ "code": code() })).good();
    bed.call("login", "", &json!({ "code": code(), "appid": APPID }))
        .good();
    for appid in [json!(OTHER_APP), json!("wx"), json!(7), json!([])] {
        let body = json!({ "code": code(), "appid": appid });
        bed.call("login", "", &body).is(400, "bad_request", "fix");
    }
    assert_eq!(bed.mock.calls("jscode2session"), 2);
}

#[test]
fn with_several_apps_the_id_is_needed_and_never_guessed() {
    let bed = Bed::with(&apps(&[APPID, OTHER_APP]), ROUTES);
    let body = json!({ "code": bed.mock.login_code("oAlice") }).to_string();
    let referer = format!("https://servicewechat.com/{APPID}/7/page-frame.html");
    for headers in [
        &[("Content-Type", "application/json")][..],
        &[("Content-Type", "application/json"), ("Referer", &referer)],
    ] {
        bed.send("POST", "/wxgate/login", headers, body.as_bytes())
            .is(400, "bad_request", "fix");
    }
    let unknown = json!({ "code": "c", "appid": "wx0000000000000000" });
    bed.call("login", "", &unknown)
        .is(400, "bad_request", "fix");
    assert_eq!(bed.mock.calls("jscode2session"), 0, "WeChat is not asked");

    for appid in [APPID, OTHER_APP] {
        let token = bed.sign_in_at(appid, "oAlice");
        assert_eq!(bed.get("/api", &token).status, 200);
        assert_eq!(bed.upstream.last().header("x-wx-appid"), Some(appid));
    }
}

#[test]
fn a_code_must_be_a_text() {
    let bed = Bed::new();
    for body in [
        json!({}),
        json!({ "code": null }),
        json!({ "code": 1 }),
        json!({ "code": ["c"] }),
        json!({ "code": { "code": "c" } }),
        json!({ "Code": "c" }),
        json!([]),
        json!("c"),
        json!(null),
        json!(7),
    ] {
        let reply = bed.call("login", "", &body);
        assert_eq!(reply.code(), "bad_request", "{body}");
        reply.is(400, "bad_request", "fix");
    }
    assert_eq!(bed.mock.calls("jscode2session"), 0, "WeChat is not asked");
}

#[test]
fn a_code_works_once_in_its_app() {
    let bed = Bed::with(&apps(&[APPID, OTHER_APP]), ROUTES);
    let log_in = |code: &str| bed.call("login", "", &json!({ "code": code, "appid": APPID }));
    let code = bed.mock.login_code("oAlice");
    log_in(&code).good();
    log_in(&code).is(401, "code_used", "login");
    let elsewhere = bed.mock.mint_login(LoginCode {
        openid: "oAlice".to_owned(),
        appid: Some(OTHER_APP.to_owned()),
        ..LoginCode::default()
    });
    log_in(&elsewhere).is(401, "code_rejected", "login");
    let tapped = bed.mock.phone_code("oAlice");
    log_in(&tapped).is(401, "code_rejected", "login");
    for code in ["never-minted", "&js_code=x", "spaces in it", "a\nb", "é"] {
        log_in(code).is(401, "code_rejected", "login");
    }
    let late = bed.mock.login_code("oAlice");
    bed.mock.advance(std::time::Duration::from_secs(301));
    log_in(&late).is(401, "code_rejected", "login");
}

#[test]
fn a_busy_wechat_is_asked_once_more() {
    let bed = Bed::new();
    bed.mock.fault("jscode2session", Fault::errcode(-1));
    bed.sign_in("oAlice");
    assert_eq!(bed.mock.calls("jscode2session"), 2);
    bed.mock
        .fault("jscode2session", Fault::errcode(-1).times(2));
    let code = bed.mock.login_code("oAlice");
    let body = json!({ "code": code });
    bed.call("login", "", &body)
        .is(502, "wechat_failed", "retry");
    assert_eq!(bed.mock.calls("jscode2session"), 4);
    bed.call("login", "", &body).good();
    // The first try was counted although its answer got lost: only a new code helps.
    let fault = Fault::errcode(-1).after_handling();
    bed.mock.fault("jscode2session", fault);
    let code = bed.mock.login_code("oAlice");
    bed.call("login", "", &json!({ "code": code }))
        .is(401, "code_used", "login");
}

#[test]
fn a_user_whom_wechat_names_or_keys_wrongly_is_not_signed_in() {
    let bed = Bed::new();
    for body in [
        json!({ "openid": "oAlice" }),
        json!({ "session_key": "AAECAwQFBgcICQoLDA0ODw==" }),
        json!({ "openid": "o\r\nX: y", "session_key": "AAECAwQFBgcICQoLDA0ODw==" }),
        json!({ "openid": "", "session_key": "AAECAwQFBgcICQoLDA0ODw==" }),
        json!({ "openid": "oAlice", "session_key": "AAEC" }),
        json!({ "openid": "oAlice", "session_key": 7 }),
        json!([]),
    ] {
        bed.mock.heal();
        let fault = Fault::body(body.to_string()).always();
        bed.mock.fault("jscode2session", fault);
        bed.call("login", "", &json!({ "code": "c" }))
            .is(502, "wechat_failed", "retry");
    }
}
