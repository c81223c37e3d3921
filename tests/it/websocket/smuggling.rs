//! Nobody gets a tunnel by half a handshake, and nothing hides behind one (R7).

use std::io::Write as _;

use super::wire::{HANDSHAKE, PUBLIC, Socket, TEXT, echo, frame, granted, shake};
use crate::harness::{Bed, Upstream, request};

/// A request that must never be one.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// Answers every request by what `answer` says and keeps the connection, whatever comes then.
fn answering(answer: &'static str) -> Upstream {
    Upstream::answering(move |_, stream| stream.write_all(answer.as_bytes()).is_ok())
}

#[test]
fn what_is_no_handshake_asks_for_no_upgrade() {
    let bed = Bed::around(echo(), "", PUBLIC);
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let both = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    for (what, head) in [
        (
            "h2c",
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n".to_owned(),
        ),
        (
            "websocket, h2c",
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket, h2c\r\nConnection: Upgrade\r\n{key}\r\n"
            ),
        ),
        (
            "h2c beside it",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{both}{key}Upgrade: h2c\r\n\r\n"),
        ),
        (
            "POST",
            format!("POST / HTTP/1.1\r\nHost: a\r\n{HANDSHAKE}\r\n"),
        ),
        (
            "OPTIONS",
            format!("OPTIONS / HTTP/1.1\r\nHost: a\r\n{HANDSHAKE}\r\n"),
        ),
        (
            "a body",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{HANDSHAKE}Content-Length: 5\r\n\r\nhello"),
        ),
        (
            "a chunked body",
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\n{HANDSHAKE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        (
            "HTTP/1.0",
            format!("GET / HTTP/1.0\r\nHost: a\r\n{HANDSHAKE}Connection: keep-alive\r\n\r\n"),
        ),
        (
            "no Connection",
            format!("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n{key}\r\n"),
        ),
        (
            "no Upgrade",
            format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n{key}\r\n"),
        ),
        (
            "no key",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{both}Sec-WebSocket-Version: 13\r\n\r\n"),
        ),
        (
            "two keys",
            format!("GET / HTTP/1.1\r\nHost: a\r\n{HANDSHAKE}{key}\r\n"),
        ),
    ] {
        let mut client = bed.client();
        let before = bed.upstream.seen().len();
        // The next request comes in one piece with it.
        client.write(format!("{head}GET /next HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        for _ in 0..2 {
            let reply = client.reply(false);
            assert_eq!((reply.status, reply.text().as_str()), (200, "ok"), "{what}");
        }
        let seen = bed.upstream.wait_for(before + 2);
        assert_eq!(seen[before].header("upgrade"), None, "{what}");
        assert_eq!(seen[before].header("connection"), None, "{what}");
        assert_eq!(seen[before + 1].target(), "/next", "{what}");
    }
}

#[test]
fn connect_is_no_tunnel() {
    let bed = Bed::around(echo(), "", PUBLIC);
    let mut client = bed.client();
    client.write(format!("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n{HANDSHAKE}\r\n").as_bytes());
    assert_eq!(client.reply(false).status, 405);
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn only_the_right_101_opens_a_tunnel() {
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let switch = "HTTP/1.1 101 Switching Protocols\r\n";
    let both = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let leaked = |lines: String| -> &'static str { Box::leak(lines.into_boxed_str()) };
    for (what, answer) in [
        ("nothing", format!("{switch}\r\n")),
        ("no accept", format!("{switch}{both}\r\n")),
        (
            "a wrong accept",
            format!("{switch}{both}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n"),
        ),
        ("two accepts", format!("{switch}{both}{accept}{accept}\r\n")),
        (
            "no upgrade",
            format!("{switch}Connection: Upgrade\r\n{accept}\r\n"),
        ),
        (
            "no connection",
            format!("{switch}Upgrade: websocket\r\n{accept}\r\n"),
        ),
        (
            "h2c",
            format!("{switch}Upgrade: h2c\r\nConnection: Upgrade\r\n{accept}\r\n"),
        ),
        (
            "both",
            format!("{switch}Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n{accept}\r\n"),
        ),
        (
            "a subprotocol",
            format!("{switch}{both}{accept}Sec-WebSocket-Protocol: unasked\r\n\r\n"),
        ),
        (
            "an extension",
            format!("{switch}{both}{accept}Sec-WebSocket-Extensions: unasked\r\n\r\n"),
        ),
    ] {
        let bed = Bed::around(answering(leaked(answer)), "", PUBLIC);
        let mut client = bed.client();
        client.write(shake("/", "").as_bytes());
        client.reply(false).is(502, "upstream_failed", "retry");
        // It is still HTTP, and the next request has a connection of its own.
        client.write(HIDDEN.replace("hidden", "next").as_bytes());
        client.reply(false).is(502, "upstream_failed", "retry");
        assert_eq!(bed.upstream.connections(), 2, "{what}");
    }
}

#[test]
fn an_upgrade_that_is_not_granted_leaves_everything_http() {
    // Pingora let bytes through as soon as somebody asked (CVE-2026-2833).
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let bed = Bed::around(answering(answer), "", PUBLIC);
        let status: u16 = answer[9..12].parse().unwrap();
        let mut client = bed.client();
        client.write(
            format!(
                "{}{}GET /last HTTP/1.1\r\nHost: a\r\n\r\n",
                shake("/", ""),
                shake("/again", "")
            )
            .as_bytes(),
        );
        for _ in 0..3 {
            assert_eq!(client.reply(false).status, status, "{answer}");
        }
        let seen = bed.upstream.seen();
        let targets: Vec<&str> = seen.iter().map(crate::harness::Seen::target).collect();
        assert_eq!(targets, ["/", "/again", "/last"]);
        assert_eq!(bed.upstream.connections(), 1);
        // What is no request behind a refused handshake is none.
        client.write(&[shake("/", "").as_bytes(), b"\x81\x08a line\r\n"].concat());
        assert_eq!(client.reply(false).status, status);
        client.reply(false).is(400, "bad_request", "fix");
        assert!(client.is_closed());
    }
}

#[test]
fn what_waits_behind_a_handshake_is_bounded_and_not_lost() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let upstream = Upstream::answering(move |seen, stream| {
        if seen.header("upgrade").is_some() {
            gate.lock().unwrap().recv().unwrap();
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    client.write(shake("/", "").as_bytes());
    bed.upstream.wait_for(1);
    // Far more than the gateway and the sockets between would hold.
    let requests = 40_000;
    let mut other = client.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let one = "GET /many HTTP/1.1\r\nHost: a\r\nX-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
        let mut sent = 0;
        other.set_nonblocking(true).unwrap();
        let all = one.repeat(requests);
        // Until nothing more is taken for a while.
        let mut since = std::time::Instant::now();
        while sent < all.len() && since.elapsed() < std::time::Duration::from_millis(300) {
            match other.write(&all.as_bytes()[sent..]) {
                Ok(length) => {
                    sent += length;
                    since = std::time::Instant::now();
                }
                Err(_) => std::thread::yield_now(),
            }
        }
        sent / one.len()
    });
    let sent = writer.join().unwrap();
    assert!(sent < requests, "all of it was taken");
    client.stream.set_nonblocking(false).unwrap();
    go.send(()).unwrap();
    assert_eq!(client.reply(false).status, 200);
    for _ in 0..100 {
        assert_eq!(client.reply(false).status, 200);
    }
    assert_eq!(bed.upstream.seen()[1].target(), "/many");
}

#[test]
fn bytes_pass_only_after_the_101() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let upstream = Upstream::connecting(move |stream, record| {
        let mut buffer = Vec::new();
        let seen = request(stream, &mut buffer).unwrap();
        record(seen.clone());
        gate.lock().unwrap().recv().unwrap();
        // Nothing of the frames may have come by now.
        stream.set_nonblocking(true).unwrap();
        let early = std::io::Read::read(stream, &mut [0; 64]).map_err(|error| error.kind());
        assert_eq!(early, Err(std::io::ErrorKind::WouldBlock));
        assert!(buffer.is_empty());
        stream.set_nonblocking(false).unwrap();
        stream.write_all(granted(&seen, "").as_bytes()).unwrap();
        super::wire::parrot(Socket::server(stream, buffer));
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    client.write(shake("/", "").as_bytes());
    bed.upstream.wait_for(1);
    client.write(&frame(true, TEXT, b"too early"));
    // Other requests are served meanwhile, so the gateway has had its chance.
    for _ in 0..20 {
        bed.send("GET", "/wxgate/health", &[], b"");
    }
    go.send(()).unwrap();
    assert_eq!(client.reply(true).status, 101);
    assert_eq!(Socket::client(client).text(), "too early");
}
