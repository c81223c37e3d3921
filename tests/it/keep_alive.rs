//! Connections between requests: pipelined, parked, slow, and too many.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::harness::{Bed, Client};

const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

/// Longer than a connection stays with hyper after an exchange.
const PARKED: Duration = Duration::from_millis(1_400);

/// Waits by doing something: other connections are served all the while.
fn pass(bed: &Bed, time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert_eq!(bed.client().send("GET", "/meanwhile", &[], b"").status, 200);
    }
}

#[test]
fn pipelined_requests_are_all_answered_in_order() {
    let upstream = crate::harness::Upstream::answering(|seen, stream| {
        let target = seen.target().to_owned();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}",
            target.len()
        )
        .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    let mut all = String::new();
    for number in 0..200 {
        write!(all, "GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    // In pieces that end in the middle of heads.
    for piece in all.as_bytes().chunks(97) {
        client.write(piece);
    }
    for number in 0..200 {
        assert_eq!(client.reply(false).text(), format!("/{number}"));
    }
}

#[test]
fn a_parked_connection_goes_on_where_it_was() {
    let bed = Bed::with("", PUBLIC);
    let mut client = bed.client();
    for round in 0..3 {
        let reply = client.send("POST", &format!("/{round}"), &[], b"body");
        assert_eq!(reply.status, 200);
        pass(&bed, PARKED);
    }
    // Half a head before the lull, the rest after it: not parked, not lost.
    client.write(b"GET /late HTTP/1.1\r\nHo");
    pass(&bed, PARKED);
    client.write(b"st: a\r\n\r\n");
    assert_eq!(client.reply(false).status, 200);
    assert_eq!(bed.upstream.last().target(), "/late");
}

#[test]
fn half_a_head_behind_a_whole_request_is_not_lost() {
    let bed = Bed::with("", PUBLIC);
    let mut client = bed.client();
    client.write(b"GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHos");
    assert_eq!(client.reply(false).status, 200);
    pass(&bed, PARKED);
    client.write(b"t: a\r\n\r\n");
    assert_eq!(client.reply(false).status, 200);
    assert_eq!(bed.upstream.last().target(), "/two");
}

#[test]
fn a_byte_a_tick_does_not_hold_a_slot() {
    let bed = Bed::with("[timeouts]\nheader = \"1s\"\n", PUBLIC);
    for before in ["", "GET /first HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut client = bed.client();
        client.write(before.as_bytes());
        if !before.is_empty() {
            assert_eq!(client.reply(false).status, 200);
            pass(&bed, PARKED);
        }
        let start = Instant::now();
        client
            .stream
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let mut bytes = b"GET / HTTP/1.1\r\nX-Slow: "
            .iter()
            .chain(std::iter::repeat(&b'x'));
        let mut answer = Vec::new();
        while start.elapsed() < Duration::from_secs(8) {
            client.write(&[*bytes.next().unwrap()]);
            let mut room = [0; 4096];
            match std::io::Read::read(&mut client.stream, &mut room) {
                Ok(0) => break,
                Ok(read) => answer.extend_from_slice(&room[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        let took = start.elapsed();
        assert!(
            took > Duration::from_millis(900) && took < Duration::from_secs(5),
            "{took:?}"
        );
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"request_timeout\""),
            "{answer}"
        );
    }
}

#[test]
fn an_idle_connection_is_closed_in_time_and_without_a_word() {
    let bed = Bed::with("[timeouts]\nidle = \"500ms\"\n", PUBLIC);
    let mut fresh = bed.client();
    let mut used = bed.client();
    assert_eq!(used.send("GET", "/", &[], b"").status, 200);
    let start = Instant::now();
    assert!(fresh.is_closed() && used.is_closed());
    assert!(start.elapsed() < Duration::from_secs(6));
}

#[test]
fn one_connection_too_many_is_told_so() {
    let bed = Bed::with("[limits]\nconnections = 4\n", PUBLIC);
    let mut held: Vec<Client> = (0..4).map(|_| bed.client()).collect();
    for client in &mut held {
        assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    }
    let reply = bed.client().send("GET", "/", &[], b"");
    assert_eq!(reply.row(), (503, "overloaded".into(), "retry".into()));
    assert_eq!(reply.header("retry-after"), Some("5"));
    drop(held.pop());
    let start = Instant::now();
    while bed.client().send("GET", "/", &[], b"").status != 200 {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "a place is free again"
        );
    }
}

#[test]
fn an_empty_line_between_requests_is_nothing_at_all() {
    let bed = Bed::with("[timeouts]\nidle = \"2s\"\nheader = \"1s\"\n", PUBLIC);
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    // In one write with the request, and by itself after the answer; before the lull and after it.
    for (lines, later) in [("\r\n", ""), ("", "\r\n"), ("\r\n\r\n", "\r\n")] {
        let mut client = bed.client();
        client.write(format!("{get}{lines}").as_bytes());
        assert_eq!(client.reply(false).status, 200);
        client.write(later.as_bytes());
        pass(&bed, PARKED);
        client.write(later.as_bytes());
        client.write(get.as_bytes());
        assert_eq!(client.reply(false).status, 200);
        client.write(lines.as_bytes());
        let start = Instant::now();
        assert!(client.is_closed(), "without a word");
        assert!(start.elapsed() < Duration::from_secs(6));
    }
}

#[test]
fn trailers_end_a_request_like_any_other_end() {
    let bed = Bed::with("", PUBLIC);
    let mut client = bed.client();
    client.write(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
    );
    assert_eq!(client.reply(false).status, 200);
    pass(&bed, PARKED);
    assert_eq!(client.send("GET", "/", &[], b"").status, 200);
}

#[test]
fn what_is_no_request_is_told_so_in_our_words() {
    let bed = Bed::with("", PUBLIC);
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000));
    for (bytes, status, code) in [
        ("GARBAGE\r\n\r\n", 400, "bad_request"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n",
            400,
            "bad_request",
        ),
        (&long, 414, "uri_too_long"),
    ] {
        for before in [false, true] {
            let mut client = bed.client();
            if before {
                assert_eq!(client.send("GET", "/", &[], b"").status, 200);
            }
            client.write(bytes.as_bytes());
            let reply = client.reply(false);
            assert_eq!((reply.status, reply.code().as_str()), (status, code));
            assert_eq!(reply.header("x-wxgate-refusal"), Some(code));
            assert!(client.is_closed());
        }
    }
}

#[test]
fn garbage_behind_a_request_takes_nothing_from_its_answer() {
    let body = "0123456789abcdef".repeat(1 << 16);
    let length = body.len();
    let upstream = crate::harness::Upstream::answering(move |_, stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    for _ in 0..20 {
        let mut client = bed.client();
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n");
        let reply = client.reply(false);
        assert!(reply.status == 200 && reply.whole && reply.body.len() == length);
        assert_eq!(client.reply(false).status, 400);
    }
}
