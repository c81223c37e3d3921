//! One host a request, and none that no route names (R9).

use super::{PUBLIC, ask};
use crate::harness::Bed;

/// Routes that name their hosts.
const NAMED: &str = r#"
[[route]]
host = ["api.example.com"]
path = "/"
require = "none"
to = "{upstream}/api"
[[route]]
host = ["web.example.com", "www.example.com"]
path = "/"
require = "none"
to = "{upstream}/web"
"#;

#[test]
fn a_request_has_one_host() {
    let bed = Bed::with("", PUBLIC);
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "GET http://a/ HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n",
        "GET / HTTP/1.1\r\nHost: a:b\r\n",
        "GET / HTTP/1.1\r\nHost: a:99999\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n",
        "GET / HTTP/1.1\r\nHost: ..\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n",
        "GET / HTTP/1.1\r\nHost: \u{e9}.example\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\n",
        "GET http://a:8080/ HTTP/1.1\r\nHost: a\r\n",
        "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n",
    ] {
        let reply = ask(&bed, format!("{head}\r\n"));
        assert_eq!(
            reply.row(),
            (400, "bad_request".into(), "fix".into()),
            "{head:?}"
        );
    }
    assert!(bed.upstream.seen().is_empty());
    assert_eq!(bed.upstream.connections(), 0);
}

#[test]
fn the_upstream_gets_the_host_in_its_one_spelling() {
    let bed = Bed::with("", PUBLIC);
    for (target, host, expected) in [
        ("/", "Api.Example.COM", "api.example.com"),
        ("/", "a.", "a"),
        ("/", "a:80", "a"),
        ("/", "A.:8080", "a:8080"),
        ("/", "[::1]:80", "[::1]"),
        ("http://A/", "a", "a"),
        ("http://a:80/", "A.", "a"),
    ] {
        let reply = ask(
            &bed,
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: forged\r\n\r\n"),
        );
        assert_eq!(reply.status, 200, "{target} {host}");
        let seen = bed.upstream.last();
        assert_eq!(seen.header("host"), Some(expected), "{target} {host}");
        assert_eq!(
            seen.header("x-forwarded-host"),
            Some(expected),
            "{target} {host}"
        );
        assert_eq!(seen.target(), "/");
    }
}

#[test]
fn a_host_that_no_route_names_is_refused_without_a_word_upstream() {
    let bed = Bed::with("", NAMED);
    for host in [
        "other.example",
        "example.com",
        "api.example.com.evil.example",
        "evilexample.com",
        "127.0.0.1",
        "x",
    ] {
        let reply = bed.send("GET", "/", &[("Host", host)], b"");
        assert_eq!(
            reply.row(),
            (421, "unknown_host".into(), "stop".into()),
            "{host}"
        );
        assert_eq!(reply.header("x-wxgate-refusal"), Some("unknown_host"));
    }
    assert_eq!(bed.upstream.connections(), 0);
    for (host, target) in [
        ("api.example.com", "/api/x"),
        ("API.example.com.:80", "/api/x"),
        ("api.example.com:444", "/api/x"),
        ("web.example.com", "/web/x"),
        ("www.example.com", "/web/x"),
    ] {
        assert_eq!(
            bed.send("GET", "/x", &[("Host", host)], b"").status,
            200,
            "{host}"
        );
        assert_eq!(bed.upstream.last().target(), target, "{host}");
    }
}

#[test]
fn a_known_host_without_the_path_is_not_found() {
    let bed = Bed::with(
        "",
        "[[route]]\nhost = [\"a.example\"]\npath = \"/only\"\nrequire = \"none\"\nto = \"{upstream}\"\n",
    );
    let status = |host: &str| {
        let reply = bed.send("GET", "/other", &[("Host", host)], b"");
        (reply.status, reply.code())
    };
    assert_eq!(status("a.example"), (404, "no_route".into()));
    assert_eq!(status("b.example"), (421, "unknown_host".into()));
    assert_eq!(bed.upstream.connections(), 0);
}
