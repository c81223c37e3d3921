//! `POST /wxgate/userinfo` and `POST /wxgate/decrypt`.

use serde_json::{Map, Value, json};
use wxgate::mock::{Kind, Order, Under, User};

use super::open_data;
use crate::harness::{Bed, ROUTES, Reply, sealed, signed};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

/// Two bodies in one.
fn both(one: Value, other: Value) -> Value {
    let mut fields = object(one);
    fields.extend(object(other));
    Value::Object(fields)
}

/// Alice, with a profile and a unionid; her token.
fn alice(bed: &Bed) -> String {
    let mut user = User::new("oAlice");
    user.unionid = Some("uAlice".to_owned());
    user.profile = object(json!({ "nickName": "小艾 \"+\"", "gender": 2, "city": "广州" }));
    bed.mock.put_user(user);
    bed.sign_in("oAlice")
}

fn encrypted(bed: &Bed, kind: Kind, change: impl FnOnce(&mut Order)) -> Value {
    sealed(&open_data(bed, "oAlice", kind, change))
}

fn signature(bed: &Bed, under: &Under) -> Value {
    signed(&bed.mock.sign("oAlice", None, under).unwrap())
}

#[test]
fn a_profile_comes_signed_encrypted_or_both() {
    let bed = Bed::new();
    let token = alice(&bed);
    let profile = json!({ "nickName": "小艾 \"+\"", "gender": 2, "city": "广州" });
    let sealed = || encrypted(&bed, Kind::Profile, |_| {});
    for body in [
        signature(&bed, &Under::Current),
        sealed(),
        encrypted(&bed, Kind::ProfileAlone, |_| {}),
        both(signature(&bed, &Under::Current), sealed()),
    ] {
        assert_eq!(bed.call("userinfo", &token, &body).good(), profile);
    }
}

#[test]
fn ids_in_a_profile_are_shown_if_exposed() {
    for (expose, ids) in [
        ("[\"openid\"]", json!({ "openId": "oAlice" })),
        ("[\"unionid\"]", json!({ "unionId": "uAlice" })),
        (
            "[\"openid\", \"unionid\"]",
            json!({ "openId": "oAlice", "unionId": "uAlice" }),
        ),
    ] {
        let bed = Bed::with(&format!("[endpoints]\nexpose = {expose}\n"), ROUTES);
        let token = alice(&bed);
        let body = encrypted(&bed, Kind::Profile, |_| {});
        let profile = bed.call("userinfo", &token, &body).good();
        for (shown, name) in [("openId", "openId"), ("unionId", "unionId")] {
            assert_eq!(profile.get(shown), ids.get(name), "{expose}");
        }
        assert!(profile.get("watermark").is_none());
    }
}

#[test]
fn a_signature_must_fit_a_key_of_the_user() {
    let bed = Bed::new();
    let token = alice(&bed);
    let bob = bed.sign_in("oBob");
    let stale = |reply: Reply| reply.is(409, "session_key_stale", "login_then_tap");
    let mut forged = signature(&bed, &Under::Current);
    forged["signature"] = json!("75e81ceda165f4ffa64f4068af58c64b8f54b88c");
    stale(bed.call("userinfo", &token, &forged));
    let mut changed = signature(&bed, &Under::Current);
    changed["rawData"] = format!("{} ", changed["rawData"].as_str().unwrap()).into();
    stale(bed.call("userinfo", &token, &changed));
    let mut unsigned = signature(&bed, &Under::Current);
    unsigned["signature"] = json!("x");
    stale(bed.call("userinfo", &token, &unsigned));
    stale(bed.call("userinfo", &bob, &signature(&bed, &Under::Current)));

    // A former key is as good as the current one; hexadecimal counts in any case.
    bed.sign_in("oAlice");
    bed.call("userinfo", &token, &signature(&bed, &Under::Former(1)))
        .good();
    let mut upper = signature(&bed, &Under::Current);
    upper["signature"] = upper["signature"].as_str().unwrap().to_uppercase().into();
    bed.call("userinfo", &token, &upper).good();
}

#[test]
fn a_signature_that_does_not_fit_the_encrypted_profile_beside_it_is_wrong() {
    let bed = Bed::new();
    let token = alice(&bed);
    let elsewhere = Under::Key("EBESExQVFhcYGRobHB0eHw==".to_owned());
    let sealed = || encrypted(&bed, Kind::Profile, |_| {});
    bed.call(
        "userinfo",
        &token,
        &both(signature(&bed, &elsewhere), sealed()),
    )
    .is(422, "wrong_signature", "stop");
    // Neither opened nor signed: the key is stale, and nothing is proven about the signature.
    let foreign = encrypted(&bed, Kind::Profile, |order| order.under = elsewhere.clone());
    bed.call(
        "userinfo",
        &token,
        &both(signature(&bed, &elsewhere), foreign),
    )
    .is(409, "session_key_stale", "login_then_tap");
    // Not opened, though signed: what was asked for cannot be given.
    let foreign = encrypted(&bed, Kind::Profile, |order| order.under = elsewhere.clone());
    bed.call(
        "userinfo",
        &token,
        &both(signature(&bed, &Under::Current), foreign),
    )
    .is(409, "session_key_stale", "login_then_tap");
}

