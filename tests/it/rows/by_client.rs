//! Rows that a client reaches by what it sends.

use serde_json::json;
use wxgate::mock::{Kind, Order, Under};

use super::Way;
use crate::harness::{Bed, ROUTES, Reply, sealed, signed};

/// A connection that sends `bytes` and nothing more.
fn raw(top: &str, bytes: &[u8]) -> Reply {
    let bed = Bed::with(top, ROUTES);
    let mut client = bed.client();
    client.write(bytes);
    client.reply(false)
}

/// A call with Alice's token.
fn as_alice(endpoint: &str, body: impl FnOnce(&Bed) -> serde_json::Value) -> Reply {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.call(endpoint, &token, &body(&bed))
}

/// Alice's open data, ordered with changes.
fn data(bed: &Bed, kind: Kind, change: impl FnOnce(&mut Order)) -> serde_json::Value {
    let mut order = Order::new("oAlice", kind);
    change(&mut order);
    sealed(&bed.mock.seal(&order).unwrap())
}

pub const WAYS: &[Way] = &[
    ("bad_request", "broken JSON", || {
        Bed::new().send("POST", "/wxgate/login", &[], b"{")
    }),
    ("bad_request", "a path that reads two ways", || {
        Bed::new().send("GET", "/public/..%2fapi", &[], b"")
    }),
    ("bad_request", "no host", || {
        raw("", b"GET /public HTTP/1.1\r\n\r\n")
    }),
    ("bad_request", "Connection names an identity header", || {
        let headers = [("Connection", "X-WX-OPENID")];
        Bed::new().send("GET", "/public", &headers, b"")
    }),
    ("damaged_data", "half a block", || {
        as_alice(
            "phone",
            |_| json!({ "encryptedData": "AAAA", "iv": "EBESExQVFhcYGRobHB0eHw==" }),
        )
    }),
    ("session_missing", "no credential", || {
        Bed::new().send("GET", "/api", &[], b"")
    }),
    (
        "session_missing",
        "a foreign credential at an endpoint",
        || {
            let headers = [("Authorization", "Basic eHg6eQ==")];
            Bed::new().send("GET", "/wxgate/session", &headers, b"")
        },
    ),
    ("session_expired", "a malformed token", || {
        Bed::new().get("/api", "wxg_no")
    }),
    ("session_expired", "after a log-out", || {
        let bed = Bed::new();
        let token = bed.sign_in("oAlice");
        bed.call("logout", &token, &json!({}));
        bed.get("/api", &token)
    }),
    ("phone_required", "no phone yet", || {
        let bed = Bed::new();
        let token = bed.sign_in("oAlice");
        bed.get("/phone", &token)
    }),
    ("route_denied", "a closed route", || {
        Bed::new().send("GET", "/closed", &[], b"")
    }),
    ("no_route", "an unknown path", || {
        Bed::new().send("GET", "/nowhere", &[], b"")
    }),
    ("no_route", "an unknown endpoint", || {
        Bed::new().send("POST", "/wxgate/nothing", &[], b"")
    }),
    ("unknown_host", "a host that no route names", || {
        let routes = "[[route]]\nhost = [\"known.test\"]\npath = \"/\"\nto = \"{upstream}\"\n";
        Bed::with("", routes).send("GET", "/", &[("Host", "other.test")], b"")
    }),
    ("method_not_allowed", "an endpoint", || {
        Bed::new().send("GET", "/wxgate/login?code=c", &[], b"")
    }),
    ("method_not_allowed", "a route", || {
        let routes = "[[route]]\npath = \"/\"\nmethods = [\"GET\"]\nto = \"{upstream}\"\n";
        Bed::with("", routes).send("DELETE", "/", &[], b"")
    }),
    ("method_not_allowed", "never forwarded", || {
        Bed::new().send("TRACE", "/public", &[], b"")
    }),
    ("body_too_large", "a length that says so", || {
        raw(
            "",
            b"POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n",
        )
    }),
    ("body_too_large", "at an endpoint", || {
        raw(
            "",
            b"POST /wxgate/login HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n",
        )
    }),
    ("uri_too_long", "a long path", || {
        Bed::new().send("GET", &format!("/public/{}", "a".repeat(9_000)), &[], b"")
    }),
    ("not_json", "a form", || {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        Bed::new().send("POST", "/wxgate/login", &[form], b"code=c")
    }),
    ("rate_limited", "a second login under `[rate]`", || {
        let bed = Bed::with("[rate]\nlogin = { limit = \"1/m\" }\n", ROUTES);
        bed.sign_in("oAlice");
        bed.call("login", "", &json!({ "code": "c" }))
    }),
    (
        "rate_limited",
        "a second request of a route with a rate",
        || {
            let routes =
                "[[route]]\npath = \"/\"\nto = \"{upstream}\"\nrate = { limit = \"1/m\" }\n";
            let bed = Bed::with("", routes);
            bed.send("GET", "/", &[], b"");
            bed.send("GET", "/", &[], b"")
        },
    ),
    ("head_too_large", "one long line", || {
        let long = "a".repeat(40_000);
        Bed::new().send("GET", "/public", &[("X-Long", &long)], b"")
    }),
    ("head_too_large", "many lines", || {
        let lines = vec![("X-Many", "a"); 101];
        Bed::new().send("GET", "/public", &lines, b"")
    }),
    (
        "request_timeout",
        "a body that stops while it is forwarded",
        || {
            let top = "[timeouts]\nbody = \"300ms\"\n";
            raw(
                top,
                b"POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
            )
        },
    ),
    (
        "request_timeout",
        "a body that stops at an endpoint",
        || {
            let top = "[timeouts]\nbody = \"300ms\"\n";
            raw(
                top,
                b"POST /wxgate/login HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
            )
        },
    ),
    ("request_timeout", "a head that stops", || {
        raw(
            "[timeouts]\nheader = \"300ms\"\n",
            b"GET /public HTTP/1.1\r\nHost",
        )
    }),
    ("session_key_stale", "a key never seen", || {
        as_alice("phone", |bed| {
            bed.mock.rotate_key("oAlice", None);
            data(bed, Kind::Phone, |_| {})
        })
    }),
    (
        "session_key_stale",
        "a signature under no key of ours",
        || {
            as_alice(
                "userinfo",
                |_| json!({ "rawData": "{}", "signature": "00" }),
            )
        },
    ),
    ("data_expired", "phone data of long ago", || {
        as_alice("phone", |bed| {
            data(bed, Kind::Phone, |order| {
                order.timestamp = Some(1_500_000_000);
            })
        })
    }),
    ("wrong_app", "another app's watermark", || {
        as_alice("phone", |bed| {
            data(bed, Kind::Phone, |order| {
                order.appid = Some("wxffffffffffffffff".to_owned());
            })
        })
    }),
    ("wrong_app", "no watermark", || {
        as_alice("userinfo", |bed| {
            data(bed, Kind::Profile, |order| order.watermark = false)
        })
    }),
    (
        "wrong_signature",
        "a signature beside data that opens",
        || {
            as_alice("userinfo", |bed| {
                let mut body = data(bed, Kind::Profile, |_| {});
                let under = Under::Key("EBESExQVFhcYGRobHB0eHw==".to_owned());
                let signed = signed(&bed.mock.sign("oAlice", None, &under).unwrap());
                body["rawData"] = signed["rawData"].clone();
                body["signature"] = signed["signature"].clone();
                body
            })
        },
    ),
    ("overloaded", "too many connections", || {
        let bed = Bed::with("[limits]\nconnections = 1\n", ROUTES);
        let mut first = bed.client();
        assert_eq!(first.send("GET", "/public", &[], b"").status, 200);
        bed.client().send("GET", "/public", &[], b"")
    }),
];
