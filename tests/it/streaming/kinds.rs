//! Answers of every kind, as they come through: events, interim answers, parts of a file, and those without
//! a body.

use std::io::{Read as _, Write as _};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use super::PUBLIC;
use crate::harness::{Bed, Client, Seen, Upstream};

fn ask(client: &mut Client, method: &str, lines: &str) {
    let head = format!("{method} /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    client.write(head.as_bytes());
}

/// Reads up to and with `end`.
fn read_to(client: &mut Client, end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        client.stream.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn events_flow_one_by_one_and_a_silence_between_them_is_no_late_answer() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    // As most services send them: without a length, and without chunks towards HTTP/1.0 eyes.
    let upstream = Upstream::answering(move |_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n",
        );
        let wait = wait.lock().unwrap();
        for number in 0.. {
            if wait.recv_timeout(Duration::from_secs(20)).is_err() {
                return false;
            }
            let event = format!("id: {number}\ndata: {{\"n\":{number}}}\n\n");
            if stream.write_all(event.as_bytes()).is_err() {
                return false;
            }
        }
        false
    });
    let timeouts = "[timeouts]\nresponse = \"500ms\"\n";
    let bed = Bed::around(upstream, timeouts, PUBLIC);
    let mut client = bed.client();
    ask(
        &mut client,
        "GET",
        "Accept: text/event-stream\r\nAccept-Encoding: gzip, br\r\n",
    );
    let head = read_to(&mut client, b"\r\n\r\n").to_ascii_lowercase();
    assert!(
        head.contains("content-type: text/event-stream\r\n"),
        "{head}"
    );
    assert!(!head.contains("content-encoding"), "{head}");
    // No event is sent before the one ahead of it was read here; between some of them nothing happens for
    // longer than `timeouts.response`.
    for number in 0..6 {
        if number % 3 == 2 {
            // Others are served meanwhile.
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(800) {
                assert_eq!(
                    bed.client().send("GET", "/wxgate/health", &[], b"").status,
                    200
                );
            }
        }
        go.send(()).unwrap();
        let event = read_to(&mut client, b"\n\n");
        assert!(
            event.contains(&format!("data: {{\"n\":{number}}}")),
            "{event}"
        );
    }
}

#[test]
fn interim_answers_end_here() {
    let upstream = Upstream::answering(|_, stream| {
        stream
            .write_all(
                b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n\
                  HTTP/1.1 103 Early Hints\r\nX-Wx-Openid: o-forged\r\n\r\n\
                  HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            )
            .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    for _ in 0..3 {
        ask(&mut client, "GET", "");
        let reply = client.reply(false);
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        assert_eq!(
            (reply.header("link"), reply.header("x-wx-openid")),
            (None, None)
        );
    }
    assert_eq!(bed.upstream.connections(), 1, "it was used again");
}

#[test]
fn answers_without_a_body_keep_what_they_say_of_one_and_the_connection_goes_on() {
    let answer = |seen: &Seen| match seen.header("x-kind") {
        Some("304") => "HTTP/1.1 304 Not Modified\r\nETag: \"v7\"\r\nContent-Length: 4096\r\n\r\n",
        Some("204") => "HTTP/1.1 204 No Content\r\nX-Left: 3\r\n\r\n",
        Some("205") => "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        _ if seen.line.starts_with("HEAD") => {
            "HTTP/1.1 200 OK\r\nContent-Length: 123456\r\nContent-Type: video/mp4\r\n\r\n"
        }
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
    };
    let upstream =
        Upstream::answering(move |seen, stream| stream.write_all(answer(seen).as_bytes()).is_ok());
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    for (method, kind, status, name, value) in [
        ("HEAD", "", 200, "content-length", Some("123456")),
        ("HEAD", "", 200, "content-type", Some("video/mp4")),
        ("GET", "304", 304, "etag", Some("\"v7\"")),
        ("GET", "204", 204, "x-left", Some("3")),
        ("GET", "204", 204, "content-length", None),
        ("GET", "204", 204, "transfer-encoding", None),
        ("GET", "205", 205, "content-length", Some("0")),
        ("GET", "", 200, "content-length", Some("5")),
    ] {
        let line = match kind {
            "" => String::new(),
            kind => format!("X-Kind: {kind}\r\n"),
        };
        ask(&mut client, method, &line);
        let reply = client.reply(method == "HEAD" || matches!(kind, "204" | "304"));
        assert_eq!(reply.status, status, "{method} {kind}");
        assert_eq!(reply.header(name), value, "{method} {kind}");
    }
    // A body where none was said to be would have been taken for the next answer.
    assert_eq!(bed.upstream.connections(), 1);
}

#[test]
fn parts_of_a_file_are_asked_for_and_given_untouched() {
    let upstream = Upstream::answering(|seen, stream| {
        let several = seen
            .header("range")
            .is_some_and(|range| range.contains(','));
        let answer: &[u8] = if several {
            b"HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 21\r\n\r\n--x\r\n\r\nab\r\n--x--\r\n..."
        } else if seen.header("range") == Some("bytes=900-") {
            b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */26\r\nContent-Length: 0\r\n\r\n"
        } else {
            b"HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Range: bytes 2-5/26\r\nContent-Length: 4\r\n\r\ncdef"
        };
        stream.write_all(answer).is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    ask(
        &mut client,
        "GET",
        "Range: bytes=2-5\r\nIf-Range: \"v7\"\r\nIf-None-Match: \"v6\", W/\"v5\"\r\n",
    );
    let reply = client.reply(false);
    assert_eq!((reply.status, reply.text().as_str()), (206, "cdef"));
    assert_eq!(reply.header("content-range"), Some("bytes 2-5/26"));
    assert_eq!(reply.header("accept-ranges"), Some("bytes"));
    let seen = bed.upstream.last();
    assert_eq!(seen.header("range"), Some("bytes=2-5"));
    assert_eq!(seen.header("if-range"), Some("\"v7\""));
    assert_eq!(seen.header("if-none-match"), Some("\"v6\", W/\"v5\""));
    ask(&mut client, "GET", "Range: bytes=0-1,4-5\r\n");
    let reply = client.reply(false);
    assert_eq!(
        reply.header("content-type"),
        Some("multipart/byteranges; boundary=x")
    );
    assert_eq!(reply.text(), "--x\r\n\r\nab\r\n--x--\r\n...");
    ask(&mut client, "GET", "Range: bytes=900-\r\n");
    let reply = client.reply(false);
    assert_eq!(reply.status, 416);
    assert_eq!(reply.header("content-range"), Some("bytes */26"));
}

#[test]
fn a_client_that_asks_first_is_answered_by_us_and_its_service_is_sent_the_body_at_once() {
    let upstream = Upstream::answering(|seen, stream| {
        // Services say it, too; by then the client has heard it from us.
        let answer = format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            seen.body.len()
        );
        stream.write_all(answer.as_bytes()).is_ok() && stream.write_all(&seen.body).is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    ask(
        &mut client,
        "POST",
        "Expect: 100-continue\r\nContent-Length: 5\r\n",
    );
    assert_eq!(
        read_to(&mut client, b"\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.write(b"hello");
    let reply = client.reply(false);
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
}
