//! `GET /wxgate/session` and `POST /wxgate/logout`.

use serde_json::json;
use wxgate::mock::{Fault, Rotation};

use crate::harness::{APPID, Bed};

#[test]
fn a_session_tells_its_app_its_end_and_whether_there_is_a_phone() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let reply = bed.ask("session", &token);
    let mut body = reply.good();
    let expires_in = body["expires_in"].take().as_u64().unwrap();
    assert!(
        (2_591_990..=2_592_000).contains(&expires_in),
        "{expires_in}"
    );
    assert_eq!(
        body,
        json!({ "appid": APPID, "phone": false, "expires_in": null })
    );
    bed.tap("oAlice", &token).good();
    assert_eq!(bed.ask("session", &token).good()["phone"], true);
    assert_eq!(
        bed.mock.calls("checksession"),
        0,
        "WeChat is not asked unless told"
    );
    for query in ["session?check=", "session?check=wechat2", "session?check=1"] {
        bed.ask(query, &token).is(400, "bad_request", "fix");
    }
    for query in ["session?", "session?x=y"] {
        assert!(bed.ask(query, &token).good()["key"].is_null());
    }
}

#[test]
fn wechat_is_asked_about_a_key_once_a_minute() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let check = |token: &str| bed.ask("session?check=wechat", token);
    assert_eq!(check(&token).good()["key"], "current");
    bed.mock.rotate_key("oAlice", None);
    for _ in 0..3 {
        assert_eq!(check(&token).good()["key"], "current", "the last answer");
    }
    assert_eq!(bed.mock.calls("checksession"), 1);

    let bob = bed.sign_in("oBob");
    bed.mock.rotate_key("oBob", None);
    let body = check(&bob).good();
    assert_eq!(
        (&body["key"], &body["appid"]),
        (&json!("stale"), &json!(APPID))
    );
    assert_eq!(check(&bob).good()["key"], "stale");
    assert_eq!(bed.mock.calls("checksession"), 2);
    assert_eq!(
        bed.get("/api", &bob).status,
        200,
        "a stale key ends no session"
    );
    let call = bed.mock.last("checksession").unwrap();
    assert_eq!(call.query["sig_method"], "hmac_sha256");
    assert_eq!(call.query["openid"], "oBob");
}

#[test]
fn after_a_login_a_key_is_looked_at_anew() {
    let bed = Bed::new();
    bed.mock.set_rotation(Rotation::OnLogin);
    let token = bed.sign_in("oAlice");
    bed.mock.rotate_key("oAlice", None);
    assert_eq!(
        bed.ask("session?check=wechat", &token).good()["key"],
        "stale"
    );
    let code = bed.mock.login_code("oAlice");
    let renewed = crate::harness::token(&bed.call("login", &token, &json!({ "code": code })));
    assert_eq!(
        bed.ask("session?check=wechat", &renewed).good()["key"],
        "current"
    );
}

#[test]
fn a_check_that_fails_is_a_failure_of_wechats_not_of_the_session() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.mock.fault("checksession", Fault::errcode(-1).always());
    bed.ask("session?check=wechat", &token)
        .is(502, "wechat_failed", "retry");
    bed.ask("session", &token).good();
    assert_eq!(bed.get("/api", &token).status, 200);
}

#[test]
fn a_log_out_is_204_whoever_asks() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let bearer = format!("Bearer {token}");
    let json = ("Content-Type", "application/json");
    for (headers, body) in [
        (&[][..], &b""[..]),
        (&[json], b""),
        (&[json], b"{}"),
        (&[json, ("Authorization", "Bearer wxg_short")], b""),
        (&[json, ("Authorization", "Basic eHg6eQ==")], b"{}"),
        (&[("Authorization", &bearer)], b""),
        (&[("Authorization", &bearer)], b""),
        (
            &[json, ("Authorization", &bearer)],
            b"{\"everywhere\":true}",
        ),
    ] {
        let reply = bed.send("POST", "/wxgate/logout", headers, body);
        assert_eq!(reply.status, 204, "{headers:?}: {}", reply.text());
        assert!(reply.body.is_empty());
        assert_eq!(reply.header("content-type"), None);
    }
    bed.get("/api", &token).is(401, "session_expired", "login");
}

#[test]
fn a_log_out_ends_one_session_or_all() {
    let bed = Bed::new();
    let tokens: Vec<String> = (0..4).map(|_| bed.sign_in("oAlice")).collect();
    let bob = bed.sign_in("oBob");
    let status = |token: &str| bed.get("/api", token).status;
    for (token, body) in [
        (&tokens[0], json!({})),
        (&tokens[1], json!({ "everywhere": false })),
    ] {
        assert_eq!(bed.call("logout", token, &body).status, 204);
        assert_eq!(status(token), 401);
    }
    assert_eq!((status(&tokens[2]), status(&tokens[3])), (200, 200));
    for wrong in [
        json!({ "everywhere": "yes" }),
        json!({ "everywhere": 1 }),
        json!([true]),
    ] {
        bed.call("logout", &tokens[2], &wrong)
            .is(400, "bad_request", "fix");
    }
    assert_eq!(
        status(&tokens[2]),
        200,
        "a log-out that was refused ended nothing"
    );
    let everywhere = json!({ "everywhere": true });
    assert_eq!(bed.call("logout", &tokens[2], &everywhere).status, 204);
    assert_eq!(
        (status(&tokens[2]), status(&tokens[3]), status(&bob)),
        (401, 401, 200)
    );
}
