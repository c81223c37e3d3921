//! WeChat's server API: one function an endpoint, each `request → JSON or errcode`.

use serde_json::{Map, Value, json};

use crate::auth::{UnixSeconds, crypto};
use crate::mock::Api;
use crate::mock::answer::{self, Answer};
use crate::mock::code::{Purpose, Rejected};
use crate::mock::traffic::Call;
use crate::mock::world::World;

/// Answers `call`.
pub(super) fn handle(world: &mut World, api: Api, call: &Request, now: UnixSeconds) -> Answer {
    let outcome = match (api.method(), call.method.as_str()) {
        ("GET", method) if method != "GET" => Err(43001),
        ("POST", method) if method != "POST" => Err(43002),
        _ => match api {
            Api::CodeToSession => code_to_session(world, call, now),
            Api::StableToken => stable_token(world, call, now),
            Api::PhoneNumber => phone_number(world, call, now),
            Api::CheckSession => check_session(world, call, now),
            Api::ResetSessionKey => reset_session_key(world, call, now),
            Api::CheckEncryptedData => check_encrypted_data(world, call, now),
        },
    };
    let value = outcome.unwrap_or_else(|errcode| answer::failure(errcode, now, world.nonce()));
    api.labelled(Answer::json(&value))
}

type Outcome = Result<Value, i64>;

fn code_to_session(world: &mut World, call: &Request, now: UnixSeconds) -> Outcome {
    let appid = call.query("appid").ok_or(41002)?;
    let secret = call.query("secret").ok_or(41004)?;
    let text = call.query("js_code").ok_or(41008)?;
    if call.query("grant_type") != Some("authorization_code") {
        return Err(40002);
    }
    world.check_app(appid, secret)?;
    let code = world
        .code(text, Purpose::Login, appid, now)
        .map_err(|why| match why {
            Rejected::Used => 40163,
            Rejected::Unknown | Rejected::Bad | Rejected::OtherApp => 40029,
        })?;
    world.spend(text);
    let key = world.log_in(&code, appid);
    let mut session = json!({"session_key": key, "openid": code.openid});
    if let Some(unionid) = &world.person(&code.openid).user.unionid {
        insert(&mut session, "unionid", json!(unionid));
    }
    Ok(session)
}

fn stable_token(world: &mut World, call: &Request, now: UnixSeconds) -> Outcome {
    let body = call.object()?;
    if text(&body, "grant_type") != Some("client_credential") {
        return Err(40002);
    }
    let appid = text(&body, "appid").ok_or(41002)?;
    let secret = text(&body, "secret").ok_or(41004)?;
    world.check_app(appid, secret)?;
    let fresh = world.fresh_token();
    let force = body.get("force_refresh").and_then(Value::as_bool);
    let (token, expires_in) = if force == Some(true) {
        world.tokens.forced(appid, fresh, now)?
    } else {
        world.tokens.stable(appid, fresh, now)
    };
    Ok(json!({"access_token": token, "expires_in": expires_in}))
}

fn phone_number(world: &mut World, call: &Request, now: UnixSeconds) -> Outcome {
    let appid = caller(world, call, now)?;
    let body = call.object()?;
    let text_of_code = text(&body, "code").ok_or(41008)?;
    let code = world
        .code(text_of_code, Purpose::Phone, &appid, now)
        .map_err(|why| match why {
            Rejected::OtherApp => 40013,
            Rejected::Unknown | Rejected::Bad | Rejected::Used => 40029,
        })?;
    if text(&body, "openid").is_some_and(|openid| openid != code.openid) {
        return Err(40029);
    }
    world.spend(text_of_code);
    let numeric = world.options.numeric_country;
    let user = &world.person(&code.openid).user;
    let country = match user.country.parse::<u32>() {
        Ok(digits) if numeric => json!(digits),
        _ => json!(user.country),
    };
    Ok(json!({"errcode": 0, "errmsg": "ok", "phone_info": {
        "phoneNumber": user.dialled(),
        "purePhoneNumber": user.phone,
        "countryCode": country,
        "watermark": {"timestamp": now, "appid": appid},
    }}))
}

fn check_session(world: &mut World, call: &Request, now: UnixSeconds) -> Outcome {
    signed_caller(world, call, now)?;
    Ok(json!({"errcode": 0, "errmsg": "ok"}))
}

fn reset_session_key(world: &mut World, call: &Request, now: UnixSeconds) -> Outcome {
    let openid = signed_caller(world, call, now)?;
    let key = world.rotate_key(&openid, None);
    world.person(&openid).keys.hand_out();
    Ok(json!({"errcode": 0, "errmsg": "ok", "openid": openid, "session_key": key}))
}

fn check_encrypted_data(world: &mut World, call: &Request, now: UnixSeconds) -> Outcome {
    caller(world, call, now)?;
    let body = call.object()?;
    let digest = text(&body, "encrypted_msg_hash").ok_or(40097)?;
    if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(40097);
    }
    Ok(match world.made(digest, now) {
        // `vaild` is WeChat's spelling.
        Some(made) => json!({"errcode": 0, "errmsg": "ok", "vaild": true, "create_time": made}),
        None => json!({"errcode": 1, "errmsg": "not found", "vaild": false}),
    })
}

/// The app whose access token the call carries.
fn caller(world: &World, call: &Request, now: UnixSeconds) -> Result<String, i64> {
    let token = call.query("access_token").ok_or(41001)?;
    world.tokens.check(token, now).map(str::to_owned)
}

/// The user of a call that is signed with their current session key.
fn signed_caller(world: &World, call: &Request, now: UnixSeconds) -> Result<String, i64> {
    caller(world, call, now)?;
    let openid = call.query("openid").ok_or(40003)?;
    let person = world.people.get(openid).ok_or(40003)?;
    if call.query("sig_method") != Some("hmac_sha256") {
        return Err(87008);
    }
    let key = person.keys.back(0).ok_or(87009)?;
    let expected = crypto::hex(&crypto::hmac_sha256(key.as_bytes(), b""));
    let signature = call.query("signature").unwrap_or_default();
    if !crypto::same(expected.as_bytes(), signature.as_bytes()) {
        return Err(87009);
    }
    Ok(openid.to_owned())
}

/// A request, read to its end.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A parameter of the query; an empty one counts as missing.
    fn query(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The body, which must be a JSON object.
    fn object(&self) -> Result<Map<String, Value>, i64> {
        if self.body.is_empty() {
            return Err(44002);
        }
        serde_json::from_slice(&self.body).map_err(|_| 47001)
    }

    /// What tests see of it: all but the app's secret.
    pub(super) fn record(&self) -> Call {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if let Value::Object(object) = &mut body {
            object.remove("secret");
        }
        let query = self.query.iter().filter(|(name, _)| name != "secret");
        Call {
            method: self.method.clone(),
            query: query.cloned().collect(),
            body,
        }
    }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = object.get(name)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

fn insert(value: &mut Value, name: &str, field: Value) {
    if let Value::Object(object) = value {
        object.insert(name.to_owned(), field);
    }
}
