//! `Debug` of what other crates can see: it holds no secret and no person.

use std::fmt::Debug;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use wxgate::auth::{
    AppId, Carrier, Credential, Identity, OpenId, Phone, SessionKey, Token, UnionId,
};
use wxgate::config::Config;
use wxgate::endpoint::{self, Endpoints};
use wxgate::mock::{self, Mock, User};
use wxgate::session::{self, Sessions};
use wxgate::setting::Secret;
use wxgate::telemetry::access_log::Record;
use wxgate::wechat::{self, decrypt};

use super::stage::{KEY, OPENID, PHONE, UNIONID};
use crate::harness::{APPID, SECRET, config};

/// Everything that `value` shows, in both forms.
fn shown(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}\n")
}

#[tokio::test]
async fn debug_shows_no_secret_and_no_person() {
    let config = config(
        "http://127.0.0.1:1",
        "http://127.0.0.1:1",
        "",
        crate::harness::ROUTES,
    );
    let appid = AppId::new(APPID).unwrap();
    let openid = OpenId::new(OPENID).unwrap();
    let unionid = UnionId::new(UNIONID).unwrap();
    let key = SessionKey::from_text(KEY).unwrap();
    let phone = Phone::new(PHONE, PHONE, "86").unwrap();
    let now = 1_800_000_000;

    let sessions = Sessions::new(&config.session).unwrap();
    let sign_in = session::SignIn {
        appid: appid.clone(),
        openid: openid.clone(),
        unionid: Some(unionid.clone()),
        key: key.clone(),
    };
    let mut text = shown(&sign_in);
    let signed_in = sessions.sign_in(sign_in, None, now).await.unwrap();
    let token = signed_in.token.clone();
    sessions
        .set_phone(&signed_in.session, phone.clone(), now)
        .await
        .unwrap();
    let found = sessions.look_up(&token, now).await.unwrap().unwrap();

    let carrier = Carrier::new(HeaderName::from_static("authorization"), None);
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", token.as_str());
    headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
    let uri: Uri = format!("/wxgate/login?code={KEY}").parse().unwrap();
    let mut request = Request::new(());
    *request.headers_mut() = headers.clone();
    *request.uri_mut() = uri.clone();
    let (parts, ()) = request.into_parts();
    let client = wechat::Client::new(&config.wechat, &config.app).unwrap();
    let endpoints = Endpoints::new(
        endpoint::Config::default(),
        vec![appid.clone()],
        sessions.clone(),
        client.clone(),
        carrier.clone(),
    );
    let post = Method::POST;
    let endpoint = endpoints.route(&post, "/wxgate/userinfo").unwrap().unwrap();
    let raw = format!("{{\"phone\":\"{PHONE}\"}}");
    let body = serde_json::json!({ "rawData": raw, "signature": decrypt::signature(&raw, &key) });
    let call = endpoints.call(endpoint, &parts, "a", body.to_string().into(), now);
    let reply = endpoints.answer(&call).await.unwrap();
    assert!(reply.json.clone().unwrap().to_string().contains(PHONE));

    let data = decrypt::open(
        &key,
        &decrypt::seal(&key, &[7; 16], raw.as_bytes()),
        "BwcHBwcHBwcHBwcHBwcHBw==",
    );
    let client_address = [127, 0, 0, 1].into();
    let id = HeaderValue::from_static("id");
    let mut record = Record::begin(
        SystemTime::now(),
        client_address,
        &post,
        &uri,
        &headers,
        &id,
    );
    record.openid = Some(openid.header());
    let mock = Mock::start(mock::Options {
        apps: vec![mock::App {
            appid: appid.clone(),
            secret: Secret::new(SECRET),
        }],
        ..mock::Options::default()
    });
    let mock = mock.await.unwrap();
    mock.put_user(User {
        phone: PHONE.to_owned(),
        session_key: Some(KEY.to_owned()),
        ..User::new(OPENID)
    });

    text += &[
        shown(&config),
        shown(&config.app),
        shown(&Secret::new(SECRET)),
        shown(&(&openid, &unionid, &key, &phone)),
        shown(&Identity {
            appid: appid.clone(),
            openid,
            unionid: Some(unionid),
            phone: Some(phone.clone()),
        }),
        shown(&(&token, Token::parse(token.as_bytes()))),
        shown(&Credential::from_header(bearer.as_bytes())),
        shown(&carrier.find(&headers)),
        shown(&(&signed_in, &found, &sessions)),
        shown(&client),
        shown(&(&endpoints, &call, &reply)),
        shown(&data.unwrap()),
        shown(&record),
        shown(&(&mock, mock.control(), mock.user(OPENID))),
    ]
    .concat();
    for secret in [
        KEY,
        SECRET,
        OPENID,
        UNIONID,
        PHONE,
        token.as_str(),
        &token.as_str()[10..40],
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Bytes would be as good as the text.
    let bytes = |text: &str| {
        let numbers: Vec<String> = text.bytes().take(8).map(|byte| byte.to_string()).collect();
        numbers.join(", ")
    };
    for secret in [KEY, SECRET, OPENID, PHONE, &token.as_str()[4..]] {
        assert!(!text.contains(&bytes(secret)), "{secret}: {text}");
    }
    assert!(text.contains(APPID) && text.contains("SignIn"), "{text}");
    let printed: fn(&Config) -> String = shown;
    assert!(printed(&config).contains("[redacted]") || printed(&config).contains("Secret(…)"));
}
