//! What a route adds: fields of the identity, header lines, a wait of its own; and requests that go round.

use std::io::Write as _;

use super::{PUBLIC, values};
use crate::harness::{Bed, Upstream};

#[test]
fn an_upstream_gets_the_fields_of_its_route_and_the_rest_is_removed_all_the_same() {
    let bed = Bed::with(
        "",
        r#"
[[route]]
path = "/"
to = "{upstream}"
[[route]]
path = "/who"
identity = ["openid", "source"]
to = "{upstream}"
[[route]]
path = "/nobody"
identity = []
to = "{upstream}"
"#,
    );
    let token = bed.sign_in("oAlice");
    assert_eq!(bed.tap("oAlice", &token).status, 200);
    let bearer = format!("Bearer {token}");
    let names = [
        "x-wx-openid",
        "x-wx-appid",
        "x-wx-unionid",
        "x-wx-source",
        "x-wx-phone",
        "x-wx-phone-country",
    ];
    for (path, expected) in [
        (
            "/",
            &[
                "x-wx-openid",
                "x-wx-appid",
                "x-wx-source",
                "x-wx-phone",
                "x-wx-phone-country",
            ][..],
        ),
        ("/who", &["x-wx-openid", "x-wx-source"]),
        ("/nobody", &[]),
    ] {
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(names.map(|name| (name, "forged")));
        assert_eq!(bed.send("GET", path, &headers, b"").status, 200);
        let seen = bed.upstream.last();
        for name in names {
            let values = values(&seen, name);
            let there = expected.contains(&name) || name == "x-wx-unionid" && !values.is_empty();
            assert_eq!(
                values.len(),
                usize::from(there),
                "{path} {name}: {values:?}"
            );
            assert!(!values.contains(&"forged"), "{path} {name}");
        }
        if path != "/" {
            assert!(values(&seen, "x-wx-unionid").is_empty(), "{path}");
        }
    }
}

#[test]
fn a_route_writes_its_own_lines_into_requests_and_answers() {
    let upstream = Upstream::answering(|_, stream| {
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nServer: secret/1.0\r\nX-Frame-Options: ALLOWALL\r\nContent-Length: 0\r\n\r\n",
            )
            .is_ok()
    });
    let bed = Bed::around(
        upstream,
        "",
        r#"
[[route]]
path = "/"
require = "none"
set = { "X-Env" = "prod", Authorization = { file = "tests/fixtures/app-secret" }, "Accept-Language" = "" }
response_set = { X-Frame-Options = "DENY", Server = "", "X-Mine" = "yes" }
to = "{upstream}"
[[route]]
path = "/plain"
require = "none"
to = "{upstream}"
"#,
    );
    let sent = [
        ("x-env", "test"),
        ("X-Env", "twice"),
        ("Authorization", "Basic theirs"),
        ("Accept-Language", "zh"),
    ];
    let reply = bed.send("GET", "/", &sent, b"");
    let seen = bed.upstream.last();
    assert_eq!(seen.header("x-env"), Some("prod"));
    assert_eq!(seen.header("authorization"), Some(crate::harness::SECRET));
    assert_eq!(seen.header("accept-language"), None);
    assert_eq!(reply.header("x-frame-options"), Some("DENY"));
    assert_eq!(reply.header("server"), None);
    assert_eq!(reply.header("x-mine"), Some("yes"));

    let reply = bed.send("GET", "/plain", &sent[2..], b"");
    let seen = bed.upstream.last();
    assert_eq!(seen.header("authorization"), Some("Basic theirs"));
    assert_eq!(seen.header("x-env"), None);
    assert_eq!(reply.header("server"), Some("secret/1.0"));
    assert_eq!(reply.header("x-mine"), None);
}

#[test]
fn a_route_waits_for_answers_as_long_as_it_says_and_others_as_before() {
    // The first request of each connection is answered, so that the second finds it reused.
    let upstream = Upstream::answering(|seen, stream| {
        seen.target().starts_with("/slow") || {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .is_ok()
        }
    });
    let bed = Bed::around(
        upstream,
        "workers = 1\n[timeouts]\nresponse = \"15s\"\n",
        r#"
[[route]]
path = "/"
require = "none"
to = "{upstream}"
[[route]]
path = "/slow"
require = "none"
response = "100ms"
to = "{upstream}"
"#,
    );
    assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    let start = std::time::Instant::now();
    bed.send("GET", "/slow", &[], b"")
        .is(504, "upstream_timeout", "retry");
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
    assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
}

#[test]
fn a_route_that_leads_back_by_a_way_that_no_config_shows_is_cut() {
    // A front that sends everything to the gateway, as a load balancer does.
    let gateway = std::sync::Arc::new(std::sync::OnceLock::<std::net::SocketAddr>::new());
    let front = {
        let gateway = std::sync::Arc::clone(&gateway);
        Upstream::answering(move |seen, stream| {
            let mut client = crate::harness::Client::connect(*gateway.get().unwrap());
            let headers = seen.headers.iter();
            let headers: Vec<(&str, &str)> =
                headers.map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let reply = client.send("GET", seen.target(), &headers, b"");
            let code = reply.header("x-wxgate-refusal").unwrap_or_default();
            write!(
                stream,
                "HTTP/1.1 {} X\r\nX-Code: {code}\r\nContent-Length: {}\r\n\r\n{}",
                reply.status,
                reply.body.len(),
                reply.text()
            )
            .is_ok()
        })
    };
    let bed = Bed::around(front, "", PUBLIC);
    gateway.set(bed.address()).unwrap();
    let reply = bed.send("GET", "/round", &[], b"");
    reply.is(502, "misconfigured", "stop");
    let seen = bed.upstream.seen();
    assert_eq!(seen.len(), 8, "rounds before it was cut");
    assert_eq!(seen[0].header("cdn-loop"), Some("wxgate"));
    assert_eq!(seen[1].header("cdn-loop"), Some("wxgate, wxgate"));

    // Another network in front is none of our gateways.
    let bed = Bed::with("", PUBLIC);
    let eight = ["cloudflare"; 8].join(", ");
    assert_eq!(
        bed.send("GET", "/", &[("CDN-Loop", &eight)], b"").status,
        200
    );
    let ours = ["wxgate"; 8].join(", ");
    bed.send("GET", "/", &[("CDN-Loop", &ours)], b"")
        .is(502, "misconfigured", "stop");
    assert_eq!(bed.upstream.seen().len(), 1);
}
