//! Pages of other origins: what they may ask, and which answers they may read.

use std::io::Write as _;

use serde_json::json;

use crate::harness::{Bed, Reply, Upstream};

const PAGE: &str = "https://page.example";
const ADMIN: &str = "https://admin.example:8443";

const ROUTES: &str = r#"
[[route]]
path = "/api"
to = "{upstream}"
cors = ["https://page.example"]
[[route]]
path = "/api/write"
methods = ["PUT"]
to = "{upstream}"
cors = ["https://admin.example:8443"]
[[route]]
path = "/any"
require = "none"
to = "{upstream}"
cors = ["*"]
[[route]]
path = "/plain"
require = "none"
to = "{upstream}"
[[route]]
path = "/closed"
deny = true
cors = ["https://page.example"]
[[route]]
host = ["other.test"]
path = "/"
to = "{upstream}"
cors = ["https://elsewhere.example"]
"#;

const EXPOSED: &str = "X-Wxgate-Refusal, Retry-After, X-Request-Id";

/// A service that has its own mind of who may read it.
fn bed(top: &str) -> Bed {
    let upstream = Upstream::answering(|_, stream| {
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n\
                  Access-Control-Expose-Headers: X-Total, *\r\nAccess-Control-Max-Age: 9\r\nVary: Accept\r\n\
                  Content-Length: 2\r\n\r\nok",
            )
            .is_ok()
    });
    Bed::around(upstream, top, ROUTES)
}

fn preflight(bed: &Bed, path: &str, origin: &str, method: &str) -> Reply {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "authorization,x-mine"),
    ];
    bed.send("OPTIONS", path, &headers, b"")
}

/// All values of a header, for those that may stand there twice.
fn all<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    let lines = reply.headers.iter();
    lines
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect()
}

