//! Sessions as clients live them: continued, pushed out, ended everywhere at once, and kept when WeChat is gone.

mod kept;

use std::time::{Duration, Instant};

use serde_json::json;
use wxgate::mock::LoginCode;

use crate::harness::{Bed, Client, ROUTES, token};

/// Seconds that a token works on after another took its place.
const GRACE: u64 = 30;

/// Seconds to the end of a session.
fn left(bed: &Bed, token: &str) -> u64 {
    bed.ask("session", token).good()["expires_in"]
        .as_u64()
        .unwrap()
}

/// Logs in as `openid`, showing `previous`.
fn log_in_with(bed: &Bed, openid: &str, previous: &str) -> String {
    let code = bed.mock.login_code(openid);
    token(&bed.call("login", previous, &json!({ "code": code })))
}

#[test]
fn a_login_that_shows_the_old_token_takes_its_place() {
    let bed = Bed::new();
    let old = bed.sign_in("oAlice");
    let other = bed.sign_in("oAlice");
    let new = log_in_with(&bed, "oAlice", &old);
    assert_ne!(old, new);
    assert_eq!(bed.get("/api", &old).status, 200, "for requests in flight");
    assert_eq!(bed.get("/api", &new).status, 200);
    let grace = left(&bed, &old);
    assert!(grace <= GRACE && grace > GRACE - 10, "{grace}");
    assert!(left(&bed, &new) > 86_400);
    assert!(left(&bed, &other) > 86_400, "another device is not touched");

    // The end of the new one is the end of those before it, and of nobody else.
    assert_eq!(bed.call("logout", &new, &json!({})).status, 204);
    bed.get("/api", &old).is(401, "session_expired", "login");
    assert_eq!(bed.get("/api", &other).status, 200);
}

#[test]
fn a_log_out_with_the_old_token_ends_the_new_one_too() {
    let bed = Bed::new();
    let old = bed.sign_in("oAlice");
    let new = log_in_with(&bed, "oAlice", &old);
    let newest = log_in_with(&bed, "oAlice", &new);
    assert_eq!(bed.call("logout", &newest, &json!({})).status, 204);
    for dead in [&old, &new, &newest] {
        bed.get("/api", dead).is(401, "session_expired", "login");
    }
}

#[test]
fn a_strangers_token_is_not_replaced() {
    let bed = Bed::new();
    let alice = bed.sign_in("oAlice");
    let bob = log_in_with(&bed, "oBob", &alice);
    assert!(left(&bed, &alice) > 86_400);
    assert_eq!(bed.call("logout", &bob, &json!({})).status, 204);
    assert_eq!(bed.get("/api", &alice).status, 200);
    for shown in ["wxg_short", "wxg_", &bob] {
        let renewed = log_in_with(&bed, "oBob", shown);
        assert_eq!(
            bed.get("/api", &renewed).status,
            200,
            "a dead token harms no login"
        );
    }
}

#[test]
fn with_too_many_sessions_the_least_recently_used_goes() {
    let bed = Bed::with("[session]\nper_user = 2\n", ROUTES);
    let (one, two) = (bed.sign_in("oAlice"), bed.sign_in("oAlice"));
    let bob = bed.sign_in("oBob");
    assert!(left(&bed, &one) > GRACE && left(&bed, &two) > GRACE);
    let three = bed.sign_in("oAlice");
    assert!(left(&bed, &one) <= GRACE, "for requests in flight");
    for lives in [&two, &three, &bob] {
        assert!(left(&bed, lives) > 86_400);
    }
    // What is in its grace does not count: no second one has to go.
    let four = log_in_with(&bed, "oAlice", &three);
    assert!(left(&bed, &two) > 86_400 && left(&bed, &four) > 86_400);
    assert!(left(&bed, &three) <= GRACE);
}

