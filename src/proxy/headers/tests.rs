//! What is removed, what is written, and that nothing forged is left.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use self::sample::{forwarded, map, nobody, permit};
use super::{Field, Fields, Names, Refused, Removed, Rules, from_http2};
use crate::auth::{Carrier, Locator, Token};

mod invariant;
mod sample;

/// Credentials come in `Authorization`.
fn bearer() -> Carrier {
    Carrier::new(header::AUTHORIZATION, None)
}

fn rules() -> Rules {
    Rules::new(&Names::default(), &[], &bearer())
}

fn lines(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    lines.sort_unstable();
    lines
}

fn cleaned(rules: &Rules, sent: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut headers = map(sent);
    rules.request(&mut headers).unwrap();
    let kept = lines(&headers).into_iter();
    kept.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn token() -> String {
    Token::mint(Locator([1; 16]), &[2; 32]).as_str().to_owned()
}

#[test]
fn every_spelling_of_a_reserved_name_is_removed() {
    let names = [
        "X-WX-OPENID",
        "x-wx-openid",
        "X_WX_OPENID",
        "x.wx.openid",
        "X-Wx_OpenId",
        "x-wx-anything",
        "x!wx!source",
        "X-WX-SOURCE",
        "X-WX-",
        "X-Forwarded-For",
        "x_forwarded_for",
        "X-Forwarded-User",
        "Forwarded",
        "X-Real-IP",
        "X_Real_IP",
        "X-Original-URL",
        "X-Original-Forwarded-For",
        "X-Rewrite-URL",
        "Proxy",
        "x-wx-phone-country",
        "x^real~ip",
    ];
    for name in names {
        let sent = [(name, "forged"), ("accept", "*/*"), (name, "twice")];
        let kept = cleaned(&rules(), &sent);
        assert_eq!(kept, [("accept".to_owned(), "*/*".to_owned())], "{name}");
    }
}

#[test]
fn names_of_one_meaning_only_pass() {
    let sent = [
        ("accept", "a"),
        ("content-length", "3"),
        ("expect", "100-continue"),
        ("forwarde", "x"),
        ("host", "h"),
        ("proxy-x", "x"),
        ("te-x", "x"),
        ("trailer", "x-sum"),
        ("wx-openid", "x"),
        ("x-forwarded", "x"),
        ("x-real-ip-2", "x"),
        ("x-wx", "x"),
        ("x-wxopenid", "x"),
    ];
    let mut headers = map(&sent);
    assert_eq!(rules().request(&mut headers), Ok(Removed { forged: false }));
    assert_eq!(lines(&headers), sent);
}

#[test]
fn odd_names_pass_only_if_listed_and_never_if_reserved() {
    let odd = [
        "my_header",
        "x_wx_openid",
        "x_forwarded_for",
        "content_length",
    ]
    .map(HeaderName::from_static);
    let rules = Rules::new(&Names::default(), &odd, &bearer());
    let sent = [
        ("My_Header", "1"),
        ("other_header", "2"),
        ("x_wx_openid", "3"),
        ("x_forwarded_for", "4"),
        ("content_length", "5"),
    ];
    assert_eq!(cleaned(&rules, &sent), [("my_header".into(), "1".into())]);
}

#[test]
fn a_forged_identity_is_noticed() {
    for (name, forged) in [
        ("x-wx-openid", true),
        ("x_wx_openid", true),
        ("x-real-ip", false),
        ("a_b", false),
    ] {
        let removed = rules().request(&mut map(&[(name, "x")])).unwrap();
        assert_eq!(removed.forged, forged, "{name}");
    }
}

#[test]
fn what_is_meant_for_one_hop_goes_no_further() {
    let sent = [
        ("Connection", "close, X-One"),
        ("Keep-Alive", "timeout=5"),
        ("X-One", "1"),
        ("X-Two", "2"),
        ("X-Three", "3"),
        ("Connection", " ,x-TWO ;, keep-alive,, x-two,te"),
        ("TE", "trailers"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "x"),
        ("Proxy-Connection", "x"),
        ("Proxy-Authorization", "x"),
    ];
    assert_eq!(cleaned(&rules(), &sent), [("x-three".into(), "3".into())]);
}

#[test]
fn a_connection_that_names_an_identity_header_is_refused() {
    let names = Names {
        openid: Some(HeaderName::from_static("remote-user")),
        ..Names::default()
    };
    let rules = Rules::new(&names, &[], &bearer());
    for named in [
        "X-WX-OPENID",
        "close, x-wx-source",
        "x_wx_openid",
        "X.WX.Phone",
        "Remote-User",
        "remote_user",
        "keep-alive ,\tx-wx-new",
    ] {
        let mut headers = map(&[("connection", "keep-alive"), ("connection", named)]);
        assert_eq!(
            rules.request(&mut headers),
            Err(Refused::Connection),
            "{named}"
        );
    }
    let mut headers = map(&[("connection", "x-forwarded-for, x-other")]);
    assert!(rules.request(&mut headers).is_ok());
}

#[test]
fn our_credential_goes_and_a_foreign_one_stays() {
    let ours = format!("Bearer {}", token());
    let rows: &[(&[&str], &[&str])] = &[
        (&[&ours], &[]),
        (&["bearer  wxg_damaged"], &[]),
        (&["wxg_bare"], &[]),
        (&["Bearer eyJ"], &["Bearer eyJ"]),
        (&["Basic d3hnXw=="], &["Basic d3hnXw=="]),
        (
            &["Bearer eyJ", &ours, "Basic x"],
            &["Basic x", "Bearer eyJ"],
        ),
    ];
    for (sent, expected) in rows {
        let sent: Vec<_> = sent.iter().map(|value| ("authorization", *value)).collect();
        let kept = cleaned(&rules(), &sent);
        let kept: Vec<_> = kept.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(kept, *expected);
    }
}

#[test]
fn what_http_2_does_not_trim_is_refused() {
    for (value, expected) in [
        ("a b", Ok(())),
        ("", Ok(())),
        (" a", Err(Refused::Space)),
        ("a\t", Err(Refused::Space)),
        (" ", Err(Refused::Space)),
    ] {
        let mut headers = map(&[("x-first", "1"), ("x-mine", value)]);
        assert_eq!(from_http2(&mut headers), expected, "{value:?}");
    }
}

#[test]
fn a_configured_header_and_a_cookie_are_read_and_removed() {
    let name = HeaderName::from_static("x-token");
    let carrier = Carrier::new(name, Some("__Host-wx".to_owned()));
    let rules = Rules::new(&Names::default(), &[], &carrier);
    let shown = |headers: &HeaderMap| carrier.find(headers).map(|shown| shown.text.to_vec());
    let token = token();
    let crumbs = format!("a=1; __Host-wx={token};  b=2; __Host-wx=other; __Host-wxy=3");
    let only = format!("__Host-wx={token}");
    let mut headers = map(&[
        ("cookie", "c=\"x;y\""),
        ("cookie", &crumbs),
        ("cookie", &only),
    ]);
    assert_eq!(shown(&headers).as_deref(), Some(token.as_bytes()));
    rules.request(&mut headers).unwrap();
    let expected = [
        ("cookie", "a=1;  b=2; __Host-wxy=3"),
        ("cookie", "c=\"x;y\""),
    ];
    assert_eq!(lines(&headers), expected);
    assert_eq!(shown(&headers), None);

    let bearer = format!("Bearer {token}");
    for value in [token.as_str(), bearer.as_str()] {
        let mut headers = map(&[("x-token", "theirs"), ("x-token", value), ("cookie", &only)]);
        assert_eq!(shown(&headers).as_deref(), Some(token.as_bytes()));
        rules.request(&mut headers).unwrap();
        assert_eq!(lines(&headers), [("x-token", "theirs")]);
    }
    // Authorization is not read here, and yet no token of ours leaves in it.
    let mut headers = map(&[("authorization", &bearer)]);
    assert_eq!(shown(&headers), None);
    rules.request(&mut headers).unwrap();
    assert!(headers.is_empty());
}

#[test]
fn a_caller_with_a_phone_is_named_in_full() {
    let mut headers = map(&[("accept", "a")]);
    let mut way = forwarded();
    way.prefix = Some(HeaderValue::from_static("/api"));
    rules().inject(&mut headers, &permit(true), Fields::default(), None, way);
    let trace = format!("00-{}-{}-01", "ab".repeat(16), "ab".repeat(8));
    let expected = [
        ("accept", "a"),
        ("traceparent", trace.as_str()),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "example.com"),
        ("x-forwarded-prefix", "/api"),
        ("x-forwarded-proto", "http"),
        ("x-real-ip", "192.0.2.1"),
        ("x-request-id", "id"),
        ("x-wx-appid", "wx0123456789abcdef"),
        ("x-wx-openid", "oTRUE"),
        ("x-wx-phone", "51230000"),
        ("x-wx-phone-country", "852"),
        ("x-wx-source", "wx_client"),
        ("x-wx-unionid", "uTRUE"),
    ];
    assert_eq!(lines(&headers), expected);
}