#[test]
fn halves_and_other_things_are_bad_requests() {
    let bed = Bed::new();
    let token = alice(&bed);
    let signature = signature(&bed, &Under::Current);
    for body in [
        json!({}),
        json!({ "rawData": signature["rawData"] }),
        json!({ "signature": signature["signature"] }),
        json!({ "encryptedData": "AAAA" }),
        json!({ "iv": "AAAA" }),
        json!({ "rawData": { "nickName": "x" }, "signature": "s" }),
        json!({ "encryptedData": 7, "iv": "AAAA" }),
        json!({ "encryptedData": "AAAA", "iv": [] }),
        encrypted(&bed, Kind::Steps, |_| {}),
        encrypted(&bed, Kind::Phone, |_| {}),
    ] {
        let reply = bed.call("userinfo", &token, &body);
        assert_eq!(reply.code(), "bad_request", "{body}");
        reply.is(400, "bad_request", "fix");
    }
    for body in [
        json!({}),
        json!({ "encryptedData": "AAAA" }),
        json!({ "iv": "AAAA" }),
        signature,
    ] {
        bed.call("decrypt", &token, &body)
            .is(400, "bad_request", "fix");
    }
    let sign = |raw: &str| {
        bed.mock
            .sign("oAlice", Some(raw.to_owned()), &Under::Current)
    };
    for raw in ["[]", "7", "{", "null", "{}{}"] {
        let reply = bed.call("userinfo", &token, &signed(&sign(raw).unwrap()));
        assert_eq!(reply.status, 400, "{raw}: {}", reply.text());
    }
}

#[test]
fn damaged_data_is_told_from_a_wrong_key() {
    let bed = Bed::new();
    let token = alice(&bed);
    let good = encrypted(&bed, Kind::Profile, |_| {});
    let text = good["encryptedData"].as_str().unwrap();
    for (field, value) in [
        ("encryptedData", &text[..text.len() - 4]),
        ("encryptedData", &text[1..]),
        ("encryptedData", "not base64!"),
        ("encryptedData", ""),
        ("iv", "AAAA"),
        ("iv", ""),
        ("iv", "EBESExQVFhcYGRobHB0e"),
        ("iv", "EBESExQVFhcYGRobHB0eH-=="),
    ] {
        let mut body = good.clone();
        body[field] = value.into();
        for endpoint in ["phone", "userinfo", "decrypt"] {
            bed.call(endpoint, &token, &body)
                .is(400, "damaged_data", "fix");
        }
    }
}

#[test]
fn data_of_another_app_or_user_is_wrong() {
    let bed = Bed::new();
    let token = alice(&bed);
    let foreign = |order: &mut Order| order.appid = Some("wxffffffffffffffff".to_owned());
    let unmarked = |order: &mut Order| order.watermark = false;
    let other = || Kind::Json(object(json!({ "openId": "oBob", "nickName": "Bob" })));
    let nobody = || Kind::Json(object(json!({ "openId": 7, "nickName": "x" })));
    for (endpoint, body) in [
        ("userinfo", encrypted(&bed, Kind::Profile, foreign)),
        ("userinfo", encrypted(&bed, Kind::Profile, unmarked)),
        ("userinfo", encrypted(&bed, other(), |_| {})),
        ("userinfo", encrypted(&bed, nobody(), |_| {})),
        ("decrypt", encrypted(&bed, other(), |_| {})),
        ("decrypt", encrypted(&bed, Kind::Steps, foreign)),
        ("decrypt", encrypted(&bed, Kind::Phone, unmarked)),
    ] {
        bed.call(endpoint, &token, &body)
            .is(422, "wrong_app", "stop");
    }
    let raw = "{\"nickName\":\"Bob\",\"openId\":\"oBob\"}".to_owned();
    let body = signed(&bed.mock.sign("oAlice", Some(raw), &Under::Current).unwrap());
    bed.call("userinfo", &token, &body)
        .is(422, "wrong_app", "stop");
}

#[test]
fn other_open_data_is_given_without_its_watermark() {
    let bed = Bed::new();
    let token = alice(&bed);
    let steps = bed
        .call("decrypt", &token, &encrypted(&bed, Kind::Steps, |_| {}))
        .good();
    assert_eq!(steps["stepInfoList"].as_array().unwrap().len(), 2);
    assert_eq!(steps.as_object().unwrap().len(), 1, "{steps}");
    let group = json!({ "openGId": "tGMockGroup00000000000000001" });
    let marked = encrypted(&bed, Kind::Group, |_| {});
    let unmarked = encrypted(&bed, Kind::Group, |order| order.watermark = false);
    for body in [marked, unmarked] {
        assert_eq!(bed.call("decrypt", &token, &body).good(), group);
    }
    // Looking at a phone number is not sharing it.
    bed.call("decrypt", &token, &encrypted(&bed, Kind::Phone, |_| {}));
    bed.get("/phone", &token).is(403, "phone_required", "phone");
}

#[test]
fn old_steps_are_still_steps() {
    let bed = Bed::new();
    let token = alice(&bed);
    let body = encrypted(&bed, Kind::Steps, |order| {
        order.timestamp = Some(1_500_000_000);
    });
    bed.call("decrypt", &token, &body).good();
}