#[test]
fn a_session_ends_by_itself_and_optional_routes_go_on_without_it() {
    let bed = Bed::with("[session]\nttl = \"2s\"\nidle = \"2s\"\n", ROUTES);
    let start = Instant::now();
    let token = bed.sign_in("oAlice");
    let mut client = bed.client();
    // The connection has the session in mind; its end counts all the same.
    let refused = loop {
        let reply = client.get("/api", &token);
        if reply.status != 200 {
            break reply;
        }
        assert!(start.elapsed() < Duration::from_secs(15), "it never ends");
    };
    refused.is(401, "session_expired", "login");
    assert!(
        start.elapsed() > Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    bed.ask("session", &token)
        .is(401, "session_expired", "login");
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");

    assert_eq!(bed.get("/optional", &token).status, 200);
    let seen = bed.upstream.last();
    for name in ["x-wx-openid", "x-wx-source", "x-wx-appid", "authorization"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    let renewed = log_in_with(&bed, "oAlice", &token);
    assert_eq!(bed.get("/optional", &renewed).status, 200);
    assert_eq!(bed.upstream.last().header("x-wx-openid"), Some("oAlice"));
}

#[test]
fn a_log_out_is_seen_at_once_by_every_worker_and_connection() {
    let bed = Bed::with("workers = 2\n", ROUTES);
    for everywhere in [false, true] {
        let (token, second) = (bed.sign_in("oAlice"), bed.sign_in("oAlice"));
        let bob = bed.sign_in("oBob");
        // So many that both workers have some of them.
        let mut clients: Vec<Client> = (0..16).map(|_| bed.client()).collect();
        for client in &mut clients {
            for who in [&second, &bob, &token] {
                assert_eq!(client.get("/api", who).status, 200);
            }
        }
        let before = bed.upstream.seen().len();
        let body = json!({ "everywhere": everywhere });
        assert_eq!(bed.call("logout", &token, &body).status, 204);
        for client in &mut clients {
            client
                .get("/api", &token)
                .is(401, "session_expired", "login");
        }
        assert_eq!(bed.upstream.seen().len(), before, "nothing was forwarded");
        for client in &mut clients {
            let expected = if everywhere { 401 } else { 200 };
            assert_eq!(client.get("/api", &second).status, expected);
            assert_eq!(client.get("/api", &bob).status, 200);
        }
    }
}

#[test]
fn a_connection_takes_each_request_for_who_it_says() {
    let bed = Bed::new();
    let users: Vec<(String, String)> = (0..8)
        .map(|n| format!("oUser{n}"))
        .map(|openid| (bed.sign_in(&openid), openid))
        .collect();
    let mut client = bed.client();
    for round in 0..40 {
        let (token, openid) = &users[(round * 5) % users.len()];
        assert_eq!(client.get("/api", token).status, 200);
        assert_eq!(
            bed.upstream.last().header("x-wx-openid"),
            Some(openid.as_str())
        );
        if round % 4 == 0 {
            client
                .send("GET", "/api", &[], b"")
                .is(401, "session_missing", "login");
            assert_eq!(client.send("GET", "/optional", &[], b"").status, 200);
            assert_eq!(bed.upstream.last().header("x-wx-openid"), None);
        }
    }
}

#[test]
fn two_logins_are_never_one() {
    let bed = Bed::new();
    bed.mock.hold("jscode2session");
    let mut held: Vec<(String, Client)> = ["oAlice", "oBob", "oCarol"]
        .into_iter()
        .map(|openid| {
            let mut client = bed.client();
            let code = bed.mock.login_code(openid);
            client.begin("login", "", &json!({ "code": code }));
            (openid.to_owned(), client)
        })
        .collect();
    bed.called("jscode2session", 3);
    bed.mock.release("jscode2session");
    for (openid, client) in &mut held {
        let token = token(&client.reply(false));
        assert_eq!(client.get("/api", &token).status, 200);
        assert_eq!(
            bed.upstream.last().header("x-wx-openid"),
            Some(openid.as_str())
        );
    }
}

#[test]
fn one_code_sent_twice_at_once_signs_one_of_them_in() {
    let bed = Bed::new();
    bed.mock.hold("jscode2session");
    let code = bed.mock.login_code("oAlice");
    let mut clients: Vec<Client> = (0..2).map(|_| bed.client()).collect();
    for client in &mut clients {
        client.begin("login", "", &json!({ "code": code }));
    }
    bed.called("jscode2session", 2);
    bed.mock.release("jscode2session");
    let mut answers: Vec<(u16, String)> = clients
        .iter_mut()
        .map(|client| client.reply(false))
        .map(|reply| (reply.status, reply.code()))
        .collect();
    answers.sort();
    assert_eq!(
        answers,
        [(200, String::new()), (401, "code_used".to_owned())]
    );
}

#[test]
fn a_unionid_learned_later_is_seen_by_older_sessions() {
    let bed = Bed::new();
    let first = bed.sign_in("oAlice");
    assert_eq!(bed.get("/api", &first).status, 200);
    assert_eq!(bed.upstream.last().header("x-wx-unionid"), None);
    token(&bed.log_in(LoginCode {
        openid: "oAlice".to_owned(),
        unionid: Some("uAlice".to_owned()),
        ..LoginCode::default()
    }));
    assert_eq!(bed.get("/api", &first).status, 200);
    assert_eq!(bed.upstream.last().header("x-wx-unionid"), Some("uAlice"));
}
