//! Peers that never finish a handshake, and many that shake hands at once.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::PUBLIC;
use crate::harness::{Authority, Bed, Client, Secure, client_config};

/// What a client says first.
fn hello(authority: &Authority) -> Vec<u8> {
    let name = ServerName::try_from("gateway.test").unwrap();
    let mut session = ClientConnection::new(authority.client(), name).unwrap();
    let mut bytes = Vec::new();
    session.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_handshake_that_does_not_come_to_its_end_is_ended() {
    let authority = Authority::new("tls-half");
    authority.sign("own", &["gateway.test"]);
    let top = format!(
        "workers = 1\n{}[timeouts]\nhandshake = \"1s\"\n",
        authority.section("own")
    );
    let bed = Bed::with(&top, PUBLIC);
    let hello = hello(&authority);
    let start = Instant::now();
    let mut stalled = vec![bed.client(), bed.client(), bed.client()];
    stalled[1].write(&hello[..hello.len() / 2]);
    stalled[2].write(&hello);
    let mut other = Secure::secure(bed.address(), &authority.client(), "gateway.test");
    assert_eq!(other.send("GET", "/", &[], b"").status, 200);
    assert!(start.elapsed() < Duration::from_secs(1));
    for client in &mut stalled {
        while client.more() {}
    }
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_secs(8),
        "{took:?}"
    );
    // Its deadline went with its handshake.
    assert_eq!(other.send("GET", "/", &[], b"").status, 200);
}

#[test]
fn what_is_no_tls_is_turned_away_and_harms_nobody() {
    let authority = Authority::new("tls-none");
    authority.sign("own", &["gateway.test"]);
    let bed = Bed::with(&authority.section("own"), PUBLIC);
    let mut good = Secure::secure(bed.address(), &authority.client(), "gateway.test");
    let long = [b"\x16\x03\x01\xff\xff".to_vec(), vec![b'x'; 70_000]].concat();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\x16\x03\x01\x00\x05hello",
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &long,
    ] {
        let mut client = bed.client();
        client.write(bytes);
        let mut answer = Vec::new();
        // A reset is an end, too.
        let _ = client.stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        assert!(answer.len() < 64, "an alert at most");
    }
    let mut other = client_config(&authority.pem, true);
    other.alpn_protocols = vec![b"h3".to_vec()];
    let error = Secure::try_connect(bed.address(), &Arc::new(other), "gateway.test");
    assert!(
        error
            .err()
            .unwrap()
            .to_string()
            .contains("NoApplicationProtocol")
    );
    assert_eq!(good.send("GET", "/", &[], b"").status, 200);
    bed.upstream.wait_for(1);
}

#[test]
fn a_crowd_that_shakes_hands_keeps_nobody_waiting() {
    const CROWD: usize = 150;
    let authority = Authority::new("tls-crowd");
    authority.sign_slow("own", &["gateway.test"]);
    let top = format!("workers = 1\n{}", authority.section("own"));
    let bed = Bed::with(&top, PUBLIC);
    let hello = hello(&authority);
    let mut guest = Secure::secure(bed.address(), &authority.client(), "gateway.test");
    assert_eq!(guest.send("GET", "/", &[], b"").status, 200);
    let start = Instant::now();
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| bed.client()).collect();
    for client in &mut crowd {
        client.write(&hello);
    }
    let mut slowest = Duration::ZERO;
    let mut answered = 0;
    // As long as somebody waits for the server's part of the handshake.
    while crowd.iter().any(|client| client.stream.peek_now() == 0) {
        let asked = Instant::now();
        assert_eq!(guest.send("GET", "/", &[], b"").status, 200);
        slowest = slowest.max(asked.elapsed());
        answered += 1;
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the crowd waits for ever"
        );
    }
    let all = start.elapsed();
    assert!(answered >= 3, "{answered} answers in {all:?}");
    // One signature takes some milliseconds; all of them, a hundred times as long.
    assert!(slowest < all / 4, "{slowest:?} of {all:?}");
}

/// What can be read at this moment.
trait PeekNow {
    fn peek_now(&self) -> usize;
}

impl PeekNow for std::net::TcpStream {
    fn peek_now(&self) -> usize {
        self.set_nonblocking(true).unwrap();
        let seen = self.peek(&mut [0; 8]).unwrap_or(0);
        self.set_nonblocking(false).unwrap();
        seen
    }
}

#[test]
fn an_end_of_ours_is_told_from_a_cut() {
    let authority = Authority::new("tls-end");
    authority.sign("own", &["gateway.test"]);
    let top = format!("{}[timeouts]\nidle = \"500ms\"\n", authority.section("own"));
    let bed = Bed::with(&top, PUBLIC);
    for config in [authority.client(), authority.old_client()] {
        let connect = || Secure::secure(bed.address(), &config, "gateway.test");
        // `is_closed` takes a connection that ends without a close_notify for a failure.
        let (mut fresh, mut used, mut last) = (connect(), connect(), connect());
        assert_eq!(used.send("GET", "/", &[], b"").status, 200);
        let reply = last.send("GET", "/", &[("Connection", "close")], b"");
        assert_eq!(reply.status, 200);
        assert!(last.is_closed() && fresh.is_closed() && used.is_closed());
        let mut refused = connect();
        refused.write(b"GARBAGE\r\n\r\n");
        assert_eq!(refused.reply(false).code(), "bad_request");
        assert!(refused.is_closed());
    }
}

#[test]
fn one_too_many_is_told_so_over_tls() {
    let authority = Authority::new("tls-overload");
    authority.sign("own", &["gateway.test"]);
    let top = format!("{}[limits]\nconnections = 2\n", authority.section("own"));
    let bed = Bed::with(&top, PUBLIC);
    let connect = || Secure::secure(bed.address(), &authority.client(), "gateway.test");
    let mut held = [connect(), connect()];
    for client in &mut held {
        assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    }
    let mut third = connect();
    third.stream.flush().unwrap();
    assert_eq!(
        third.reply(false).row(),
        (503, "overloaded".into(), "retry".into())
    );
}
