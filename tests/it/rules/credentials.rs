//! Our credential never reaches an upstream; a service's own does (R18).

use super::{PUBLIC, forwarded};
use crate::harness::{Bed, ROUTES, Reply, Seen};

/// Paths of one route of each kind that lets a signed-in user through.
const PATHS: [&str; 3] = ["/api/a", "/optional/a", "/public/a"];

/// Nothing that begins like a token of ours.
fn shows_no_token(seen: &Seen) {
    assert!(!format!("{seen:?}").contains("wxg_"), "{seen:?}");
}

#[test]
fn a_token_is_never_forwarded() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    for path in PATHS {
        for value in [
            format!("Bearer {token}"),
            format!("bearer {token}"),
            format!("BEARER   {token}"),
            token.clone(),
        ] {
            let seen = forwarded(&bed, path, &[("Authorization", &value)]);
            shows_no_token(&seen);
            let known = (path != "/public/a").then_some("oAlice");
            assert_eq!(seen.header("x-wx-openid"), known, "{path} {value}");
        }
    }
    // Neither is one that is not good.
    for value in ["Bearer wxg_", "wxg_old", &format!("Bearer {token}x")] {
        shows_no_token(&forwarded(&bed, "/public/a", &[("Authorization", value)]));
        let seen = forwarded(&bed, "/optional/a", &[("Authorization", value)]);
        shows_no_token(&seen);
        assert_eq!(seen.header("x-wx-openid"), None);
    }
}

#[test]
fn a_service_keeps_its_own_authorization() {
    let bed = Bed::new();
    let token = format!("Bearer {}", bed.sign_in("oAlice"));
    for foreign in [
        "Basic dTpw",
        "Bearer eyJhbGciOi.x.y",
        "Digest username=\"wxg_\"",
        "Bearer",
    ] {
        for path in ["/optional/a", "/public/a"] {
            let seen = forwarded(&bed, path, &[("Authorization", foreign)]);
            assert_eq!(seen.header("authorization"), Some(foreign), "{path}");
        }
        let reply = bed.send("GET", "/api/a", &[("Authorization", foreign)], b"");
        assert_eq!(reply.code(), "session_missing", "{foreign}");
        // Both at once, in either order: ours is taken out, the other stays.
        for lines in [[foreign, &token], [&token, foreign]] {
            for path in PATHS {
                let seen = forwarded(&bed, path, &lines.map(|value| ("Authorization", value)));
                assert_eq!(seen.header("authorization"), Some(foreign), "{path}");
                let known = (path != "/public/a").then_some("oAlice");
                assert_eq!(seen.header("x-wx-openid"), known, "{path}");
            }
        }
    }
}

#[test]
fn two_tokens_are_both_taken_out_and_the_first_counts() {
    let bed = Bed::new();
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    for (first, second, expected) in [(&alice, &bob, "oAlice"), (&bob, &alice, "oBob")] {
        let lines = [first, second].map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = lines
            .iter()
            .map(|value| ("Authorization", value.as_str()))
            .collect();
        let seen = forwarded(&bed, "/api/a", &headers);
        assert_eq!(seen.header("x-wx-openid"), Some(expected));
        shows_no_token(&seen);
    }
}

#[test]
fn a_header_of_another_name_carries_it_and_loses_it() {
    let bed = Bed::with("[session]\nheader = \"X-Session\"\n", ROUTES);
    let token = bed.sign_in("oAlice");
    let bearer = format!("Bearer {token}");
    for value in [token.as_str(), &bearer] {
        for path in PATHS {
            let seen = forwarded(
                &bed,
                path,
                &[("X-Session", value), ("Authorization", "Basic x")],
            );
            shows_no_token(&seen);
            assert_eq!(seen.header("authorization"), Some("Basic x"));
            let known = (path != "/public/a").then_some("oAlice");
            assert_eq!(seen.header("x-wx-openid"), known);
        }
    }
    // In Authorization it is not looked for, and is ours all the same.
    let seen = forwarded(
        &bed,
        "/optional/a",
        &[("Authorization", &bearer), ("X-Session", "theirs")],
    );
    shows_no_token(&seen);
    assert_eq!(
        (seen.header("x-wx-openid"), seen.header("x-session")),
        (None, Some("theirs"))
    );
}

#[test]
fn a_cookie_changes_nothing_for_a_page_of_another_origin() {
    let routes = r#"
[[route]]
path = "/api"
to = "{upstream}"
[[route]]
path = "/named"
cors = ["https://admin.example.com"]
to = "{upstream}"
"#;
    let bed = Bed::with("[session]\ncookie = \"wx\"\n", routes);
    let token = bed.sign_in("oAlice");
    let cookie = format!("__Host-wx={token}");
    let bearer = format!("Bearer {token}");
    let status = |method: &str, path: &str, lines: &[(&str, &str)]| {
        let mut headers = vec![("Host", "shop.example.com")];
        headers.extend(lines);
        bed.client().send(method, path, &headers, b"").status
    };
    let by_cookie = ("Cookie", cookie.as_str());
    for origin in [
        "https://evil.example.com",
        "null",
        "https://shop.example.com.evil.example",
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(
                status(method, "/api", &[by_cookie, ("Origin", origin)]),
                403
            );
            assert_eq!(
                status(method, "/named", &[by_cookie, ("Origin", origin)]),
                403
            );
        }
        let own = ("Origin", "https://shop.example.com");
        let lines = [by_cookie, own, ("Origin", origin)];
        assert_eq!(status("POST", "/api", &lines), 403, "behind our own");
        // What changes nothing is the browser's to keep from the page; a header no browser adds by itself.
        assert_eq!(status("GET", "/api", &[by_cookie, ("Origin", origin)]), 200);
        let lines = [("Authorization", bearer.as_str()), ("Origin", origin)];
        assert_eq!(status("POST", "/api", &lines), 200);
    }
    for (path, origin) in [
        ("/api", "https://shop.example.com"),
        ("/api", "http://shop.example.com"),
        ("/named", "https://admin.example.com"),
    ] {
        assert_eq!(
            status("POST", path, &[by_cookie, ("Origin", origin)]),
            200,
            "{origin}"
        );
    }
    assert_eq!(status("POST", "/api", &[by_cookie]), 200);
}

