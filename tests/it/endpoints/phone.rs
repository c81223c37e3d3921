//! `POST /wxgate/phone`: by code, by encrypted data, and whose session key opens it.

use serde_json::{Value, json};
use wxgate::mock::{Kind, Order, PhoneCode, Under};

use super::open_data;
use crate::harness::{Bed, ROUTES, sealed};

const FIX: (u16, &str, &str) = (400, "bad_request", "fix");

fn overseas(bed: &Bed, openid: &str) -> Value {
    let mut user = bed.mock.user(openid);
    "51230000".clone_into(&mut user.phone);
    "852".clone_into(&mut user.country);
    bed.mock.put_user(user);
    json!({ "phoneNumber": "+85251230000", "purePhoneNumber": "51230000", "countryCode": "852" })
}

/// What the upstream sees of the phone now.
fn seen_phone(bed: &Bed, token: &str) -> (Option<String>, Option<String>) {
    assert_eq!(bed.get("/api", token).status, 200);
    let seen = bed.upstream.last();
    let header = |name| seen.header(name).map(str::to_owned);
    (header("x-wx-phone"), header("x-wx-phone-country"))
}

#[test]
fn a_number_comes_by_code_and_by_encrypted_data() {
    let bed = Bed::new();
    for numeric in [false, true] {
        bed.mock.set_numeric_country(numeric);
        for by_code in [false, true] {
            let openid = format!("oUser-{numeric}-{by_code}");
            let expected = overseas(&bed, &openid);
            let token = bed.sign_in(&openid);
            bed.get("/phone", &token).is(403, "phone_required", "phone");
            assert_eq!(seen_phone(&bed, &token), (None, None));
            let reply = if by_code {
                bed.tap(&openid, &token)
            } else {
                let data = bed.mock.open_data(&openid, Kind::Phone).unwrap();
                bed.call("phone", &token, &sealed(&data))
            };
            assert_eq!(reply.good(), expected);
            let headers = (Some("51230000".to_owned()), Some("852".to_owned()));
            assert_eq!(seen_phone(&bed, &token), headers);
            assert_eq!(bed.get("/phone", &token).status, 200);
            assert_eq!(bed.ask("session", &token).good()["phone"], true);
        }
    }
}

#[test]
fn a_country_code_is_always_a_text() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let Value::Object(fields) = json!({
        "phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": 86,
    }) else {
        unreachable!()
    };
    let data = bed.mock.open_data("oAlice", Kind::Json(fields)).unwrap();
    let body = bed.call("phone", &token, &sealed(&data)).good();
    assert_eq!(body["countryCode"], "86");
    let headers = (Some("13580006666".to_owned()), Some("86".to_owned()));
    assert_eq!(seen_phone(&bed, &token), headers);
}

#[test]
fn a_new_number_takes_the_place_of_the_old() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.tap("oAlice", &token).good();
    let mut client = bed.client();
    assert_eq!(client.get("/api", &token).status, 200);
    let code = bed.mock.mint_phone(PhoneCode {
        openid: "oAlice".to_owned(),
        phone: Some("13900001111".to_owned()),
        ..PhoneCode::default()
    });
    bed.call("phone", &token, &json!({ "code": code })).good();
    assert_eq!(client.get("/api", &token).status, 200);
    assert_eq!(
        bed.upstream.last().header("x-wx-phone"),
        Some("13900001111")
    );
}

#[test]
fn the_phone_belongs_to_the_user_not_to_the_session() {
    let bed = Bed::new();
    let (first, second) = (bed.sign_in("oAlice"), bed.sign_in("oAlice"));
    let other = bed.sign_in("oBob");
    bed.tap("oAlice", &first).good();
    assert_eq!(bed.get("/phone", &second).status, 200, "a second device");
    bed.get("/phone", &other).is(403, "phone_required", "phone");

    assert_eq!(
        bed.call("logout", &first, &json!({"everywhere": true}))
            .status,
        204
    );
    let code = bed.mock.login_code("oAlice");
    let body = bed.call("login", "", &json!({ "code": code })).good();
    assert_eq!(body["phone"], true, "without the old token");
    assert_eq!(
        bed.get("/phone", body["token"].as_str().unwrap()).status,
        200
    );
}