fn of_cors(reply: &Reply) -> Vec<&str> {
    let names = reply.headers.iter().map(|(name, _)| name.as_str());
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[test]
fn a_preflight_is_answered_for_the_route_of_the_real_request_without_a_credential() {
    let bed = bed("");
    for (path, origin, method, status) in [
        ("/api/x", PAGE, "GET", 204),
        ("/api/x", PAGE, "PATCH", 204),
        ("/api/x", ADMIN, "GET", 403),
        ("/api/write", ADMIN, "PUT", 204),
        ("/api/write", PAGE, "PUT", 403),
        ("/any", "null", "DELETE", 204),
        ("/closed", PAGE, "GET", 204),
        ("/api/x", "https://page.example.evil", "GET", 403),
        ("/api/x", "http://page.example", "GET", 403),
    ] {
        let case = format!("{method} {path} {origin}");
        let reply = preflight(&bed, path, origin, method);
        assert_eq!(reply.status, status, "{case}: {}", reply.text());
        let allowed = reply.header("access-control-allow-origin");
        if status == 403 {
            reply.is(403, "route_denied", "stop");
            assert_eq!(of_cors(&reply), [""; 0], "{case}");
            continue;
        }
        let any = path == "/any";
        assert_eq!(allowed, Some(if any { "*" } else { origin }), "{case}");
        let credentials = reply.header("access-control-allow-credentials");
        assert_eq!(credentials, (!any).then_some("true"), "{case}");
        let methods = reply.header("access-control-allow-methods");
        assert_eq!(methods, Some(method), "{case}");
        let headers = reply.header("access-control-allow-headers");
        assert_eq!(headers, Some("authorization,x-mine"), "{case}");
        assert_eq!(reply.header("access-control-max-age"), Some("600"));
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        assert_eq!(reply.header("vary"), Some(vary), "{case}");
        assert!(reply.body.is_empty());
    }
    // A method that no route of the path answers, a path that no route has.
    let reply = preflight(&bed, "/api/write", ADMIN, "GET");
    reply.is(405, "method_not_allowed", "fix");
    preflight(&bed, "/nowhere", PAGE, "GET").is(404, "no_route", "stop");
    preflight(&bed, "/api", PAGE, "TRACE").is(405, "method_not_allowed", "fix");
    assert_eq!(bed.upstream.seen().len(), 0, "nothing is forwarded");
}

#[test]
fn where_a_route_has_no_cors_all_is_the_services_own() {
    let bed = bed("");
    let reply = preflight(&bed, "/plain", PAGE, "GET");
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    let seen = bed.upstream.last();
    assert!(seen.line.starts_with("OPTIONS /plain "), "{}", seen.line);
    assert_eq!(seen.header("access-control-request-method"), Some("GET"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-max-age"), Some("9"));
    assert_eq!(all(&reply, "vary"), ["Accept"]);
    // OPTIONS that asks nothing of the kind is a request like any other, where there is `cors` too.
    bed.send("OPTIONS", "/api", &[("Origin", PAGE)], b"")
        .is(401, "session_missing", "login");
    let asked = [("Access-Control-Request-Method", "GET")];
    bed.send("OPTIONS", "/api", &asked, b"")
        .is(401, "session_missing", "login");
}

#[test]
fn what_a_service_says_of_pages_is_replaced_by_what_the_route_says() {
    let bed = bed("");
    let token = bed.sign_in("oAlice");
    let bearer = format!("Bearer {token}");
    let get = |path: &str, origin: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Origin", origin)];
        let reply = bed.send("GET", path, &headers, b"");
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        reply
    };
    let exposed = format!("{EXPOSED}, X-Total");

    let reply = get("/api", PAGE);
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(
        reply.header("access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(
        reply.header("access-control-expose-headers"),
        Some(exposed.as_str())
    );
    assert_eq!(reply.header("access-control-max-age"), None);
    assert_eq!(all(&reply, "vary"), ["Accept", "Origin"]);

    // Whoever else asks gets the answer, and a browser keeps it from the page.
    let reply = get("/api", "https://evil.example");
    assert_eq!(of_cors(&reply), [""; 0]);
    assert_eq!(all(&reply, "vary"), ["Accept", "Origin"]);
    let reply = bed.get("/api", &token);
    assert_eq!(of_cors(&reply), [""; 0]);
    assert_eq!(all(&reply, "vary"), ["Accept", "Origin"]);

    let reply = get("/any", "https://evil.example");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    assert_eq!(all(&reply, "vary"), ["Accept"]);
}

#[test]
fn a_page_can_read_why_it_was_refused() {
    let bed = bed("");
    for (method, path, origin, code) in [
        ("GET", "/api", PAGE, "session_missing"),
        ("GET", "/closed", PAGE, "route_denied"),
        ("GET", "/nowhere", PAGE, "no_route"),
        ("GET", "/nowhere", ADMIN, "no_route"),
        ("GET", "/api/%2f", PAGE, "bad_request"),
        ("POST", "/api/write", ADMIN, "method_not_allowed"),
        ("GET", "/wxgate/session", PAGE, "session_missing"),
        ("GET", "/wxgate/login", PAGE, "method_not_allowed"),
        ("GET", "/wxgate/nothing", PAGE, "no_route"),
    ] {
        let reply = bed.send(method, path, &[("Origin", origin)], b"");
        let case = format!("{method} {path}: {reply:?}");
        assert_eq!(reply.code(), code, "{case}");
        assert_eq!(reply.header("x-wxgate-refusal"), Some(code), "{case}");
        let allowed = reply.header("access-control-allow-origin");
        assert_eq!(allowed, Some(origin), "{case}");
        let exposed = reply.header("access-control-expose-headers");
        assert_eq!(exposed, Some(EXPOSED), "{case}");
        assert_eq!(all(&reply, "vary"), ["Origin"], "{case}");
        let id = reply.header("x-request-id").unwrap();
        assert_eq!(id, reply.json()["request_id"], "{case}");
    }
    for (path, origin) in [
        ("/api", ADMIN),
        ("/plain/%2f", "https://elsewhere.example"),
        ("/nowhere", "https://elsewhere.example"),
    ] {
        let reply = bed.send("GET", path, &[("Origin", origin)], b"");
        let allowed = reply.header("access-control-allow-origin");
        assert_ne!(allowed, Some(origin), "{path} {origin}");
    }
}

#[test]
fn our_endpoints_are_for_the_pages_of_any_route_of_the_host() {
    let bed = bed("");
    for (host, origin, allowed) in [
        ("gateway.test", PAGE, Some(PAGE)),
        ("gateway.test", ADMIN, Some(ADMIN)),
        ("gateway.test", "https://elsewhere.example", Some("*")),
        (
            "other.test",
            "https://elsewhere.example",
            Some("https://elsewhere.example"),
        ),
    ] {
        let headers = [
            ("Host", host),
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            (
                "Access-Control-Request-Headers",
                "authorization,content-type",
            ),
        ];
        let reply = bed.send("OPTIONS", "/wxgate/login", &headers, b"");
        assert_eq!(reply.status, 204, "{origin}: {}", reply.text());
        assert_eq!(reply.header("access-control-allow-origin"), allowed);
        assert_eq!(reply.header("access-control-allow-methods"), Some("POST"));
    }
    preflight(&bed, "/wxgate/login", PAGE, "GET").is(405, "method_not_allowed", "fix");
    let code = bed.mock.login_code("oAlice");
    let headers = [("Origin", PAGE), ("Content-Type", "application/json")];
    let body = json!({ "code": code }).to_string();
    let reply = bed.send("POST", "/wxgate/login", &headers, body.as_bytes());
    assert!(reply.good()["token"].is_string());
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
    assert!(reply.header("x-request-id").is_some());
}

#[test]
fn with_a_cookie_only_pages_that_are_named_may_ask_our_endpoints() {
    let bed = bed("[session]\ncookie = \"wxgate\"\n");
    for (origin, status) in [
        (PAGE, 200),
        (ADMIN, 200),
        // `*` is for whoever shows no cookie.
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let code = bed.mock.login_code("oAlice");
        let headers = [("Origin", origin), ("Content-Type", "application/json")];
        let body = json!({ "code": code }).to_string();
        let reply = bed.send("POST", "/wxgate/login", &headers, body.as_bytes());
        assert_eq!(reply.status, status, "{origin}: {}", reply.text());
        let credentials = reply.header("access-control-allow-credentials");
        assert_eq!(
            credentials,
            (status == 200).then_some("true"),
            "{origin}: {reply:?}"
        );
    }
}

#[test]
fn without_cors_anywhere_nothing_is_said_to_pages() {
    let bed = Bed::new();
    for path in ["/api", "/public", "/wxgate/session", "/nowhere"] {
        let reply = bed.send("GET", path, &[("Origin", PAGE)], b"");
        assert_eq!(of_cors(&reply), [""; 0], "{path}");
        assert_eq!(reply.header("vary"), None, "{path}");
    }
    preflight(&bed, "/wxgate/login", PAGE, "POST").is(405, "method_not_allowed", "fix");
}
