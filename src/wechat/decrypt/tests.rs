//! Open data against the published and the made vectors.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn vectors(list: &str) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../../tests/fixtures/vectors.json")).unwrap();
    all[list].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

fn key(vector: &Value) -> SessionKey {
    SessionKey::from_text(text(vector, "session_key")).unwrap()
}

fn iv(vector: &Value) -> [u8; 16] {
    decode(text(vector, "iv"))
        .unwrap()
        .as_slice()
        .try_into()
        .unwrap()
}

#[test]
fn every_sound_vector_opens_to_its_plaintext() {
    for vector in vectors("decrypt") {
        let opened = open(
            &key(&vector),
            text(&vector, "encrypted_data"),
            text(&vector, "iv"),
        )
        .unwrap();
        assert_eq!(
            Value::Object(opened.fields().clone()),
            vector["plaintext"],
            "{}",
            vector["id"]
        );
        let watermark = vector["plaintext"].get("watermark");
        assert_eq!(
            opened.watermark().map(|mark| mark.appid).as_deref(),
            watermark.and_then(|mark| mark["appid"].as_str()),
        );
        assert_eq!(opened.phone().is_some(), vector["kind"] == "phone");
    }
}

#[test]
fn what_cannot_be_opened_is_a_wrong_key_or_damaged() {
    for vector in vectors("decrypt_must_fail") {
        let id = text(&vector, "id");
        let expected = text(&vector["expect"], "code");
        let Ok(key) = SessionKey::from_text(text(&vector, "session_key")) else {
            assert_eq!(expected, "wechat_failed", "{id}");
            continue;
        };
        let answer = open(&key, text(&vector, "encrypted_data"), text(&vector, "iv"));
        match expected {
            "session_key_stale" => assert_eq!(answer, Err(Error::WrongKey), "{id}"),
            _ => assert!(matches!(answer, Err(Error::Damaged(_))), "{id}: {answer:?}"),
        }
    }
}

#[test]
fn signatures_fit_the_raw_data_they_were_made_of() {
    for vector in vectors("signature") {
        let (raw, signature) = (text(&vector, "raw_data"), text(&vector, "signature"));
        let valid = vector["valid"].as_bool().unwrap();
        assert_eq!(
            signature_fits(raw, signature, &key(&vector)),
            valid,
            "{}",
            vector["id"]
        );
        assert!(!signature_fits(raw, "", &key(&vector)));
        assert!(!signature_fits(
            raw,
            signature,
            &SessionKey::from_bytes([1; 16])
        ));
    }
}

#[test]
fn the_user_signature_is_keyed_by_the_text_of_the_key() {
    for vector in vectors("hmac_sha256") {
        assert_eq!(
            user_signature(text(&vector, "message").as_bytes(), &key(&vector)),
            text(&vector, "signature_hex"),
            "{}",
            vector["id"]
        );
    }
}

#[test]
fn sealing_gives_the_bytes_that_wechat_gives() {
    let all = vectors("decrypt");
    let vector = all.iter().find(|v| v["id"] == "syn-share").unwrap();
    let plaintext = r#"{"openGId":"tSYNTHETICopenGId0000000000001","watermark":{"timestamp":1700000000,"appid":"wx0123456789abcdef"}}"#;
    let sealed = seal(&key(vector), &iv(vector), plaintext.as_bytes());
    assert_eq!(sealed, text(vector, "encrypted_data"));
}

#[test]
fn spaces_stand_for_plus() {
    let vector = vectors("decrypt").remove(0);
    let data = text(&vector, "encrypted_data");
    assert!(data.contains('+'));
    let opened = open(&key(&vector), &data.replace('+', " "), text(&vector, "iv"));
    assert_eq!(
        opened.unwrap().openid(),
        vector["plaintext"]["openId"].as_str()
    );
}

#[test]
fn damage_is_named_with_its_place() {
    let any = SessionKey::from_bytes([1; 16]);
    let iv = "AAAAAAAAAAAAAAAAAAAAAA==";
    let rows = [
        (
            "AAAA*AAA",
            iv,
            "`encryptedData` is not base64 (character 5)",
        ),
        ("AA=A", iv, "`encryptedData` is not base64 (character 3)"),
        ("AAAAA", iv, "`encryptedData` is not base64 (character 6)"),
        ("AAAA", iv, "`encryptedData` has 3 bytes, which cannot be"),
        ("", iv, "`encryptedData` has 0 bytes, which cannot be"),
        (iv, "AAAA", "`iv` has 3 bytes, which cannot be"),
        (iv, "é", "`iv` is not base64 (character 1)"),
    ];
    for (data, iv, message) in rows {
        assert_eq!(open(&any, data, iv).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_watermark_with_parts_missing_fits_no_app_and_is_old() {
    let app = AppId::new("wx0123456789abcdef").unwrap();
    let of = |json: &str| watermark(&serde_json::from_str(json).unwrap());
    assert_eq!(of("{}"), None);
    for json in [r#"{"watermark":null}"#, r#"{"watermark":{"timestamp":-1}}"#] {
        let mark = of(json).unwrap();
        assert!(!mark.is_for(&app) && mark.timestamp == 0, "{json}");
    }
    let mark = of(r#"{"watermark":{"appid":"wx0123456789abcdef","timestamp":"17"}}"#).unwrap();
    assert!(mark.is_for(&app) && mark.timestamp == 17);
}

#[test]
fn a_country_code_may_be_a_number() {
    for country in ["\"86\"", "86", "\"+86\""] {
        let json = format!(
            r#"{{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":{country}}}"#
        );
        let read = phone(&serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(read.country(), "86", "{country}");
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_and_only_under_its_key(
        key: [u8; 16], other: [u8; 16], iv: [u8; 16], text in "\\PC{0,80}",
    ) {
        let json = serde_json::json!({ "text": text }).to_string();
        let sealed = seal(&SessionKey::from_bytes(key), &iv, json.as_bytes());
        let iv = crypto::base64(&iv);
        let opened = open(&SessionKey::from_bytes(key), &sealed, &iv).unwrap();
        prop_assert_eq!(opened.fields()["text"].as_str(), Some(text.as_str()));
        if key != other {
            prop_assert_eq!(open(&SessionKey::from_bytes(other), &sealed, &iv), Err(Error::WrongKey));
        }
    }

    #[test]
    fn no_input_makes_it_panic(data in "\\PC{0,60}", iv in "\\PC{0,30}") {
        let _ = open(&SessionKey::from_bytes([1; 16]), &data, &iv);
    }
}
