//! One call's shapes, from the header lines to the fields.

use http::Request;

use super::*;
use crate::auth::Locator;

fn token() -> Token {
    Token::mint(Locator([1; 16]), &[2; 32])
}

/// A call with these header lines and body, where the cookie `__Host-wx` is configured.
fn call(headers: &[(&str, &str)], body: &str) -> Call {
    let mut request = Request::post("/wxgate/login?check=wechat&x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let carrier = Carrier::new(header::AUTHORIZATION, Some("__Host-wx".to_owned()));
    let body = Bytes::copy_from_slice(body.as_bytes());
    Call::new(
        Endpoint::Login,
        &parts,
        &carrier,
        "shop.example:8443",
        body,
        7,
    )
}

fn by_header() -> (&'static str, String) {
    ("authorization", format!("Bearer {}", token().as_str()))
}

fn by_cookie() -> (&'static str, String) {
    ("cookie", format!("a=b; __Host-wx={}", token().as_str()))
}

#[test]
fn a_body_is_json_when_it_says_so_or_says_nothing() {
    let (name, value) = by_header();
    for (media, taken) in [
        (None, true),
        (Some("application/json"), true),
        (Some("Application/JSON ; charset=utf-8"), true),
        (Some("application/json-patch"), false),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("text/plain"), false),
    ] {
        let mut headers = vec![(name, value.as_str())];
        headers.extend(media.map(|media| ("content-type", media)));
        let fields = call(&headers, "{}").fields();
        assert_eq!(fields.err() == Some(Error::NotJson), !taken, "{media:?}");
    }
}

#[test]
fn with_a_cookie_a_body_must_say_that_it_is_json() {
    let (name, value) = by_cookie();
    for credential in [vec![], vec![(name, value.as_str())]] {
        assert_eq!(call(&credential, "{}").fields().err(), Some(Error::NotJson));
        assert_eq!(
            call(&credential, "").optional_fields().err(),
            Some(Error::NotJson)
        );
        let mut typed = credential.clone();
        typed.push(("content-type", "application/json"));
        assert!(call(&typed, "{}").fields().is_ok());
        assert!(call(&typed, "").optional_fields().is_ok());
    }
}

#[test]
fn with_a_cookie_only_pages_of_this_host_may_ask() {
    let cookie = by_cookie();
    let header = by_header();
    for (origin, own) in [
        ("https://shop.example:8443", true),
        ("http://SHOP.example:8443", true),
        ("https://shop.example", false),
        ("https://shop.example:8443.evil.example", false),
        ("https://evil.example", false),
        ("shop.example:8443", false),
        ("https://", false),
        ("null", false),
    ] {
        for (credential, passes) in [(&cookie, own), (&header, true)] {
            let headers = [(credential.0, credential.1.as_str()), ("origin", origin)];
            assert_eq!(
                call(&headers, "").check_origin().is_ok(),
                passes,
                "{origin}"
            );
        }
    }
    assert!(
        call(&[(cookie.0, cookie.1.as_str())], "")
            .check_origin()
            .is_ok()
    );
}

#[test]
fn a_default_port_may_be_left_out_of_an_origin() {
    for (origin, host, own) in [
        ("https://a.example", "a.example", true),
        ("https://a.example:443", "a.example", true),
        ("https://a.example", "a.example:443", true),
        ("http://a.example:80", "a.example", true),
        ("http://a.example:443", "a.example", false),
        ("https://[::1]:443", "[::1]", true),
    ] {
        assert_eq!(is_own(origin, host), own, "{origin} {host}");
    }
}

#[test]
fn what_is_wrong_with_a_body_is_said_without_quoting_it() {
    let json = ("content-type", "application/json");
    for (body, said) in [
        ("", "no body"),
        ("[1]", "not an object"),
        ("{\"code\": \"SECRET", "line 1"),
        ("code=SECRET", "line 1"),
    ] {
        let Err(Error::BadRequest(detail)) = call(&[json], body).fields().map(|_| ()) else {
            panic!("{body} was taken");
        };
        assert!(
            detail.contains(said) && !detail.contains("SECRET"),
            "{detail}"
        );
    }
}

#[test]
fn fields_have_the_types_that_they_should() {
    let json = ("content-type", "application/json");
    let body = r#"{"a": "x", "b": null, "c": "", "d": 1, "e": true, "f": "y"}"#;
    let fields = call(&[json], body).fields().unwrap();
    assert_eq!(fields.text("a"), Ok(Some("x")));
    for none in ["b", "c", "z"] {
        assert_eq!(fields.text(none), Ok(None), "{none}");
    }
    assert!(fields.text("d").is_err());
    assert_eq!((fields.flag("e"), fields.flag("z")), (Ok(true), Ok(false)));
    assert!(fields.flag("a").is_err());
    assert_eq!(fields.pair("a", "f"), Ok(Some(("x", "y"))));
    for (one, other) in [("b", "z"), ("c", "z"), ("b", "c")] {
        assert_eq!(fields.pair(one, other), Ok(None), "{one} {other}");
    }
    assert_eq!(fields.pair("c", "f"), Ok(Some(("", "y"))));
    assert_eq!(
        fields.pair("a", "b").unwrap_err().to_string(),
        "`b` is missing: send it together with `a`"
    );
}

#[test]
fn a_query_is_asked_by_whole_names() {
    let call = call(&[], "");
    assert_eq!(call.asks("check"), Some("wechat"));
    assert_eq!(call.asks("chec"), None);
    assert_eq!(call.asks("x"), None);
}

#[test]
fn an_answer_is_stored_by_nobody() {
    let reply = Reply {
        cookie: Some(HeaderValue::from_static("a=b")),
        ..Reply::json(serde_json::json!({"a": 1}))
    };
    let response = reply.into_response();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.headers()["set-cookie"].is_sensitive());
    assert_eq!(response.body(), "{\"a\":1}");
    let empty = Reply::empty(StatusCode::NO_CONTENT).into_response();
    assert!(empty.headers().get("content-type").is_none() && empty.body().is_empty());
}
