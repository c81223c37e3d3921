//! Handshakes on their own: what is one, what is ours in it, and which answer is right.

use http::Request;

use super::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const TOKEN: &str = "wxg_abcdefghijklmnopqrstuvwxyz-_0123456789";

type Lines<'a> = &'a [(&'a str, &'a str)];

const GOOD: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", KEY),
    ("sec-websocket-version", "13"),
];

fn head(method: Method, uri: &str, lines: Lines<'_>) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// [`GOOD`] with other lines in the place of those of the same name; an empty value takes one out.
fn shake(uri: &str, lines: Lines<'_>) -> Request<()> {
    let is_new = |name: &str| lines.iter().any(|(other, _)| *other == name);
    let kept = GOOD.iter().filter(|(name, _)| !is_new(name)).copied();
    let new = lines.iter().filter(|(_, value)| !value.is_empty()).copied();
    head(Method::GET, uri, &kept.chain(new).collect::<Vec<_>>())
}

fn take(uri: &str, lines: Lines<'_>, places: &[TokenPlace]) -> (Option<Handshake>, Request<()>) {
    let mut parts = shake(uri, lines);
    (Handshake::take(&mut parts, places), parts)
}

fn is_one(lines: Lines<'_>) -> bool {
    take("/", lines, &[]).0.is_some()
}

#[test]
fn only_a_whole_handshake_is_one() {
    let good: &[Lines<'_>] = &[
        &[],
        &[("upgrade", "WebSocket")],
        &[("connection", "keep-alive, UPGRADE")],
        &[("connection", "keep-alive"), ("connection", "upgrade")],
        &[("sec-websocket-version", "8")],
    ];
    for lines in good {
        assert!(is_one(lines), "{lines:?}");
    }
    let bad: &[Lines<'_>] = &[
        &[("upgrade", "")],
        &[("upgrade", "h2c")],
        &[("upgrade", "websocket, h2c")],
        &[("upgrade", "h2c, websocket")],
        &[("upgrade", "websocket/13")],
        &[("upgrade", "websocket"), ("upgrade", "websocket")],
        &[("connection", "")],
        &[("connection", "keep-alive")],
        &[("connection", "xupgrade")],
        &[("sec-websocket-key", "")],
        &[("sec-websocket-key", KEY), ("sec-websocket-key", KEY)],
        &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")],
        &[("sec-websocket-key", "c2hvcnQ=")],
        &[("sec-websocket-version", "")],
        &[
            ("sec-websocket-version", "13"),
            ("sec-websocket-version", "8"),
        ],
    ];
    for lines in bad {
        assert!(!is_one(lines), "{lines:?}");
    }
    for method in [Method::POST, Method::HEAD, Method::OPTIONS, Method::PUT] {
        assert!(Handshake::take(&mut head(method, "/", &GOOD), &[]).is_none());
    }
}

#[test]
fn only_the_right_101_is_an_answer() {
    let (handshake, _) = take(
        "/",
        &[
            ("sec-websocket-protocol", "chat, superchat"),
            (
                "sec-websocket-extensions",
                "permessage-deflate; client_max_window_bits, x-own",
            ),
        ],
        &[],
    );
    let handshake = handshake.unwrap();
    let check = |lines: Lines<'_>| {
        let right = [
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", ACCEPT),
        ];
        let is_new = |name: &str| lines.iter().any(|(other, _)| *other == name);
        let kept = right.iter().filter(|(name, _)| !is_new(name)).copied();
        let new = lines.iter().filter(|(_, value)| !value.is_empty()).copied();
        handshake.check(head(Method::GET, "/", &kept.chain(new).collect::<Vec<_>>()).headers())
    };
    let rows: &[(Lines<'_>, Result<bool, Mismatch>)] = &[
        (&[], Ok(false)),
        (&[("sec-websocket-protocol", "superchat")], Ok(false)),
        (
            &[("sec-websocket-extensions", "permessage-deflate; a=1")],
            Ok(true),
        ),
        (&[("sec-websocket-accept", "")], Err(Mismatch)),
        (
            &[("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")],
            Err(Mismatch),
        ),
        (
            &[
                ("sec-websocket-accept", ACCEPT),
                ("sec-websocket-accept", ACCEPT),
            ],
            Err(Mismatch),
        ),
        (&[("upgrade", "")], Err(Mismatch)),
        (&[("upgrade", "h2c")], Err(Mismatch)),
        (&[("connection", "close")], Err(Mismatch)),
        (&[("sec-websocket-protocol", "other")], Err(Mismatch)),
        (
            &[("sec-websocket-protocol", "chat, superchat")],
            Err(Mismatch),
        ),
        (&[("sec-websocket-extensions", "x-other")], Err(Mismatch)),
    ];
    for (lines, expected) in rows {
        assert_eq!(check(lines), *expected, "{lines:?}");
    }
    // Of another version only the server could know the frames.
    let (old, _) = take("/", &[("sec-websocket-version", "8")], &[]);
    let right = head(
        Method::GET,
        "/",
        &[GOOD[0], GOOD[1], ("sec-websocket-accept", ACCEPT)],
    );
    assert_eq!(old.unwrap().check(right.headers()), Err(Mismatch));
}

#[test]
fn a_token_among_the_subprotocols_goes_no_further() {
    type Row<'a> = (
        &'a str,
        &'a [TokenPlace],
        Option<&'a str>,
        Option<&'a str>,
        bool,
    );
    let ours = format!("wxgate.bearer.{TOKEN}");
    let both = [TokenPlace::Protocol];
    let rows: &[Row<'_>] = &[
        // Offered, where a token is read, the token, what goes on, whether we may choose ours.
        (&ours, &both, Some(TOKEN), None, false),
        (
            &format!("chat, {ours}"),
            &both,
            Some(TOKEN),
            Some("chat"),
            false,
        ),
        (
            &format!("{ours} ,chat,superchat"),
            &both,
            Some(TOKEN),
            Some("chat, superchat"),
            false,
        ),
        (&format!("wxgate,{ours}"), &both, Some(TOKEN), None, true),
        (
            &format!("wxgate,chat,{ours}"),
            &both,
            Some(TOKEN),
            Some("chat"),
            true,
        ),
        (
            &format!("{ours}, {ours}, chat"),
            &both,
            Some(TOKEN),
            Some("chat"),
            false,
        ),
        (&format!("chat, {ours}"), &[], None, Some("chat"), false),
        (&format!("wxgate, {ours}"), &[], None, Some("wxgate"), false),
        ("wxgate, chat", &both, None, Some("wxgate, chat"), false),
        ("wxgate.bearer.", &both, Some(""), None, false),
    ];
    for (offered, places, token, rest, ours) in rows {
        let (handshake, head) = take("/", &[("sec-websocket-protocol", offered)], places);
        let handshake = handshake.unwrap();
        assert_eq!(
            handshake
                .token()
                .map(|token| str::from_utf8(token).unwrap()),
            *token
        );
        let left = only(head.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
        assert_eq!(
            left.map(|value| value.to_str().unwrap()),
            *rest,
            "{offered}"
        );
        assert_eq!(handshake.chooses_ours, *ours, "{offered}");
    }
}

#[test]
fn who_offers_ours_gets_it_where_the_server_chooses_none() {
    let offered = format!("wxgate, chat, wxgate.bearer.{TOKEN}");
    let (handshake, _) = take(
        "/",
        &[("sec-websocket-protocol", &offered)],
        &[TokenPlace::Protocol],
    );
    let handshake = handshake.unwrap();
    for (chosen, answered) in [(None, "wxgate"), (Some("chat"), "chat")] {
        let mut headers = HeaderMap::new();
        headers.insert("content-length", HeaderValue::from_static("5"));
        if let Some(chosen) = chosen {
            headers.insert("sec-websocket-protocol", HeaderValue::from_static(chosen));
        }
        handshake.answer(&mut headers);
        assert_eq!(headers["sec-websocket-protocol"], answered);
        assert_eq!(
            (&headers["connection"], &headers["upgrade"]),
            (&"Upgrade".parse().unwrap(), &"websocket".parse().unwrap())
        );
        assert!(!headers.contains_key("content-length"));
    }
}

#[test]
fn a_token_in_the_query_goes_no_further() {
    let query = [TokenPlace::Query("token".into())];
    let rows: &[(&str, &[TokenPlace], Option<&str>, &str)] = &[
        ("/a?token={T}", &query, Some(TOKEN), "/a"),
        ("/a?x=1&token={T}&y=2", &query, Some(TOKEN), "/a?x=1&y=2"),
        ("/a?token={T}&token={T}", &query, Some(TOKEN), "/a"),
        ("/a?%74oken=wxg%5fa", &query, Some("wxg_a"), "/a"),
        ("/a?token=Bearer%20{T}", &query, Some(TOKEN), "/a"),
        ("/a?token=+bearer+{T}", &query, Some(TOKEN), "/a"),
        ("/a?token=service&x", &query, None, "/a?token=service&x"),
        (
            "/a?token=service&token={T}",
            &query,
            Some(TOKEN),
            "/a?token=service",
        ),
        ("/a?other={T}", &query, None, "/a?other={T}"),
        ("/a?token={T}", &[], None, "/a?token={T}"),
        (
            "/a?tokens={T}&Token={T}",
            &query,
            None,
            "/a?tokens={T}&Token={T}",
        ),
        ("/a?", &query, None, "/a?"),
        ("/a", &query, None, "/a"),
        ("/a?token={T}&%zz=%", &query, Some(TOKEN), "/a?%zz=%"),
    ];
    for (uri, places, token, left) in rows {
        let with = |text: &str| text.replace("{T}", TOKEN);
        let (handshake, head) = take(&with(uri), &[], places);
        let handshake = handshake.unwrap();
        assert_eq!(
            handshake
                .token()
                .map(|token| str::from_utf8(token).unwrap()),
            *token
        );
        assert_eq!(head.uri().to_string(), with(left), "{uri}");
    }
}

#[test]
fn a_page_is_our_own_by_scheme_host_and_port() {
    let rows = [
        ("https://a.example", "a.example", true),
        ("https://A.example:443", "a.example", true),
        ("https://a.example", "a.example:443", true),
        ("http://a.example", "a.example", true),
        ("http://a.example:80", "a.example", true),
        ("http://a.example:8080", "a.example:8080", true),
        ("https://b.example", "a.example", false),
        ("https://a.example.evil", "a.example", false),
        ("https://a.example:8443", "a.example", false),
        ("null", "null", false),
        ("file://a.example", "a.example", false),
        ("", "", false),
    ];
    for (origin, host, own) in rows {
        let value = HeaderValue::from_static(origin);
        assert_eq!(is_own_origin(&value, host), own, "{origin} {host}");
    }
}
