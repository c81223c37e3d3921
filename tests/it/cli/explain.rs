//! `wxgate explain`: what it says is what the gateway does.

use super::{APP_SECRET, File, wxgate};
use crate::harness::Bed;

const KEY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/assertion/p256.pem"
);

const ROUTES: &str = r#"[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
require = "none"
to = "http://127.0.0.1:3000"
[[route]]
host = ["*.example.com"]
path = "/api"
strip = "/api"
body = "1KiB"
to = "http://127.0.0.1:4000/v2"
[[route]]
path = "/pay"
methods = ["POST"]
require = "phone"
to = "http://127.0.0.1:4000"
[[route]]
path = "/admin"
deny = true
[identity]
unionid = ""
"#;

fn explained(file: &File, method: &str, url: &str) -> String {
    let (code, out, told) = wxgate(&["explain", method, url, "-c", file.path()]);
    assert_eq!((code, told.as_str()), (Some(0), ""), "{method} {url}");
    assert!(!out.contains(APP_SECRET));
    out.replace(file.path(), "g.toml")
}

#[test]
fn a_request_is_followed_to_its_upstream() {
    let file = File::of("explain", ROUTES);
    let url = "http://a.example.com/api/../api/x?q=1";
    let expected = "\
request   GET /api/../api/x?q=1 for a.example.com
route     route[1] (g.toml:8): path /api, host *.example.com, methods all
policy    callers must be signed in
          others get session_missing, session_expired
body      at most 1KiB
identity  X-WX-OPENID, X-WX-APPID, X-WX-SOURCE
          X-WX-PHONE, X-WX-PHONE-COUNTRY once a phone number was shared
upstream  http://127.0.0.1:4000/v2/x?q=1
          with X-Forwarded-Prefix: /api
websocket one may pass
not       route[0] (g.toml:4): its host (any) is less exact
not       route[2] (g.toml:14): its path is /pay
not       route[3] (g.toml:19): its path is /admin
";
    assert_eq!(explained(&file, "GET", url), expected);
    let told = explained(&file, "POST", "/pay/1");
    assert!(told.contains("others get session_missing, session_expired, phone_required\n"));
    let told = explained(&file, "GET", "/x");
    assert!(
        told.contains("identity  nobody is named, whoever calls\n"),
        "{told}"
    );
}

#[test]
fn what_a_route_adds_is_told_without_its_values() {
    let routes = r#"[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
identity = ["openid", "phone"]
set = { "X-Env" = "prod-value", Authorization = { env = "WX_SECRET" }, Cookie = "" }
response = "1500ms"
response_set = { Server = "" }
cors = ["https://page.example", "http://localhost:5173"]
to = "http://127.0.0.1:3000"
[[route]]
path = "/nobody"
identity = []
to = "http://127.0.0.1:3000"
"#;
    let file = File::of("adds", routes);
    let expected = "\
request   GET /x for localhost
route     route[0] (g.toml:4): path /, host any, methods all
policy    callers must be signed in
          others get session_missing, session_expired
body      at most 16MiB
identity  X-WX-OPENID
          X-WX-PHONE once a phone number was shared
upstream  http://127.0.0.1:3000/x
          with Authorization, X-Env as the route says
          without Cookie
          which has 1500ms to begin its answer
answer    without Server
cors      pages of https://page.example http://localhost:5173 may ask; preflights need no credential
websocket one may pass
not       route[1] (g.toml:12): its path is /nobody
";
    assert_eq!(explained(&file, "GET", "/x"), expected);
    let signed = "[identity.assertion]\nkeys = [{ file = \"KEY\" }]\n".replace("KEY", KEY);
    let file = File::of("signs", &format!("{ROUTES}{signed}"));
    let told = explained(&file, "GET", "http://a.example.com/api");
    let line = "          X-WX-ASSERTION signed for http://127.0.0.1:4000\n";
    assert!(told.contains(line), "{told}");
    let file = File::of("adds", routes);
    let told = explained(&file, "GET", "/nobody");
    assert!(told.contains("identity  nobody is named, whoever calls\n"));
}

