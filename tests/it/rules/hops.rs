//! What is meant for one hop ends at it (R3, R21).

use std::io::Write as _;

use super::{PUBLIC, forwarded, values};
use crate::harness::{Bed, Upstream};

#[test]
fn all_connection_lines_are_read_before_anything_is_removed() {
    let bed = Bed::with("", PUBLIC);
    let seen = forwarded(
        &bed,
        "/",
        &[
            ("X-First", "1"),
            ("Connection", "x-first, , Keep-Alive"),
            ("X-Second", "1"),
            (
                "CONNECTION",
                "X-SECOND,x-third,connection, host,content-length",
            ),
            ("X-Third", "1"),
            ("X-Third", "2"),
            ("X-Stays", "1"),
        ],
    );
    for name in ["x-first", "x-second", "x-third", "connection"] {
        assert!(values(&seen, name).is_empty(), "{name}: {seen:?}");
    }
    assert_eq!(seen.header("x-stays"), Some("1"));
    assert_eq!(seen.header("host"), Some("gateway.test"));
}

#[test]
fn what_connection_names_is_removed_before_we_write_ours() {
    let bed = Bed::with("", PUBLIC);
    let seen = forwarded(
        &bed,
        "/",
        &[(
            "Connection",
            "X-Forwarded-For, X-Real-IP, X-Request-Id, traceparent",
        )],
    );
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "x-request-id",
        "traceparent",
    ] {
        assert_eq!(values(&seen, name).len(), 1, "{name}: {seen:?}");
    }
}

#[test]
fn a_connection_line_that_names_an_identity_header_is_refused() {
    let bed = Bed::with("[identity]\nphone = \"Mobile\"\n", PUBLIC);
    for value in [
        "X-WX-OPENID",
        "x-wx-openid",
        "close, X_WX_OPENID",
        "keep-alive ,\tx.wx.source",
        "x-wx-anything",
        "Mobile",
        "X-WX-Phone",
    ] {
        for lines in [
            format!("Connection: {value}\r\n"),
            format!("Connection: close\r\nConnection: {value}\r\n"),
        ] {
            let mut client = bed.client();
            client.write(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
            let reply = client.reply(false);
            assert_eq!(
                reply.row(),
                (400, "bad_request".into(), "fix".into()),
                "{lines}"
            );
            assert!(client.is_closed(), "{lines}");
        }
    }
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn the_fixed_set_is_dropped_from_requests() {
    let bed = Bed::with("", PUBLIC);
    let headers = [
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAA"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Authenticate", "Basic"),
    ];
    let seen = forwarded(&bed, "/", &headers);
    for (name, _) in headers {
        assert!(values(&seen, name).is_empty(), "{name}: {seen:?}");
    }
    // An upgrade is not asked for in other ways, either.
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    let seen = forwarded(&bed, "/", &upgrade);
    assert!(values(&seen, "upgrade").is_empty() && values(&seen, "connection").is_empty());
}

/// What a client gets of an upstream's answer with these lines.
fn answered(lines: &'static str) -> Vec<(String, String)> {
    let upstream = Upstream::answering(move |_, stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok"
        )
        .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let reply = bed.send("GET", "/", &[], b"");
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    reply.headers
}

#[test]
fn an_answers_own_hop_ends_at_us() {
    let headers = answered(
        "Connection: X-Inner\r\nX-Inner: 1\r\nX-Other: 1\r\nConnection: keep-alive, x-other\r\n\
         Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nProxy-Connection: close\r\n\
         Upgrade: h2c\r\nX-Sound: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
    );
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let mut kept: Vec<&str> = names.into_iter().filter(|name| *name != "date").collect();
    kept.sort_unstable();
    assert_eq!(
        kept,
        ["content-length", "set-cookie", "set-cookie", "x-sound"]
    );
}

#[test]
fn an_upstream_cannot_speak_for_us() {
    let headers = answered(
        "X-WX-OPENID: o1\r\nX_WX_OPENID: o1\r\nx.wx.phone: 1\r\nX-Wx-Source: wx_client\r\n\
         X-Wxgate-Refusal: session_expired\r\nX_Wxgate_Refusal: session_expired\r\nX-Sound: 1\r\n",
    );
    let found = |part: &str| {
        headers
            .iter()
            .any(|(name, _)| super::fold(name).contains(part))
    };
    assert!(
        found("x-sound") && !found("x-wx-") && !found("x-wxgate"),
        "{headers:?}"
    );
}

#[test]
fn an_answers_trailers_are_cleansed_like_its_head() {
    let upstream = Upstream::answering(|_, stream| {
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sound, X-WX-OPENID, X-Wxgate-Refusal\r\n\r\n2\r\nok\r\n0\r\nX-Sound: 1\r\nX-WX-OPENID: o1\r\nX-Wxgate-Refusal: x\r\n\r\n",
            )
            .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut client.stream, &mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (_, trailers) = text.split_once("\r\n0\r\n").expect("a last chunk");
    assert_eq!(trailers, "x-sound: 1\r\n\r\n");
}
