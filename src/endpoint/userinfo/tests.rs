//! Profiles that were signed, encrypted, or both.

use serde_json::json;

use super::*;
use crate::auth::{AppId, OpenId, crypto};

const APP: &str = "wx0123456789abcdef";

const RAW: &str = r#"{"nickName":"x"}"#;

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

/// What comes of `signed` (text, key of its signature) and `sealed` (data, key), keys 1 and 2 being known.
fn verified(signed: Option<(&str, u8)>, sealed: Option<(Value, u8)>) -> Result<Value, Error> {
    let iv = [9; 16];
    let signed = signed.map(|(raw, n)| (raw, decrypt::signature(raw, &key(n))));
    let sealed = sealed.map(|(value, n)| decrypt::seal(&key(n), &iv, value.to_string().as_bytes()));
    let iv = crypto::base64(&iv);
    let shown = Shown {
        signed: signed
            .as_ref()
            .map(|(raw, signature)| (*raw, signature.as_str())),
        sealed: sealed.as_ref().map(|data| (data.as_str(), iv.as_str())),
    };
    shown.verify(&[key(1), key(2)], &whose()).map(Value::Object)
}

fn profile() -> Value {
    json!({"nickName": "y", "watermark": {"appid": APP, "timestamp": 1}})
}

#[test]
fn either_proof_will_do_and_both_must_agree() {
    let signed = json!({"nickName": "x"});
    let rows = [
        (Some((RAW, 1)), None, Ok(signed.clone())),
        (Some((RAW, 2)), None, Ok(signed)),
        (Some((RAW, 3)), None, Err(Error::KeyStale)),
        (None, Some((profile(), 2)), Ok(profile())),
        (None, Some((profile(), 3)), Err(Error::KeyStale)),
        (Some((RAW, 1)), Some((profile(), 1)), Ok(profile())),
        (
            Some((RAW, 3)),
            Some((profile(), 1)),
            Err(Error::WrongSignature),
        ),
        (Some((RAW, 1)), Some((profile(), 3)), Err(Error::KeyStale)),
    ];
    for (signed, sealed, expected) in rows {
        let row = format!("{signed:?} {sealed:?}");
        assert_eq!(verified(signed, sealed), expected, "{row}");
    }
}

#[test]
fn what_is_no_profile_goes_elsewhere() {
    let mut phone = profile();
    phone["phoneNumber"] = "13580006666".into();
    phone["purePhoneNumber"] = "13580006666".into();
    phone["countryCode"] = "86".into();
    for (signed, sealed) in [
        (None, None),
        (None, Some((phone, 1))),
        (None, Some((json!({"openGId": "g"}), 1))),
        (Some(("[]", 1)), None),
        (Some(("not JSON", 1)), None),
    ] {
        assert!(matches!(
            verified(signed, sealed),
            Err(Error::BadRequest(_))
        ));
    }
    let other = verified(Some((r#"{"openId":"o2"}"#, 1)), None);
    assert_eq!(other, Err(Error::WrongUser));
}
