//! A cookie as credential: browsers send it by themselves, so more is asked of the request.

use serde_json::json;

use crate::harness::{Bed, ROUTES, Reply};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn bed() -> Bed {
    Bed::with("[session]\ncookie = \"wxgate\"\n", ROUTES)
}

/// `Cookie` of a login.
fn log_in(bed: &Bed) -> (Reply, String) {
    let code = bed.mock.login_code("oAlice");
    let reply = bed.call("login", "", &json!({ "code": code }));
    let token = crate::harness::token(&reply);
    (reply, format!("__Host-wxgate={token}"))
}

#[test]
fn a_login_sets_a_cookie_that_only_this_host_gets() {
    let bed = bed();
    let (reply, cookie) = log_in(&bed);
    let set = reply.header("set-cookie").unwrap();
    let mut parts = set.split("; ");
    assert_eq!(parts.next(), Some(cookie.as_str()));
    let attributes: Vec<&str> = parts.collect();
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(attributes.contains(&attribute), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    let age = attributes.iter().find_map(|a| a.strip_prefix("Max-Age="));
    assert!(age.unwrap().parse::<u64>().unwrap() > 2_591_000, "{set}");

    let reply = bed.send(
        "POST",
        "/wxgate/logout",
        &[JSON, ("Cookie", &cookie)],
        b"{}",
    );
    assert_eq!(reply.status, 204);
    let set = reply.header("set-cookie").unwrap();
    assert!(
        set.starts_with("__Host-wxgate=;") && set.contains("Max-Age=0"),
        "{set}"
    );
    bed.send("GET", "/api", &[("Cookie", &cookie)], b"")
        .is(401, "session_expired", "login");
}

#[test]
fn the_name_gets_its_prefix_once() {
    let bed = Bed::with("[session]\ncookie = \"__Host-sid\"\n", ROUTES);
    let (reply, _) = log_in(&bed);
    assert!(
        reply
            .header("set-cookie")
            .unwrap()
            .starts_with("__Host-sid=wxg_")
    );
}

#[test]
fn our_cookie_opens_the_routes_and_goes_no_further() {
    let bed = bed();
    let (_, cookie) = log_in(&bed);
    let all = format!("a=1; {cookie}; b=2");
    assert_eq!(
        bed.send("GET", "/api", &[("Cookie", &all)], b"").status,
        200
    );
    let seen = bed.upstream.last();
    assert_eq!(seen.header("x-wx-openid"), Some("oAlice"));
    assert_eq!(seen.header("cookie"), Some("a=1; b=2"));
    // Without the prefix it is not ours, and nobody's session.
    let bare = cookie.replace("__Host-", "");
    bed.send("GET", "/api", &[("Cookie", &bare)], b"")
        .is(401, "session_missing", "login");
    // The header still works.
    let token = bed.sign_in("oBob");
    assert_eq!(bed.get("/api", &token).status, 200);
}

#[test]
fn with_a_cookie_the_type_must_be_said() {
    let bed = bed();
    let (_, cookie) = log_in(&bed);
    let cookie = ("Cookie", cookie.as_str());
    for (headers, status) in [
        (&[cookie][..], 415),
        (&[cookie, ("Content-Type", "text/plain")], 415),
        (
            &[
                cookie,
                ("Content-Type", "application/x-www-form-urlencoded"),
            ],
            415,
        ),
    ] {
        for endpoint in ["phone", "userinfo", "decrypt", "logout"] {
            let path = format!("/wxgate/{endpoint}");
            let reply = bed.send("POST", &path, headers, b"{}");
            assert_eq!(reply.status, status, "{endpoint} {}", reply.text());
            reply.is(415, "not_json", "fix");
        }
    }
    assert_eq!(
        bed.send("GET", "/api", &[cookie], b"").status,
        200,
        "still signed in"
    );
    bed.send("GET", "/wxgate/session", &[cookie], b"").good();
}

#[test]
fn pages_of_other_origins_are_refused() {
    let bed = bed();
    let (_, cookie) = log_in(&bed);
    let data = wxgate::mock::Kind::Phone;
    let body = crate::harness::sealed(&bed.mock.open_data("oAlice", data).unwrap()).to_string();
    for origin in [
        "https://evil.test",
        "https://gateway.test.evil.test",
        "https://evilgateway.test",
        "https://gateway.test:8443",
        "null",
        "file://",
    ] {
        let headers = [JSON, ("Cookie", &cookie), ("Origin", origin)];
        for path in ["/wxgate/phone", "/wxgate/logout"] {
            bed.send("POST", path, &headers, body.as_bytes())
                .is(403, "route_denied", "stop");
        }
    }
    let still = bed.send("GET", "/wxgate/session", &[("Cookie", &cookie)], b"");
    assert_eq!(still.good()["phone"], false);

    for origin in ["http://gateway.test", "https://gateway.test"] {
        let headers = [JSON, ("Cookie", &cookie), ("Origin", origin)];
        bed.send("POST", "/wxgate/phone", &headers, body.as_bytes())
            .good();
    }
    // A credential in the header was put there by the page's own code: any origin may.
    let token = bed.sign_in("oBob");
    let bearer = format!("Bearer {token}");
    let headers = [
        JSON,
        ("Authorization", &bearer),
        ("Origin", "https://evil.test"),
    ];
    let reply = bed.send("POST", "/wxgate/logout", &headers, b"");
    assert_eq!(reply.status, 204);
}

#[test]
fn a_stranger_cannot_sign_a_visitor_in_as_somebody_else() {
    let bed = bed();
    let body = json!({ "code": bed.mock.login_code("oMallory") }).to_string();
    let foreign = [JSON, ("Origin", "https://evil.test")];
    bed.send("POST", "/wxgate/login", &foreign, body.as_bytes())
        .is(403, "route_denied", "stop");
    bed.send(
        "POST",
        "/wxgate/login",
        &[("Content-Type", "text/plain")],
        body.as_bytes(),
    )
    .is(415, "not_json", "fix");
    assert_eq!(bed.mock.calls("jscode2session"), 0);
    // Mini-programs send no Origin.
    bed.send("POST", "/wxgate/login", &[JSON], body.as_bytes())
        .good();
}