#[test]
fn a_code_is_good_for_its_user_and_once() {
    let bed = Bed::new();
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    let send = |token: &str, code: &str| bed.call("phone", token, &json!({ "code": code }));
    let rejected = (400, "phone_code_rejected", "tap_again");
    let code = bed.mock.phone_code("oAlice");
    send(&bob, &code).is(rejected.0, rejected.1, rejected.2);
    send(&alice, &code).good();
    for bad in [
        code.clone(),
        bed.mock.login_code("oBob"),
        "never-minted".to_owned(),
        "no code\n".to_owned(),
    ] {
        send(&bob, &bad).is(rejected.0, rejected.1, rejected.2);
    }
    assert_eq!(seen_phone(&bed, &bob), (None, None));
    let late = bed.mock.phone_code("oBob");
    bed.mock.advance(std::time::Duration::from_secs(301));
    send(&bob, &late).is(rejected.0, rejected.1, rejected.2);
}

#[test]
fn wechat_is_told_whose_code_it_must_be_unless_switched_off() {
    for (line, told) in [("", true), ("phone_openid = false", false)] {
        let bed = Bed::with(
            &format!("[wechat]\napi = [\"{{wechat}}\"]\n{line}\n"),
            ROUTES,
        );
        let token = bed.sign_in("oAlice");
        bed.tap("oAlice", &token).good();
        let call = bed.mock.last("getuserphonenumber").unwrap();
        assert_eq!(call.method, "POST");
        assert_eq!(call.body["openid"] == "oAlice", told, "{line}");
        assert_eq!(call.body.get("openid").is_some(), told, "{line}");
    }
}

#[test]
fn phone_by_forbids_the_other_way() {
    let both = |bed: &Bed| {
        let mut body = sealed(&bed.mock.open_data("oAlice", Kind::Phone).unwrap());
        body["code"] = bed.mock.phone_code("oAlice").into();
        body
    };
    let bed = Bed::with("[endpoints]\nphone_by = [\"code\"]\n", ROUTES);
    let token = bed.sign_in("oAlice");
    let mut body = both(&bed);
    body.as_object_mut().unwrap().remove("code");
    bed.call("phone", &token, &body).is(FIX.0, FIX.1, FIX.2);
    bed.call("decrypt", &token, &body).is(FIX.0, FIX.1, FIX.2);
    assert_eq!(seen_phone(&bed, &token), (None, None));
    // The button's event has all three: what is allowed is taken.
    bed.call("phone", &token, &both(&bed)).good();
    assert_eq!(bed.mock.calls("getuserphonenumber"), 1);

    let bed = Bed::with("[endpoints]\nphone_by = [\"encrypted\"]\n", ROUTES);
    let token = bed.sign_in("oAlice");
    bed.tap("oAlice", &token).is(FIX.0, FIX.1, FIX.2);
    bed.call("phone", &token, &both(&bed)).good();
    assert_eq!(bed.mock.calls("getuserphonenumber"), 0);
}

#[test]
fn what_is_no_phone_of_this_app_is_not_taken_for_one() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let send = |kind: Kind, change: fn(&mut Order)| {
        let data = open_data(&bed, "oAlice", kind, change);
        bed.call("phone", &token, &sealed(&data))
    };
    for kind in [Kind::Profile, Kind::ProfileAlone, Kind::Steps, Kind::Group] {
        send(kind, |_| {}).is(FIX.0, FIX.1, FIX.2);
    }
    send(Kind::Phone, |order| order.watermark = false).is(422, "wrong_app", "stop");
    let other = |order: &mut Order| order.appid = Some("wxffffffffffffffff".to_owned());
    send(Kind::Phone, other).is(422, "wrong_app", "stop");
    for body in [
        json!({}),
        json!({"encryptedData": "AA=="}),
        json!({"iv": "AA=="}),
        json!({"code": 1}),
    ] {
        bed.call("phone", &token, &body).is(FIX.0, FIX.1, FIX.2);
    }
    assert_eq!(seen_phone(&bed, &token), (None, None));
}

