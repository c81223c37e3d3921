//! The config: what is refused and how it is said, and the file that shows every setting.

mod example;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wxgate::config::{Config, Report, Sources};
use wxgate::setting::Setting as _;

const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Appears in fixtures wherever an operator might put a secret by mistake.
const PLANTED: &str = "5ec7e70fa11005ec7e70fa11005ec7e7";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A config that a person got wrong, and what they are told.
struct Fixture {
    path: PathBuf,
    sources: Sources,
    expected: String,
}

/// `#! ` lines hold the report, `#env NAME=TEXT` and `#set KEY=TEXT` lines what comes from outside.
fn fixture(path: &Path) -> Fixture {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let directory = root().join("tests/fixtures/config");
    let mut sources =
        Sources::named_text(directory.join(name), &text).variable("WX_SECRET", APP_SECRET);
    let mut expected = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#!") {
            expected += rest.strip_prefix(' ').unwrap_or(rest);
            expected.push('\n');
        } else if let Some((name, text)) =
            line.strip_prefix("#env ").and_then(|l| l.split_once('='))
        {
            sources = sources.variable(name, text);
        } else if let Some((key, text)) = line.strip_prefix("#set ").and_then(|l| l.split_once('='))
        {
            sources = sources.flag(key, text);
        }
    }
    Fixture {
        path: path.to_owned(),
        sources,
        expected,
    }
}