#[test]
fn what_is_not_known_is_removed_even_without_the_first_step() {
    let forged = [
        ("x-wx-appid", "f"),
        ("x-wx-openid", "f"),
        ("x-wx-phone", "f"),
        ("x-wx-phone-country", "f"),
        ("x-wx-source", "wx_devtools"),
        ("x-wx-unionid", "f"),
    ];
    for permit in [nobody(), permit(false)] {
        let mut headers = map(&forged);
        rules().inject(&mut headers, &permit, Fields::default(), None, forwarded());
        for (name, value) in lines(&headers) {
            assert!(value != "f" && value != "wx_devtools", "{name}");
        }
        let named = headers.contains_key("x-wx-source");
        assert_eq!(named, permit.identity().is_some());
    }
}

#[test]
fn an_upstream_gets_the_fields_of_its_route_and_no_other() {
    let mut headers = map(&[("x-wx-phone", "f"), ("x-wx-unionid", "f")]);
    let fields = Fields::of(&[Field::OpenId, Field::PhoneCountry]);
    rules().inject(&mut headers, &permit(true), fields, None, forwarded());
    let lines = lines(&headers).into_iter();
    let identity: Vec<_> = lines
        .filter(|(name, _)| name.starts_with("x-wx-"))
        .collect();
    assert_eq!(
        identity,
        [("x-wx-openid", "oTRUE"), ("x-wx-phone-country", "852")]
    );
}

