//! Slow peers, as `slowhttptest` plays them: heads (-H) and bodies (-B) that drip, answers that are taken in drops
//! (-X). Nobody waits for them, and what they cost is bounded and given back. `make proof-slow` brings the tool itself.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::harness::{Honest, Process, Upstream, until};

const CONFIG: &str = r#"
listen = ["127.0.0.1:0"]
workers = 2
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
require = "none"
to = "{slow}"
[[route]]
path = "/others"
require = "none"
to = "{others}"
[log]
access = false
[admin]
listen = ""
"#;

/// Slow peers at once.
const CROWD: u64 = 250;

/// Drops of each.
const DROPS: usize = 10;

/// What the answer has that nobody takes: more than small sockets and the gateway hold, and little for the kernel.
const LARGE: usize = 256 << 10;

/// KiB by which they may leave the gateway larger.
const LEFT: u64 = 10 << 10;

#[test]
fn who_sends_a_head_in_drops_keeps_nobody_waiting() {
    play("slow-heads", b"GET / HTTP/1.1\r\nHost: a\r\n", 40, |peer| {
        let _ = peer.write(b"X: y\r\n");
    });
}

#[test]
fn who_sends_a_body_in_drops_keeps_nobody_waiting() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\n";
    play("slow-bodies", head, 150, |peer| {
        let _ = peer.write(b"x=y");
    });
}

#[test]
fn who_takes_an_answer_in_drops_keeps_nobody_waiting() {
    let head = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    play("slow-readers", head, 200, |peer| {
        let _ = peer.read(&mut [0; 5]);
    });
}

/// A crowd that begins with `head`, and then lets a `drop` go or takes one, again and again; each costs `most`
/// KiB.
fn play(name: &str, head: &[u8], most: u64, drop: impl Fn(&mut TcpStream)) {
    let slow = Upstream::answering(|seen, stream| {
        let length = if seen.target() == "/large" { LARGE } else { 2 };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).is_ok() && stream.write_all(&vec![b'x'; length]).is_ok()
    });
    let others = Upstream::recording();
    let config = CONFIG.replace("{slow}", &slow.url());
    let gateway = Process::run(name, &config.replace("{others}", &others.url()));
    let honest = Honest {
        gateway: gateway.address(),
        service: others.address(),
        path: "/others",
    };
    honest.quiet();
    let before = gateway.memory("VmRSS");
    honest.waits_for_nobody(name, || {
        let mut peers: Vec<TcpStream> = Vec::new();
        for count in 0..CROWD {
            peers.push(peer(gateway.address(), head));
            pace(&gateway, count);
        }
        for _ in 0..DROPS {
            for (count, peer) in (0..).zip(&mut peers) {
                drop(peer);
                pace(&gateway, count);
            }
        }
        let each = gateway.memory("VmRSS").saturating_sub(before) / CROWD;
        assert!(each <= most, "{each} KiB each");
    });
    until("what they cost is given back", || {
        assert_eq!(
            gateway.client().send("GET", "/others", &[], b"").status,
            200
        );
        gateway.memory("VmRSS") <= before + LEFT
    });
}

/// They come and go on one after another, not all at once: after some, one request is waited for.
fn pace(gateway: &Process, count: u64) {
    if count.is_multiple_of(20) {
        let reply = gateway.client().send("GET", "/others", &[], b"");
        assert_eq!(reply.status, 200);
    }
}

/// One that takes little at a time.
fn peer(gateway: SocketAddr, head: &[u8]) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(&gateway.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).unwrap();
    stream.set_write_timeout(patience).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(head).unwrap();
    stream
}
