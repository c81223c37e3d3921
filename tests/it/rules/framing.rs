//! One framing, written by us, and no request that a client hid in another one (R5).

use super::{PUBLIC, answers, ask};
use crate::harness::{Bed, ROUTES};

/// A request that must never be one.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// The lines of a message that two readers may end at different places, and what follows the head.
struct Row {
    lines: &'static str,
    body: String,
}

fn row(lines: &'static str, body: impl Into<String>) -> Row {
    let body = body.into();
    Row { lines, body }
}

fn ambiguous() -> Vec<Row> {
    let chunked = format!("5\r\nhello\r\n0\r\n\r\n{HIDDEN}");
    vec![
        row(
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            format!("hello{HIDDEN}"),
        ),
        row(
            "Content-Length: 6\r\nContent-Length: 5\r\n",
            format!("hello{HIDDEN}"),
        ),
        row(
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            format!("hello{HIDDEN}"),
        ),
        row("Content-Length: 5, 5\r\n", format!("hello{HIDDEN}")),
        row("Content-Length: +5\r\n", format!("hello{HIDDEN}")),
        row("Content-Length: 0x5\r\n", format!("hello{HIDDEN}")),
        row("Content-Length: -5\r\n", format!("hello{HIDDEN}")),
        row("Content-Length: 5;a\r\n", format!("hello{HIDDEN}")),
        row("Content-Length:\r\n", format!("hello{HIDDEN}")),
        row(
            "Content-Length: 99999999999999999999\r\n",
            format!("hello{HIDDEN}"),
        ),
        row("Content-Length : 5\r\n", format!("hello{HIDDEN}")),
        row(
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            chunked.clone(),
        ),
        row(
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            chunked.clone(),
        ),
        row(
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            chunked.clone(),
        ),
        row(
            "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
            chunked.clone(),
        ),
        row(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            chunked.clone(),
        ),
        row(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            chunked.clone(),
        ),
        row(
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            chunked.clone(),
        ),
        row("Transfer-Encoding: chunked, chunked\r\n", chunked.clone()),
        row("Transfer-Encoding: gzip, chunked\r\n", chunked.clone()),
        row("Transfer-Encoding: chunked, identity\r\n", chunked.clone()),
        row("Transfer-Encoding: identity\r\n", chunked.clone()),
        row("Transfer-Encoding: xchunked\r\n", chunked.clone()),
        row("Transfer-Encoding: \"chunked\"\r\n", chunked.clone()),
        row("Transfer-Encoding: chunked;a=b\r\n", chunked.clone()),
        row("Transfer-Encoding:\r\n", chunked.clone()),
        row("Transfer-Encoding : chunked\r\n", chunked.clone()),
        row("Transfer-Encoding:\u{b}chunked\r\n", chunked.clone()),
        row("X: a\r\n Transfer-Encoding: chunked\r\n", chunked.clone()),
        row("Transfer-Encoding:\r\n chunked\r\n", chunked.clone()),
        row("Transfer-Encoding: chunked\0\r\n", chunked.clone()),
        row("Foo: bar\rTransfer-Encoding: chunked\r\n", chunked),
    ]
}

