//! A config put into force while traffic flows.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::json;
use wxgate::config::{Change, Config};
use wxgate::gateway::reload::{AT_START, Reloaded};
use wxgate::setting::Setting as _;

use crate::harness::{Bed, Client, ROUTES, Upstream, config};

/// A further route.
const NEW: &str = "[[route]]\npath = \"/new\"\nto = \"{upstream}\"\n";

impl Bed {
    /// The config of [`Bed::with`] for this gateway's surroundings.
    fn config(&self, top: &str, routes: &str) -> Config {
        config(&self.mock.url(), &self.upstream.url(), top, routes)
    }

    fn reload(&mut self, top: &str, routes: &str) -> Reloaded {
        let config = self.config(top, routes);
        self.gateway.reload(&config).unwrap()
    }
}

fn keys(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.path.as_str()).collect()
}

#[test]
fn a_new_route_is_served_at_once_and_sessions_and_connections_stay() {
    let mut bed = Bed::with("workers = 1\n", ROUTES);
    let token = bed.sign_in("oAlice");
    let mut client = bed.client();
    assert_eq!(client.get("/api", &token).status, 200);
    assert_eq!(client.get("/new", &token).code(), "no_route");
    let reloaded = bed.reload("workers = 1\n", &format!("{ROUTES}{NEW}"));
    let changed: Vec<String> = reloaded.changed.iter().map(ToString::to_string).collect();
    assert_eq!(changed, ["route[5]: added, path = \"/new\""]);
    assert_eq!(keys(&reloaded.needs_restart), [""; 0]);
    // On the connection that was there before, and for the same session.
    assert_eq!(client.get("/new", &token).status, 200);
    assert_eq!(bed.upstream.last().header("x-wx-openid"), Some("oAlice"));
    assert_eq!(bed.upstream.connections(), 1, "the upstream's stays, too");

    let reloaded = bed.reload("workers = 1\n", ROUTES);
    assert_eq!(keys(&reloaded.changed), ["route[5]"]);
    assert_eq!(client.get("/new", &token).code(), "no_route");
    let reloaded = bed.reload("workers = 1\n", ROUTES);
    assert_eq!(keys(&reloaded.changed), [""; 0]);
}

#[test]
fn a_stream_in_flight_is_not_touched() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::answering(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
        let _ = stream.write_all(head.as_bytes());
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(20));
        stream.write_all(b"4\r\nlast\r\n0\r\n\r\n").is_ok()
    });
    let mut bed = Bed::around(upstream, "", ROUTES);
    let mut client = bed.client();
    client.write(b"GET /public HTTP/1.1\r\nHost: a\r\n\r\n");
    bed.upstream.wait_for(1);
    let closed = "[[route]]\npath = \"/public\"\ndeny = true\n";
    bed.reload("[timeouts]\nstream = \"1s\"\nidle = \"1s\"\n", closed);
    assert_eq!(bed.send("GET", "/public", &[], b"").status, 403);
    go.send(()).unwrap();
    let reply = client.reply(false);
    assert_eq!(
        (reply.text().as_str(), reply.whole),
        ("firstlast", true),
        "by the config that it began with"
    );
    assert_eq!(client.get("/public", "").status, 403, "by the new one");
}

#[test]
fn everything_that_is_not_set_at_a_start_follows_a_reload() {
    let mut bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let mut client = bed.client();
    let told = |client: &mut Client, bed: &Bed| {
        client.send("GET", "/public", &[("X-Forwarded-For", "192.0.2.7")], b"");
        let seen = bed.upstream.last();
        seen.header("x-real-ip").unwrap().to_owned()
    };
    assert_eq!(told(&mut client, &bed), "127.0.0.1");
    bed.reload(
        "[proxies]\ntrusted = [\"127.0.0.0/8\"]\n[limits]\nbody = \"1KiB\"\n[timeouts]\nidle = \"100ms\"\n[identity]\nopenid = \"X-User\"\n[endpoints]\nexpose = [\"openid\"]\n",
        ROUTES,
    );
    assert_eq!(told(&mut client, &bed), "192.0.2.7", "[proxies]");
    let large = bed.send("POST", "/public", &[], &[b'x'; 2000]);
    assert_eq!(large.status, 413, "[limits]");
    assert!(bed.client().is_closed(), "[timeouts], for new connections");
    assert_eq!(client.get("/api", &token).status, 200);
    assert_eq!(bed.upstream.last().header("x-user"), Some("oAlice"));
    let code = bed.mock.login_code("oBob");
    let answer = bed.call("login", "", &json!({ "code": code }));
    assert_eq!(answer.good()["openid"], "oBob", "[endpoints]");

    // Sessions that are open end as the new config says.
    let left = |bed: &Bed| bed.ask("session", &token).good()["expires_in"].as_u64();
    assert!(left(&bed) > Some(86_400));
    bed.reload("[session]\nttl = \"1h\"\nidle = \"1h\"\n", ROUTES);
    assert!(left(&bed) <= Some(3600));
}

#[test]
fn what_is_set_at_a_start_is_named_and_stays() {
    let mut bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let reloaded = bed.reload(
        "listen = [\"127.0.0.2:0\"]\nworkers = 3\n[limits]\nconnections = 7\nper_address = 9\n[session]\nsecret = { file = \"tests/fixtures/app-secret\" }\ncapacity = 5\n[admin]\nlisten = \"127.0.0.1:0\"\n[log]\naccess = true\nlevel = \"debug\"\n",
        ROUTES,
    );
    assert_eq!(keys(&reloaded.changed), [""; 0]);
    assert_eq!(
        keys(&reloaded.needs_restart),
        [
            "listen",
            "workers",
            "limits.connections",
            "limits.per_address",
            "session.secret",
            "session.capacity",
            "admin.listen",
            "log.level",
            "log.access",
        ]
    );
    assert_eq!(bed.get("/api", &token).status, 200);

    let leaves = Config::shape().leaves();
    for key in AT_START {
        let below = format!("{key}.");
        let is_it = |leaf: &String| leaf == key || leaf.starts_with(&below);
        assert!(leaves.iter().any(is_it), "{key} is no setting");
    }
}

#[test]
fn access_tokens_and_codes_that_were_used_up_outlive_a_reload() {
    let mut bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let code = bed.mock.phone_code("oAlice");
    let number = bed.call("phone", &token, &json!({ "code": code })).good();
    let tokens = bed.mock.calls("stable_token");
    bed.reload("[endpoints]\nexpose = [\"openid\"]\n", ROUTES);
    let again = bed.call("phone", &token, &json!({ "code": code })).good();
    assert_eq!(again, number, "the answer may have been lost");
    bed.tap("oAlice", &token).good();
    assert_eq!(
        bed.mock.calls("stable_token"),
        tokens,
        "it still has the token"
    );
}

#[test]
fn reloads_under_load_fail_no_request() {
    let mut bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = bed.address();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(address);
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(client.get("/api", &token).status, 200);
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for round in 0..20 {
            let before = served.load(Ordering::Relaxed);
            crate::harness::until("requests are served", || {
                served.load(Ordering::Relaxed) > before + 8
                    || clients
                        .iter()
                        .any(std::thread::ScopedJoinHandle::is_finished)
            });
            let routes = if round % 2 == 0 {
                format!("{ROUTES}{NEW}")
            } else {
                ROUTES.to_owned()
            };
            assert_eq!(keys(&bed.reload("", &routes).changed), ["route[5]"]);
        }
        stop.store(true, Ordering::Relaxed);
    });
}
