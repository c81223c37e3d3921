//! The control API over HTTP, below `/mock`: JSON in, JSON out.
//!
//! It answers a peer on loopback that asks for a loopback host, and no page of another site: whoever
//! reaches it can be anybody.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::mock::answer::Answer;
use crate::mock::code::CODE_LIFE;
use crate::mock::control::order::{
    AccessToken, Clock, Delay, Key, Plan, PutUser, RotateKey, Seal, Settings, Sign,
};
use crate::mock::control::{Control, LoginCode, PhoneCode};
use crate::mock::{Api, Fault, Instead, Kind, Order, Rotation, User};

/// Status and what was wrong.
type Refusal = (u16, String);

/// Answers a request below `/mock`.
pub(in crate::mock) fn answer(
    control: &Control,
    head: &Parts,
    body: &[u8],
    peer: SocketAddr,
) -> Answer {
    let outcome = admit(head, peer).and_then(|()| dispatch(control, head, body));
    let (status, value) = match outcome {
        Ok(value) => (200, value),
        Err((status, why)) => (status, json!({"error": why})),
    };
    Answer::new(status, "application/json", format!("{value}\n"))
}

/// Whether somebody on this machine asks, and not a page of another site.
fn admit(head: &Parts, peer: SocketAddr) -> Result<(), Refusal> {
    if !peer.ip().to_canonical().is_loopback() {
        return Err((403, "the control API answers loopback only".to_owned()));
    }
    // SECURITY: a name that resolves to 127.0.0.1 brings any site's pages here.
    let named = head.uri.authority().map(http::uri::Authority::host);
    let hosts = head.headers.get_all(HOST).iter().collect::<Vec<_>>();
    let host_fits = matches!(hosts.as_slice(), [host] if is_loopback(host_of(host.as_bytes())));
    if !host_fits || named.is_some_and(|host| !is_loopback(host)) {
        return Err((403, "the Host must be a loopback address".to_owned()));
    }
    if !origin_fits(&head.headers) {
        return Err((403, "the control API answers no other site".to_owned()));
    }
    Ok(())
}

fn origin_fits(headers: &HeaderMap) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        let text = origin.to_str().unwrap_or_default();
        let host = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        host.is_some_and(|host| is_loopback(host_of(host.as_bytes())))
    })
}

/// A host without its port.
fn host_of(host: &[u8]) -> &str {
    let text = str::from_utf8(host).unwrap_or_default();
    match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => text,
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let address = bare.unwrap_or(host).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

fn dispatch(control: &Control, head: &Parts, body: &[u8]) -> Result<Value, Refusal> {
    let path = head.uri.path().trim_end_matches('/');
    let name = path.strip_prefix("/mock").unwrap_or_default();
    match (head.method.as_str(), name) {
        ("GET", "") => Ok(overview(control)),
        ("GET", "/users") => Ok(users(control)),
        ("POST", "/users") => put_user(control, read(body)?),
        ("POST", "/login-code") => Ok(login_code(control, read(body)?)),
        ("POST", "/phone-code") => Ok(phone_code(control, read(body)?)),
        ("POST", "/open-data") => open_data(control, read(body)?),
        ("POST", "/signed-data") => signed_data(control, read(body)?),
        ("POST", "/session-key") => Ok(session_key(control, read(body)?)),
        ("POST", "/access-token") => access_token(control, read(body)?),
        ("POST", "/fault") => fault(control, read(body)?),
        ("POST", "/delay") => delay(control, &read(body)?),
        ("POST", "/heal") => {
            control.heal();
            Ok(json!({}))
        }
        ("POST", "/clock") => Ok(clock(control, &read(body)?)),
        ("POST", "/settings") => Ok(settings(control, &read(body)?)),
        ("POST", "/reset") => {
            control.reset();
            Ok(json!({}))
        }
        ("GET", "/calls") => Ok(calls(control)),
        (method, _) => Err((
            404,
            format!("there is no {method} {path}; GET /mock lists what there is"),
        )),
    }
}

/// Reads the body; an empty one is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| (400, error.to_string()))
}

fn overview(control: &Control) -> Value {
    json!({
        "wechat": Api::ALL.map(|api| format!("{} {}", api.method(), api.path())),
        "control": [
            "GET /mock", "GET /mock/users", "GET /mock/calls",
            "POST /mock/users", "POST /mock/login-code", "POST /mock/phone-code",
            "POST /mock/open-data", "POST /mock/signed-data", "POST /mock/session-key",
            "POST /mock/access-token", "POST /mock/fault", "POST /mock/delay", "POST /mock/heal",
            "POST /mock/clock", "POST /mock/settings", "POST /mock/reset",
        ],
        "now": control.now(),
    })
}

fn users(control: &Control) -> Value {
    let world = control.world();
    let people = world.people.values();
    let users = people.map(|person| {
        let key = person.keys.back(0);
        describe(&person.user, key, world.default_user == person.user.openid)
    });
    Value::Array(users.collect())
}

fn describe(user: &User, key: Option<&str>, default: bool) -> Value {
    json!({
        "openid": user.openid,
        "unionid": user.unionid,
        "session_key": key,
        "phone": user.phone,
        "country": user.country,
        "profile": user.profile,
        "default": default,
    })
}

fn put_user(control: &Control, order: PutUser) -> Result<Value, Refusal> {
    if order.openid.is_empty() {
        return Err((400, "openid must not be empty".to_owned()));
    }
    let mut user = control.user(&order.openid);
    user.session_key = order.session_key;
    user.unionid = order.unionid.or(user.unionid);
    user.phone = order.phone.unwrap_or(user.phone);
    user.country = order.country.unwrap_or(user.country);
    user.profile = order.profile.unwrap_or(user.profile);
    control.put_user(user.clone());
    if order.default {
        control.choose_user(&order.openid);
    }
    let key = control.session_key(&order.openid);
    let default = control.world().default_user == order.openid;
    Ok(describe(&user, key.as_deref(), default))
}