#[test]
fn after_an_ambiguous_request_nothing_more_is_believed() {
    let bed = Bed::with("", PUBLIC);
    for Row { lines, body } in ambiguous() {
        let mut client = bed.client();
        client.write(format!("POST /outer HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}").as_bytes());
        // This reads to the end of the connection: it is closed.
        let replies = answers(&mut client);
        assert_eq!(replies.len(), 1, "{lines:?}: {replies:?}");
        assert_eq!(
            replies[0].row(),
            (400, "bad_request".into(), "fix".into()),
            "{lines:?}"
        );
    }
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn http_1_0_has_no_transfer_encoding() {
    let bed = Bed::with("", PUBLIC);
    for connection in ["", "Connection: keep-alive\r\n"] {
        let mut client = bed.client();
        client.write(
            format!("POST / HTTP/1.0\r\nHost: a\r\n{connection}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{HIDDEN}")
                .as_bytes(),
        );
        let replies = answers(&mut client);
        assert_eq!(
            replies.iter().map(|reply| reply.status).collect::<Vec<_>>(),
            [400]
        );
    }
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn a_broken_chunk_ends_the_connection_and_the_upstreams_request() {
    let bed = Bed::with("", PUBLIC);
    for chunks in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
    ] {
        let mut client = bed.client();
        client.write(
            format!("POST /outer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{HIDDEN}")
                .as_bytes(),
        );
        let statuses: Vec<u16> = answers(&mut client)
            .iter()
            .map(|reply| reply.status)
            .collect();
        assert_eq!(statuses, [400], "{chunks:?}");
    }
    // The upstream never saw one whole.
    assert!(bed.upstream.seen().is_empty(), "{:?}", bed.upstream.seen());
}

#[test]
fn the_body_of_a_refused_request_is_no_request() {
    let bed = Bed::with("[limits]\nbody = \"1KiB\"\n", ROUTES);
    let hidden = "GET /public/hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let long = hidden.repeat(30);
    for (target, body, status) in [
        ("/api/x", hidden, 401),
        ("/closed", hidden, 403),
        ("/nowhere", hidden, 404),
        ("/public/%2e%2e", hidden, 400),
        ("/public/x", &long, 413),
    ] {
        for chunked in [false, true] {
            let mut client = bed.client();
            let message = if chunked {
                format!(
                    "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                    body.len()
                )
            } else {
                format!("Content-Length: {}\r\n\r\n{body}", body.len())
            };
            // The head alone first, so that the answer may come before the body does.
            client.write(format!("POST {target} HTTP/1.1\r\nHost: a\r\n").as_bytes());
            client.write(message.as_bytes());
            client.write(b"GET /public/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let statuses: Vec<u16> = answers(&mut client)
                .iter()
                .map(|reply| reply.status)
                .collect();
            assert!(
                statuses == [status] || statuses == [status, 200],
                "{target} {chunked}: {statuses:?}"
            );
        }
    }
    let targets: Vec<String> = bed
        .upstream
        .seen()
        .iter()
        .map(|seen| seen.target().to_owned())
        .collect();
    assert!(
        !targets.iter().any(|target| target.contains("hidden")),
        "{targets:?}"
    );
}

#[test]
fn what_is_forwarded_has_the_length_that_came() {
    let bed = Bed::with("", PUBLIC);
    let chunks = "Transfer-Encoding: Chunked\r\n\r\n5;ext=\"1\"\r\nhello\r\n0\r\n\r\n";
    for (method, message, length, coding, body) in [
        (
            "POST",
            "Content-Length: 5\r\n\r\nhello",
            Some("5"),
            None,
            "hello",
        ),
        ("POST", "Content-Length: 0\r\n\r\n", Some("0"), None, ""),
        (
            "PUT",
            "content-length: 00005\r\n\r\nhello",
            Some("5"),
            None,
            "hello",
        ),
        ("GET", "\r\n", None, None, ""),
        ("GET", "Content-Length: 0\r\n\r\n", None, None, ""),
        (
            "GET",
            "Content-Length: 5\r\n\r\nhello",
            Some("5"),
            None,
            "hello",
        ),
        (
            "DELETE",
            "Content-Length: 5\r\n\r\nhello",
            Some("5"),
            None,
            "hello",
        ),
        ("POST", chunks, None, Some("chunked"), "hello"),
        ("PATCH", chunks, None, Some("chunked"), "hello"),
        ("GET", chunks, None, Some("chunked"), "hello"),
        ("DELETE", chunks, None, Some("chunked"), "hello"),
        (
            "POST",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            None,
            Some("chunked"),
            "",
        ),
        (
            "POST",
            "Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
            Some("5"),
            None,
            "hello",
        ),
    ] {
        let reply = ask(&bed, format!("{method} / HTTP/1.1\r\nHost: a\r\n{message}"));
        assert_eq!(reply.status, 200, "{method} {message:?}");
        let seen = bed.upstream.last();
        assert_eq!(
            seen.header("content-length"),
            length,
            "{method} {message:?}"
        );
        assert_eq!(
            seen.header("transfer-encoding"),
            coding,
            "{method} {message:?}"
        );
        assert_eq!(seen.body, body.as_bytes(), "{method} {message:?}");
    }
}
