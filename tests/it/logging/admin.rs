//! The operator's listener.

use std::io::Write as _;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::json;

use crate::harness::{APPID, Bed, Client, ROUTES, Reply, Upstream, until};

const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";

fn probe(bed: &Bed, path: &str, headers: &[(&str, &str)]) -> Reply {
    let address = bed.gateway.admin_address().unwrap();
    Client::connect(address).send("GET", path, headers, b"")
}

#[test]
fn probes_answer_under_loopbacks_names_only() {
    let bed = Bed::with(ADMIN, ROUTES);
    let port = bed.gateway.admin_address().unwrap().port();
    for own in ["localhost", "127.0.0.1", "[::1]"] {
        for host in [own.to_owned(), format!("{own}:{port}")] {
            for path in ["/livez", "/readyz", "/metrics"] {
                assert_eq!(probe(&bed, path, &[("Host", &host)]).status, 200, "{host}");
            }
        }
    }
    for foreign in [
        format!("evil.test:{port}"),
        "localhost.evil.test".to_owned(),
        "10.0.0.1".to_owned(),
        "127.0.0.1.evil.test".to_owned(),
    ] {
        for path in ["/livez", "/readyz", "/metrics", "/"] {
            let reply = probe(&bed, path, &[("Host", &foreign)]);
            assert_eq!(reply.status, 421, "{foreign} {path}");
            let text = reply.text();
            assert!(
                !text.contains("ready\"") && !text.contains("wxgate_"),
                "{text}"
            );
        }
    }
    // Its probes are not on the street, and the street's endpoints not here.
    assert_eq!(bed.get("/livez", "").status, 404);
    assert_eq!(bed.get("/metrics", "").status, 404);
    assert_eq!(
        probe(&bed, "/wxgate/health", &[("Host", "localhost")]).status,
        404
    );
}

#[test]
fn readiness_says_that_wechat_is_not_tencents() {
    let bed = Bed::with(ADMIN, ROUTES);
    let body = probe(&bed, "/readyz", &[("Host", "localhost")]).good();
    assert_eq!(body["ready"], true);
    let warnings = body["warnings"].to_string();
    assert!(warnings.contains(&bed.mock.url()), "{warnings}");
    assert_eq!(
        probe(&bed, "/livez", &[("Host", "localhost")]).good(),
        json!({ "live": true })
    );

    let real = format!(
        "{ADMIN}[wechat]\napi = [\"https://api.weixin.qq.com\", \"https://api2.weixin.qq.com\"]\n[[app]]\nappid = \"{APPID}\"\nsecret = {{ file = \"tests/fixtures/app-secret\" }}\n"
    );
    let bed = Bed::with(&real, ROUTES);
    let body = probe(&bed, "/readyz", &[("Host", "localhost")]).good();
    assert_eq!(body["warnings"], json!([]));
}

#[test]
fn a_draining_gateway_lives_and_is_not_ready() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::answering(move |_, stream| {
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(20));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            .is_ok()
    });
    let bed = Bed::around(upstream, ADMIN, ROUTES);
    let admin = bed.gateway.admin_address().unwrap();
    let ask = |path: &str| Client::connect(admin).send("GET", path, &[("Host", "localhost")], b"");
    let (mut busy, mut keeping) = (bed.client(), bed.client());
    busy.write(b"GET /public HTTP/1.1\r\nHost: a\r\n\r\n");
    bed.upstream.wait_for(1);
    // A connection with a request half sent is not idle: it hears of the drain.
    keeping.write(b"GET /wxgate/health HTTP/1.1\r\n");
    let Bed {
        gateway,
        upstream,
        mock,
        runtime,
    } = bed;
    let draining = std::thread::spawn(move || gateway.drain());
    until("it is not ready", || ask("/readyz").status == 503);
    assert_eq!(ask("/livez").status, 200);
    keeping.write(b"Host: a\r\n\r\n");
    if let Some(health) = keeping.try_reply(false) {
        assert_eq!(health.status, 503, "{}", health.text());
    }
    go.send(()).unwrap();
    assert_eq!(busy.reply(false).text(), "done");
    assert!(draining.join().unwrap());
    drop((upstream, mock, runtime));
}
