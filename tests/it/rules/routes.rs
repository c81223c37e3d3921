//! Which route is meant, and what it lets through.

use super::{PUBLIC, ask};
use crate::harness::{APPID, Bed};

const METHODS: &str = r#"
[[route]]
path = "/read"
methods = ["GET", "HEAD"]
require = "none"
to = "{upstream}/reads"
[[route]]
path = "/both"
methods = ["GET"]
require = "none"
to = "{upstream}/gets"
[[route]]
path = "/both"
methods = ["POST", "PUT"]
require = "none"
to = "{upstream}/posts"
[[route]]
path = "/"
require = "none"
to = "{upstream}"
"#;

#[test]
fn a_method_that_the_route_leaves_out_is_told_which_there_are() {
    let bed = Bed::with("", METHODS);
    for (method, path, allow) in [
        ("POST", "/read", "GET, HEAD"),
        ("OPTIONS", "/read/x", "GET, HEAD"),
        ("get", "/read", "GET, HEAD"),
        ("DELETE", "/both", "GET, POST, PUT"),
    ] {
        let reply = bed.send(method, path, &[], b"");
        assert_eq!(
            reply.row(),
            (405, "method_not_allowed".into(), "fix".into()),
            "{method} {path}"
        );
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
        assert_eq!(reply.header("x-wxgate-refusal"), Some("method_not_allowed"));
    }
    assert_eq!(bed.upstream.connections(), 0);
    for (method, path, target) in [
        ("GET", "/both", "/gets/both"),
        ("PUT", "/both", "/posts/both"),
        ("HEAD", "/read", "/reads/read"),
        ("PROPFIND", "/other", "/other"),
    ] {
        assert_eq!(
            bed.send(method, path, &[], b"").status,
            200,
            "{method} {path}"
        );
        assert_eq!(
            bed.upstream.last().line,
            format!("{method} {target} HTTP/1.1")
        );
    }
}

#[test]
fn connect_and_trace_are_never_forwarded() {
    let bed = Bed::with("", PUBLIC);
    for line in [
        "CONNECT other.example:80",
        "CONNECT gateway.test:80",
        "TRACE /",
        "TRACE http://gateway.test/",
    ] {
        let reply = ask(
            &bed,
            format!("{line} HTTP/1.1\r\nHost: gateway.test\r\n\r\n"),
        );
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (405, "method_not_allowed"),
            "{line}"
        );
        let allow = reply.header("allow").unwrap();
        assert!(allow.contains("GET") && !allow.contains("TRACE") && !allow.contains("CONNECT"));
    }
    assert_eq!(bed.upstream.connections(), 0);
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let routes: Vec<String> = [
        ("", "/", "/any"),
        ("", "/a", "/any-a"),
        ("", "/a/b", "/any-a-b"),
        ("host = [\"gateway.test\"]\n", "/a", "/host-a"),
        (
            "host = [\"gateway.test\"]\nmethods = [\"PUT\"]\n",
            "/a",
            "/host-put-a",
        ),
    ]
    .iter()
    .map(|(lines, path, to)| {
        format!(
            "[[route]]\n{lines}path = \"{path}\"\nrequire = \"none\"\nto = \"{{upstream}}{to}\"\n"
        )
    })
    .collect();
    let backwards: Vec<String> = routes.iter().rev().cloned().collect();
    for routes in [routes, backwards] {
        let bed = Bed::with("", &routes.concat());
        for (method, host, path, expected) in [
            ("GET", "gateway.test", "/a", "/host-a/a"),
            ("GET", "gateway.test", "/a/b", "/host-a/a/b"),
            ("PUT", "gateway.test", "/a/b", "/host-put-a/a/b"),
            ("GET", "gateway.test", "/ab", "/any/ab"),
            ("GET", "other.test", "/a", "/any-a/a"),
            ("GET", "other.test", "/a/b/c", "/any-a-b/a/b/c"),
            ("PUT", "other.test", "/a/bc", "/any-a/a/bc"),
            ("GET", "other.test", "/A", "/any/A"),
        ] {
            assert_eq!(bed.send(method, path, &[("Host", host)], b"").status, 200);
            assert_eq!(
                bed.upstream.last().target(),
                expected,
                "{method} {host} {path}"
            );
        }
    }
}

