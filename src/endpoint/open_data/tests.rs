//! Whose data it is, how old, and what is told of it.

use serde_json::json;

use super::*;
use crate::auth::{AppId, OpenId};

const APP: &str = "wx0123456789abcdef";

fn whose() -> Identity {
    Identity {
        appid: AppId::new(APP).unwrap(),
        openid: OpenId::new("o1").unwrap(),
        unionid: None,
        phone: None,
    }
}

fn key(n: u8) -> SessionKey {
    SessionKey::from_bytes([n; 16])
}

fn mark(appid: &str) -> Value {
    json!({"appid": appid, "timestamp": 1000})
}

fn phone(mark: &Value) -> Value {
    json!({"phoneNumber": "13580006666", "purePhoneNumber": "13580006666", "countryCode": "86", "watermark": mark})
}

/// Opens `value`, encrypted under key 2 of three.
fn opened(value: &Value) -> Result<(OpenData, Kind), Error> {
    let iv = [9; 16];
    let data = decrypt::seal(&key(2), &iv, value.to_string().as_bytes());
    open(
        &[key(1), key(2), key(3)],
        &data,
        &crate::auth::crypto::base64(&iv),
        &whose(),
    )
}

#[test]
fn data_is_this_apps_and_this_users() {
    let rows = [
        (phone(&mark(APP)), None),
        (phone(&mark("wxffffffffffffffff")), Some(Error::WrongApp)),
        (phone(&Value::Null), Some(Error::WrongApp)),
        (json!({"nickName": "x", "watermark": mark(APP)}), None),
        (json!({"nickName": "x"}), Some(Error::WrongApp)),
        (
            json!({"nickName": "x", "openId": "o1", "watermark": mark(APP)}),
            None,
        ),
        (
            json!({"nickName": "x", "openId": "o2", "watermark": mark(APP)}),
            Some(Error::WrongUser),
        ),
        (
            json!({"nickName": "x", "openId": 1, "watermark": mark(APP)}),
            Some(Error::WrongUser),
        ),
        (json!({"openGId": "g"}), None),
        (
            json!({"openGId": "g", "watermark": mark("wxffffffffffffffff")}),
            Some(Error::WrongApp),
        ),
        (
            json!({"openGId": "g", "openId": "o2"}),
            Some(Error::WrongUser),
        ),
    ];
    for (value, expected) in rows {
        assert_eq!(opened(&value).err(), expected, "{value}");
    }
    let mut unmarked = phone(&Value::Null);
    unmarked.as_object_mut().unwrap().remove("watermark");
    assert_eq!(opened(&unmarked).err(), Some(Error::WrongApp));
}

#[test]
fn data_is_known_by_what_it_holds() {
    let kind = |value: Value| opened(&value).unwrap().1;
    assert!(matches!(kind(phone(&mark(APP))), Kind::Phone(_)));
    assert_eq!(
        kind(json!({"nickName": "x", "watermark": mark(APP)})),
        Kind::Profile
    );
    assert_eq!(kind(json!({"stepInfoList": []})), Kind::Other);
}

#[test]
fn stale_and_damaged_are_told_apart() {
    let iv = crate::auth::crypto::base64(&[9; 16]);
    let data = decrypt::seal(&key(9), &[9; 16], b"{}");
    let keys = [key(1), key(2)];
    assert_eq!(
        open(&keys, &data, &iv, &whose()).err(),
        Some(Error::KeyStale)
    );
    assert_eq!(open(&[], &data, &iv, &whose()).err(), Some(Error::KeyStale));
    for (data, iv) in [
        (data.as_str(), "AAAA"),
        ("AAAA", iv.as_str()),
        ("!", iv.as_str()),
    ] {
        let error = open(&keys, data, iv, &whose()).err();
        assert!(matches!(error, Some(Error::Damaged(_))), "{error:?}");
    }
}

#[test]
fn phone_data_ages() {
    let (data, _) = opened(&phone(&mark(APP))).unwrap();
    let terms = |age| PhoneTerms { taken: true, age };
    assert_eq!(terms(60).check(&data, 1060), Ok(()));
    assert_eq!(terms(60).check(&data, 1061), Err(Error::DataExpired));
    assert_eq!(terms(60).check(&data, 0), Ok(()));
    assert_eq!(terms(0).check(&data, u64::MAX), Ok(()));
    let none = PhoneTerms {
        taken: false,
        age: 0,
    };
    assert!(matches!(none.check(&data, 1000), Err(Error::BadRequest(_))));
}

#[test]
fn ids_are_shown_only_where_the_operator_said_so() {
    let fields = || {
        let value = json!({"openId": "o", "unionId": "u", "nickName": "x", "watermark": {}});
        value.as_object().unwrap().clone()
    };
    let exposed = |openid, unionid| Exposed { openid, unionid };
    assert_eq!(
        shown(fields(), exposed(false, false)),
        json!({"nickName": "x"})
    );
    assert_eq!(
        shown(fields(), exposed(true, true)),
        json!({"openId": "o", "unionId": "u", "nickName": "x"})
    );
}

#[test]
fn the_published_vectors_come_out_as_expected() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/vectors.json")).unwrap();
    let rows = |name: &str| vectors[name].as_array().unwrap().clone();
    let mut seen = 0;
    for vector in rows("decrypt").into_iter().chain(rows("decrypt_must_fail")) {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        // One has a key that no login lets in.
        let Ok(key) = SessionKey::from_text(text("session_key")) else {
            continue;
        };
        let wrong_app = vector["expect"]["code"] == "wrong_app";
        let appid = AppId::new(text("appid")).unwrap_or_else(|_| AppId::new(APP).unwrap());
        let openid = vector["plaintext"]["openId"].as_str().unwrap_or("o1");
        let whose = Identity {
            appid: if wrong_app {
                AppId::new(APP).unwrap()
            } else {
                appid
            },
            openid: OpenId::new(openid).unwrap(),
            ..whose()
        };
        let outcome = open(&[key], text("encrypted_data"), text("iv"), &whose);
        let code = match outcome {
            Ok(_) => None,
            Err(Error::KeyStale) => Some("session_key_stale"),
            Err(Error::Damaged(_)) => Some("damaged_data"),
            Err(Error::WrongApp) => Some("wrong_app"),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(code, vector["expect"]["code"].as_str(), "{}", text("id"));
        seen += 1;
    }
    assert_eq!(seen, 23);
}
