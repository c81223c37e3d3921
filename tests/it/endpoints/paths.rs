//! What all endpoints share: paths, methods, bodies, credentials, health.

use serde_json::json;

use crate::harness::{Bed, Client, ROUTES};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A route for everything that is not under the prefix.
const ALL: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

#[test]
fn a_wrong_method_is_told_what_to_send() {
    let bed = Bed::new();
    for (method, path, allow, say) in [
        ("GET", "/wxgate/login?code=0secretcode", "POST", "POST"),
        ("GET", "/wxgate/login", "POST", "wx.login"),
        ("PUT", "/wxgate/login", "POST", "POST"),
        ("GET", "/wxgate/phone", "POST", "POST"),
        ("GET", "/wxgate/userinfo", "POST", "POST"),
        ("GET", "/wxgate/decrypt", "POST", "POST"),
        ("GET", "/wxgate/logout", "POST", "POST"),
        ("POST", "/wxgate/session", "GET", "GET"),
        ("DELETE", "/wxgate/session", "GET", "GET"),
        ("POST", "/wxgate/health", "GET", "GET"),
    ] {
        let reply = bed.send(method, path, &[], b"");
        reply.is(405, "method_not_allowed", "fix");
        let allowed = reply.header("allow").unwrap();
        assert!(allowed.split(", ").any(|m| m == allow), "{path}: {allowed}");
        assert!(!allowed.contains(method), "{path}: {allowed}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(say), "{path}: {detail}");
        assert!(!reply.text().contains("0secretcode"));
    }
    assert_eq!(bed.mock.calls("jscode2session"), 0);
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn a_body_is_json_or_says_nothing_of_its_type() {
    let bed = Bed::new();
    let code = || bed.mock.login_code("oAlice");
    let log_in = |headers: &[(&str, &str)]| {
        let body = json!({ "code": code() }).to_string();
        bed.send("POST", "/wxgate/login", headers, body.as_bytes())
    };
    for good in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ] {
        log_in(&[("Content-Type", good)]).good();
    }
    log_in(&[]).good();
    for other in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/json",
        "*/*",
    ] {
        log_in(&[("Content-Type", other)]).is(415, "not_json", "fix");
    }
}

#[test]
fn broken_json_is_a_bad_request_everywhere() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let bearer = format!("Bearer {token}");
    for endpoint in ["login", "phone", "userinfo", "decrypt", "logout"] {
        for body in [
            &b"{"[..],
            b"{\"code\":\"c\"",
            b"{\"code\":\"c\"}}",
            b"code=c",
            b"{'code':'c'}",
            b"\xff\xfe{}",
            b"{\"code\":\"\xc3\x28\"}",
            b"[]",
            b"null",
            b"\"c\"",
        ] {
            let path = format!("/wxgate/{endpoint}");
            let reply = bed.send("POST", &path, &[JSON, ("Authorization", &bearer)], body);
            assert_eq!(reply.status, 400, "{path} {body:?}: {}", reply.text());
            reply.is(400, "bad_request", "fix");
        }
        let deep = "[".repeat(20_000);
        let path = format!("/wxgate/{endpoint}");
        bed.send(
            "POST",
            &path,
            &[JSON, ("Authorization", &bearer)],
            deep.as_bytes(),
        )
        .is(400, "bad_request", "fix");
    }
    for endpoint in ["login", "phone", "userinfo", "decrypt"] {
        let path = format!("/wxgate/{endpoint}");
        bed.send("POST", &path, &[JSON, ("Authorization", &bearer)], b"")
            .is(400, "bad_request", "fix");
    }
    assert_eq!(bed.get("/api", &token).status, 200, "the session goes on");
}

#[test]
fn who_leaves_something_out_is_told_what_to_send() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    for (endpoint, said) in [
        ("login", "wx.login"),
        ("phone", "e.detail.code"),
        ("userinfo", "rawData"),
        ("decrypt", "encryptedData"),
    ] {
        let reply = bed.call(endpoint, &token, &json!({}));
        reply.is(400, "bad_request", "fix");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{endpoint}: {detail}");
    }
}

