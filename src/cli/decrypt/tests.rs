//! What the command says of the vectors, and of what people paste.

use serde_json::json;

use super::*;

const NOW: UnixSeconds = 1_700_000_600;
const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";
const IV: &str = "EBESExQVFhcYGRobHB0eHw==";

fn say(input: &str, options: &Options) -> (End, String) {
    let mut out = Vec::new();
    let outcome = run(None, options, NOW, input.as_bytes(), &mut out).unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/fixtures/vectors.json")).unwrap()
}

fn phone_data() -> String {
    let vectors = vectors();
    let list = vectors["decrypt"].as_array().unwrap();
    let vector = list.iter().find(|v| v["id"] == "syn-phone-cn").unwrap();
    vector["encrypted_data"].as_str().unwrap().to_owned()
}

#[test]
fn each_vector_is_what_the_gateway_says_of_it() {
    let all = vectors();
    let any_age = Options {
        phone_age: Some(Duration::ZERO),
        ..Options::default()
    };
    let lists = ["decrypt", "decrypt_must_fail"];
    for vector in lists.iter().flat_map(|list| all[list].as_array().unwrap()) {
        let mut input = vector.clone();
        // A vector's appid is null where it has no watermark.
        if input["appid"].is_null() {
            input["appid"] = json!("wx0123456789abcdef");
        }
        // `plaintext` would be read as well, for the objects in the input count.
        input["plaintext"] = Value::Null;
        let (outcome, said) = say(&input.to_string(), &any_age);
        let id = &vector["id"];
        match vector["expect"]["code"].as_str() {
            None => assert_eq!(outcome, End::Good, "{id}: {said}"),
            Some(code) => {
                assert_eq!(outcome, End::Failed, "{id}: {said}");
                let words = if code == "wechat_failed" {
                    "24 bytes"
                } else {
                    code
                };
                assert!(said.contains(words), "{id}: {said}");
            }
        }
        assert!(
            !said.contains("13580006666") && !said.contains(KEY),
            "{id}: {said}"
        );
    }
}

#[test]
fn a_triple_is_read_in_every_form_that_people_have_it_in() {
    let data = phone_data();
    let spaced = data.replace('+', " ");
    let encoded = data
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let inputs = [
        json!({"session_key": KEY, "encryptedData": data, "iv": IV}).to_string(),
        json!({"sessionKey": KEY, "encrypted_data": spaced, "IV": IV}).to_string(),
        json!({"session_keys": [IV, KEY], "detail": {"encryptedData": data, "iv": IV, "errMsg": "getPhoneNumber:ok"}}).to_string(),
        format!("session_key={KEY}\nencryptedData={data}\niv={IV}\n"),
        format!("session-key: \"{KEY}\",\r\nencryptedData: '{spaced}',\r\niv: {IV}\r\n"),
        format!("session_key={KEY}&encryptedData={encoded}&iv={IV}&phone_age=1h"),
        format!("https://a.example/x?session_key={KEY}&encryptedData={encoded}&iv={IV}"),
        format!("\u{feff}{}", json!({"session_key": KEY, "encryptedData": format!("{}\n{}", &data[..76], &data[76..]), "iv": IV})),
    ];
    for input in inputs {
        let (outcome, said) = say(&input, &Options::default());
        assert_eq!(outcome, End::Good, "{input}\n{said}");
        assert!(said.contains("Sound: a phone number."), "{said}");
        assert!(
            said.contains("135…66") && !said.contains("13580006666"),
            "{said}"
        );
    }
}

#[test]
fn what_was_mended_is_named() {
    let data = phone_data();
    let pluses = data.matches('+').count();
    let rows = [
        (
            data.replace('+', " "),
            format!("`encryptedData` had {pluses} spaces for `+`"),
        ),
        (
            data.replace('+', "%2b"),
            "`encryptedData` was percent-encoded".to_owned(),
        ),
        (
            format!("{}\r\n{}", &data[..64], &data[64..]),
            "broken into lines".to_owned(),
        ),
    ];
    for (data, words) in rows {
        let input = json!({"session_key": KEY, "encryptedData": data, "iv": IV});
        let (outcome, said) = say(&input.to_string(), &Options::default());
        assert_eq!(outcome, End::Good, "{said}");
        assert!(said.contains(&words), "{said}");
    }
}