fn fixtures() -> Vec<Fixture> {
    let mut paths: Vec<_> = fs::read_dir(root().join("tests/fixtures/config"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    paths.iter().map(|path| fixture(path)).collect()
}

/// The report as fixtures hold it: without the directory that the tests run in.
fn told(report: &Report) -> String {
    let directory = format!("{}/", root().join("tests/fixtures/config").display());
    let told = report.to_string().replace(&directory, "");
    let lines: Vec<_> = told.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn every_wrong_config_is_told_exactly_what_is_wrong() {
    let fixtures = fixtures();
    let mut wrong = Vec::new();
    for fixture in &fixtures {
        let told = match Config::load(&fixture.sources) {
            Ok(_) => "nothing: it was taken".to_owned(),
            Err(report) => told(&report),
        };
        if told != fixture.expected.trim_end() {
            wrong.push(format!("---- {} is told:\n{told}", fixture.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fixtures.len() >= 100, "{} fixtures", fixtures.len());
}

#[test]
fn a_secret_is_in_no_report() {
    let mut planted = 0;
    for fixture in fixtures() {
        let text = fs::read_to_string(&fixture.path).unwrap();
        planted += usize::from(text.contains(PLANTED));
        let Err(report) = Config::load(&fixture.sources) else {
            continue;
        };
        for told in [report.to_string(), report.coloured(), format!("{report:?}")] {
            assert!(!told.contains(PLANTED), "{}", fixture.path.display());
            assert!(!told.contains(APP_SECRET), "{}", fixture.path.display());
        }
    }
    assert!(planted >= 8, "{planted} fixtures with a planted secret");
}

fn load(text: &str) -> Config {
    let sources = Sources::text(text)
        .variable("WX_SECRET", APP_SECRET)
        .variable("WX_SESSION_SECRET", "x".repeat(32));
    Config::load(&sources).unwrap_or_else(|report| panic!("{report}"))
}

/// Keys and values, one a line, of a config written back.
trait PrintAll {
    fn print_all(&self) -> BTreeMap<String, String>;
}

impl PrintAll for Config {
    fn print_all(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        flatten("", &self.print(), &mut all);
        all
    }
}

fn flatten(at: &str, value: &wxgate::setting::Printed, all: &mut BTreeMap<String, String>) {
    use wxgate::setting::Printed;
    match value {
        Printed::Table(entries) => {
            for (key, value) in entries {
                let path = if at.is_empty() {
                    (*key).to_owned()
                } else {
                    format!("{at}.{key}")
                };
                flatten(&path, value, all);
            }
        }
        Printed::List(items) if items.iter().any(|item| matches!(item, Printed::Table(_))) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{at}[{index}]"), item, all);
            }
        }
        Printed::Absent => {}
        value => {
            all.insert(at.to_owned(), value.inline());
        }
    }
}

const SMALLEST: &str = "
[[app]]
appid = \"wx0123456789abcdef\"
secret = { env = \"WX_SECRET\" }
[[route]]
path = \"/\"
to = \"http://127.0.0.1:3000\"
";

fn smallest() -> Sources {
    Sources::text(SMALLEST).variable("WX_SECRET", APP_SECRET)
}

#[test]
fn flags_go_over_variables_over_the_file_over_defaults() {
    let idle = |sources: &Sources| Config::load(sources).unwrap().session.idle.as_secs();
    let day = 86_400;
    assert_eq!(idle(&smallest()), 7 * day);
    let file = Sources::text(format!("{SMALLEST}\n[session]\nidle = \"6d\""))
        .variable("WX_SECRET", APP_SECRET);
    assert_eq!(idle(&file), 6 * day);
    let variable = file.variable("WXGATE_SESSION__IDLE", "5d");
    assert_eq!(idle(&variable), 5 * day);
    assert_eq!(idle(&variable.flag("session.idle", "4d")), 4 * day);
}

#[test]
fn a_variable_can_hold_every_kind_of_value() {
    let sources = smallest()
        .variable("WXGATE_LISTEN", "127.0.0.1:1, 127.0.0.1:2")
        .variable("WXGATE_WORKERS", "3")
        .variable("WXGATE_LIMITS__BODY", "1MiB")
        .variable("WXGATE_LIMITS__HEADER_NAMES", "[\"a_b\", 'c_d']")
        .variable("WXGATE_PROXIES__TRUSTED", "10.0.0.0/8")
        .variable("WXGATE_IDENTITY__PHONE", "")
        .variable("WXGATE_ADMIN__LISTEN", "")
        .variable("WXGATE_LOG__ACCESS", "false")
        .variable("WXGATE_LOG__LEVEL", "debug")
        .variable("WXGATE_SESSION__SECRET", "y".repeat(40))
        .variable("WXGATE_SESSION__CAPACITY", "10_000");
    let config = Config::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.workers, 3);
    assert_eq!(config.limits.body.0, 1 << 20);
    assert_eq!(config.limits.header_names.len(), 2);
    assert_eq!(config.proxies.trusted.len(), 1);
    assert_eq!(config.identity.phone, None);
    assert_eq!(config.admin.listen, None);
    assert!(!config.log.access);
    assert_eq!(config.session.secret.unwrap().expose().len(), 40);
    assert_eq!(config.session.capacity, 10_000);
}

#[test]
fn two_variables_serve_a_single_app() {
    let route = "[[route]]\npath = \"/\"\nto = \"http://127.0.0.1:3000\"";
    let sources = Sources::text(route)
        .variable("WXGATE_APPID", "wx0123456789abcdef")
        .variable("WXGATE_SECRET", APP_SECRET);
    let config = Config::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.app[0].secret.expose(), APP_SECRET);
}

#[test]
fn what_kubernetes_tells_of_services_does_no_harm() {
    let mut sources = smallest();
    for (name, text) in [
        ("WXGATE_PORT", "tcp://10.0.0.1:80"),
        ("WXGATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("WXGATE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("WXGATE_PORT_80_TCP_PORT", "80"),
        ("WXGATE_PORT_80_TCP_PROTO", "tcp"),
        ("WXGATE_SERVICE_HOST", "10.0.0.1"),
        ("WXGATE_SERVICE_PORT", "80"),
        ("WXGATE_SERVICE_PORT_HTTP", "80"),
        ("WXGATE_ADMIN_PORT", "tcp://10.0.0.1:9180"),
        ("WXGATE_ADMIN_PORT_9180_TCP_ADDR", "10.0.0.1"),
        ("WXGATE_ADMIN_SERVICE_HOST", "10.0.0.1"),
        ("WXGATE_ADMIN_SERVICE_PORT", "9180"),
    ] {
        sources = sources.variable(name, text);
    }
    assert!(Config::load(&sources).is_ok());
}

#[test]
fn a_variable_that_the_file_names_is_no_setting() {
    let text = format!("{SMALLEST}\n[session]\nsecret = {{ env = \"WXGATE_KEY\" }}");
    let sources = Sources::text(text)
        .variable("WX_SECRET", APP_SECRET)
        .variable("WXGATE_KEY", "k".repeat(32));
    assert!(Config::load(&sources).is_ok());
}

#[test]
fn a_printed_config_reads_as_the_same_and_shows_no_secret() {
    let sources = smallest().variable("WXGATE_SESSION__IDLE", "1h");
    let printed = Config::print(&sources).unwrap();
    assert!(
        printed.contains("idle = \"1h\"  # variable WXGATE_SESSION__IDLE\n"),
        "{printed}"
    );
    assert!(
        printed.contains("secret = { env = \"WX_SECRET\" }  # gateway.toml:4\n"),
        "{printed}"
    );
    assert!(!printed.contains(APP_SECRET));
    assert_eq!(
        load(&printed).print_all(),
        Config::load(&sources).unwrap().print_all()
    );
}

#[test]
fn a_mock_in_place_of_wechat_is_announced() {
    let api = |text: &str| smallest().variable("WXGATE_WECHAT__API", text);
    let warnings = |text: &str| Config::load(&api(text)).unwrap().warnings();
    assert_eq!(warnings("https://api.weixin.qq.com"), Vec::<String>::new());
    assert_eq!(warnings("https://api2.weixin.qq.com"), Vec::<String>::new());
    assert_eq!(warnings("http://127.0.0.1:9").len(), 1);
    assert_eq!(warnings("http://[::1]:9").len(), 1);
    assert_eq!(warnings("https://weixin.qq.com.example").len(), 1);
    assert_eq!(warnings("https://evilweixin.qq.com").len(), 1);
}

#[test]
fn groups_that_nobody_asks_and_limits_that_workers_cannot_share_are_announced() {
    let more = r#"
[[route]]
path = "/billing"
to = "billing"
[[upstream]]
name = "billing"
servers = ["http://10.0.0.1:3000"]
max_in_flight = 3
[[upstream]]
name = "biling"
servers = ["http://10.0.0.1:3000"]
max_connections = 3
"#;
    let sources = Sources::text(format!("{SMALLEST}{more}")).variable("WX_SECRET", APP_SECRET);
    let warnings = |workers: &str| {
        let sources = sources.clone().flag("workers", workers);
        Config::load(&sources).unwrap().warnings()
    };
    let [unasked] = &warnings("3")[..] else {
        panic!("{:?}", warnings("3"));
    };
    assert!(unasked.starts_with("upstream[1]: no route has `to = \"biling\"`"));
    let four = warnings("4");
    assert_eq!(four.len(), 3, "{four:?}");
    assert!(four[0].starts_with("upstream[0].max_in_flight: 3 is less than "));
    assert!(four[0].contains("each of them lets one through, 4 at once"));
    assert!(four[2].starts_with("upstream[1].max_connections: 3 is less than "));
}

#[test]
fn a_cookie_is_kept_to_its_host() {
    let cookie = |text: &str| {
        Config::load(&smallest().variable("WXGATE_SESSION__COOKIE", text))
            .unwrap()
            .session
            .cookie_name()
    };
    assert_eq!(cookie("wxgate").as_deref(), Some("__Host-wxgate"));
    assert_eq!(cookie("__Host-wxgate").as_deref(), Some("__Host-wxgate"));
    assert_eq!(cookie(""), None);
}

#[test]
fn a_gateway_starts_with_whatever_is_called_good() {
    let config = r#"
listen = ["127.0.0.1:0"]
[admin]
listen = ""
[log]
access = false
[wechat]
api = ["https://api.weixin.qq.com/", "http://[::1]:1"]
proxy = "socks5h://proxy:1080"
[session]
cookie = "__Host-me"
header = "X-Session"
[endpoints]
prefix = "/%77x/"
[identity]
unionid = ""
[limits]
header_names = ["x_trace"]
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
to = "http://127.0.0.1:3000/a%2Bb/"
[[route]]
host = ["*.Example.com.", "[::0:1]"]
path = "/文/%40me/"
strip = "/文"
to = "http://[::1]:3000"
[[route]]
path = "/old"
deny = true
to = ""
"#;
    let config = load(config);
    assert_eq!(config.endpoints.prefix, "/wx");
    let gateway = wxgate::gateway::Gateway::start(&config).unwrap();
    assert_eq!(gateway.addresses().len(), 1);
}