#[test]
fn a_huge_body_is_refused_before_it_comes() {
    let bed = Bed::new();
    let mut client = bed.client();
    client.write(b"POST /wxgate/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n");
    client.reply(false).is(413, "body_too_large", "fix");

    let mut client = bed.client();
    client.write(b"POST /wxgate/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    for _ in 0..5 {
        client.write(chunk.as_bytes());
    }
    client.reply(false).is(413, "body_too_large", "fix");
}

#[test]
fn a_chunked_body_is_taken() {
    let bed = Bed::new();
    let body = json!({ "code": bed.mock.login_code("oAlice") }).to_string();
    let mut client = bed.client();
    client.write(b"POST /wxgate/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.as_bytes().chunks(7) {
        client
            .write(format!("{:x}\r\n{}\r\n", part.len(), str::from_utf8(part).unwrap()).as_bytes());
    }
    client.write(b"0\r\n\r\n");
    client.reply(false).good();
}

#[test]
fn the_prefix_is_the_gateways_and_nothing_else() {
    let bed = Bed::with("", ALL);
    for path in [
        "/wxgate",
        "/wxgate/",
        "/wxgate/nothing",
        "/wxgate/login/",
        "/wxgate/login/more",
        "/wxgate/Login",
        "/api/../wxgate/nothing",
        "/%77xgate/nothing",
        "//wxgate//nothing",
    ] {
        bed.send("POST", path, &[], b"").is(404, "no_route", "stop");
    }
    assert!(bed.upstream.seen().is_empty());
    for path in [
        "/wxgates/login",
        "/wxgate2",
        "/api/wxgate/login",
        "/WXGATE/login",
    ] {
        assert_eq!(bed.send("POST", path, &[], b"").status, 200, "{path}");
        assert_eq!(bed.upstream.last().target(), path);
    }
    assert_eq!(bed.send("GET", "/wxgate/x/../health", &[], b"").status, 200);
}

#[test]
fn the_prefix_may_be_another() {
    let bed = Bed::with("[endpoints]\nprefix = \"/auth/wx\"\n", ALL);
    let body = json!({ "code": bed.mock.login_code("oAlice") }).to_string();
    bed.send("POST", "/auth/wx/login", &[JSON], body.as_bytes())
        .good();
    assert_eq!(bed.send("GET", "/auth/wx/health", &[], b"").status, 200);
    assert!(bed.upstream.seen().is_empty());
    bed.send("POST", "/wxgate/login", &[JSON], b"{}").good();
    assert_eq!(bed.upstream.last().target(), "/wxgate/login");
}

#[test]
fn the_endpoints_are_on_every_host() {
    let bed = Bed::with(
        "",
        "[[route]]\nhost = [\"known.test\"]\npath = \"/\"\nto = \"{upstream}\"\n",
    );
    for host in ["known.test", "other.test", "127.0.0.1:9"] {
        let body = json!({ "code": bed.mock.login_code("oAlice") }).to_string();
        bed.send(
            "POST",
            "/wxgate/login",
            &[JSON, ("Host", host)],
            body.as_bytes(),
        )
        .good();
    }
}

