//! `wxgate decrypt`: every kind of open data, from a file and from standard input.

use serde_json::{Value, json};

use super::{root, wxgate, wxgate_reading};

fn vectors() -> Value {
    let path = root().join("tests/fixtures/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn triple(vector: &Value) -> String {
    let mut triple = json!({
        "session_key": vector["session_key"],
        "encryptedData": vector["encrypted_data"],
        "iv": vector["iv"],
    });
    if vector["appid"].is_string() {
        triple["appid"] = vector["appid"].clone();
    }
    triple.to_string()
}

#[test]
fn what_opens_ends_with_nought_and_what_does_not_with_one() {
    let all = vectors();
    let mut kinds = std::collections::BTreeSet::new();
    for list in ["decrypt", "decrypt_must_fail"] {
        for vector in all[list].as_array().unwrap() {
            let id = &vector["id"];
            let (code, out, told) =
                wxgate_reading(&triple(vector), &["decrypt", "--phone-age", "0s"]);
            assert_eq!(told, "", "{id}");
            let sound = vector["expect"]["code"].is_null();
            assert_eq!(code, Some(i32::from(!sound)), "{id}: {out}");
            assert_eq!(out.starts_with("Sound: "), sound, "{id}: {out}");
            if sound {
                kinds.insert(vector["kind"].as_str().unwrap().to_owned());
            }
            let key = vector["session_key"].as_str().unwrap();
            assert!(!out.contains(key), "{id}: {out}");
        }
    }
    let known = ["group", "phone", "share", "userinfo", "werun"];
    assert!(kinds.iter().eq(known), "{kinds:?}");
}

#[test]
fn a_triple_comes_from_a_file_or_from_standard_input() {
    let all = vectors();
    let vector = &all["decrypt"][0];
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = path.join(format!("triple-{}.json", std::process::id()));
    std::fs::write(&path, triple(vector)).unwrap();
    let from_file = wxgate(&["decrypt", path.to_str().unwrap()]);
    std::fs::remove_file(&path).unwrap();
    let from_stdin = wxgate_reading(&triple(vector), &["decrypt", "-"]);
    assert_eq!(from_file.0, Some(0), "{}", from_file.1);
    assert_eq!(from_file.1, from_stdin.1);
    assert!(!from_file.1.contains("Band\""), "{}", from_file.1);
    let shown = wxgate_reading(&triple(vector), &["decrypt", "--show"]);
    assert!(shown.1.contains("\"nickName\": \"Band\""), "{}", shown.1);
}

#[test]
fn what_is_no_triple_is_wrong_use() {
    for input in ["", "{}", "hello"] {
        let (code, out, _) = wxgate_reading(input, &["decrypt"]);
        assert_eq!(code, Some(2), "{input}: {out}");
        assert!(out.contains("session_key"), "{out}");
    }
    let (code, out, _) = wxgate(&["decrypt", "there-is-no-such-file"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("cannot read "), "{out}");
    assert_eq!(wxgate(&["decrypt", "--appid", "nonsense"]).0, Some(2));
}
