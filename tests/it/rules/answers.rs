//! Answers keep their form: no redirects of ours (R11), nothing stored (R15), HTTP's special cases.

use std::io::{Read as _, Write as _};

use super::{PUBLIC, ask};
use crate::harness::{Bed, ROUTES, Upstream};

/// Every refusal of ours that needs no session.
fn refusals(bed: &Bed) -> Vec<(String, crate::harness::Reply)> {
    [
        ("GET /api HTTP/1.1\r\nHost: a\r\n", "session_missing"),
        (
            "GET /api HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wxg_x\r\n",
            "session_expired",
        ),
        ("GET /phone HTTP/1.1\r\nHost: a\r\n", "session_missing"),
        ("GET /closed HTTP/1.1\r\nHost: a\r\n", "route_denied"),
        ("GET /nowhere HTTP/1.1\r\nHost: a\r\n", "no_route"),
        ("GET /public/%2f HTTP/1.1\r\nHost: a\r\n", "bad_request"),
        ("GET /public HTTP/1.1\r\n", "bad_request"),
        (
            "TRACE /public HTTP/1.1\r\nHost: a\r\n",
            "method_not_allowed",
        ),
        (
            "GET /wxgate/login?code=x HTTP/1.1\r\nHost: a\r\n",
            "method_not_allowed",
        ),
        ("GET /wxgate/nothing HTTP/1.1\r\nHost: a\r\n", "no_route"),
        (
            "GET /wxgate/session HTTP/1.1\r\nHost: a\r\n",
            "session_missing",
        ),
        (
            "POST /public HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n",
            "body_too_large",
        ),
    ]
    .map(|(head, code)| (code.to_owned(), ask(bed, format!("{head}\r\n"))))
    .into()
}

#[test]
fn a_refusal_has_one_form() {
    let bed = Bed::new();
    for (code, reply) in refusals(&bed) {
        let json = reply.json();
        assert_eq!(json["code"], code, "{reply:?}");
        assert_eq!(json["status"], reply.status);
        assert_eq!(json["type"], "about:blank");
        for key in ["title", "detail", "action", "request_id"] {
            assert!(
                json[key].as_str().is_some_and(|text| !text.is_empty()),
                "{key}: {json}"
            );
        }
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.header("x-wxgate-refusal"), Some(code.as_str()));
        let challenge = match code.as_str() {
            "session_missing" => Some("Bearer realm=\"wxgate\""),
            "session_expired" => Some("Bearer realm=\"wxgate\", error=\"invalid_token\""),
            _ => None,
        };
        assert_eq!(reply.header("www-authenticate"), challenge, "{code}");
        assert_eq!(reply.status == 401, challenge.is_some(), "{code}");
    }
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn nothing_of_ours_is_stored_and_nothing_redirects() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let code = bed.mock.control().login_code("oAlice");
    let mut replies: Vec<_> = refusals(&bed).into_iter().map(|(_, reply)| reply).collect();
    replies.push(bed.call("login", "", &serde_json::json!({ "code": code })));
    replies.push(bed.call("login", "", &serde_json::json!({ "code": "unknown" })));
    replies.push(bed.get("/wxgate/session", &token));
    replies.push(bed.get("/wxgate/health", ""));
    replies.push(bed.get("/phone", &token));
    replies.push(bed.call("logout", &token, &serde_json::json!({})));
    for path in [
        "/wxgate",
        "/wxgate/",
        "/wxgate/login/",
        "/public/..",
        "/Public",
        "/public//",
    ] {
        replies.push(bed.get(path, ""));
    }
    for reply in replies {
        assert!(!(300..400).contains(&reply.status), "{reply:?}");
        assert_eq!(reply.header("location"), None);
        if reply.text() != "{\"ok\":true}" {
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
        }
    }
}

