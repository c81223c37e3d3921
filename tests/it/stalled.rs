//! Peers that send and do not read, or read and do not close: what they cost, and for how long.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::harness::{Bed, Upstream};

const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

/// A client that takes little and reads nothing.
fn deaf(bed: &Bed) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&bed.address().into()).unwrap();
    socket
        .set_write_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket.into()
}

/// Waits by doing something: other connections are served all the while.
fn pass(bed: &Bed, time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert_eq!(bed.client().send("GET", "/1", &[], b"").status, 200);
    }
}

#[test]
fn a_request_behind_an_answer_that_is_not_taken_yet_spoils_nothing() {
    let upstream = Upstream::answering(|seen, stream| {
        let length = seen.target()[1..].parse().unwrap();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
        )
        .is_ok()
            && stream.write_all(&vec![b'x'; length]).is_ok()
    });
    let top = "[timeouts]\nheader = \"300ms\"\nstream = \"5m\"\n";
    let bed = Bed::around(upstream, top, PUBLIC);
    // Some of these are as long as what sockets hold, and a little more, which hyper holds.
    let clients: Vec<_> = (64..128)
        .map(|step| {
            let (length, mut client) = (step * (32 << 10), deaf(&bed));
            write!(client, "GET /{length} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            (length, client)
        })
        .collect();
    bed.upstream.wait_for(clients.len());
    pass(&bed, Duration::from_millis(500));
    for (_, client) in &clients {
        let mut client = client;
        client
            .write_all(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .unwrap();
    }
    pass(&bed, Duration::from_millis(900));
    for (length, mut client) in clients {
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut all = Vec::new();
        let read = client.read_to_end(&mut all);
        let text = String::from_utf8_lossy(&all);
        assert_eq!(
            text.matches("HTTP/1.1 200 ").count(),
            2,
            "{length}: {read:?}"
        );
        assert_eq!(text.matches(" 408 ").count(), 0, "{length}");
    }
}

#[test]
fn who_is_refused_and_does_not_close_is_let_go_soon() {
    let top = "[limits]\nconnections = 1\n[timeouts]\nheader = \"60s\"\n";
    let bed = Bed::with(top, PUBLIC);
    let mut held = bed.client();
    assert_eq!(held.send("GET", "/", &[], b"").status, 200);
    let mut refused = bed.client();
    assert_eq!(refused.send("GET", "/", &[], b"").status, 503);
    let start = Instant::now();
    let pause = Some(Duration::from_millis(50));
    refused.stream.set_read_timeout(pause).unwrap();
    // It goes on sending; what it sends is read for a second, and then no more.
    while refused.stream.write_all(b"x").is_ok() {
        assert!(start.elapsed() < Duration::from_secs(10), "still read");
        let _ = refused.stream.read(&mut [0]);
    }
}

#[test]
fn an_upload_does_not_shorten_the_patience_with_its_answer() {
    let upstream = Upstream::connecting(|stream, record| {
        let mut room = vec![0; 65_536];
        let mut got = 0;
        // The head and the first half; then the answer begins, then the rest comes.
        while got == 0 || !room[..got].ends_with(b"half") {
            got += stream.read(&mut room[got..]).unwrap();
        }
        record(crate::harness::Seen::default());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        while !room[..got].ends_with(b"rest") {
            got += stream.read(&mut room[got..]).unwrap();
        }
        let _ = stream.set_read_timeout(Some(Duration::from_millis(1500)));
        let _ = stream.read(&mut [0]);
        let _ = stream.write_all(b"rest");
    });
    let top = "[timeouts]\nresponse = \"500ms\"\nstream = \"30s\"\n";
    let bed = Bed::around(upstream, top, PUBLIC);
    let mut client = bed.client();
    client.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
    bed.upstream.wait_for(1);
    let mut first = [0; 12];
    client.stream.read_exact(&mut first).unwrap();
    client.write(b"rest");
    let mut all = Vec::new();
    let _ = client.stream.set_read_timeout(Some(Duration::from_secs(4)));
    let mut room = [0; 1024];
    while !all.ends_with(b"halfrest") {
        match client.stream.read(&mut room) {
            Ok(0) | Err(_) => break,
            Ok(read) => all.extend_from_slice(&room[..read]),
        }
    }
    assert!(
        all.ends_with(b"halfrest"),
        "{:?}",
        String::from_utf8_lossy(&all)
    );
}