#[test]
fn a_closed_route_is_closed_to_everybody() {
    let bed = Bed::with(
        "",
        &format!("{PUBLIC}[[route]]\npath = \"/closed\"\ndeny = true\n"),
    );
    let token = bed.sign_in("oAlice");
    for token in ["", &token] {
        let reply = bed.get("/closed/x", token);
        assert_eq!(reply.row(), (403, "route_denied".into(), "stop".into()));
        assert_eq!(reply.header("x-wxgate-refusal"), Some("route_denied"));
    }
    assert_eq!(bed.upstream.connections(), 0);
}

/// A second app.
const OTHER: &str = "wxfedcba9876543210";

const APPS: &str = r#"
[[route]]
path = "/"
to = "{upstream}"
[[route]]
path = "/one"
apps = ["wx0123456789abcdef"]
to = "{upstream}"
[[route]]
path = "/other"
apps = ["wxfedcba9876543210"]
to = "{upstream}"
[[route]]
path = "/guest"
require = "optional"
apps = ["wxfedcba9876543210"]
to = "{upstream}"
"#;

fn two_apps() -> Bed {
    let secret = "{ file = \"tests/fixtures/app-secret\" }";
    let apps: String = [APPID, OTHER]
        .map(|appid| format!("[[app]]\nappid = \"{appid}\"\nsecret = {secret}\n"))
        .concat();
    Bed::with(&apps, APPS)
}

/// A token of the user `openid` of `appid`.
fn sign_in(bed: &Bed, appid: &str, openid: &str) -> String {
    let code = bed.mock.control().login_code(openid);
    let reply = bed.call(
        "login",
        "",
        &serde_json::json!({ "code": code, "appid": appid }),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_route_is_for_the_users_of_its_apps() {
    let bed = two_apps();
    // The same openid in both apps: two different people.
    let (one, other) = (sign_in(&bed, APPID, "oSame"), sign_in(&bed, OTHER, "oSame"));
    for (path, token, expected) in [
        ("/", &one, Ok(Some(APPID))),
        ("/", &other, Ok(Some(OTHER))),
        ("/one", &one, Ok(Some(APPID))),
        ("/one", &other, Err("route_denied")),
        ("/other", &one, Err("route_denied")),
        ("/other/x", &other, Ok(Some(OTHER))),
        ("/guest", &other, Ok(Some(OTHER))),
        ("/guest", &one, Ok(None)),
    ] {
        let before = bed.upstream.seen().len();
        let reply = bed.get(path, token);
        match expected {
            Ok(appid) => {
                assert_eq!(reply.status, 200, "{path}");
                let seen = bed.upstream.last();
                assert_eq!(seen.header("x-wx-appid"), appid, "{path}");
                assert_eq!(seen.header("x-wx-openid"), appid.map(|_| "oSame"), "{path}");
            }
            Err(code) => {
                assert_eq!((reply.status, reply.code().as_str()), (403, code), "{path}");
                assert_eq!(bed.upstream.seen().len(), before);
            }
        }
    }
}

#[test]
fn with_several_apps_a_login_names_its_own() {
    let bed = two_apps();
    let code = bed.mock.control().login_code("oAlice");
    for body in [
        serde_json::json!({ "code": code }),
        serde_json::json!({ "code": code, "appid": "wx9999999999999999" }),
    ] {
        let reply = bed.call("login", "", &body);
        assert_eq!(
            reply.row(),
            (400, "bad_request".into(), "fix".into()),
            "{body}"
        );
    }
    assert_eq!(bed.mock.control().calls("jscode2session"), 0);
}
