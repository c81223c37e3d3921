//! Thousands of peers that ask for nothing, or never finish asking: what each costs, and that nobody
//! waits for them. `CROWD` sets how many; `make proof-crowd` takes 8,000, and shows the figures.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use crate::harness::{Authority, Client, Process, Secure, take_all_descriptors, until};

/// Slow enough to look at the stalled, fast enough to wait for.
const CONFIG: &str = r#"
listen = ["127.0.0.1:0"]
workers = 1
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
deny = true
[limits]
connections = 9000
[timeouts]
header = "4s"
idle = "10m"
[log]
access = false
[admin]
listen = ""
"#;

/// How long anybody else may wait. Two busy cores are slow; a gateway that waits for a peer is slower.
const PROMPT: Duration = Duration::from_millis(1500);

struct Crowd {
    gateway: Process,
    size: usize,
    before: u64,
}

impl Crowd {
    /// A gateway that has answered once.
    fn gather(name: &str) -> Self {
        let crowd = Self::around(Process::run(name, CONFIG));
        let reply = crowd.gateway.client().send("GET", "/", &[], b"");
        assert_eq!(reply.status, 403);
        crowd.begun()
    }

    fn around(gateway: Process) -> Self {
        take_all_descriptors();
        let size = std::env::var("CROWD").map_or(2000, |size| size.parse().unwrap());
        Self {
            gateway,
            size,
            before: 0,
        }
    }

    /// What there is of memory now costs nobody anything.
    fn begun(self) -> Self {
        let before = self.gateway.memory("VmRSS");
        Self { before, ..self }
    }

    /// `size` connections, each of which begins with `bytes`.
    fn connect(&self, bytes: &[u8]) -> Vec<Client> {
        let crowd = (0..self.size).map(|_| {
            let mut client = self.gateway.client();
            client.write(bytes);
            client
        });
        crowd.collect()
    }

    /// Resident bytes that each of them costs.
    fn each(&self) -> u64 {
        let now = self.gateway.memory("VmRSS").saturating_sub(self.before);
        now * 1024 / u64::try_from(self.size).unwrap()
    }

    /// The bytes that each costs when it is measured, once they have settled below `most`.
    fn settles(&self, what: &str, most: u64) {
        until(&format!("{what} cost {most} bytes at most"), || {
            self.others_are_answered();
            self.each() <= most
        });
        println!("{} {what}: {} bytes each", self.size, self.each());
    }

    fn others_are_answered(&self) {
        let start = Instant::now();
        let mut client = self.gateway.client();
        assert_eq!(client.send("GET", "/", &[], b"").status, 403);
        assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
    }
}

#[test]
fn idle_connections_cost_next_to_nothing() {
    let crowd = Crowd::gather("crowd-idle");
    let silent = crowd.connect(b"");
    crowd.others_are_answered();
    crowd.settles("that never spoke", 2 << 10);
    let mut served = silent;
    for client in &mut served {
        assert_eq!(client.send("GET", "/", &[], b"").status, 403);
    }
    // What was needed meanwhile goes back to the system by and by, not byte for byte.
    crowd.settles("that were served and are idle", 6 << 10);
    for client in &mut served {
        assert_eq!(client.send("GET", "/", &[], b"").status, 403);
    }
}

#[test]
fn stalled_heads_cost_little_and_keep_nobody_waiting() {
    let crowd = Crowd::gather("crowd-stalled");
    let mut stalled = crowd.connect(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    crowd.others_are_answered();
    let most = crowd.each();
    assert!(most <= 40 << 10, "{most} bytes each");
    println!("{} stalled: {most} bytes each", crowd.size);
    for client in &mut stalled {
        let reply = client.reply(false);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (408, "request_timeout")
        );
        assert!(client.is_closed());
    }
    drop(stalled);
    crowd.others_are_answered();
    crowd.settles("that are gone", 4 << 10);
}

#[test]
fn idle_connections_over_tls_cost_little() {
    let authority = Authority::new("crowd-tls");
    authority.sign("own", &["gateway.test"]);
    let text = format!("{CONFIG}{}", authority.section("own"));
    let crowd = Crowd::around(Process::run("crowd-tls-gateway", &text));
    let config = authority.client();
    let connect = || Secure::secure(crowd.gateway.address(), &config, "gateway.test");
    assert_eq!(connect().send("GET", "/", &[], b"").status, 403);
    let crowd = crowd.begun();
    let connect = || Secure::secure(crowd.gateway.address(), &config, "gateway.test");
    let mut all: Vec<Secure> = (0..crowd.size).map(|_| connect()).collect();
    // In a small crowd what the process needs for itself counts for more.
    let most = if crowd.size < 8000 { 12 } else { 9 };
    let settles = |what: &str| {
        until(&format!("{what} cost {most} KiB at most"), || {
            let start = Instant::now();
            assert_eq!(connect().send("GET", "/", &[], b"").status, 403);
            assert!(start.elapsed() < PROMPT, "{:?}", start.elapsed());
            crowd.each() <= most << 10
        });
        println!("{} {what}: {} bytes each", crowd.size, crowd.each());
    };
    settles("over TLS that never spoke");
    for client in &mut all {
        assert_eq!(client.send("GET", "/", &[], b"").status, 403);
    }
    settles("over TLS that were served and are idle");
    for client in &mut all {
        assert_eq!(client.send("GET", "/", &[], b"").status, 403);
    }
}
