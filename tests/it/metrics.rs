//! The metrics: every number after a known traffic, what a checker of Prometheus' own says, and the page that
//! explains them.

mod connections;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::harness::{Authority, Bed, Client, ROUTES, Upstream, until};

/// One worker, so that it is known which connection to the upstream a request takes.
const ALONE: &str = "workers = 1\n[admin]\nlisten = \"127.0.0.1:0\"\n";

/// An upstream that answers by the path: a status, nothing for ever, or an end.
fn upstream() -> Upstream {
    let dying = AtomicUsize::new(0);
    Upstream::answering(move |seen, stream| {
        let status = match seen.target() {
            "/public/404" => "404 Not Found",
            "/public/500" => "500 Internal Server Error",
            "/public/hang" => return stream.read(&mut [0]).is_ok_and(|length| length > 0),
            "/public/die" if dying.fetch_add(1, Ordering::SeqCst) == 0 => return false,
            "/public/break" => return false,
            _ => "200 OK",
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

/// The page as it is now.
pub fn page(bed: &Bed) -> String {
    let address = bed.gateway.admin_address().unwrap();
    let reply = Client::connect(address).send("GET", "/metrics", &[("Host", "localhost")], b"");
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    reply.text()
}

/// Every series but what depends on how fast this machine is: spans and sums of durations.
fn series(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.rsplit_once(' ').unwrap());
    pairs
        .filter(|(name, _)| !name.contains("_bucket{") && !name.contains("_sum{"))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Requests that have ended, by now.
fn ended(bed: &Bed) -> f64 {
    let series = series(&page(bed));
    let requests = series
        .iter()
        .filter(|(name, _)| name.starts_with("wxgate_requests_total"));
    requests.map(|(_, count)| count).sum()
}

/// Some of everything.
fn traffic(bed: &Bed) {
    let mut client = bed.client();
    let code = json!({ "code": bed.mock.login_code("oAlice") });
    let alice = bed.call("login", "", &code).good();
    let alice = alice["token"].as_str().unwrap();
    assert_eq!(bed.call("login", "", &code).code(), "code_used");
    assert_eq!(bed.tap("oAlice", alice).status, 200);
    assert_eq!(bed.send("POST", "/wxgate/login", &[], b"{").status, 400);
    assert_eq!(bed.get("/wxgate/nothing", "").status, 404);
    for _ in 0..3 {
        assert_eq!(client.get("/api", alice).status, 200);
    }
    assert_eq!(client.get("/phone", alice).status, 200);
    for _ in 0..2 {
        assert_eq!(client.send("GET", "/api", &[], b"").status, 401);
    }
    assert_eq!(client.send("GET", "/closed", &[], b"").status, 403);
    assert_eq!(client.send("GET", "/nowhere", &[], b"").status, 404);
    assert_eq!(client.send("GET", "/public/404", &[], b"").status, 404);
    assert_eq!(client.send("GET", "/public/500", &[], b"").status, 500);
    // The connection that it takes dies under it; one that was never used may not.
    assert_eq!(client.send("GET", "/public/die", &[], b"").status, 200);
    assert_eq!(client.send("POST", "/public/break", &[], b"").status, 502);
    let mut broken = bed.client();
    broken.write(b"no request\r\n\r\n");
    assert_eq!(broken.reply(false).status, 400);
    let asked = bed.upstream.seen().len();
    let mut gone = bed.client();
    gone.write(b"GET /public/hang HTTP/1.1\r\nHost: a\r\n\r\n");
    bed.upstream.wait_for(asked + 1);
    drop((client, gone));
    until("all have ended", || ended(bed) >= 18.0);
    until("all have gone", || {
        let page = page(bed);
        let series = series(&page).into_iter();
        let mut now = series.filter(|(name, _)| name.starts_with("wxgate_connections{"));
        now.all(|(_, count)| count == 0.0)
    });
}

/// The numbers that [`traffic`] comes to.
fn numbers(bed: &Bed) -> BTreeMap<String, f64> {
    let mut expected = BTreeMap::new();
    let mut expect = |name: &str, count: u32| {
        expected.insert(format!("wxgate_{name}"), f64::from(count));
    };
    let u = bed.upstream.address();
    let own = "upstream=\"\"";
    let theirs = &format!("upstream=\"{u}\"");
    for (route, upstream, status, code, count) in [
        ("/wxgate/login", own, "2xx", "", 1),
        ("/wxgate/login", own, "4xx", "bad_request", 1),
        ("/wxgate/login", own, "4xx", "code_used", 1),
        ("/wxgate/phone", own, "2xx", "", 1),
        ("", own, "4xx", "no_route", 2),
        ("", own, "4xx", "bad_request", 1),
        ("/closed", own, "4xx", "route_denied", 1),
        ("/api", theirs, "2xx", "", 3),
        ("/api", theirs, "4xx", "session_missing", 2),
        ("/phone", theirs, "2xx", "", 1),
        ("/public", theirs, "2xx", "", 1),
        ("/public", theirs, "4xx", "", 1),
        ("/public", theirs, "5xx", "", 1),
        ("/public", theirs, "5xx", "upstream_failed", 1),
        ("/public", theirs, "4xx", "client_gone", 1),
    ] {
        let labels = format!("route=\"{route}\",{upstream},status=\"{status}\",code=\"{code}\"");
        expect(&format!("requests_total{{{labels}}}"), count);
    }
    for (route, count) in [
        ("/wxgate/login", 3),
        ("/wxgate/phone", 1),
        ("", 3),
        ("/closed", 1),
        ("/api", 5),
        ("/phone", 1),
        ("/public", 5),
    ] {
        expect(
            &format!("request_duration_seconds_count{{route=\"{route}\"}}"),
            count,
        );
    }
    // Seven answers have begun: three of /api, one of /phone, and three of /public.
    expect(&format!("upstream_duration_seconds_count{{{theirs}}}"), 7);
    // The first; the second try; and the last, whose connection broke before.
    for (connection, count) in [("new", 3), ("reused", 7)] {
        expect(
            &format!("upstream_requests_total{{{theirs},connection=\"{connection}\"}}"),
            count,
        );
    }
    expect(&format!("upstream_retries_total{{{theirs}}}"), 1);
    // Every request, of which two got no answer; the one that fell on a used connection is no failure.
    let server = format!("{{{theirs},server=\"http://{u}\",address=\"{u}\"}}");
    for (name, count) in [
        ("up", 1),
        ("ejected", 0),
        ("requests_total", 10),
        ("failures_total", 0),
        ("ejections_total", 0),
    ] {
        expect(&format!("upstream_server_{name}{server}"), count);
    }
    for (api, errcode) in [
        ("code2Session", 0),
        ("code2Session", 40163),
        ("stable_token", 0),
        ("getuserphonenumber", 0),
    ] {
        let labels = format!("api=\"{api}\",errcode=\"{errcode}\"");
        expect(&format!("wechat_duration_seconds_count{{{labels}}}"), 1);
    }
    for (state, count) in [("idle", 0), ("reading", 0), ("answering", 0), ("http2", 0)] {
        expect(&format!("connections{{state=\"{state}\"}}"), count);
    }
    expect("connections_accepted_total", 8);
    for limit in ["connections", "per_address"] {
        expect(
            &format!("connections_refused_total{{limit=\"{limit}\"}}"),
            0,
        );
    }
    expect("access_log_dropped_total", 0);
    let version = env!("CARGO_PKG_VERSION");
    expect(&format!("build_info{{version=\"{version}\"}}"), 1);
    expected
}

#[test]
fn after_a_known_traffic_every_number_is_what_it_should_be() {
    let bed = Bed::around(upstream(), ALONE, ROUTES);
    traffic(&bed);
    let (expected, page) = (numbers(&bed), page(&bed));
    let found = series(&page);
    for (name, value) in &expected {
        assert_eq!(found.get(name), Some(value), "{name}\n{page}");
    }
    let unexpected: Vec<_> = found
        .keys()
        .filter(|name| !expected.contains_key(*name))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    agrees_with_itself(&page);
    agrees_with_its_description(&(page.clone() + &secured()));
    promtool_finds_nothing(&page);
}

/// The page of a gateway that speaks TLS.
fn secured() -> String {
    let authority = Authority::new("metrics-tls");
    authority.sign("own", &["gateway.test"]);
    let bed = Bed::with(&format!("{ALONE}{}", authority.section("own")), ROUTES);
    let page = page(&bed);
    let certificate = &bed.gateway.certificates()[0];
    let file = certificate.path.display();
    let line = format!(
        "wxgate_certificate_expiry_timestamp_seconds{{file=\"{file}\"}} {}\n",
        certificate.not_after
    );
    assert!(page.contains(&line), "{line}{page}");
    promtool_finds_nothing(&page);
    page
}

/// The spans of each duration go up to its count, and its sum fits them.
fn agrees_with_itself(page: &str) {
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    for line in page.lines().filter(|line| line.contains("_bucket{")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let (family, labels) = name.split_once("_bucket{").unwrap();
        let (_, labels) = labels.split_once("\",").unwrap();
        let value: f64 = value.parse().unwrap();
        let before = last.insert(format!("{family}_count{{{labels}"), value);
        assert!(before.is_none_or(|before| before <= value), "{line}");
    }
    assert!(last.len() > 10, "{last:?}");
    let found = series(page);
    for (name, value) in &last {
        assert_eq!(found.get(name), Some(value), "{name}");
    }
    for line in page.lines().filter(|line| line.contains("_sum{")) {
        let (_, sum) = line.rsplit_once(' ').unwrap();
        let sum: f64 = sum.parse().unwrap();
        assert!(sum > 0.0 && sum < 600.0, "{line}");
    }
}

/// `docs/metrics.md` has a row for each family, with its type and its labels, and no other.
fn agrees_with_its_description(page: &str) {
    let mut built = BTreeMap::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let labels = labels(page, name);
            built.insert(name.to_owned(), (kind.to_owned(), labels));
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut told = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| `wxgate_")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        let labels = cells[3].split('`').skip(1).step_by(2).map(str::to_owned);
        told.insert(name, (cells[2].to_owned(), labels.collect()));
        assert!(!cells[4].is_empty(), "{row}");
    }
    assert_eq!(told, built);
}

/// The labels of a family, but `le`.
fn labels(page: &str, family: &str) -> BTreeSet<String> {
    let samples = page.lines().filter_map(|line| line.strip_prefix(family));
    let sets = samples.filter_map(|rest| {
        let (suffix, rest) = rest.split_once('{')?;
        let whole = ["", "_bucket", "_count", "_sum"].contains(&suffix);
        whole.then_some(rest.rsplit_once('}')?.0)
    });
    sets.flat_map(|set| set.split("\",").collect::<Vec<_>>())
        .filter_map(|label| Some(label.split_once('=')?.0.to_owned()))
        .filter(|label| label != "le")
        .collect()
}

fn promtool_finds_nothing(page: &str) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/promtool");
    assert!(
        tool.exists(),
        "{} is missing: run `make tools` first",
        tool.display()
    );
    let mut process = Command::new(tool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(page.as_bytes()).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{said}\n{page}");
}

#[test]
fn a_route_is_named_by_what_the_operator_wrote() {
    let routes = r#"
[[route]]
path = "/"
require = "none"
to = "{upstream}"
[[route]]
path = "/a/"
methods = ["GET", "POST"]
require = "none"
to = "{upstream}"
[[route]]
host = ["a.example", "b.example"]
path = "/"
require = "none"
to = "{upstream}"
[[route]]
host = ["*.example"]
path = "/x"
require = "none"
to = "{upstream}"
"#;
    let bed = Bed::with(ALONE, routes);
    for (host, path) in [
        ("client.test", "/first-path?query=1"),
        ("client.test", "/a/second-path"),
        ("b.example", "/third-path"),
        ("c.example", "/x"),
    ] {
        assert_eq!(bed.send("GET", path, &[("Host", host)], b"").status, 200);
    }
    until("all have ended", || ended(&bed) >= 4.0);
    let page = page(&bed);
    for route in ["/", "GET,POST /a", "a.example/", "*.example/x"] {
        let line = format!("wxgate_request_duration_seconds_count{{route=\"{route}\"}} 1\n");
        assert!(page.contains(&line), "{route}\n{page}");
    }
    // Nothing that a client wrote is a label.
    for word in ["client", "path", "query", "b.example", "c.example"] {
        assert!(
            series(&page).keys().all(|name| !name.contains(word)),
            "{word}\n{page}"
        );
    }
}