#[test]
fn an_identity_header_that_is_left_out_is_neither_written_nor_let_through() {
    let names = Names {
        openid: Some(HeaderName::from_static("x_user")),
        phone: None,
        ..Names::default()
    };
    let rules = Rules::new(&names, &[], &bearer());
    let mut headers = map(&[
        ("x-wx-openid", "f"),
        ("x-wx-phone", "f"),
        ("x-user", "f"),
        ("x.user", "f"),
        ("x_user", "f"),
    ]);
    assert_eq!(rules.request(&mut headers), Ok(Removed { forged: true }));
    assert!(headers.is_empty());
    rules.inject(
        &mut headers,
        &permit(true),
        Fields::default(),
        None,
        forwarded(),
    );
    assert_eq!(headers["x_user"], "oTRUE");
    assert!(!headers.contains_key("x-wx-phone") && !headers.contains_key("x-wx-openid"));
}

#[test]
fn an_answer_carries_no_identity_no_refusal_and_nothing_of_one_hop() {
    let mut headers = map(&[
        ("connection", "X-Private"),
        ("connection", "close"),
        ("x-private", "x"),
        ("keep-alive", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "x"),
        ("x-wx-openid", "o"),
        ("x_wx_openid", "o"),
        ("x-wxgate-refusal", "no_route"),
        ("x_wxgate_refusal", "no_route"),
        ("proxy-authenticate", "x"),
        ("x-odd_name", "1"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("x-forwarded-by", "x"),
        ("content-length", "3"),
        ("trailer", "x-sum"),
    ]);
    rules().response(&mut headers);
    let expected = [
        ("content-length", "3"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("trailer", "x-sum"),
        ("x-forwarded-by", "x"),
        ("x-odd_name", "1"),
    ];
    assert_eq!(lines(&headers), expected);
}

#[test]
fn trailers_carry_only_what_trailers_may() {
    let mut trailers = map(&[
        ("x-sum", "1"),
        ("grpc-status", "0"),
        ("x-wx-openid", "o"),
        ("x_wx_openid", "o"),
        ("X-Real-IP", "x"),
        ("authorization", "x"),
        ("content-length", "3"),
        ("host", "x"),
        ("cookie", "x"),
        ("transfer-encoding", "x"),
        ("x-wxgate-refusal", "x"),
        ("a_b", "x"),
    ]);
    rules().trailers(&mut trailers);
    assert_eq!(lines(&trailers), [("grpc-status", "0"), ("x-sum", "1")]);
}
