//! TLS in front: what clients are shown, what services are told, and what a peer cannot do.

mod fresh;
mod handshake;
mod redirect;
mod tools;

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::harness::{Authority, Bed, Secure, Upstream, client_config, until};

/// A route for everybody.
const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

/// Longer than a connection stays with hyper after an exchange.
const PARKED: Duration = Duration::from_millis(1_400);

/// The certificate of the pair `name`.
fn certificate(authority: &Authority, name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(authority.folder.file(&format!("{name}.pem"))).unwrap()
}

/// Waits by doing something.
fn pass(bed: &Bed, authority: &Authority, time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        let mut client = Secure::secure(bed.address(), &authority.client(), "gateway.test");
        assert_eq!(client.send("GET", "/meanwhile", &[], b"").status, 200);
    }
}

#[test]
fn a_request_over_tls_is_served_and_called_https() {
    let authority = Authority::new("tls-served");
    authority.sign("own", &["gateway.test"]);
    let bed = Bed::with(&authority.section("own"), PUBLIC);
    for config in [authority.client(), authority.old_client()] {
        let mut client = Secure::secure(bed.address(), &config, "gateway.test");
        assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        for host in ["gateway.test", "gateway.test:443"] {
            let forged = [("Host", host), ("X-Forwarded-Proto", "http")];
            let reply = client.send("POST", "/path", &forged, b"body");
            assert_eq!(reply.status, 200);
            let seen = bed.upstream.last();
            assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
            assert_eq!(seen.header("host"), Some("gateway.test"), "{host}");
            assert_eq!(seen.body, b"body");
        }
        let other = [("Host", "gateway.test:80")];
        assert_eq!(client.send("GET", "/", &other, b"").status, 200);
        assert_eq!(bed.upstream.last().header("host"), Some("gateway.test:80"));
        pass(&bed, &authority, PARKED);
        assert_eq!(client.send("GET", "/parked", &[], b"").status, 200);
        assert_eq!(bed.upstream.last().target(), "/parked");
    }
}

#[test]
fn bodies_of_any_size_pass_both_ways() {
    let body = "0123456789abcdef".repeat(1 << 17);
    let length = body.len();
    let told = body.clone();
    let upstream = Upstream::answering(move |seen, stream| {
        assert!(seen.body.len() == told.len() && seen.body == told.as_bytes());
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{told}"
        )
        .is_ok()
    });
    let authority = Authority::new("tls-bodies");
    authority.sign("own", &["gateway.test"]);
    let bed = Bed::around(upstream, &authority.section("own"), PUBLIC);
    for config in [authority.client(), authority.old_client()] {
        let mut client = Secure::secure(bed.address(), &config, "gateway.test");
        for _ in 0..2 {
            let reply = client.send("POST", "/", &[], body.as_bytes());
            assert!(reply.whole && reply.body == body.as_bytes());
        }
    }
}

#[test]
fn a_reader_that_is_slow_gets_all_and_one_that_stops_is_cut() {
    let cut = Arc::new(AtomicBool::new(false));
    let cuts = Arc::clone(&cut);
    let upstream = Upstream::answering(move |seen, stream| {
        let length = 24 << 20;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let mut sent = stream.write_all(head.as_bytes()).is_ok();
        let piece = vec![b'x'; 1 << 16];
        for _ in 0..(length >> 16) {
            sent = sent && stream.write_all(&piece).is_ok();
        }
        assert!(sent || seen.target() == "/stopped");
        cuts.fetch_or(!sent, Ordering::Relaxed);
        sent
    });
    let authority = Authority::new("tls-slow");
    authority.sign("own", &["gateway.test"]);
    let top = format!("{}[timeouts]\nstream = \"2s\"\n", authority.section("own"));
    let bed = Bed::around(upstream, &top, PUBLIC);
    let connect = |path: &str| {
        let mut client = Secure::secure(bed.address(), &authority.client(), "gateway.test");
        client.write(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        client
    };
    let mut stopped = connect("/stopped");
    // In all longer than `stream`, but never silent for so long.
    let mut slow = connect("/slow");
    let mut room = vec![0; 2 << 20];
    for _ in 0..5 {
        slow.stream.read_exact(&mut room).unwrap();
        pass_quietly(Duration::from_millis(700));
    }
    let mut read = 5 * room.len();
    while read < 24 << 20 {
        read += slow.stream.read(&mut room).unwrap();
    }
    // A kernel may have taken a little more meanwhile, at its own time.
    until("it is cut", || cut.load(Ordering::Relaxed));
    let mut taken = 0;
    let broken = loop {
        match stopped.stream.read(&mut room) {
            Ok(0) => break false,
            Ok(length) => taken += length,
            Err(_) => break true,
        }
    };
    assert!(
        broken && taken < 24 << 20,
        "{taken}: an end, and no promise of a whole answer"
    );
}

/// Lets time pass for a peer that does nothing.
fn pass_quietly(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::thread::yield_now();
    }
}

