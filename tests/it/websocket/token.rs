//! A token where a client can set no header: in a subprotocol or in the query, on routes that say so (R18).

use super::wire::{PUBLIC, Socket, TEXT, echo, granting, parrot, shake};
use crate::harness::Bed;

const ROUTES: &str = r#"
[[route]]
path = "/both"
websocket_token = ["protocol", "query:token"]
to = "{upstream}"
[[route]]
path = "/neither"
to = "{upstream}"
[[route]]
path = "/optional"
require = "optional"
websocket_token = ["query:t"]
to = "{upstream}"
"#;

fn offered(protocols: &str) -> String {
    format!("Sec-WebSocket-Protocol: {protocols}\r\n")
}

#[test]
fn a_token_among_the_subprotocols_signs_in_and_goes_no_further() {
    let chooses = "Sec-WebSocket-Protocol: chat\r\n";
    let bed = Bed::around(granting(chooses, |_, socket| parrot(socket)), "", ROUTES);
    let token = bed.sign_in("o-alice");
    let (mut socket, reply) = Socket::open(
        &bed,
        "/both",
        &offered(&format!("talk, wxgate.bearer.{token}, chat")),
    );
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
    let seen = bed.upstream.last();
    assert_eq!(seen.header("x-wx-openid"), Some("o-alice"));
    assert_eq!(seen.header("sec-websocket-protocol"), Some("talk, chat"));
    assert_eq!(reply.header("sec-websocket-protocol"), Some("chat"));
    assert!(!format!("{seen:?}{reply:?}").contains(&token));
}

#[test]
fn a_browser_that_must_be_chosen_for_offers_ours_too() {
    let bed = Bed::around(echo(), "", ROUTES);
    let token = bed.sign_in("o-alice");
    let (_, reply) = Socket::open(
        &bed,
        "/both",
        &offered(&format!("wxgate, wxgate.bearer.{token}")),
    );
    assert_eq!(reply.header("sec-websocket-protocol"), Some("wxgate"));
    assert_eq!(bed.upstream.last().header("sec-websocket-protocol"), None);
    let (_, reply) = Socket::open(&bed, "/both", &offered(&format!("wxgate.bearer.{token}")));
    assert_eq!(reply.header("sec-websocket-protocol"), None);
}

#[test]
fn a_token_in_the_query_signs_in_and_goes_no_further() {
    let bed = Bed::around(echo(), "", ROUTES);
    let token = bed.sign_in("o-alice");
    Socket::open(&bed, &format!("/both?a=1&token={token}&b=2"), "");
    let seen = bed.upstream.last();
    assert_eq!(seen.target(), "/both?a=1&b=2");
    assert_eq!(seen.header("x-wx-openid"), Some("o-alice"));
    Socket::open(&bed, &format!("/optional?t={token}"), "");
    let seen = bed.upstream.last();
    assert_eq!(
        (seen.target(), seen.header("x-wx-openid")),
        ("/optional", Some("o-alice"))
    );
    Socket::open(&bed, "/optional?t=service", "");
    let seen = bed.upstream.last();
    assert_eq!(
        (seen.target(), seen.header("x-wx-openid")),
        ("/optional?t=service", None)
    );
}

