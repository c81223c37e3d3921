//! Each vector that says what the gateway answers, through HTTP.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use wxgate::mock::LoginCode;

use crate::harness::{APPID, Bed, ROUTES, Reply, apps, token};

/// The app of the official sample.
const OFFICIAL: &str = "wx4f4bc4dec97d474b";

fn vectors() -> Value {
    serde_json::from_str(include_str!("../fixtures/vectors.json")).unwrap()
}

/// A gateway of all apps that the vectors name.
fn bed(vectors: &Value, expose: &str) -> Bed {
    let list = vectors["decrypt"].as_array().unwrap();
    let mut appids: BTreeSet<&str> = list.iter().filter_map(|v| v["appid"].as_str()).collect();
    appids.insert(APPID);
    let apps = apps(&appids.into_iter().collect::<Vec<_>>());
    Bed::with(
        &format!("[endpoints]\nphone_age = \"0s\"\nexpose = {expose}\n{apps}"),
        ROUTES,
    )
}

/// Logs in as whom the vector is about, in its app, with its key.
fn log_in(bed: &Bed, vector: &Value) -> Reply {
    let id = vector["id"].as_str().unwrap();
    let openid = match vector["plaintext"]["openId"].as_str() {
        Some(openid) => openid.to_owned(),
        None => format!("oVector-{id}"),
    };
    bed.log_in(LoginCode {
        openid,
        appid: Some(vector["appid"].as_str().unwrap_or(APPID).to_owned()),
        session_key: Some(vector["session_key"].as_str().unwrap().to_owned()),
        ..LoginCode::default()
    })
}

/// Whether `reply` is what the vector expects; the body of a 200.
fn expected(vector: &Value, reply: &Reply) -> Option<Value> {
    let (id, expect) = (&vector["id"], &vector["expect"]);
    assert_eq!(
        json!(reply.status),
        expect["status"],
        "{id}: {}",
        reply.text()
    );
    if reply.status == 200 {
        assert!(expect["code"].is_null(), "{id}");
        return Some(reply.json());
    }
    assert_eq!(reply.json()["code"], expect["code"], "{id}");
    None
}

/// What of `plaintext` a client sees.
fn visible(plaintext: &Value, hidden: &[&str]) -> Map<String, Value> {
    let mut fields = plaintext.as_object().unwrap().clone();
    fields.retain(|name, _| !hidden.contains(&name.as_str()));
    fields
}

/// All vectors of `list` that expect something, checked; how many there were.
fn each(vectors: &Value, list: &str, check: impl Fn(&Value)) -> usize {
    let all = vectors[list].as_array().unwrap().iter();
    all.filter(|vector| !vector["expect"].is_null())
        .inspect(|vector| check(vector))
        .count()
}

#[test]
fn every_vector_answers_as_it_says() {
    let vectors = vectors();
    let mut checked = 0;
    for (expose, hidden) in [
        ("[]", &["watermark", "openId", "unionId"][..]),
        ("[\"openid\", \"unionid\"]", &["watermark"]),
    ] {
        let bed = bed(&vectors, expose);
        checked = each(&vectors, "decrypt", |vector| opens(&bed, vector, hidden))
            + each(&vectors, "decrypt_must_fail", |vector| {
                does_not_open(&bed, vector);
            })
            + each(&vectors, "signature", |vector| is_signed(&bed, vector));
    }
    let all = vectors.as_object().unwrap().values();
    let all = all.filter_map(Value::as_array).flatten();
    let all = all.filter(|vector| vector["expect"].is_object()).count();
    assert_eq!((checked, all), (27, 27));
}

fn opens(bed: &Bed, vector: &Value, hidden: &[&str]) {
    let endpoint = match vector["kind"].as_str().unwrap() {
        "userinfo" => "userinfo",
        "phone" => "phone",
        _ => "decrypt",
    };
    let token = token(&log_in(bed, vector));
    let body = json!({ "encryptedData": vector["encrypted_data"], "iv": vector["iv"] });
    if let Some(shown) = expected(vector, &bed.call(endpoint, &token, &body)) {
        let plaintext = visible(&vector["plaintext"], hidden);
        assert_eq!(shown, Value::Object(plaintext), "{}", vector["id"]);
    }
}

fn does_not_open(bed: &Bed, vector: &Value) {
    let login = log_in(bed, vector);
    if vector["expect"]["at"] == "login" {
        expected(vector, &login);
        return;
    }
    let token = token(&login);
    let body = json!({ "encryptedData": vector["encrypted_data"], "iv": vector["iv"] });
    for endpoint in ["phone", "userinfo", "decrypt"] {
        expected(vector, &bed.call(endpoint, &token, &body));
    }
}

fn is_signed(bed: &Bed, vector: &Value) {
    let token = token(&log_in(bed, vector));
    let raw = vector["raw_data"].as_str().unwrap();
    let body = json!({ "rawData": raw, "signature": vector["signature"] });
    assert_eq!(vector["valid"], vector["expect"]["status"] == 200);
    if let Some(shown) = expected(vector, &bed.call("userinfo", &token, &body)) {
        assert_eq!(shown, serde_json::from_str::<Value>(raw).unwrap());
    }
}

#[test]
fn the_official_sample_gives_the_profile_of_its_user() {
    let vectors = vectors();
    let sample = &vectors["decrypt"][0];
    assert_eq!(
        (&sample["appid"], &sample["session_key"]),
        (&json!(OFFICIAL), &json!("tiihtNczf5v6AKRyjwEUhQ=="))
    );
    let bed = bed(&vectors, "[\"openid\"]");
    let login = log_in(&bed, sample);
    assert_eq!(login.good()["openid"], "oGZUI0egBJY1zhBYw2KhdUfwVJJE");
    let body = json!({ "encryptedData": sample["encrypted_data"], "iv": sample["iv"] });
    let profile = bed.call("userinfo", &token(&login), &body).good();
    assert_eq!(profile["openId"], "oGZUI0egBJY1zhBYw2KhdUfwVJJE");
    assert_eq!(profile["nickName"], "Band");
    assert_eq!(profile["city"], "Guangzhou");
    assert!(profile["watermark"].is_null() && profile["unionId"].is_null());

    // Another user's session with the same key does not get it.
    let other = bed.log_in(LoginCode {
        openid: "oSomebodyElse".to_owned(),
        appid: Some(OFFICIAL.to_owned()),
        session_key: Some("tiihtNczf5v6AKRyjwEUhQ==".to_owned()),
        ..LoginCode::default()
    });
    bed.call("userinfo", &token(&other), &body)
        .is(422, "wrong_app", "stop");
}