#[test]
fn how_often_and_whether_a_websocket_may_pass_are_told() {
    let routes = r#"[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/user"
rate = { per = "user", limit = "10/m", burst = 25 }
websocket_token = ["protocol", "query:token"]
to = "http://127.0.0.1:3000"
[[route]]
path = "/address"
rate = { limit = "100/s" }
websocket = false
to = "http://127.0.0.1:3000"
"#;
    let file = File::of("paced", routes);
    let told = explained(&file, "GET", "/user");
    for line in [
        "rate      10/m for each user, and for each address of those who are not signed in, 25 at once; more get rate_limited\n",
        "websocket one may pass, and its token may stand in protocol, query:token\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let told = explained(&file, "GET", "/address");
    for line in [
        "rate      100/s for each address, 100 at once; more get rate_limited\n",
        "websocket none passes: its handshake goes on as a plain request\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let told = explained(&file, "POST", "/user");
    assert!(
        !told.contains("websocket"),
        "no handshake is a POST: {told}"
    );
}

#[test]
fn a_request_that_goes_nowhere_is_refused_in_the_same_words() {
    let file = File::of("refused", ROUTES);
    let long = format!("/{}", "a".repeat(9000));
    for (method, url, expected) in [
        ("GET", "/pay", "405 method_not_allowed (POST): "),
        ("GET", "/admin/x", "403 route_denied: "),
        (
            "CONNECT",
            "a.example.com:443",
            "405 method_not_allowed (GET, ",
        ),
        ("TRACE", "/", "405 method_not_allowed (GET, "),
        ("GET", "/a%2fb", "400 bad_request: "),
        ("GET", "/a/..;/b", "400 bad_request: "),
        ("GET", "http://u@a.example.com/", "400 bad_request: "),
        ("GET", &long, "414 uri_too_long: "),
        (
            "GET",
            "/wxgate/login",
            "405 method_not_allowed (POST): send POST",
        ),
        ("GET", "/wxgate/nothing", "404 no_route: "),
    ] {
        let told = explained(&file, method, url);
        let line = format!("refused   {expected}");
        assert!(told.contains(&line), "{method} {url}: {told}");
        assert!(!told.contains("upstream  "), "{method} {url}: {told}");
    }
    let told = explained(&file, "POST", "/%77xgate//login");
    assert!(told.contains("endpoint  login: "), "{told}");
}

#[test]
fn what_is_no_request_is_wrong_use() {
    let file = File::of("no-request", ROUTES);
    for (method, url) in [("GET", "api.example.com"), ("G T", "/"), ("GET", "a b")] {
        let (code, out, told) = wxgate(&["explain", method, url, "-c", file.path()]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{method} {url}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn the_gateway_does_what_was_explained() {
    let hosts = r#"
[[route]]
host = ["api.example.com"]
path = "/api"
require = "none"
strip = "/api"
to = "{upstream}/v2"
[[route]]
host = ["api.example.com"]
path = "/read"
methods = ["GET"]
require = "none"
to = "{upstream}"
"#;
    let bed = Bed::with("", hosts);
    let app = "[[app]]\nappid = \"wx0123456789abcdef\"\nsecret = { env = \"WX_SECRET\" }\n";
    let file = File::of(
        "same",
        &format!("{app}{}", hosts.replace("{upstream}", &bed.upstream.url())),
    );
    for (method, host, path) in [
        ("GET", "api.example.com", "/api/./x//y"),
        ("GET", "API.example.com.", "/api"),
        ("POST", "api.example.com", "/read"),
        ("GET", "other.example.com", "/api"),
        ("GET", "api.example.com", "/nothing"),
        ("GET", "api.example.com", "/a\\b"),
        ("GET", "other.example.com", "/wxgate/login"),
        ("GET", "other.example.com", "/wxgate/health"),
        ("TRACE", "api.example.com", "/api"),
    ] {
        let told = explained(&file, method, &format!("http://{host}{path}"));
        let reply = bed.client().send(method, path, &[("Host", host)], b"");
        let code = reply.header("x-wxgate-refusal");
        let answered = told
            .lines()
            .find_map(|line| line.strip_prefix("refused   "))
            .and_then(|refusal| refusal.split([' ', ':']).nth(1));
        assert_eq!(answered, code, "{method} {host} {path}: {told}");
        if reply.status == 200 && !path.starts_with("/wxgate") {
            let seen = bed.upstream.last();
            let goes = format!("upstream  {}{}\n", bed.upstream.url(), seen.target());
            assert!(told.contains(&goes), "{goes} is not in {told}");
        }
    }
}
