//! How a tunnel ends: by log-out, at a drain, for silence or a wrong frame, and when somebody is gone.

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::wire::{BINARY, CLOSE, Frame, PING, PUBLIC, Socket, TEXT, echo, frame, parrot, serving};
use crate::harness::{Bed, Process, Upstream};

const LOGIN: &str = "[[route]]\npath = \"/\"\nto = \"{upstream}\"\n";

/// A server that tells what it got until its end, and answers close frames.
fn telling() -> (Upstream, mpsc::Receiver<Vec<Frame>>) {
    let (tell, told) = mpsc::channel();
    let upstream = serving(move |_, mut socket| {
        let mut frames = Vec::new();
        while let Some((first, payload)) = socket.frame() {
            frames.push((first, payload.clone()));
            if first == CLOSE {
                socket.send(CLOSE, &payload);
            }
        }
        let _ = tell.send(frames);
    });
    (upstream, told)
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn a_log_out_closes_the_tunnels_of_the_session_and_no_other() {
    let (upstream, told) = telling();
    let bed = Bed::around(upstream, "", LOGIN);
    let (one, other) = (bed.sign_in("o-alice"), bed.sign_in("o-alice"));
    let (mut first, _) = Socket::open(&bed, "/", &bearer(&one));
    let (mut second, _) = Socket::open(&bed, "/", &bearer(&other));
    first.send(TEXT, b"before");
    let start = Instant::now();
    assert_eq!(bed.call("logout", &one, &json!({})).status, 204);
    assert_eq!(
        first.closed(),
        (1008, "the session has ended: sign in again".to_owned())
    );
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    first.close(1008);
    assert!(first.is_over());
    let frames = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(frames[0], (TEXT, b"before".to_vec()));
    assert_eq!(
        (frames[1].0, &frames[1].1[..2]),
        (CLOSE, &1008_u16.to_be_bytes()[..])
    );
    // The other session of the same person stays.
    second.send(TEXT, b"still here");
    second.close(1000);
    assert_eq!(second.frame(), Some((CLOSE, vec![3, 232])));
    assert_eq!(told.recv_timeout(Duration::from_secs(10)).unwrap().len(), 2);
}

#[test]
fn a_log_out_everywhere_closes_all_of_them() {
    let bed = Bed::around(echo(), "", LOGIN);
    let tokens = [bed.sign_in("o-alice"), bed.sign_in("o-alice")];
    let mut sockets = tokens
        .clone()
        .map(|token| Socket::open(&bed, "/", &bearer(&token)).0);
    let bob = bed.sign_in("o-bob");
    let (mut other, _) = Socket::open(&bed, "/", &bearer(&bob));
    bed.call("logout", &tokens[0], &json!({ "everywhere": true }));
    for socket in &mut sockets {
        assert_eq!(socket.closed().0, 1008);
    }
    other.send(TEXT, b"bob is here");
    assert_eq!(other.text(), "bob is here");
}

#[test]
fn an_expired_session_closes_its_tunnels() {
    let bed = Bed::around(echo(), "[session]\nttl = \"3s\"\nidle = \"3s\"\n", LOGIN);
    let token = bed.sign_in("o-alice");
    let (mut socket, _) = Socket::open(&bed, "/", &bearer(&token));
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
    assert_eq!(socket.closed().0, 1008);
    let token = bed.sign_in("o-alice");
    let (mut socket, _) = Socket::open(&bed, "/", &bearer(&token));
    socket.send(TEXT, b"again");
    assert_eq!(socket.text(), "again");
}

#[test]
fn a_log_out_is_told_in_the_middle_of_a_stream() {
    // The server never stops sending; frames are longer than what is read at once.
    let upstream = serving(|_, mut socket| {
        let frame = frame(false, BINARY, &vec![7; 100_000]);
        while socket.stream.write_all(&frame).is_ok() {}
    });
    let bed = Bed::around(upstream, "", LOGIN);
    let token = bed.sign_in("o-alice");
    let (mut socket, _) = Socket::open(&bed, "/", &bearer(&token));
    for _ in 0..10 {
        assert_eq!(socket.frame().unwrap().1.len(), 100_000);
    }
    bed.call("logout", &token, &json!({}));
    loop {
        let (first, payload) = socket.frame().expect("a close frame");
        if first == CLOSE {
            assert_eq!(payload[..2], 1008_u16.to_be_bytes());
            break;
        }
        assert_eq!(payload.len(), 100_000, "no frame is cut");
    }
    assert!(socket.is_over());
}

#[test]
fn a_drain_closes_all_tunnels_and_waits_for_no_silent_end() {
    let (upstream, told) = telling();
    let bed = Bed::around(upstream, "", PUBLIC);
    let (mut polite, _) = Socket::open(&bed, "/", "");
    let (mut deaf, _) = Socket::open(&bed, "/", "");
    deaf.send(TEXT, b"hello");
    let Bed { gateway, .. } = bed;
    let start = Instant::now();
    let draining = std::thread::spawn(move || gateway.drain());
    assert_eq!(polite.closed().0, 1001);
    polite.close(1001);
    assert!(polite.is_over());
    assert!(draining.join().unwrap(), "all of it ended by itself");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(deaf.closed().0, 1001);
    for _ in 0..2 {
        let frames = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(frames.last().unwrap().1[..2], 1001_u16.to_be_bytes());
    }
}

#[test]
fn silence_on_both_sides_ends_a_tunnel_and_pings_break_it() {
    let bed = Bed::around(echo(), "[timeouts]\nstream = \"1s\"\n", PUBLIC);
    let (mut socket, _) = Socket::open(&bed, "/", "");
    let (mut silent, _) = Socket::open(&bed, "/", "");
    let start = Instant::now();
    // Pings for longer than the silence that is allowed.
    while start.elapsed() < Duration::from_millis(2500) {
        socket.send(PING, b"");
        assert_eq!(socket.frame(), Some((PING, Vec::new())));
    }
    assert_eq!(
        silent.closed(),
        (1001, "nothing came for too long".to_owned())
    );
    assert_eq!(socket.closed().0, 1001);
    assert!(start.elapsed() >= Duration::from_millis(3500));
}

#[test]
fn a_wrong_frame_of_either_side_closes_both() {
    for (client, server) in [
        (frame(false, TEXT, b"not masked"), None),
        (frame(true, 0xc1, b"a reserved bit"), None),
        (frame(true, 0x83, b"a reserved opcode"), None),
        (frame(true, 0x09, b"a ping in pieces"), None),
        (frame(true, PING, &[0; 126]), None),
        (frame(true, 0x80, b"the rest of nothing"), None),
        (frame(true, TEXT, b"go"), Some(frame(true, TEXT, b"masked"))),
        (
            frame(true, TEXT, b"go"),
            Some(frame(false, 0xc1, b"a reserved bit")),
        ),
        (
            frame(true, TEXT, b"go"),
            Some(frame(false, 0x0a, b"a pong in pieces")),
        ),
    ] {
        let (tell, told) = mpsc::channel();
        let is_client = server.is_none();
        let upstream = serving(move |_, mut socket| {
            if let Some(server) = &server {
                assert_eq!(socket.text(), "go");
                socket.write(server);
            }
            let (first, payload) = socket.frame().unwrap();
            let _ = tell.send((first, payload[..2].to_vec()));
        });
        let bed = Bed::around(upstream, "", PUBLIC);
        let (mut socket, _) = Socket::open(&bed, "/", "");
        socket.write(&client);
        assert_eq!(socket.closed().0, 1002, "{client:?}");
        let told = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(told, (CLOSE, vec![3, 234]), "{is_client} {client:?}");
    }
}

#[test]
fn reserved_bits_pass_where_an_extension_was_agreed_on() {
    let lines = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let upstream = super::wire::granting(lines, |_, socket| parrot(socket));
    let bed = Bed::around(upstream, "", PUBLIC);
    let (mut socket, reply) = Socket::open(&bed, "/", lines);
    assert_eq!(
        reply.header("sec-websocket-extensions"),
        Some("permessage-deflate")
    );
    socket.send(0xc1, b"compressed");
    assert_eq!(socket.frame(), Some((0xc1, b"compressed".to_vec())));
}

#[test]
fn who_is_gone_is_gone_for_the_other_side_too() {
    let (upstream, told) = telling();
    let bed = Bed::around(upstream, "", PUBLIC);
    // Closed without a word, in the middle of a frame, and reset.
    for how in 0..3 {
        let (mut socket, _) = Socket::open(&bed, "/", "");
        socket.send(TEXT, b"hello");
        if how == 1 {
            socket.write(&frame(true, TEXT, b"never finished")[..9]);
        }
        if how == 2 {
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(&socket.stream)
                .set_linger(linger)
                .unwrap();
        }
        drop(socket);
        let frames = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(frames, [(TEXT, b"hello".to_vec())]);
    }
    // The same from the other side.
    let upstream = serving(|_, mut socket| {
        socket.send(TEXT, b"bye");
        socket.stream.shutdown(Shutdown::Both).unwrap();
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let (mut socket, _) = Socket::open(&bed, "/", "");
    assert_eq!(socket.text(), "bye");
    assert!(socket.is_over());
}

#[test]
fn who_has_said_all_may_still_listen() {
    let upstream = serving(|_, mut socket| {
        assert_eq!(socket.frame(), None);
        for _ in 0..3 {
            socket.send(TEXT, b"you are still there");
        }
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let (mut socket, _) = Socket::open(&bed, "/", "");
    socket.stream.shutdown(Shutdown::Write).unwrap();
    for _ in 0..3 {
        assert_eq!(socket.text(), "you are still there");
    }
    assert!(socket.is_over());
}

#[test]
fn a_slow_reader_slows_its_sender_and_loses_nothing() {
    let (tell, told) = mpsc::channel();
    let most = 64 << 20;
    let upstream = serving(move |_, socket| {
        let frame = frame(false, BINARY, &vec![7; 1 << 20]);
        let mut stream = socket.stream.try_clone().unwrap();
        stream.set_nonblocking(true).unwrap();
        let (mut sent, mut since) = (0, Instant::now());
        let at = |sent: usize| sent % frame.len();
        while sent < most && since.elapsed() < Duration::from_millis(500) {
            match stream.write(&frame[at(sent)..]) {
                Ok(length) => (sent, since) = (sent + length, Instant::now()),
                Err(_) => std::thread::yield_now(),
            }
        }
        tell.send(sent).unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.write_all(&frame[at(sent)..]).unwrap();
        parrot(socket);
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let (mut socket, _) = Socket::open(&bed, "/", "");
    let sent = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(sent < most, "all of it was taken, though nobody reads");
    for _ in 0..=sent / ((1 << 20) + 10) {
        let (first, payload) = socket.frame().unwrap();
        assert!(
            first == BINARY && payload.len() == 1 << 20 && payload.iter().all(|byte| *byte == 7)
        );
    }
    socket.send(TEXT, b"done");
    assert_eq!(socket.text(), "done");
}

#[test]
fn the_line_in_the_log_is_written_at_the_end_with_all_that_passed() {
    let upstream = echo();
    let config = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[[app]]\nappid = \"wx0123456789abcdef\"\nsecret = {{ env = \"WX_SECRET\" }}\n\
         [admin]\nlisten = \"\"\n[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{}\"\n",
        upstream.url()
    );
    let gateway = Process::run("websocket-log", &config);
    let mut client = gateway.client();
    let token = format!("wxg_{}", "a".repeat(64));
    client.write(super::wire::shake(&format!("/live?token={token}"), "").as_bytes());
    assert_eq!(client.reply(true).status, 101);
    let mut socket = Socket::client(client);
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
    assert_eq!(gateway.client().send("GET", "/", &[], b"").status, 200);
    crate::harness::until("the other line is there", || {
        gateway.output.text().contains("\"status\":200")
    });
    assert!(!gateway.output.text().contains("\"status\":101"));
    socket.close(1000);
    assert_eq!(socket.closed().0, 1000);
    assert!(socket.is_over());
    drop(socket);
    crate::harness::until("the line is there", || {
        gateway.output.text().contains("\"status\":101")
    });
    let output = gateway.output.text();
    let line = output
        .lines()
        .find(|line| line.contains("\"status\":101"))
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    // 6 + 5 and 6 + 2 bytes masked, 2 + 5 and 2 + 2 not.
    assert_eq!(
        (&line["bytes_in"], &line["bytes_out"]),
        (&json!(19), &json!(11))
    );
    assert_eq!(line["path"], "/live");
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    let (_, said) = gateway.end();
    assert!(!said.contains(&token), "{said}");
}
