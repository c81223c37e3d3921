//! The access log: a line a request, what it tells and what it does not.

mod admin;
mod signals;
mod upstreams;

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use wxgate::mock::{Mock, Options};

use crate::harness::{APPID, Client, Folder, Process, ROUTES, Reply, Upstream, token, until};

/// A gateway as a process, with `log` as its `[log]` and `top` before all sections.
struct Stage {
    process: Process,
    mock: Mock,
    upstream: Upstream,
    _runtime: Runtime,
}

impl Stage {
    fn new(name: &str, top: &str, log: &str) -> Self {
        Self::around(Upstream::recording(), name, top, log)
    }

    fn around(upstream: Upstream, name: &str, top: &str, log: &str) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mock = runtime.block_on(Mock::start(Options::default())).unwrap();
        let folder = Folder::new(&format!("logging-{name}"));
        let file = folder.file("gateway.log");
        let log = log.replace("{file}", &file.display().to_string());
        let config = format!(
            "listen = [\"127.0.0.1:0\"]\nworkers = 2\n{top}\n[log]\n{log}\n[admin]\nlisten = \"\"\n[wechat]\napi = [\"{}\"]\n[[app]]\nappid = \"{APPID}\"\nsecret = {{ env = \"WX_SECRET\" }}\n{}",
            mock.url(),
            ROUTES.replace("{upstream}", &upstream.url()),
        );
        let process = Process::run_in(folder, &config);
        Self {
            process,
            mock,
            upstream,
            _runtime: runtime,
        }
    }

    fn client(&self) -> Client {
        self.process.client()
    }

    fn get(&self, path: &str, token: &str) -> Reply {
        self.client().get(path, token)
    }

    fn sign_in(&self, openid: &str) -> String {
        let code = self.mock.login_code(openid);
        let mut client = self.client();
        client.begin("login", "", &json!({ "code": code }));
        token(&client.reply(false))
    }

    /// The lines so far, `count` of them at least.
    fn lines(&self, count: usize) -> Vec<Value> {
        let lines = || self.process.output.text().lines().count();
        until("all lines are written", || lines() >= count);
        let text = self.process.output.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[test]
fn each_request_has_a_line_that_tells_what_became_of_it() {
    let stage = Stage::new("lines", "", "");
    let (alice, bob) = (stage.sign_in("oAlice"), stage.sign_in("oBob"));
    let mut client = stage.client();
    let headers = [
        ("Authorization", &*format!("Bearer {alice}")),
        ("User-Agent", "MicroMessenger \"quoted\""),
        ("Host", "shop.test"),
    ];
    let reply = client.send("POST", "/api/a%20b?code=0a1b2c&x=y&z", &headers, b"12345");
    assert_eq!(reply.status, 200);
    let forwarded = stage.upstream.last();
    stage.get("/api", &bob);
    stage.get("/optional", &alice);
    let refused = stage.get("/api", "wxg_no");
    stage.get("/nowhere", "");
    stage.get("/public", &alice);

    let lines = stage.lines(8);
    assert_eq!(lines.len(), 8, "no more than there were requests");
    let find = |path: &str, status: u16| {
        let mut found = lines
            .iter()
            .filter(|line| line["path"] == path && line["status"] == status);
        found
            .next()
            .unwrap_or_else(|| panic!("{path} {status}: {lines:?}"))
    };
    let line = find("/api/a%20b", 200);
    for (name, value) in [
        ("method", json!("POST")),
        ("host", json!("shop.test")),
        ("query", json!("code=-&x=-&z")),
        ("client", json!("127.0.0.1")),
        ("bytes_in", json!(5)),
        ("bytes_out", json!(11)),
        ("route", json!(0)),
        ("upstream", json!(stage.upstream.address().to_string())),
        ("user_agent", json!("MicroMessenger \"quoted\"")),
        ("request_id", json!(forwarded.header("x-request-id"))),
    ] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    assert!(line.get("code").is_none(), "{line}");

    // The same user is the same word, and nobody is known by it.
    let user = |line: &Value| line["user"].as_str().map(str::to_owned);
    let word = user(line).unwrap();
    assert!(word.len() >= 16 && !word.contains("Alice"), "{word}");
    assert_eq!(user(find("/optional", 200)).as_ref(), Some(&word));
    assert_ne!(user(find("/api", 200)).as_ref(), Some(&word));
    assert_eq!(user(find("/public", 200)), None, "nobody was asked for");

    let line = find("/api", 401);
    assert_eq!(line["code"], "session_expired");
    assert_eq!(line["request_id"], refused.json()["request_id"]);
    assert_eq!(find("/nowhere", 404)["code"], "no_route");
    assert_eq!(find("/wxgate/login", 200)["method"], "POST");
}

#[test]
fn a_call_of_our_own_endpoints_has_its_user_and_its_bytes() {
    let stage = Stage::new("own", "", "");
    let alice = stage.sign_in("oAlice");
    let call = |endpoint: &str, token: &str, body: &Value| {
        let mut client = stage.client();
        client.begin(endpoint, token, body);
        client.reply(false)
    };
    assert_eq!(stage.get("/api", &alice).status, 200);
    let code = stage.mock.phone_code("oAlice");
    let phone = json!({ "code": code });
    call("phone", &alice, &phone).good();
    let wrong = json!({ "encryptedData": "", "iv": "x" });
    let refused = call("decrypt", &alice, &wrong);
    assert_eq!(refused.status, 400);
    call("login", "", &json!({ "code": "nobody's" }));

    let lines = stage.lines(5);
    let find = |path: &str, status: u16| {
        let mut found = lines
            .iter()
            .filter(|line| line["path"] == path && line["status"] == status);
        found.next().unwrap_or_else(|| panic!("{path}: {lines:?}"))
    };
    let user = find("/api", 200)["user"].clone();
    assert!(user.is_string());
    for (path, status, length) in [
        ("/wxgate/login", 200, None),
        ("/wxgate/phone", 200, Some(phone.to_string().len())),
        ("/wxgate/decrypt", 400, Some(wrong.to_string().len())),
    ] {
        let line = find(path, status);
        assert_eq!(line["user"], user, "{line}");
        assert!(line["bytes_in"].as_u64().unwrap() > 10, "{line}");
        if let Some(length) = length {
            assert_eq!(line["bytes_in"], length, "{line}");
        }
    }
    let line = find("/wxgate/decrypt", 400);
    assert_eq!(line["request_id"], refused.header("x-request-id").unwrap());
    assert_eq!(find("/wxgate/login", 401).get("user"), None);
}

#[test]
fn a_request_whose_client_hangs_up_has_its_line() {
    let upstream = Upstream::connecting(|stream, record| {
        let _ = std::io::Read::read(stream, &mut [0; 4096]);
        record(crate::harness::Seen::default());
        let _ = std::io::Read::read(stream, &mut [0; 1]);
    });
    let stage = Stage::around(upstream, "hang-up", "", "");
    let mut gone = stage.client();
    gone.write(b"GET /public/slow HTTP/1.1\r\nHost: a\r\n\r\n");
    stage.upstream.wait_for(1);
    drop(gone);
    let line = &stage.lines(1)[0];
    assert_eq!(line["path"], "/public/slow");
    assert_eq!(line["status"], 499, "as nginx says it: {line}");
}

#[test]
fn a_client_that_forges_headers_is_told_of() {
    let stage = Stage::new("forged", "", "");
    let mut client = stage.client();
    for headers in [
        &[][..],
        &[("X-WX-OPENID", "oMallory")],
        &[("x_wx_source", "wx_devtools")],
    ] {
        assert_eq!(client.send("GET", "/public", headers, b"").status, 200);
    }
    let forged: Vec<bool> = stage
        .lines(3)
        .iter()
        .map(|line| line["forged"] == true)
        .collect();
    assert_eq!(forged, [false, true, true]);
}

#[test]
fn why_an_upstream_had_no_answer_is_found_by_the_requests_id() {
    let upstream = Upstream::answering(|_, _| false);
    let stage = Stage::around(upstream, "upstream-failed", "", "");
    let reply = stage.get("/public", "");
    assert_eq!(reply.row().1, "upstream_failed");
    let id = reply.json()["request_id"].as_str().unwrap().to_owned();
    let (_, told) = stage.process.end();
    let mut lines = told.lines().map(|line| serde_json::from_str(line).unwrap());
    let line: Value = lines
        .find(|line: &Value| line["message"] == "an upstream failed")
        .unwrap();
    assert_eq!(line["request_id"], json!(id), "{line}");
}

#[test]
fn what_never_becomes_a_request_has_a_line_too() {
    let stage = Stage::new("refusals", "[timeouts]\nheader = \"300ms\"\n", "");
    let mut client = stage.client();
    client.write(b"GET /public?code=0a1b2c HTTP/1.1\r\nHo");
    assert_eq!(client.reply(false).status, 408);
    let line = &stage.lines(1)[0];
    assert_eq!(
        (&line["status"], &line["code"]),
        (&json!(408), &json!("request_timeout"))
    );
    assert_eq!(line["client"], "127.0.0.1");
    assert!(!line.to_string().contains("0a1b2c"));
}

#[test]
fn a_client_cannot_write_lines_of_its_own() {
    for format in ["json", "text"] {
        let stage = Stage::new(
            &format!("forged-{format}"),
            "",
            &format!("format = \"{format}\""),
        );
        let agent = "x\",\"status\":200}\u{85}{\"forged\":\"\u{2028}\u{9b}31m";
        let mut client = stage.client();
        client.send(
            "GET",
            "/public/%0aforged%0d%0aline?a%0ab=c",
            &[("User-Agent", agent)],
            b"",
        );
        client.send("GET", "/public", &[("User-Agent", agent)], b"");
        let text = || stage.process.output.text();
        until("both lines are written", || text().lines().count() >= 2);
        assert_eq!(text().lines().count(), 2, "{}", text());
        assert!(!text().contains('\u{1b}'), "{}", text());
        if format == "text" {
            assert!(text().is_ascii(), "{}", text());
        }
        if format == "json" {
            for line in stage.lines(2) {
                assert!(line.get("forged").is_none(), "{line}");
            }
        }
    }
}

#[test]
fn users_are_named_if_the_operator_asks_and_lines_left_out_if_not_wanted() {
    let stage = Stage::new("plain", "", "openid = \"plain\"");
    let token = stage.sign_in("oAlice");
    stage.get("/api", &token);
    let lines = stage.lines(2);
    assert_eq!(lines[1]["user"], "oAlice");

    let stage = Stage::new("off", "", "access = false");
    stage.get("/public", "");
    let (status, said) = stage.process.end();
    assert!(status.success());
    assert!(!said.contains("/public"), "{said}");
}

#[test]
fn lines_that_nobody_takes_are_dropped_counted_and_hold_nobody_up() {
    let stage = Stage::new("drops", "", "");
    // Longer than the pipe and the queue take together, while nobody reads.
    stage.process.output.pause();
    let long = "a".repeat(900);
    let mut clients: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    let head = format!("GET /nowhere/{long} HTTP/1.1\r\nHost: a\r\n\r\n");
    let sent = 9_600;
    for _ in 0..sent / 400 {
        for client in &mut clients {
            client.write(head.repeat(100).as_bytes());
        }
        for client in &mut clients {
            for _ in 0..100 {
                assert_eq!(client.reply(false).status, 404);
            }
        }
    }
    stage.process.output.go_on();
    let (output, error) = (stage.process.output.clone(), stage.process.error.clone());
    let written = || {
        let text = output.text();
        text.lines()
            .filter(|line| line.contains("/nowhere/"))
            .count()
    };
    let told = || -> u64 {
        let text = error.text();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|line| line["dropped"].as_u64())
            .sum()
    };
    let all = || written() + usize::try_from(told()).unwrap();
    until("each line is written or told of", || all() >= sent);
    stage.process.end();
    assert!(told() > 0, "{} of {sent} lines were written", written());
    assert_eq!(all(), sent);
}