#[test]
fn each_fault_is_told_in_words() {
    let data = phone_data();
    let rows = [
        (
            KEY,
            format!("{}*{}", &data[..4], &data[5..]),
            IV,
            "character 5 is '*'",
        ),
        (
            KEY,
            format!("{}_{}", &data[..4], &data[5..]),
            IV,
            "base64url",
        ),
        (
            KEY,
            data[..data.len() - 1].to_owned(),
            IV,
            "its end is missing",
        ),
        (
            KEY,
            data.clone(),
            "AAAA",
            "`iv` has a wrong length: 3 bytes",
        ),
        (KEY, "AAAA".to_owned(), IV, "no multiple of 16"),
        (KEY, String::new(), IV, "`encryptedData` is empty"),
        (
            "AAAA",
            data.clone(),
            IV,
            "`session_key` has a wrong length: 3 bytes",
        ),
        ("!", data.clone(), IV, "`session_key` is not base64"),
        (IV, data, IV, "one since replaced"),
    ];
    for (key, data, iv, words) in rows {
        let input = json!({"session_key": key, "encryptedData": data, "iv": iv});
        let (outcome, said) = say(&input.to_string(), &Options::default());
        assert_eq!(outcome, End::Failed, "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn an_old_number_and_another_apps_are_refused_though_the_key_fits() {
    let input = json!({"session_key": KEY, "encryptedData": phone_data(), "iv": IV}).to_string();
    let old = Options {
        phone_age: Some(Duration::from_secs(599)),
        ..Options::default()
    };
    let (outcome, said) = say(&input, &old);
    assert_eq!(outcome, End::Failed);
    assert!(
        said.contains("10 minutes ago") && said.contains("data_expired"),
        "{said}"
    );
    let other = Options {
        appid: AppId::new("wxffffffffffffffff").ok(),
        ..Options::default()
    };
    let (outcome, said) = say(&input, &other);
    assert_eq!(outcome, End::Failed);
    assert!(
        said.contains("another app") && said.contains("does open it"),
        "{said}"
    );
}

#[test]
fn the_number_is_shown_only_when_asked_for() {
    let input = json!({"session_key": KEY, "encryptedData": phone_data(), "iv": IV}).to_string();
    let show = Options {
        show: true,
        ..Options::default()
    };
    let (_, said) = say(&input, &show);
    assert!(said.contains(r#""phoneNumber": "13580006666""#), "{said}");
}

#[test]
fn what_is_no_triple_is_wrong_use() {
    let rows = [
        ("", "nothing to read"),
        ("{", "line 1, column 1"),
        ("hello", "`session_key` is missing"),
        (r#"{"session_key":"x"}"#, "`encryptedData` is missing"),
        (
            r#"{"session_key":"x","encryptedData":"x"}"#,
            "`iv` is missing",
        ),
        (
            r#"{"session_key":"x","encryptedData":"x","iv":"x","appid":"y"}"#,
            "an appid is",
        ),
        (
            r#"{"session_key":"x","encryptedData":"x","iv":"x","phone_age":"y"}"#,
            "a duration",
        ),
    ];
    for (input, words) in rows {
        let (outcome, said) = say(input, &Options::default());
        assert_eq!(outcome, End::Wrong, "{input}");
        assert!(said.contains(words), "{input}: {said}");
    }
    let missing = Path::new("/no/such/file");
    let mut out = Vec::new();
    let outcome = run(
        Some(missing),
        &Options::default(),
        NOW,
        io::empty(),
        &mut out,
    )
    .unwrap();
    assert_eq!(outcome, End::Wrong);
}
