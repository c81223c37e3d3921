//! A handshake passes the six steps like any request, and is answered by the server.

use std::io::Write as _;

use super::wire::{CLOSE, PUBLIC, Socket, TEXT, accept, echo, granted, granting, parrot, shake};
use crate::harness::{Authority, Bed, Secure, Upstream, config};

#[test]
fn a_handshake_goes_on_with_who_calls_and_without_what_was_for_one_hop() {
    let bed = Bed::around(echo(), "", "[[route]]\npath = \"/\"\nto = \"{upstream}\"\n");
    let token = bed.sign_in("o-alice");
    let lines = format!(
        "Authorization: Bearer {token}\r\nX-WX-OPENID: o-mallory\r\nX-Hop: 1\r\n\
         Connection: X-Hop, keep-alive\r\nKeep-Alive: 5\r\nOrigin: https://page.example\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: chat\r\n"
    );
    let (mut socket, reply) = Socket::open(&bed, "/live/x?room=1", &lines);
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
    let seen = bed.upstream.last();
    assert_eq!(seen.line, "GET /live/x?room=1 HTTP/1.1");
    for (name, value) in [
        ("upgrade", Some("websocket")),
        ("connection", Some("Upgrade")),
        ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ==")),
        ("sec-websocket-version", Some("13")),
        ("sec-websocket-extensions", Some("permessage-deflate")),
        ("sec-websocket-protocol", Some("chat")),
        ("x-wx-openid", Some("o-alice")),
        ("origin", Some("https://page.example")),
        ("x-forwarded-host", Some("gateway.test")),
        ("authorization", None),
        ("x-hop", None),
        ("keep-alive", None),
        ("content-length", None),
        ("transfer-encoding", None),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert_eq!(reply.header("upgrade"), Some("websocket"));
    assert_eq!(reply.header("connection"), Some("Upgrade"));
    let right = accept("dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(reply.header("sec-websocket-accept"), Some(right.as_str()));
}

#[test]
fn a_refusal_is_a_plain_answer_and_the_connection_goes_on() {
    let bed = Bed::around(echo(), "", crate::harness::ROUTES);
    let mut client = bed.client();
    for (path, status, code) in [
        ("/api", 401, "session_missing"),
        ("/closed", 403, "route_denied"),
        ("/nowhere", 404, "no_route"),
        ("/public/%2f", 400, "bad_request"),
    ] {
        client.write(shake(path, "").as_bytes());
        let reply = client.reply(false);
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(reply.header("upgrade"), None);
    }
    let stale = format!("Authorization: Bearer wxg_{}\r\n", "a".repeat(64));
    client.write(shake("/api", &stale).as_bytes());
    client.reply(false).is(401, "session_expired", "login");
    assert!(bed.upstream.seen().is_empty());
    client.write(shake("/public", "").as_bytes());
    assert_eq!(client.reply(true).status, 101);
}

#[test]
fn what_the_server_refuses_comes_as_it_is() {
    let upstream = Upstream::answering(|_, stream| {
        let answer = "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nno!";
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    for _ in 0..2 {
        client.write(shake("/", "").as_bytes());
        let reply = client.reply(false);
        assert_eq!((reply.status, reply.text().as_str()), (426, "no!"));
        assert_eq!(reply.header("sec-websocket-version"), Some("13"));
        assert_eq!(reply.header("upgrade"), None);
    }
    assert_eq!(bed.upstream.connections(), 1);
}

#[test]
fn a_route_without_websockets_forwards_a_plain_request() {
    let routes =
        "[[route]]\npath = \"/\"\nrequire = \"none\"\nwebsocket = false\nto = \"{upstream}\"\n";
    let bed = Bed::around(echo(), "", routes);
    let mut client = bed.client();
    let offered = format!(
        "Sec-WebSocket-Protocol: wxgate.bearer.wxg_{}\r\n",
        "a".repeat(64)
    );
    client.write(shake("/", &offered).as_bytes());
    let reply = client.reply(false);
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    let seen = bed.upstream.last();
    assert_eq!(
        (seen.header("upgrade"), seen.header("connection")),
        (None, None)
    );
    assert_eq!(
        seen.header("sec-websocket-protocol"),
        None,
        "a token of ours goes nowhere"
    );
}

#[test]
fn the_path_is_stripped_and_normal_as_for_any_request() {
    let routes =
        "[[route]]\npath = \"/ws\"\nstrip = \"/ws\"\nrequire = \"none\"\nto = \"{upstream}/v2\"\n";
    let bed = Bed::around(echo(), "", routes);
    Socket::open(&bed, "/ws//a/../b?x=%20", "");
    assert_eq!(bed.upstream.last().target(), "/v2/b?x=%20");
    assert_eq!(
        bed.upstream.last().header("x-forwarded-prefix"),
        Some("/ws")
    );
}

#[test]
fn the_answers_head_is_cleansed() {
    let lines = "X-WX-OPENID: o1\r\nX-Wxgate-Refusal: x\r\nKeep-Alive: 5\r\nSet-Cookie: a=1\r\n\
        Content-Length: 5\r\nSec-WebSocket-Protocol: chat\r\n";
    let bed = Bed::around(granting(lines, |_, socket| parrot(socket)), "", PUBLIC);
    let (mut socket, reply) = Socket::open(&bed, "/", "Sec-WebSocket-Protocol: talk, chat\r\n");
    for name in [
        "x-wx-openid",
        "x-wxgate-refusal",
        "keep-alive",
        "content-length",
        "transfer-encoding",
    ] {
        assert_eq!(reply.header(name), None, "{name}");
    }
    assert_eq!(reply.header("set-cookie"), Some("a=1"));
    assert_eq!(reply.header("sec-websocket-protocol"), Some("chat"));
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
}

#[test]
fn frames_that_come_with_the_head_are_not_lost() {
    // From the client behind its handshake, from the server behind its 101.
    let upstream = Upstream::connecting(|stream, _| {
        let mut buffer = Vec::new();
        let seen = crate::harness::request(stream, &mut buffer).unwrap();
        let mut bytes = granted(&seen, "").into_bytes();
        bytes.extend(super::wire::frame(false, TEXT, b"first"));
        stream.write_all(&bytes).unwrap();
        parrot(Socket::server(stream, buffer));
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    let mut bytes = shake("/", "").into_bytes();
    for length in [1, 300, 20_000] {
        bytes.extend(super::wire::frame(true, TEXT, &vec![b'x'; length]));
    }
    bytes.extend(super::wire::frame(true, CLOSE, &[3, 232]));
    client.write(&bytes);
    assert_eq!(client.reply(true).status, 101);
    let mut socket = Socket::client(client);
    assert_eq!(socket.text(), "first");
    for length in [1, 300, 20_000] {
        assert_eq!(socket.text().len(), length);
    }
    assert_eq!(socket.closed().0, 1000);
    assert!(socket.is_over());
}

#[test]
fn a_connection_that_was_used_before_is_good_for_it() {
    let bed = Bed::around(echo(), "", PUBLIC);
    let mut client = bed.client();
    for _ in 0..3 {
        assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    }
    client.write(shake("/", "").as_bytes());
    assert_eq!(client.reply(true).status, 101);
    let mut socket = Socket::client(client);
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
    // The upstream's connection was taken out of the pool for good.
    assert_eq!(bed.upstream.connections(), 1);
    assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    assert_eq!(bed.upstream.connections(), 2);
    socket.send(TEXT, b"still there");
    assert_eq!(socket.text(), "still there");
}

#[test]
fn over_tls_it_is_the_same() {
    let authority = Authority::new("websocket-tls");
    authority.sign("own", &["gateway.test"]);
    let bed = Bed::around(
        echo(),
        &authority.section("own"),
        "[[route]]\npath = \"/\"\nto = \"{upstream}\"\n",
    );
    let secure = || Secure::secure(bed.address(), &authority.client(), "gateway.test");
    let code = bed.mock.control().login_code("o-alice");
    let login = serde_json::json!({ "code": code }).to_string();
    let json = [("Content-Type", "application/json")];
    let reply = secure().send("POST", "/wxgate/login", &json, login.as_bytes());
    let token = crate::harness::token(&reply);
    let mut client = secure();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    client.write(shake("/", &bearer).as_bytes());
    assert_eq!(client.reply(true).status, 101);
    let mut socket = Socket::client(client);
    for length in [5, 100_000, 1_000_000] {
        socket.send(TEXT, &vec![b'x'; length]);
        assert_eq!(socket.text().len(), length);
    }
    let seen = bed.upstream.last();
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.header("x-wx-openid"), Some("o-alice"));
    let credential = format!("Bearer {token}");
    let headers = [("Authorization", credential.as_str())];
    let logout = secure().send("POST", "/wxgate/logout", &headers, b"");
    assert_eq!(logout.status, 204);
    assert_eq!(socket.closed().0, 1008);
}

#[test]
fn a_handshake_counts_for_the_routes_rate() {
    for (per, require) in [("address", "none"), ("user", "login")] {
        let routes = format!(
            "[[route]]\npath = \"/\"\nrequire = \"{require}\"\nto = \"{{upstream}}\"\nrate = {{ per = \"{per}\", limit = \"1/m\", burst = 2 }}\n"
        );
        let bed = Bed::around(echo(), "", &routes);
        let bearer = format!("Authorization: Bearer {}\r\n", bed.sign_in("o-alice"));
        for status in [101, 101, 429] {
            let mut client = bed.client();
            client.write(shake("/", &bearer).as_bytes());
            assert_eq!(client.reply(status == 101).status, status, "{per}");
        }
        assert_eq!(bed.upstream.seen().len(), 2);
    }
}

#[test]
fn a_reload_touches_no_tunnel_and_a_log_out_is_still_seen() {
    let route = "[[route]]\npath = \"/\"\nto = \"{upstream}\"\n";
    let mut bed = Bed::around(echo(), "", route);
    let token = bed.sign_in("o-alice");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let (mut socket, _) = Socket::open(&bed, "/", &bearer);
    for _ in 0..3 {
        for routes in [
            "[[route]]\npath = \"/\"\nwebsocket = false\nto = \"{upstream}\"\n",
            route,
        ] {
            let config = config(&bed.mock.url(), &bed.upstream.url(), "", routes);
            bed.gateway.reload(&config).unwrap();
            socket.send(TEXT, b"still there");
            assert_eq!(socket.text(), "still there");
        }
    }
    let (mut later, _) = Socket::open(&bed, "/", &bearer);
    bed.call("logout", &token, &serde_json::json!({}));
    assert_eq!((socket.closed().0, later.closed().0), (1008, 1008));
}
