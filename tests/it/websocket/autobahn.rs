//! The programs of `tests/websocket`: Autobahn's cases, and the library `websockets`, through the gateway.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;

use super::wire::PUBLIC;
use crate::harness::Bed;

/// How many cases there are; the table in `tests/websocket/README.md` counts them, too.
const CASES: usize = 243;

/// A program that is a service, and its client.
struct Program {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    service: String,
}

impl Program {
    fn start(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".tools/python/bin/python3");
        assert!(python.exists(), "run `make tools` first");
        let mut process = Command::new(python)
            .arg(root.join("tests/websocket").join(name))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.next().expect("a service").unwrap();
        let service = ready.strip_prefix("listening ").unwrap().to_owned();
        Self {
            process,
            lines,
            service,
        }
    }

    /// Tells it what it needs to know, and what it says then. It must end well.
    fn tell(mut self, what: &str) -> Vec<String> {
        writeln!(self.process.stdin.take().unwrap(), "{what}").unwrap();
        let said: Vec<String> = self.lines.map_while(Result::ok).collect();
        assert!(self.process.wait().unwrap().success(), "{said:#?}");
        said
    }
}

#[test]
fn autobahns_cases_hold_whoever_drives() {
    let program = Program::start("run.py");
    let bed = Bed::with("", &PUBLIC.replace("{upstream}", &program.service));
    let said = program.tell(&bed.address().to_string());
    let failed: Vec<&String> = said
        .iter()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for driver in ["client", "server"] {
        let good = said
            .iter()
            .filter(|line| line.starts_with("ok ") && line.ends_with(driver));
        assert_eq!(good.count(), CASES, "driven by the {driver}");
    }
    let table = include_str!("../../websocket/README.md");
    assert!(
        table.contains(&format!("**{CASES}**")),
        "the table counts otherwise"
    );
}

#[test]
fn an_independent_client_agrees() {
    let program = Program::start("library.py");
    let routes = r#"
[[route]]
path = "/live"
to = "{service}"
[[route]]
path = "/any"
websocket_token = ["protocol", "query:token"]
to = "{service}"
"#;
    let bed = Bed::with("", &routes.replace("{service}", &program.service));
    let token = bed.sign_in("o-alice");
    let told = json!({ "gateway": bed.address().to_string(), "token": token, "openid": "o-alice" });
    let said = program.tell(&told.to_string());
    assert_eq!(said.len(), 8, "{said:#?}");
}
