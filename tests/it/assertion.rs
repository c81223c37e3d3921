//! Signed assertions: who gets one, what it says, and that a worker signs it once.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{APPID, Bed, Seen, Upstream};

const KEYS: &str = "workers = 1\n[identity.assertion]\nkeys = [{ file = \"tests/fixtures/assertion/p256.pem\" }, { file = \"tests/fixtures/assertion/ed25519.pem\" }]\n";

const ROUTES: &str = r#"
[[route]]
path = "/"
to = "{upstream}"
[[route]]
path = "/other"
to = "{other}"
[[route]]
path = "/few"
identity = ["openid", "assertion"]
to = "{upstream}"
[[route]]
path = "/plain"
identity = ["openid"]
to = "{upstream}"
[[route]]
path = "/optional"
require = "optional"
to = "{upstream}"
[[route]]
path = "/public"
require = "none"
to = "{upstream}"
"#;

fn bed(top: &str) -> (Bed, Upstream) {
    let other = Upstream::recording();
    let bed = Bed::with(top, &ROUTES.replace("{other}", &other.url()));
    (bed, other)
}

/// The parts of an assertion that are JSON.
fn read(assertion: &str) -> (Value, Value) {
    let mut parts = assertion.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&bytes)
    });
    let mut json = || parts.next().unwrap().unwrap();
    (json(), json())
}

fn assertion(seen: &Seen) -> String {
    seen.header("x-wx-assertion").unwrap().to_owned()
}

#[test]
fn an_upstream_gets_a_statement_that_is_for_it_alone() {
    let (bed, other) = bed(KEYS);
    let token = bed.sign_in("oAlice");
    assert_eq!(bed.get("/", &token).status, 200);
    let first = assertion(&bed.upstream.last());
    let (head, claims) = read(&first);
    let keys = bed.get("/wxgate/jwks.json", "").good();
    let [signing, next] = keys["keys"].as_array().unwrap().as_slice() else {
        panic!("{keys}")
    };
    assert_eq!(
        (&head["alg"], &head["kid"]),
        (&json!("ES256"), &signing["kid"])
    );
    assert_eq!(next["alg"], "EdDSA");
    assert!(signing.get("d").is_none() && next.get("d").is_none());
    assert_eq!(claims["iss"], "wxgate");
    assert_eq!(claims["sub"], "oAlice");
    assert_eq!(claims["aud"], bed.upstream.url());
    assert_eq!(claims["appid"], APPID);
    assert_eq!(claims.get("phone"), None);
    let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(life, 60);

    assert_eq!(bed.get("/other", &token).status, 200);
    let (_, claims) = read(&assertion(&other.last()));
    assert_eq!(claims["aud"], other.url());

    // ES256 never signs the same twice the same: an equal text was not signed again.
    assert_eq!(bed.get("/again", &token).status, 200);
    assert_eq!(assertion(&bed.upstream.last()), first);

    assert_eq!(bed.tap("oAlice", &token).status, 200);
    assert_eq!(bed.get("/", &token).status, 200);
    let seen = bed.upstream.last();
    let (_, claims) = read(&assertion(&seen));
    assert_eq!(claims["phone"], seen.header("x-wx-phone").unwrap());
    assert_eq!(claims["phone_country"], "86");

    assert_eq!(bed.get("/few", &token).status, 200);
    let (_, claims) = read(&assertion(&bed.upstream.last()));
    assert_eq!(claims["sub"], "oAlice");
    for name in ["appid", "phone", "phone_country"] {
        assert_eq!(claims.get(name), None, "{claims}");
    }
}

#[test]
fn nobody_else_gets_one_and_none_is_forged() {
    let (bed, _) = bed(KEYS);
    let token = bed.sign_in("oAlice");
    assert_eq!(bed.get("/", &token).status, 200);
    let stolen = assertion(&bed.upstream.last());
    for (path, token) in [
        ("/plain", token.as_str()),
        ("/optional", ""),
        ("/public", ""),
        ("/public", token.as_str()),
    ] {
        for name in ["X-WX-ASSERTION", "x_wx_assertion", "X.WX.Assertion"] {
            let bearer = format!("Bearer {token}");
            let headers = [(name, stolen.as_str()), ("Authorization", bearer.as_str())];
            assert_eq!(bed.send("GET", path, &headers, b"").status, 200);
            let seen = bed.upstream.last();
            let text = format!("{seen:?}");
            assert!(!text.contains(&stolen), "{path} {name}: {text}");
            assert_eq!(seen.header("x-wx-assertion"), None, "{path} {name}");
        }
    }
}

#[test]
fn an_answer_carries_no_assertion_back() {
    let upstream = Upstream::answering(|seen, stream| {
        let assertion = seen.header("x-signed").unwrap_or_default();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nX-Signed: {assertion}\r\nContent-Length: 0\r\n\r\n"
        )
        .is_ok()
    });
    let top = KEYS.replace("assertion]\n", "assertion]\nheader = \"X-Signed\"\n");
    let bed = Bed::around(
        upstream,
        &top,
        "[[route]]\npath = \"/\"\nto = \"{upstream}\"\n",
    );
    let token = bed.sign_in("oAlice");
    let reply = bed.get("/", &token);
    assert!(bed.upstream.last().header("x-signed").is_some());
    assert_eq!(reply.header("x-signed"), None);
}

#[test]
fn without_keys_there_are_no_assertions() {
    let (bed, _) = bed("");
    let token = bed.sign_in("oAlice");
    let headers = [
        ("Authorization", format!("Bearer {token}")),
        ("X-WX-ASSERTION", "forged".to_owned()),
    ];
    let headers = headers.each_ref().map(|(n, v)| (*n, v.as_str()));
    assert_eq!(bed.send("GET", "/", &headers, b"").status, 200);
    assert_eq!(bed.upstream.last().header("x-wx-assertion"), None);
    bed.get("/wxgate/jwks.json", "").is(404, "no_route", "stop");
}
