//! A thousand tunnels at once: what each costs while nothing passes, and while its client reads nothing.
//! `make proof-crowd` shows the figures.
#![allow(clippy::print_stdout)]

use std::io::Write as _;
use std::time::Duration;

use super::wire::{BINARY, CLOSE, Socket, TEXT, frame, parrot, serving, shake};
use crate::harness::{Process, Upstream, take_all_descriptors, until};

const TUNNELS: usize = 1000;

const CONFIG: &str = r#"
listen = ["127.0.0.1:0"]
workers = 1
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
require = "none"
to = "{upstream}"
[limits]
connections = 3000
[log]
access = true
[admin]
listen = ""
"#;

struct Crowd {
    gateway: Process,
    before: u64,
    sockets: Vec<Socket>,
}

impl Crowd {
    /// A gateway that has carried a tunnel, and then carries a thousand, each of which has sent `size`
    /// bytes both ways.
    fn gather(name: &str, upstream: &Upstream, size: usize) -> Self {
        take_all_descriptors();
        let gateway = Process::run(name, &CONFIG.replace("{upstream}", &upstream.url()));
        drop(open(&gateway, size));
        let before = gateway.memory("VmRSS");
        let sockets = (0..TUNNELS).map(|_| open(&gateway, size)).collect();
        Self {
            gateway,
            before,
            sockets,
        }
    }

    /// Resident bytes that each costs.
    fn each(&self) -> u64 {
        let now = self.gateway.memory("VmRSS").saturating_sub(self.before);
        now * 1024 / TUNNELS as u64
    }

    /// The bytes that each costs once they have settled below `most`.
    fn settles(&self, what: &str, most: u64) {
        until(
            &format!("{what} cost {most} bytes at most, not {}", self.each()),
            || self.each() <= most,
        );
        println!("{TUNNELS} tunnels, {what}: {} bytes each", self.each());
    }
}

fn open(gateway: &Process, size: usize) -> Socket {
    let mut client = gateway.client();
    client.write(shake("/", "").as_bytes());
    assert_eq!(client.reply(true).status, 101);
    let mut socket = Socket::client(client);
    socket.send(BINARY, &vec![7; size]);
    assert_eq!(socket.frame().unwrap().1.len(), size);
    socket
}

#[test]
fn a_tunnel_costs_little_while_nothing_passes() {
    let upstream = serving(|_, socket| {
        socket.stream.set_read_timeout(None).unwrap();
        parrot(socket);
    });
    let mut crowd = Crowd::gather("crowd-tunnels", &upstream, 20_000);
    crowd.settles("idle", 16 << 10);
    for socket in &mut crowd.sockets {
        socket.send(TEXT, b"still there");
    }
    for socket in &mut crowd.sockets {
        assert_eq!(socket.text(), "still there");
    }
    crowd.settles("idle again", 16 << 10);
    crowd.sockets.clear();
    // What the first thousand had is there for the next, whether the allocator gave it back or not.
    let next = (0..TUNNELS).map(|_| open(&crowd.gateway, 20_000));
    crowd.sockets = next.collect();
    crowd.settles("after another thousand", 16 << 10);
}

#[test]
fn a_tunnel_whose_client_reads_nothing_costs_what_is_read_at_once() {
    // After its first frame the server sends for as long as it is taken.
    let upstream = serving(|_, mut socket| {
        let (first, payload) = socket.frame().unwrap();
        socket.send(first, &payload);
        if socket.frame().is_none() {
            return;
        }
        let bytes = frame(false, BINARY, &vec![7; 100_000]);
        let stream = &mut socket.stream;
        stream
            .set_write_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        while stream.write_all(&bytes).is_ok() {}
    });
    let mut crowd = Crowd::gather("crowd-deaf", &upstream, 100);
    crowd.sockets.truncate(200);
    for socket in &mut crowd.sockets {
        let small = socket2::SockRef::from(&socket.stream);
        small.set_recv_buffer_size(4096).unwrap();
        socket.send(TEXT, b"go");
    }
    // Others are served meanwhile; what the stalled hold settles.
    let mut other = open(&crowd.gateway, 100);
    let most = |kib: u64| kib * 1024 * 200 / TUNNELS as u64;
    let mut last = 0;
    until("it is still", || {
        other.send(CLOSE, &[3, 232]);
        let _ = other.frame();
        other = open(&crowd.gateway, 100);
        let now = crowd.each();
        std::mem::replace(&mut last, now) == now && now > 0
    });
    crowd.settles("of which 200 are not read from", most(48));
}
