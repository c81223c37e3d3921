//! How much body there may be, and that it stays as it is (R14); beside `streaming`.

use std::io::{Read as _, Write as _};

use super::{PUBLIC, ask};
use crate::harness::{Bed, Client, ROUTES, Upstream};

const SMALL: &str = r#"
[[route]]
path = "/small"
require = "none"
body = "8B"
to = "{upstream}"
[[route]]
path = "/"
require = "none"
to = "{upstream}"
"#;

/// A body of `length` bytes, with a length or in chunks of three.
fn message(target: &str, length: usize, chunked: bool) -> String {
    let body = "x".repeat(length);
    if !chunked {
        return format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
        );
    }
    let mut text =
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in body.as_bytes().chunks(3) {
        text.push_str(&format!(
            "{:x}\r\n{}\r\n",
            chunk.len(),
            String::from_utf8_lossy(chunk)
        ));
    }
    text + "0\r\n\r\n"
}

#[test]
fn a_body_may_be_as_large_as_its_route_says_and_no_larger() {
    let bed = Bed::with("[limits]\nbody = \"1KiB\"\n", SMALL);
    for (target, most) in [("/small", 8), ("/large", 1024)] {
        for chunked in [false, true] {
            let reply = ask(&bed, message(target, most, chunked));
            assert_eq!(reply.status, 200, "{target} {chunked}");
            let seen = bed.upstream.last();
            assert_eq!((seen.target(), seen.body.len()), (target, most));
            let before = bed.upstream.seen().len();
            let mut client = bed.client();
            client.write(message(target, most + 1, chunked).as_bytes());
            let reply = client.reply(false);
            assert_eq!(
                reply.row(),
                (413, "body_too_large".into(), "fix".into()),
                "{target} {chunked}"
            );
            // Of a body without a length the upstream has seen the beginning.
            let refusal = (!chunked).then_some("body_too_large");
            assert_eq!(reply.header("x-wxgate-refusal"), refusal, "{target}");
            assert!(client.is_closed());
            assert_eq!(bed.upstream.seen().len(), before, "{target} {chunked}");
        }
    }
}

#[test]
fn a_length_that_is_too_large_never_touches_the_upstream() {
    let bed = Bed::with("", SMALL);
    let reply = ask(
        &bed,
        "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
    );
    assert_eq!(reply.status, 413);
    assert_eq!(reply.header("x-wxgate-refusal"), Some("body_too_large"));
    assert_eq!(bed.upstream.connections(), 0);
}

#[test]
fn nothing_is_decompressed_or_compressed() {
    // No valid gzip at all: whoever looks inside fails.
    const BYTES: &[u8] = b"\x1f\x8b\x08\x00\xff\xff\xff\xff";
    let upstream = Upstream::answering(|_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\n";
        stream.write_all(head.as_bytes()).is_ok() && stream.write_all(BYTES).is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let headers = [
        ("Content-Encoding", "gzip"),
        ("Accept-Encoding", "br, gzip;q=0.5"),
    ];
    let reply = bed.send("POST", "/", &headers, BYTES);
    assert_eq!(
        (reply.header("content-encoding"), reply.body.as_slice()),
        (Some("gzip"), BYTES)
    );
    let seen = bed.upstream.last();
    assert_eq!(seen.body, BYTES);
    for (name, value) in headers {
        assert_eq!(seen.header(name), Some(value));
    }
    // And none is asked for where the client did not.
    bed.send("GET", "/", &[], b"");
    assert_eq!(bed.upstream.last().header("accept-encoding"), None);
}

#[test]
fn an_upstreams_early_answer_reaches_the_client_and_ends_its_connection() {
    let upstream = Upstream::connecting(|stream, record| {
        let mut head = [0; 4096];
        let read = stream.read(&mut head).unwrap_or(0);
        record(crate::harness::Seen::default());
        let text = String::from_utf8_lossy(&head[..read]).into_owned();
        if text.starts_with("POST") {
            let _ =
                stream.write_all(b"HTTP/1.1 422 Unprocessable\r\nContent-Length: 5\r\n\r\nearly");
        } else {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        // Reads on, so that only the gateway can end it.
        while stream.read(&mut head).is_ok_and(|read| read > 0) {}
    });
    let bed = Bed::around(upstream, "workers = 1\n", PUBLIC);
    for round in 1..=3 {
        let mut client = bed.client();
        client.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegun");
        let reply = client.reply(false);
        assert_eq!((reply.status, reply.text().as_str()), (422, "early"));
        // SECURITY: what follows on this connection would be read as the rest of the upload.
        assert_eq!(
            bed.upstream.connections(),
            round,
            "each upload has a connection of its own"
        );
    }
    assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    assert_eq!(bed.upstream.connections(), 4);
}

/// The first bytes that come.
fn first(client: &mut Client) -> String {
    let mut bytes = [0; 4096];
    let read = client.stream.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

#[test]
fn a_client_that_asks_first_is_told_before_it_sends() {
    let bed = Bed::with("[limits]\nbody = \"1KiB\"\n", ROUTES);
    let head = |path: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut client = bed.client();
    client.write(head("/public/a", 4).as_bytes());
    assert_eq!(first(&mut client), "HTTP/1.1 100 Continue\r\n\r\n");
    client.write(b"body");
    assert_eq!(client.reply(false).status, 200);
    assert_eq!(bed.upstream.last().body, b"body");
    for (path, length, status) in [
        ("/api/a", 4, 401),
        ("/closed", 4, 403),
        ("/public/a", 1025, 413),
    ] {
        let mut client = bed.client();
        client.write(head(path, length).as_bytes());
        let start = first(&mut client);
        assert!(
            start.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path}: {start}"
        );
    }
    assert_eq!(bed.upstream.seen().len(), 1);
}