#[test]
fn each_name_is_shown_its_own_certificate() {
    let authority = Authority::new("tls-names");
    let names = [
        ("own", &["gateway.test", "127.0.0.1"][..]),
        ("shop", &["shop.test", "www.shop.test", "*.shop.test"]),
        ("wild", &["*.wild.test"]),
    ];
    for (name, hosts) in names {
        authority.sign(name, hosts);
    }
    let top = format!(
        "{}[[tls.site]]\nhosts = [\"shop.test\", \"*.SHOP.test\"]\n{}[[tls.site]]\n{}",
        authority.section("own"),
        authority.lines("shop"),
        authority.lines("wild")
    );
    let bed = Bed::with(&top, PUBLIC);
    for (host, name) in [
        ("gateway.test", "own"),
        ("127.0.0.1", "own"),
        ("shop.test", "shop"),
        ("Shop.Test", "shop"),
        ("www.shop.test", "shop"),
        ("any.shop.test", "shop"),
        ("a.wild.test", "wild"),
    ] {
        let mut client = Secure::secure(bed.address(), &authority.client(), host);
        assert_eq!(client.shown(), certificate(&authority, name), "{host}");
        assert_eq!(client.send("GET", "/", &[("Host", host)], b"").status, 200);
    }
    // Who asks for somebody else is shown the first one, and goes away by himself.
    for host in ["other.test", "wild.test", "a.b.wild.test"] {
        let error = Secure::try_connect(bed.address(), &authority.client(), host)
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("not valid for name"),
            "{host}: {error}"
        );
    }
    let shown = bed.gateway.certificates();
    let names: Vec<_> = shown.iter().map(|one| one.names.join(" ")).collect();
    assert_eq!(
        names,
        [
            "gateway.test 127.0.0.1",
            "shop.test www.shop.test *.shop.test",
            "*.wild.test"
        ]
    );
}

#[test]
fn a_session_is_resumed_without_early_data() {
    let authority = Authority::new("tls-resumed");
    authority.sign("own", &["gateway.test"]);
    authority.sign("other", &["other.test"]);
    let top = format!(
        "{}[[tls.site]]\n{}",
        authority.section("own"),
        authority.lines("other")
    );
    let bed = Bed::with(&top, PUBLIC);
    for is_new in [true, false] {
        let mut config = client_config(&authority.pem, is_new);
        config.enable_early_data = true;
        let config = Arc::new(config);
        let kind = |host: &str| {
            let mut client = Secure::secure(bed.address(), &config, host);
            // The ticket comes behind the handshake.
            assert_eq!(client.send("GET", "/", &[], b"").status, 200);
            assert!(client.stream.conn.early_data().is_none());
            client.stream.conn.handshake_kind().unwrap()
        };
        assert_eq!(kind("gateway.test"), HandshakeKind::Full);
        for _ in 0..3 {
            assert_eq!(kind("gateway.test"), HandshakeKind::Resumed);
        }
        assert_eq!(
            kind("other.test"),
            HandshakeKind::Full,
            "another host is another session"
        );
    }
}