fn login_code(control: &Control, order: LoginCode) -> Value {
    json!({"code": control.mint_login(order), "expires_in": CODE_LIFE})
}

fn phone_code(control: &Control, order: PhoneCode) -> Value {
    json!({"code": control.mint_phone(order), "expires_in": CODE_LIFE})
}

fn open_data(control: &Control, order: Seal) -> Result<Value, Refusal> {
    let kind = match (order.kind.as_deref(), order.json) {
        (None, Some(object)) => Kind::Json(object),
        (Some("phone") | None, None) => Kind::Phone,
        (Some("profile"), None) => Kind::Profile,
        (Some("profile_alone"), None) => Kind::ProfileAlone,
        (Some("steps"), None) => Kind::Steps,
        (Some("group"), None) => Kind::Group,
        (Some(_), _) => {
            let why =
                "kind is phone, profile, profile_alone, steps or group, or else json is given";
            return Err((400, why.to_owned()));
        }
    };
    let sealed = control.seal(&Order {
        kind,
        under: Key::under(order.key),
        appid: order.appid,
        timestamp: order.timestamp,
        watermark: order.watermark.unwrap_or(true),
        openid: openid(control, order.openid),
    });
    let sealed = sealed.map_err(|error| (400, error.to_string()))?;
    Ok(json!({"encryptedData": sealed.encrypted_data, "iv": sealed.iv}))
}

fn signed_data(control: &Control, order: Sign) -> Result<Value, Refusal> {
    let openid = openid(control, order.openid);
    let signed = control.sign(&openid, order.raw_data, &Key::under(order.key));
    let signed = signed.map_err(|error| (400, error.to_string()))?;
    Ok(json!({"rawData": signed.raw_data, "signature": signed.signature}))
}

fn session_key(control: &Control, order: RotateKey) -> Value {
    let openid = openid(control, order.openid);
    json!({"session_key": control.rotate_key(&openid, order.session_key)})
}

fn access_token(control: &Control, order: AccessToken) -> Result<Value, Refusal> {
    if let Some(seconds) = order.life {
        control.set_access_token_life(seconds);
    }
    let first = control.world().first_app();
    let appid = order.appid.unwrap_or(first);
    match order.r#do.as_deref() {
        None => Ok(json!({})),
        Some("rotate") => Ok(json!({"access_token": control.rotate_access_token(&appid)})),
        Some("expire") => {
            control.expire_access_token(&appid);
            Ok(json!({}))
        }
        Some("revoke") => {
            control.revoke_access_token(&appid);
            Ok(json!({}))
        }
        Some(_) => Err((400, "do is rotate, expire or revoke".to_owned())),
    }
}

fn fault(control: &Control, plan: Plan) -> Result<Value, Refusal> {
    let api = api(&plan.api)?;
    let mut fault = match (plan.errcode, plan.line.as_deref()) {
        (Some(errcode), None) => Fault::errcode(errcode),
        (None, Some("close")) => Fault::close(),
        (None, Some("cut_short")) => Fault::cut_short(),
        (None, None) if plan.status.is_some() || plan.body.is_some() => {
            Fault::new(Instead::Reply {
                status: plan.status.unwrap_or(200),
                content_type: plan.content_type.unwrap_or_else(|| "text/html".to_owned()),
                body: plan.body.unwrap_or_default(),
            })
        }
        _ => {
            let why = "give errcode, or status and body, or line: close or cut_short";
            return Err((400, why.to_owned()));
        }
    };
    fault.times = plan.times.unwrap_or(1).max(1);
    fault.consumes |= plan.consumes;
    control.fault(api.name(), fault);
    Ok(json!({}))
}

fn delay(control: &Control, order: &Delay) -> Result<Value, Refusal> {
    let api = api(&order.api)?.name();
    if let Some(milliseconds) = order.milliseconds {
        control.set_latency(api, Duration::from_millis(milliseconds));
    }
    match order.hold {
        Some(true) => control.hold(api),
        Some(false) => control.release(api),
        None => {}
    }
    Ok(json!({}))
}

fn clock(control: &Control, order: &Clock) -> Value {
    control.advance(Duration::from_secs(order.advance));
    json!({"now": control.now()})
}

fn settings(control: &Control, order: &Settings) -> Value {
    if let Some(rotate) = order.rotate_on_login {
        control.set_rotation(if rotate {
            Rotation::OnLogin
        } else {
            Rotation::Keep
        });
    }
    if let Some(numeric) = order.numeric_country {
        control.set_numeric_country(numeric);
    }
    let world = control.world();
    json!({
        "rotate_on_login": world.options.rotation == Rotation::OnLogin,
        "numeric_country": world.options.numeric_country,
    })
}

fn calls(control: &Control) -> Value {
    let mut calls = Map::new();
    for api in Api::ALL {
        let name = api.name();
        let last = control
            .last(name)
            .map(|call| json!({"method": call.method, "query": call.query, "body": call.body}));
        let count = json!({"calls": control.calls(name), "peak": control.peak(name), "last": last});
        calls.insert(name.to_owned(), count);
    }
    Value::Object(calls)
}

fn api(name: &str) -> Result<Api, Refusal> {
    let names = Api::ALL.map(Api::name).join(", ");
    Api::named(name).ok_or_else(|| (400, format!("api is one of {names}")))
}

fn openid(control: &Control, openid: String) -> String {
    if openid.is_empty() {
        control.world().default_user.clone()
    } else {
        openid
    }
}
