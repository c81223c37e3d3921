//! The gateway's own endpoints, each through real sockets against the mock WeChat.

use serde_json::{Value, json};
use wxgate::mock::{Kind, LoginCode};

use crate::harness::{APPID, Bed, Client, ROUTES, Reply};

/// A gateway for these apps, with `top` before them.
fn bed_of(apps: &[&str], top: &str) -> Bed {
    let sections: String = apps
        .iter()
        .map(|app| {
            format!(
                "[[app]]\nappid = \"{app}\"\nsecret = {{ file = \"tests/fixtures/app-secret\" }}\n"
            )
        })
        .collect();
    Bed::with(&format!("{top}{sections}"), ROUTES)
}

/// Signs `openid` in to `appid`, WeChat answering this session key.
fn sign_in_with(bed: &Bed, appid: &str, openid: &str, key: &str) -> Reply {
    let code = bed.mock.control().mint_login(LoginCode {
        openid: openid.to_owned(),
        session_key: Some(key.to_owned()),
        ..LoginCode::default()
    });
    bed.call("login", "", &json!({ "code": code, "appid": appid }))
}

fn token_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["token"].as_str().unwrap().to_owned()
}

fn expected(reply: &Reply, vector: &Value) {
    let want = &vector["expect"];
    let id = vector["id"].as_str().unwrap();
    assert_eq!(reply.status, want["status"], "{id}: {}", reply.text());
    if let Some(code) = want["code"].as_str() {
        assert_eq!(reply.code(), code, "{id}");
    }
}

#[test]
fn each_vector_answers_as_it_should() {
    let file = std::fs::read_to_string("tests/fixtures/vectors.json").unwrap();
    let vectors: Value = serde_json::from_str(&file).unwrap();
    let rows = |name: &str| vectors[name].as_array().unwrap().clone();
    let apps = [APPID, "wx4f4bc4dec97d474b", "wx77d6b7031c1e4763"];
    let bed = bed_of(&apps, "[endpoints]\nphone_age = \"0s\"\n");
    for vector in rows("decrypt").into_iter().chain(rows("decrypt_must_fail")) {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        let appid = vector["appid"].as_str().unwrap_or(APPID);
        // Somebody of their own each: a key remembered from another vector would open this one.
        let openid = vector["plaintext"]["openId"].as_str().unwrap_or(text("id"));
        let login = sign_in_with(&bed, appid, openid, text("session_key"));
        if vector["expect"]["at"] == "login" {
            expected(&login, &vector);
            continue;
        }
        let endpoint = match text("kind") {
            "phone" => "phone",
            "userinfo" => "userinfo",
            _ => "decrypt",
        };
        let body = json!({ "encryptedData": text("encrypted_data"), "iv": text("iv") });
        let reply = bed.call(endpoint, &token_of(&login), &body);
        expected(&reply, &vector);
        if reply.status == 200 {
            let mut plain = vector["plaintext"].as_object().unwrap().clone();
            for hidden in ["watermark", "openId", "unionId"] {
                plain.remove(hidden);
            }
            assert_eq!(reply.json(), Value::Object(plain), "{}", text("id"));
        }
    }
    for vector in rows("signature") {
        let text = |name: &str| vector[name].as_str().unwrap();
        let login = sign_in_with(&bed, APPID, text("id"), text("session_key"));
        let body = json!({ "rawData": text("raw_data"), "signature": text("signature") });
        expected(&bed.call("userinfo", &token_of(&login), &body), &vector);
    }
}

#[test]
fn a_paid_phone_code_survives_a_client_that_hangs_up() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let mock = bed.mock.control();
    let body = json!({ "code": mock.phone_code("oAlice") }).to_string();
    mock.hold("getuserphonenumber");
    let mut gone = Client::connect(bed.address());
    gone.write(
        format!(
            "POST /wxgate/phone HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    bed.runtime.block_on(mock.called("getuserphonenumber", 1));
    drop(gone);
    mock.release("getuserphonenumber");
    let again: Value = serde_json::from_str(&body).unwrap();
    for _ in 0..3 {
        let reply = bed.call("phone", &token, &again);
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["countryCode"], "86");
    }
    assert_eq!(mock.calls("getuserphonenumber"), 1);
    // The code says nothing to another user.
    let other = bed.sign_in("oBob");
    assert_eq!(
        bed.call("phone", &other, &again).code(),
        "phone_code_rejected"
    );
}

#[test]
fn a_login_continues_the_session_it_came_with() {
    let bed = Bed::with("[session]\nper_user = 1\n", ROUTES);
    let first = bed.sign_in("oAlice");
    let code = bed.mock.control().login_code("oAlice");
    let second = token_of(&bed.call("login", &first, &json!({ "code": code })));
    assert_ne!(first, second);
    for token in [&first, &second] {
        assert_eq!(bed.get("/wxgate/session", token).status, 200);
    }
    assert_eq!(bed.call("logout", &second, &json!({})).status, 204);
    for token in [&first, &second, &"wxg_".to_owned()] {
        assert_eq!(bed.get("/wxgate/session", token).code(), "session_expired");
    }
    assert_eq!(
        bed.call("logout", &second, &json!({ "everywhere": true }))
            .status,
        204
    );
    assert_eq!(bed.call("logout", "", &json!({})).status, 204);
    assert_eq!(bed.send("POST", "/wxgate/logout", &[], b"").status, 204);
}