#[test]
fn an_upstreams_redirect_is_the_clients_to_follow() {
    let upstream = Upstream::answering(|_, stream| {
        write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere?x=1\r\nContent-Length: 0\r\n\r\n"
        )
        .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let reply = bed.send("GET", "/", &[], b"");
    assert_eq!(
        (reply.status, reply.header("location")),
        (302, Some("/elsewhere?x=1"))
    );
    assert_eq!(bed.upstream.seen().len(), 1);
}

#[test]
fn no_answer_of_an_upstream_is_kept_for_another_request() {
    let upstream = Upstream::answering(|_, stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=3600\r\nETag: \"a\"\r\nContent-Length: 1\r\n\r\nx"
        )
        .is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    for round in 1..=3 {
        let reply = bed.send("GET", "/same", &[("If-None-Match", "\"a\"")], b"");
        assert_eq!(
            (reply.status, reply.header("cache-control")),
            (200, Some("public, max-age=3600"))
        );
        assert_eq!(bed.upstream.seen().len(), round);
        assert_eq!(bed.upstream.last().header("if-none-match"), Some("\"a\""));
    }
}

#[test]
fn equal_requests_are_not_made_one() {
    let gate = std::sync::Arc::new(std::sync::Barrier::new(2));
    let upstream = Upstream::answering(move |_, stream| {
        gate.wait();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").is_ok()
    });
    let bed = Bed::around(upstream, "workers = 1\n", PUBLIC);
    let mut clients = [bed.client(), bed.client()];
    for client in &mut clients {
        client.write(b"GET /same HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        assert_eq!(client.reply(false).status, 200);
    }
    assert_eq!(bed.upstream.seen().len(), 2);
}

#[test]
fn answers_without_a_body_keep_the_connection_in_step() {
    let upstream = Upstream::answering(|seen, stream| {
        let answer = match (seen.line.split(' ').next().unwrap(), seen.target()) {
            ("HEAD", "/length") => "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
            ("HEAD", _) => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            (_, "/204") => "HTTP/1.1 204 No Content\r\n\r\n",
            (_, "/204-length") => "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
            (_, "/304") => {
                "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 1234\r\n\r\n"
            }
            (_, "/empty") => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let bed = Bed::around(upstream, "workers = 1\n", PUBLIC);
    let mut client = bed.client();
    for (method, path, status, length) in [
        ("HEAD", "/length", 200, Some("1234")),
        ("HEAD", "/chunked", 200, None),
        ("GET", "/204", 204, None),
        ("GET", "/204-length", 204, None),
        ("GET", "/304", 304, None),
        ("GET", "/empty", 200, Some("0")),
        ("DELETE", "/body", 200, Some("4")),
    ] {
        let reply = client.send(method, path, &[], b"");
        assert_eq!(
            (reply.status, reply.header("content-length")),
            (status, length),
            "{method} {path}"
        );
        assert_eq!(
            client.send("GET", "/next", &[], b"").text(),
            "body",
            "after {method} {path}"
        );
    }
    assert_eq!(bed.upstream.connections(), 1);
}

#[test]
fn a_refusal_to_a_head_has_no_body() {
    let bed = Bed::new();
    let mut client = bed.client();
    let reply = client.send("HEAD", "/api/x", &[], b"");
    assert_eq!(
        (reply.status, reply.header("x-wxgate-refusal")),
        (401, Some("session_missing"))
    );
    assert_eq!(client.send("GET", "/public", &[], b"").status, 200);
}

/// All that a client of HTTP/1.0 gets.
fn old(bed: &Bed, lines: &str) -> String {
    let mut client = bed.client();
    client.write(format!("GET /public HTTP/1.0\r\nHost: a\r\n{lines}\r\n").as_bytes());
    let mut bytes = Vec::new();
    client.stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_client_of_http_1_0_gets_no_chunks_and_is_closed() {
    let upstream = Upstream::answering(|seen, stream| {
        assert!(seen.line.ends_with(" HTTP/1.1"), "{seen:?}");
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            )
            .is_ok()
    });
    let bed = Bed::around(upstream, "", ROUTES);
    for lines in ["", "Connection: keep-alive\r\n"] {
        let text = old(&bed, lines);
        assert!(text.ends_with("\r\n\r\nhello"), "{text}");
        assert!(
            !text.to_ascii_lowercase().contains("transfer-encoding"),
            "{text}"
        );
    }
}

#[test]
fn a_client_of_http_1_0_may_keep_its_connection() {
    let bed = Bed::new();
    let mut client = bed.client();
    for _ in 0..3 {
        client.write(b"GET /public HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        let reply = client.reply(false);
        assert_eq!(
            (reply.status, reply.header("connection")),
            (200, Some("keep-alive"))
        );
    }
    client.write(b"GET /public HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply(false).status, 200);
    assert!(client.is_closed());
}

#[test]
fn an_upstream_of_http_1_0_is_understood() {
    let upstream = Upstream::answering(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nto the end");
        false
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    for _ in 0..2 {
        let reply = client.send("GET", "/", &[], b"");
        assert_eq!(
            (reply.status, reply.text().as_str(), reply.whole),
            (200, "to the end", true)
        );
    }
}

#[test]
fn a_client_that_wants_to_close_is_closed() {
    let bed = Bed::new();
    for (lines, path) in [
        ("Connection: close\r\n", "/public"),
        ("Connection: x\r\nConnection: Close\r\n", "/api"),
    ] {
        let mut client = bed.client();
        client.write(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\nGET /public/next HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(client.reply(false).header("connection"), Some("close"));
        assert!(client.is_closed(), "{lines}");
    }
}