#[test]
fn only_handshakes_of_routes_that_say_so_read_it_there() {
    let bed = Bed::around(echo(), "", ROUTES);
    let token = bed.sign_in("o-alice");
    for (path, lines) in [
        (
            "/neither".to_owned(),
            offered(&format!("wxgate.bearer.{token}")),
        ),
        (format!("/neither?token={token}"), String::new()),
        (format!("/both?other={token}"), String::new()),
    ] {
        let mut client = bed.client();
        client.write(shake(&path, &lines).as_bytes());
        client.reply(false).is(401, "session_missing", "login");
    }
    // No handshake: neither place is read.
    bed.send("GET", &format!("/both?token={token}"), &[], b"")
        .is(401, "session_missing", "login");
    let protocol = format!("wxgate.bearer.{token}");
    let headers = [("Sec-WebSocket-Protocol", protocol.as_str())];
    bed.send("GET", "/both", &headers, b"")
        .is(401, "session_missing", "login");
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn a_token_of_ours_in_those_places_goes_no_further_without_a_handshake_either() {
    let bed = Bed::around(
        echo(),
        "",
        "[[route]]\npath = \"/\"\nrequire = \"optional\"\nwebsocket_token = [\"protocol\", \"query:token\"]\nto = \"{upstream}\"\n",
    );
    let token = bed.sign_in("o-alice");
    let protocols = format!("chat, wxgate.bearer.{token}");
    let headers = [("Sec-WebSocket-Protocol", protocols.as_str())];
    for (method, target, expected) in [
        ("GET", format!("/a?x=1&token={token}&y=2"), "/a?x=1&y=2"),
        ("POST", format!("/a?token={token}"), "/a"),
        // What is not ours is the service's.
        ("GET", "/a?token=theirs".to_owned(), "/a?token=theirs"),
    ] {
        let _ = bed.client().send(method, &target, &headers, b"");
        let seen = bed.upstream.last();
        assert_eq!(seen.target(), expected);
        assert!(!format!("{seen:?}").contains(&token), "{seen:?}");
    }
}

#[test]
fn a_bad_token_is_as_bad_there_as_anywhere() {
    let bed = Bed::around(echo(), "", ROUTES);
    let stale = format!("wxg_{}", "a".repeat(64));
    for (path, lines) in [
        (
            "/both".to_owned(),
            offered(&format!("wxgate.bearer.{stale}")),
        ),
        ("/both".to_owned(), offered("wxgate.bearer.wxg_short")),
        ("/both".to_owned(), offered("wxgate.bearer.")),
        (format!("/both?token={stale}"), String::new()),
        ("/both?token=wxg_".to_owned(), String::new()),
    ] {
        let mut client = bed.client();
        client.write(shake(&path, &lines).as_bytes());
        client.reply(false).is(401, "session_expired", "login");
    }
}

#[test]
fn a_page_of_another_origin_gets_nothing_by_a_cookie() {
    let bed = Bed::around(echo(), "[session]\ncookie = \"wxgate\"\n", ROUTES);
    let token = bed.sign_in("o-alice");
    let cookie = format!("Cookie: __Host-wxgate={token}\r\n");
    for (origin, status) in [
        ("", 101),
        ("Origin: https://gateway.test\r\n", 101),
        ("Origin: http://gateway.test\r\n", 101),
        ("Origin: https://evil.test\r\n", 403),
        ("Origin: null\r\n", 403),
    ] {
        let mut client = bed.client();
        client.write(shake("/neither", &format!("{cookie}{origin}")).as_bytes());
        assert_eq!(client.reply(status == 101).status, status, "{origin}");
    }
    // Pages that the route names are the route's own; `*` is for whoever shows no cookie.
    for (cors, status) in [("https://page.test", 101), ("*", 403)] {
        let route =
            format!("[[route]]\npath = \"/\"\nto = \"{{upstream}}\"\ncors = [\"{cors}\"]\n");
        let bed = Bed::around(echo(), "[session]\ncookie = \"wxgate\"\n", &route);
        let token = bed.sign_in("o-alice");
        let lines = format!("Cookie: __Host-wxgate={token}\r\nOrigin: https://page.test\r\n");
        let mut client = bed.client();
        client.write(shake("/", &lines).as_bytes());
        assert_eq!(client.reply(status == 101).status, status, "{cors}");
    }
    // A token that a page sends by itself is its own to show.
    let mut client = bed.client();
    let lines = format!("Origin: https://other.test\r\nAuthorization: Bearer {token}\r\n");
    client.write(shake("/neither", &lines).as_bytes());
    assert_eq!(client.reply(true).status, 101);
    // Where no credential is read there is none to abuse.
    let open = Bed::around(echo(), "[session]\ncookie = \"wxgate\"\n", PUBLIC);
    let mut client = open.client();
    client.write(shake("/", &format!("{cookie}Origin: https://evil.test\r\n")).as_bytes());
    assert_eq!(client.reply(true).status, 101);
}