#[test]
fn wechat_is_asked_about_a_key_once_a_minute() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let check = || bed.get("/wxgate/session?check=wechat", &token).json()["key"].clone();
    assert_eq!(bed.get("/wxgate/session", &token).json().get("key"), None);
    assert_eq!(check(), "current");
    bed.mock.control().rotate_key("oAlice", None);
    assert_eq!(check(), "current");
    assert_eq!(bed.mock.control().calls("checksession"), 1);
    let other = bed.sign_in("oBob");
    bed.mock.control().rotate_key("oBob", None);
    let reply = bed.get("/wxgate/session?check=wechat", &other).json();
    assert_eq!(reply["key"], "stale");
    assert_eq!(
        (&reply["appid"], &reply["phone"]),
        (&json!(APPID), &json!(false))
    );
    assert!(reply["expires_in"].as_u64().unwrap() > 2_591_000);
}

#[test]
fn who_asks_wrongly_is_told_what_to_send() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let reply = bed.send("GET", "/wxgate/login?code=SECRET", &[], b"");
    assert_eq!(
        reply.row(),
        (405, "method_not_allowed".into(), "fix".into())
    );
    assert_eq!(reply.header("allow"), Some("POST"));
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .contains("wx.login")
    );
    assert!(!reply.text().contains("SECRET"));
    assert_eq!(bed.get("/wxgate/nothing", &token).code(), "no_route");
    for (endpoint, said) in [
        ("login", "wx.login"),
        ("phone", "e.detail.code"),
        ("userinfo", "rawData"),
        ("decrypt", "encryptedData"),
    ] {
        let reply = bed.call(endpoint, &token, &json!({}));
        assert_eq!(
            reply.row(),
            (400, "bad_request".into(), "fix".into()),
            "{endpoint}"
        );
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{endpoint}: {detail}");
        if endpoint != "login" {
            assert_eq!(bed.call(endpoint, "", &json!({})).code(), "session_missing");
        }
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let reply = bed.send("POST", "/wxgate/login", &form, b"code=x");
    assert_eq!(reply.row(), (415, "not_json".into(), "fix".into()));
    assert_eq!(
        bed.call("login", "", &json!({ "code": "x" })).code(),
        "code_rejected"
    );
    let several = bed_of(&[APPID, "wx4f4bc4dec97d474b"], "");
    let code = several.mock.control().login_code("oAlice");
    let reply = several.call("login", "", &json!({ "code": code }));
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .contains("several apps")
    );
    let reply = several.call(
        "login",
        "",
        &json!({ "code": code, "appid": "wxffffffffffffffff" }),
    );
    assert_eq!(reply.code(), "bad_request");
    let reply = several.call("login", "", &json!({ "code": code, "appid": APPID }));
    assert_eq!(reply.status, 200);
}

#[test]
fn data_of_another_kind_is_sent_elsewhere() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let send = |endpoint: &str, kind| {
        let sealed = bed.mock.control().open_data("oAlice", kind).unwrap();
        let body = json!({ "encryptedData": sealed.encrypted_data, "iv": sealed.iv });
        bed.call(endpoint, &token, &body)
    };
    assert_eq!(send("phone", Kind::Profile).code(), "bad_request");
    assert_eq!(send("userinfo", Kind::Phone).code(), "bad_request");
    assert_eq!(send("phone", Kind::Phone).status, 200);
    assert_eq!(send("userinfo", Kind::Profile).status, 200);
}

#[test]
fn a_cookie_carries_the_token_to_pages_of_this_host_only() {
    let bed = Bed::with("[session]\ncookie = \"wx\"\n", ROUTES);
    let code = bed.mock.control().login_code("oAlice");
    let reply = bed.call("login", "", &json!({ "code": code }));
    let token = token_of(&reply);
    let cookie = reply.header("set-cookie").unwrap();
    assert_eq!(
        cookie,
        format!("__Host-wx={token}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax")
    );
    let shown = format!("__Host-wx={token}");
    let shown = ("Cookie", shown.as_str());
    assert_eq!(bed.send("GET", "/api/x", &[shown], b"").status, 200);
    assert_eq!(
        bed.send("GET", "/wxgate/session", &[shown], b"").status,
        200
    );
    let json = ("Content-Type", "application/json");
    let evil = ("Origin", "https://evil.example");
    assert_eq!(
        bed.send("POST", "/wxgate/logout", &[shown, json, evil], b"")
            .code(),
        "route_denied"
    );
    assert_eq!(
        bed.send("POST", "/wxgate/logout", &[shown], b"").code(),
        "not_json"
    );
    let host = ("Origin", "https://gateway.test");
    let reply = bed.send("POST", "/wxgate/logout", &[shown, json, host], b"");
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(
        bed.send("GET", "/api/x", &[shown], b"").code(),
        "session_expired"
    );
}
