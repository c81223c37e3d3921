//! The door that leads to https, on hosts of ours only.

use crate::harness::{Authority, Bed, Client};

#[test]
fn plain_http_is_sent_to_https_on_hosts_of_ours() {
    let authority = Authority::new("tls-redirect");
    authority.sign("own", &["gateway.test", "*.wild.test", "127.0.0.1"]);
    let top = format!("{}redirect = \"127.0.0.1:0\"\n", authority.section("own"));
    let routes = "[[route]]\nhost = [\"routed.test\", \"*.deep.test\"]\npath = \"/\"\n\
                  require = \"none\"\nto = \"{upstream}\"\n";
    let bed = Bed::with(&top, routes);
    let port = bed.address().port();
    let door = bed.gateway.redirect_address().unwrap();
    let ask = |method: &str, host: &str, path: &str| {
        Client::connect(door).send(method, path, &[("Host", host)], b"")
    };
    for (method, host, path, status, location) in [
        // Who came by a port that clients leave out came through a mapping.
        (
            "GET",
            "gateway.test",
            "/",
            301,
            "https://gateway.test/".to_owned(),
        ),
        (
            "HEAD",
            "GATEWAY.test.",
            "/a?b=c%20d",
            301,
            "https://gateway.test/a?b=c%20d".to_owned(),
        ),
        (
            "POST",
            "gateway.test:80",
            "/x",
            308,
            "https://gateway.test/x".to_owned(),
        ),
        (
            "GET",
            "a.wild.test",
            "/wxgate/session",
            301,
            "https://a.wild.test/wxgate/session".to_owned(),
        ),
        (
            "PUT",
            "routed.test",
            "/a/../b//c",
            308,
            "https://routed.test/b/c".to_owned(),
        ),
        (
            "GET",
            "a.b.deep.test",
            "/",
            301,
            "https://a.b.deep.test/".to_owned(),
        ),
        (
            "GET",
            "gateway.test:8080",
            "/",
            301,
            format!("https://gateway.test:{port}/"),
        ),
        (
            "GET",
            "127.0.0.1:8080",
            "//evil.test/",
            301,
            format!("https://127.0.0.1:{port}/evil.test/"),
        ),
    ] {
        let reply = ask(method, host, path);
        assert_eq!(reply.status, status, "{method} {host}{path}");
        assert_eq!(
            reply.header("location"),
            Some(location.as_str()),
            "{method} {host}{path}"
        );
        assert_eq!(reply.header("x-wxgate-refusal"), None);
        assert!(reply.body.is_empty());
    }
    for (host, path, status, code) in [
        ("evil.test", "/", 421, "unknown_host"),
        ("wild.test", "/", 421, "unknown_host"),
        ("a.b.wild.test", "/", 421, "unknown_host"),
        ("gateway.test.evil.test", "/", 421, "unknown_host"),
        ("evil.test@gateway.test", "/", 400, "bad_request"),
        ("gateway.test/evil.test", "/", 400, "bad_request"),
        ("gateway.test", "/%2e%2e;/", 400, "bad_request"),
        ("gateway.test", "/a#b", 400, "bad_request"),
    ] {
        let reply = ask("GET", host, path);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{host}{path}"
        );
        assert_eq!(reply.header("location"), None, "{host}{path}");
    }
    assert_eq!(bed.upstream.seen().len(), 0, "nothing is forwarded");
}

#[test]
fn who_names_no_host_or_two_is_sent_nowhere() {
    let authority = Authority::new("tls-redirect-hosts");
    authority.sign("own", &["gateway.test"]);
    let top = format!("{}redirect = \"127.0.0.1:0\"\n", authority.section("own"));
    let bed = Bed::with(&top, super::PUBLIC);
    let door = bed.gateway.redirect_address().unwrap();
    let mut client = Client::connect(door);
    client.write(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply(false).status, 400);
    let mut client = Client::connect(door);
    client.write(b"GET http://gateway.test/a HTTP/1.1\r\nHost: evil.test\r\n\r\n");
    assert_eq!(client.reply(false).status, 400, "two hosts are none");
}

#[test]
fn a_route_for_every_host_makes_no_host_known() {
    let authority = Authority::new("tls-redirect-any");
    authority.sign("own", &["gateway.test"]);
    let top = format!("{}redirect = \"127.0.0.1:0\"\n", authority.section("own"));
    let bed = Bed::with(&top, super::PUBLIC);
    let door = bed.gateway.redirect_address().unwrap();
    let ask = |host: &str| Client::connect(door).send("GET", "/", &[("Host", host)], b"");
    assert_eq!(ask("gateway.test").status, 301);
    assert_eq!(
        ask("evil.test").row(),
        (421, "unknown_host".into(), "stop".into())
    );
}
