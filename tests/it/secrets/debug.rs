//! `Debug` of what other crates can see: it holds no secret and no person.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use wxgate::auth::{
    AppId, Carrier, Credential, Identity, OpenId, Phone, SessionKey, Token, UnionId,
};
use wxgate::endpoint::{self, Endpoints};
use wxgate::mock::{self, Mock, User};
use wxgate::rate;
use wxgate::session::{self, Sessions};
use wxgate::setting::Secret;
use wxgate::telemetry::access_log::Record;
use wxgate::wechat::{self, decrypt};

use super::stage::{KEY, OPENID, PHONE, UNIONID};
use crate::harness::{APPID, ROUTES, SECRET, config};

const NOW: u64 = 1_800_000_000;

/// Shows `value` in both forms; nothing that was planted is in either, as text or as bytes.
#[track_caller]
fn discreet(value: &impl Debug) -> String {
    let text = format!("{value:?}\n{value:#?}\n{value:x?}\n");
    for secret in [KEY, SECRET, OPENID, UNIONID, PHONE, "wxg_"] {
        let head = &secret.as_bytes()[..secret.len().min(8)];
        for form in [
            secret.to_owned(),
            format!("{head:?}").trim_matches(['[', ']']).to_owned(),
            format!("{head:x?}").trim_matches(['[', ']']).to_owned(),
        ] {
            assert!(!text.contains(&form), "{secret}: {text}");
        }
    }
    text
}

struct Person {
    appid: AppId,
    openid: OpenId,
    unionid: UnionId,
    key: SessionKey,
    phone: Phone,
}

fn person() -> Person {
    Person {
        appid: AppId::new(APPID).unwrap(),
        openid: OpenId::new(OPENID).unwrap(),
        unionid: UnionId::new(UNIONID).unwrap(),
        key: SessionKey::from_text(KEY).unwrap(),
        phone: Phone::new(PHONE, PHONE, "86").unwrap(),
    }
}

/// Signs the person in, and remembers their phone.
async fn signed_in(sessions: &Sessions) -> session::SignedIn {
    let who = person();
    let sign_in = session::SignIn {
        appid: who.appid,
        openid: who.openid,
        unionid: Some(who.unionid),
        key: who.key,
    };
    assert!(discreet(&sign_in).contains(APPID));
    let signed_in = sessions.sign_in(sign_in, None, NOW).await.unwrap();
    let stored = sessions.set_phone(&signed_in.session, who.phone, NOW).await;
    stored.unwrap();
    signed_in
}

#[tokio::test]
async fn people_and_their_sessions_are_not_shown() {
    let who = person();
    discreet(&(&who.openid, &who.unionid, &who.key, &who.phone));
    let data = decrypt::seal(
        &who.key,
        &[7; 16],
        format!("{{\"phone\":{PHONE}}}").as_bytes(),
    );
    discreet(&decrypt::open(&who.key, &data, "BwcHBwcHBwcHBwcHBwcHBw==").unwrap());
    let sign_in = wechat::SignIn {
        openid: who.openid.clone(),
        unionid: Some(who.unionid.clone()),
        key: who.key,
    };
    discreet(&sign_in);
    let identity = Identity {
        appid: who.appid,
        openid: who.openid,
        unionid: Some(who.unionid),
        phone: Some(who.phone),
    };
    assert!(discreet(&identity).contains(APPID));

    let sessions = Sessions::new(&session::Config::default()).unwrap();
    let signed_in = signed_in(&sessions).await;
    let token = &signed_in.token;
    let found = sessions.look_up(token, NOW).await.unwrap().unwrap();
    assert!(found.identity.phone.is_some());
    discreet(&(
        &signed_in,
        &found,
        &sessions,
        Token::parse(token.as_bytes()),
    ));
}

#[tokio::test]
async fn what_a_request_carries_is_not_shown() {
    let sessions = Sessions::new(&session::Config::default()).unwrap();
    let signed_in = signed_in(&sessions).await;
    let bearer = format!("Bearer {}", signed_in.token.as_str());
    let carrier = Carrier::new(HeaderName::from_static("authorization"), None);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
    discreet(&Credential::from_text(signed_in.token.as_bytes()));
    discreet(&carrier.find(&headers).unwrap());

    let uri: Uri = format!("/a/{PHONE}?code={KEY}").parse().unwrap();
    let address = [127, 0, 0, 1].into();
    let id = "id";
    let mut record = Record::begin(
        SystemTime::now(),
        address,
        &Method::POST,
        &uri,
        &headers,
        id,
    );
    record.openid = Some(person().openid.header());
    discreet(&record);

    let config = config("http://127.0.0.1:1", "http://127.0.0.1:1", "", ROUTES);
    let client = wechat::Client::new(&config.wechat, &config.app, Arc::default()).unwrap();
    discreet(&client);
    let apps = vec![person().appid];
    let settings = endpoint::Config::default();
    let limits = rate::Limits::new(&rate::Config::default(), std::iter::empty());
    let limits = Arc::new(limits);
    let endpoints = Endpoints::new(&settings, apps, sessions, client, carrier, None, limits);
    let endpoint = endpoint::route("/wxgate", &Method::POST, "/wxgate/userinfo").unwrap();
    let mut request = Request::new(());
    *request.headers_mut() = headers;
    *request.uri_mut() = uri;
    let (parts, ()) = request.into_parts();
    let raw = format!("{{\"phone\":\"{PHONE}\"}}");
    let signature = decrypt::signature(&raw, &person().key);
    let body = serde_json::json!({ "rawData": raw, "signature": signature }).to_string();
    let call = endpoints.call(endpoint.unwrap(), &parts, "a", body.into(), NOW);
    let reply = endpoints.answer(&call).await.unwrap();
    assert!(reply.json.as_ref().unwrap().to_string().contains(PHONE));
    discreet(&(&endpoints, &call, &reply));
}

#[tokio::test]
async fn a_config_and_a_mock_do_not_show_their_secrets() {
    let config = config("http://127.0.0.1:1", "http://127.0.0.1:1", "", ROUTES);
    assert!(discreet(&config).contains(APPID));
    discreet(&Secret::new(SECRET));
    let options = mock::Options {
        apps: vec![mock::App {
            appid: person().appid,
            secret: Secret::new(SECRET),
        }],
        ..mock::Options::default()
    };
    assert!(discreet(&options).contains(APPID));
    let mock = Mock::start(options).await.unwrap();
    mock.put_user(User {
        phone: PHONE.to_owned(),
        session_key: Some(KEY.to_owned()),
        ..User::new(OPENID)
    });
    discreet(&(&mock, mock.control(), mock.user(OPENID)));
}