#[test]
fn a_session_is_needed_and_a_dead_one_looks_like_an_unknown() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.call("logout", &token, &json!({}));
    let mut unknown = token.clone();
    unknown.replace_range(60..64, "AAAA");
    let mut answers = std::collections::BTreeSet::new();
    for (method, endpoint) in [
        ("POST", "phone"),
        ("POST", "userinfo"),
        ("POST", "decrypt"),
        ("GET", "session"),
        ("GET", "session?check=wechat"),
    ] {
        let path = format!("/wxgate/{endpoint}");
        let body: &[u8] = if method == "GET" {
            b""
        } else {
            b"{\"code\":\"c\"}"
        };
        for foreign in [
            &[][..],
            &[("Authorization", "Basic eHg6eQ==")],
            &[("Authorization", "Bearer eyJ")],
        ] {
            let reply = bed.send(method, &path, foreign, body);
            reply.is(401, "session_missing", "login");
            assert_eq!(
                reply.header("www-authenticate"),
                Some("Bearer realm=\"wxgate\"")
            );
        }
        for dead in [
            token.as_str(),
            &unknown,
            "wxg_",
            "wxg_short",
            &"wxg_~".repeat(20),
        ] {
            let reply = bed.send(
                method,
                &path,
                &[("Authorization", &format!("Bearer {dead}"))],
                body,
            );
            reply.is(401, "session_expired", "login");
            assert_eq!(
                reply.header("www-authenticate"),
                Some("Bearer realm=\"wxgate\", error=\"invalid_token\"")
            );
            let mut answer = reply.json();
            answer["request_id"] = json!("");
            answers.insert(answer.to_string());
        }
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn the_scheme_counts_in_any_case() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let value = format!("{scheme} {token}");
        for path in ["/wxgate/session", "/api"] {
            let reply = bed.send("GET", path, &[("Authorization", &value)], b"");
            assert_eq!(reply.status, 200, "{scheme} {path}");
        }
        assert_eq!(bed.upstream.last().header("authorization"), None);
    }
}

#[test]
fn another_header_may_carry_the_token() {
    let bed = Bed::with("[session]\nheader = \"X-Session\"\n", ROUTES);
    let token = bed.sign_in("oAlice");
    for value in [token.clone(), format!("Bearer {token}")] {
        let headers = [
            ("X-Session", value.as_str()),
            ("Authorization", "Basic eHg6eQ=="),
        ];
        bed.send("GET", "/wxgate/session", &headers, b"").good();
        assert_eq!(bed.send("GET", "/api", &headers, b"").status, 200);
        let seen = bed.upstream.last();
        assert_eq!(seen.header("x-session"), None);
        assert_eq!(seen.header("authorization"), Some("Basic eHg6eQ=="));
        assert_eq!(seen.header("x-wx-openid"), Some("oAlice"));
    }
    bed.get("/api", &token).is(401, "session_missing", "login");
}

#[test]
fn nothing_of_the_endpoints_is_stored() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let none = json!({});
    for reply in [
        bed.ask("session", &token),
        bed.ask("health", ""),
        bed.call("login", "", &none),
        bed.call("phone", &token, &none),
        bed.call("phone", "", &none),
        bed.tap("oAlice", &token),
        bed.ask("login?code=c", ""),
        bed.ask("nothing", ""),
        bed.call("logout", &token, &none),
    ] {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
    }
}

#[test]
fn health_answers_probes_of_every_kind() {
    let bed = Bed::new();
    for probe in [
        "GET /wxgate/health HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /wxgate/health HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nUser-Agent: probe\r\n\r\n",
        "GET /wxgate/health HTTP/1.0\r\n\r\n",
        "GET /wxgate/health HTTP/1.0\r\nConnection: close\r\n\r\n",
    ] {
        let mut client = Client::connect(bed.address());
        client.write(probe.as_bytes());
        let reply = client.reply(false);
        assert_eq!(reply.status, 200, "{probe}: {}", reply.text());
        for detail in ["mock", "127.0.0.1", "version", "upstream", "wechat"] {
            assert!(!reply.text().contains(detail), "{}", reply.text());
        }
    }
    let mut client = Client::connect(bed.address());
    client.write(b"HEAD /wxgate/health HTTP/1.0\r\n\r\n");
    assert_eq!(client.reply(true).status, 200);
    // Others need a host, and HTTP/1.1 does.
    for request in [
        "GET /api HTTP/1.0\r\n\r\n",
        "GET /wxgate/session HTTP/1.0\r\n\r\n",
        "GET /wxgate/health HTTP/1.1\r\n\r\n",
    ] {
        let mut client = Client::connect(bed.address());
        client.write(request.as_bytes());
        assert_eq!(client.reply(false).status, 400, "{request}");
    }
}
