//! The gateway's job from end to end, as a mini-program and a service live it.

use serde_json::json;
use wxgate::mock::Kind;

use crate::harness::{APPID, Bed};

#[test]
fn a_user_signs_in_shares_a_phone_and_is_known_to_the_service() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");

    // Signed in: the service reads who it is, and nothing that the client said about it.
    let forged = [
        ("Authorization", format!("Bearer {token}")),
        ("X-WX-OPENID", "oMallory".to_owned()),
        ("x_wx_phone", "13800000000".to_owned()),
        ("X-WX-SOURCE", "wx_devtools".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = forged
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(
        bed.send("GET", "/api/cart?sort=price", &headers, b"")
            .status,
        200
    );
    let seen = bed.upstream.last();
    assert_eq!(seen.line, "GET /api/cart?sort=price HTTP/1.1");
    assert_eq!(seen.header("x-wx-openid"), Some("oAlice"));
    assert_eq!(seen.header("x-wx-appid"), Some(APPID));
    assert_eq!(seen.header("x-wx-source"), Some("wx_client"));
    assert_eq!(
        (seen.header("x-wx-phone"), seen.header("x_wx_phone")),
        (None, None)
    );
    assert_eq!(seen.header("authorization"), None);

    // The phone, by code, and then by encryptedData of another user.
    assert_eq!(
        bed.get("/phone/order", &token).row(),
        (403, "phone_required".into(), "phone".into())
    );
    let code = bed.mock.phone_code("oAlice");
    let reply = bed.call("phone", &token, &json!({ "code": code }));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let number = reply.json()["purePhoneNumber"].as_str().unwrap().to_owned();
    assert_eq!(bed.get("/phone/order", &token).status, 200);
    let seen = bed.upstream.last();
    assert_eq!(seen.header("x-wx-phone"), Some(number.as_str()));
    assert_eq!(seen.header("x-wx-phone-country"), Some("86"));

    let other = bed.sign_in("oBob");
    let sealed = bed.mock.open_data("oBob", Kind::Phone).unwrap();
    let body = json!({ "encryptedData": sealed.encrypted_data, "iv": sealed.iv });
    assert_eq!(bed.call("phone", &other, &body).status, 200);
    assert_eq!(bed.get("/phone/order", &other).status, 200);
    assert_eq!(bed.upstream.last().header("x-wx-openid"), Some("oBob"));

    // Signed out: at once, and only who asked for it.
    assert_eq!(bed.call("logout", &token, &json!({})).status, 204);
    assert_eq!(
        bed.get("/api/cart", &token).row(),
        (401, "session_expired".into(), "login".into())
    );
    assert_eq!(bed.get("/api/cart", &other).status, 200);
    assert_eq!(bed.upstream.seen().len(), 4);
}

#[test]
fn a_start_needs_no_wechat_and_no_upstream() {
    let bed = Bed::with("", "[[route]]\npath = \"/\"\nto = \"http://127.0.0.1:1\"\n");
    let token = bed.sign_in("oAlice");
    let reply = bed.get("/", &token);
    assert_eq!(reply.row(), (503, "no_upstream".into(), "retry".into()));
}