#[test]
fn a_cookie_loses_our_crumb_and_nothing_else() {
    let bed = Bed::with("[session]\ncookie = \"wx\"\n", ROUTES);
    let token = bed.sign_in("oAlice");
    let ours = format!("__Host-wx={token}");
    for (cookie, rest) in [
        (format!("a=b; {ours}; c=\"d e\""), Some("a=b; c=\"d e\"")),
        (format!("{ours}; a=b"), Some("a=b")),
        (format!("a=b;{ours}"), Some("a=b")),
        (ours.clone(), None),
        (format!("{ours}; {ours}"), None),
        (
            "a=b; wx=1; x__Host-wx=2".to_owned(),
            Some("a=b; wx=1; x__Host-wx=2"),
        ),
    ] {
        for path in ["/optional/a", "/public/a"] {
            let seen = forwarded(&bed, path, &[("Cookie", &cookie)]);
            assert_eq!(seen.header("cookie"), rest, "{cookie}");
            let known = (path == "/optional/a" && cookie.contains("wxg_")).then_some("oAlice");
            assert_eq!(seen.header("x-wx-openid"), known, "{cookie}");
        }
    }
    // In two lines, as HTTP/2 has them.
    let seen = forwarded(&bed, "/api/a", &[("Cookie", "a=b"), ("Cookie", &ours)]);
    assert_eq!(seen.header("cookie"), Some("a=b"));
}

/// All that a client can tell one answer from another by.
fn told(reply: &Reply) -> (u16, serde_json::Value, Vec<(String, String)>) {
    let mut json = reply.json();
    json.as_object_mut().unwrap().remove("request_id");
    let mut headers = reply.headers.clone();
    headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
    (reply.status, json, headers)
}

#[test]
fn every_token_that_is_not_good_gets_the_same_answer() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let dead = bed.sign_in("oBob");
    assert_eq!(
        bed.call("logout", &dead, &serde_json::json!({})).status,
        204
    );
    let changed = |at: usize| {
        let mut text = token.clone().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).unwrap()
    };
    let expected = told(&bed.get("/api/a", "wxg_"));
    assert_eq!(
        (expected.0, &expected.1["code"]),
        (401, &"session_expired".into())
    );
    for wrong in [
        dead.clone(),
        // Another locator, another secret, another length, other characters.
        changed(6),
        changed(40),
        changed(66),
        format!("{token}A"),
        token[..67].to_owned(),
        token.replacen("wxg_", "wxg_!", 1),
        format!("wxg_{}", "A".repeat(64)),
        format!("wxg_{}", "x".repeat(4000)),
        format!("{token}, {token}"),
    ] {
        assert_eq!(told(&bed.get("/api/a", &wrong)), expected, "{wrong}");
        assert_eq!(told(&bed.get("/phone/a", &wrong)), expected, "{wrong}");
        assert_eq!(
            bed.get("/wxgate/session", &wrong).code(),
            "session_expired",
            "{wrong}"
        );
    }
    assert!(bed.upstream.seen().is_empty());
    assert_eq!(bed.get("/api/a", &token).status, 200);
}

#[test]
fn a_token_ends_with_its_session() {
    let bed = Bed::with(
        "[session]\nttl = \"1s\"\nidle = \"1s\"\n",
        PUBLIC.replace("none", "login").as_str(),
    );
    let token = bed.sign_in("oAlice");
    let mut client = bed.client();
    let bearer = format!("Bearer {token}");
    let start = std::time::Instant::now();
    let reply = loop {
        // The connection remembers its last credential, and that it ends.
        let reply = client.send("GET", "/", &[("Authorization", &bearer)], b"");
        if reply.status != 200 {
            break reply;
        }
        assert!(start.elapsed() < std::time::Duration::from_secs(10));
    };
    assert_eq!(reply.row(), (401, "session_expired".into(), "login".into()));
    assert_eq!(bed.get("/", &token).code(), "session_expired");
}

#[test]
fn a_query_carries_no_credential() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    for query in ["token", "access_token", "authorization", "wxgate"] {
        let reply = bed.send("GET", &format!("/api/a?{query}={token}"), &[], b"");
        assert_eq!(reply.code(), "session_missing");
    }
}

#[test]
fn each_login_gives_another_token() {
    let bed = Bed::new();
    let mut tokens: Vec<String> = (0..20).map(|_| bed.sign_in("oAlice")).collect();
    for token in &tokens {
        assert!(token.starts_with("wxg_") && token.len() == 68, "{token}");
    }
    let secret = |token: &String| token[27..].to_owned();
    tokens.sort();
    tokens.dedup_by_key(|token| secret(token));
    assert_eq!(tokens.len(), 20);
}

#[test]
fn a_token_after_any_white_space_is_ours_and_is_not_forwarded() {
    let bed = Bed::new();
    let token = bed.sign_in("o-tab");
    for line in [format!("Bearer\t{token}"), format!("bearer \t {token}")] {
        for path in ["/public", "/api"] {
            let reply = bed.send("GET", path, &[("Authorization", &line)], b"");
            assert_eq!(reply.status, 200, "{line:?}");
            assert_eq!(
                bed.upstream.last().header("authorization"),
                None,
                "{line:?}"
            );
        }
    }
}