#[test]
fn old_phone_data_is_expired() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let aged = |bed: &Bed, seconds: u64| {
        let made = bed.mock.now() - seconds;
        sealed(&open_data(bed, "oAlice", Kind::Phone, |order| {
            order.timestamp = Some(made);
        }))
    };
    let call = |body: &Value| bed.call("phone", &token, body);
    call(&aged(&bed, 3_610)).is(409, "data_expired", "tap_again");
    assert_eq!(seen_phone(&bed, &token), (None, None));
    call(&aged(&bed, 3_500)).good();

    let bed = Bed::with("[endpoints]\nphone_age = \"60s\"\n", ROUTES);
    let token = bed.sign_in("oAlice");
    let call = |body: &Value| bed.call("phone", &token, body);
    call(&aged(&bed, 70)).is(409, "data_expired", "tap_again");
    let bed = Bed::with("[endpoints]\nphone_age = \"0s\"\n", ROUTES);
    let token = bed.sign_in("oAlice");
    bed.call("phone", &token, &aged(&bed, 400_000_000)).good();
}

#[test]
fn spaces_stand_for_plus_in_all_three_fields() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let (mut data, mut body) = (false, false);
    while !(data && body) {
        let sealed = bed.mock.open_data("oAlice", Kind::Phone).unwrap();
        if !sealed.encrypted_data.contains('+') {
            continue;
        }
        data = true;
        body |= sealed.iv.contains('+');
        let mangled = json!({
            "encryptedData": sealed.encrypted_data.replace('+', " "),
            "iv": sealed.iv.replace('+', " "),
        });
        bed.call("phone", &token, &mangled).good();
    }
}

#[test]
fn a_login_inside_the_phone_callback_does_no_harm() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    // The tap, under the key of the first login; then the callback logs in, and the key changes.
    let data = bed.mock.open_data("oAlice", Kind::Phone).unwrap();
    let before = bed.mock.session_key("oAlice");
    let code = bed.mock.login_code("oAlice");
    let renewed = crate::harness::token(&bed.call("login", &token, &json!({ "code": code })));
    assert_ne!(bed.mock.session_key("oAlice"), before);
    bed.call("phone", &renewed, &sealed(&data)).good();
    // And in a session of its own, without the old token.
    let data = bed.mock.open_data("oAlice", Kind::Phone).unwrap();
    let fresh = bed.sign_in("oAlice");
    bed.call("phone", &fresh, &sealed(&data)).good();
    bed.call("phone", &renewed, &sealed(&data)).good();
}

#[test]
fn the_last_three_keys_open_and_no_other() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    for _ in 0..3 {
        bed.sign_in("oAlice");
    }
    for (back, opens) in [(0, true), (1, true), (2, true), (3, false)] {
        let data = open_data(&bed, "oAlice", Kind::Phone, |order| {
            order.under = Under::Former(back);
        });
        let reply = bed.call("phone", &token, &sealed(&data));
        assert_eq!(reply.status == 200, opens, "{back}: {}", reply.text());
        if !opens {
            reply.is(409, "session_key_stale", "login_then_tap");
        }
    }
}

#[test]
fn a_key_never_seen_is_stale_until_the_next_login() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.mock.rotate_key("oAlice", None);
    let data = bed.mock.open_data("oAlice", Kind::Phone).unwrap();
    bed.call("phone", &token, &sealed(&data))
        .is(409, "session_key_stale", "login_then_tap");
    assert_eq!(bed.get("/api", &token).status, 200, "nobody is signed out");
    bed.sign_in("oAlice");
    bed.call("phone", &token, &sealed(&data)).good();
}
