//! Services of other languages as processes of their own, on ports that the system chooses.
//!
//! Readiness is a line that the service writes; it is ended by its process id.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::output::line_with;

/// A running service; ended on drop.
pub struct Service {
    process: Child,
    url: String,
}

impl Service {
    /// `tests/upstreams/flask` under gunicorn.
    pub fn flask() -> Self {
        let mut command = Command::new(tool("python/bin/gunicorn"));
        command
            .args([
                "--bind",
                "127.0.0.1:0",
                "--header-map",
                "dangerous",
                "--chdir",
            ])
            .arg(file("tests/upstreams/flask"));
        command.arg("app:app").env("PYTHONDONTWRITEBYTECODE", "1");
        Self::that_complains(command, "Listening at: ")
    }

    /// `tests/upstreams/express` under Node.
    pub fn express() -> Self {
        let mut command = Command::new("node");
        command
            .arg(file("tests/upstreams/express/app.js"))
            .arg("0")
            .env("NODE_PATH", tool("node/node_modules"));
        Self::that_says(command)
    }

    /// `examples/upstreams/python`, behind the gateway at `gateway`.
    pub fn python(gateway: &str) -> Self {
        let mut command = Command::new(tool("examples/python/bin/python3"));
        command.arg(file("examples/upstreams/python/service.py"));
        Self::behind(gateway, command)
    }

    /// `examples/upstreams/node`
    pub fn node(gateway: &str) -> Self {
        let mut command = Command::new("node");
        command
            .arg(file("examples/upstreams/node/service.js"))
            .env("NODE_PATH", tool("examples/node/node_modules"));
        Self::behind(gateway, command)
    }

    /// `examples/upstreams/go`, built first.
    pub fn go(gateway: &str) -> Self {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-service");
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(file("examples/upstreams/go"))
            .env("GOCACHE", tool("examples/go"))
            .env("GOTOOLCHAIN", "local")
            .status();
        let built = built.unwrap_or_else(|error| panic!("go: {error}: run `make tools` first"));
        assert!(built.success());
        Self::behind(gateway, Command::new(program))
    }

    /// `examples/upstreams/java`, compiled as it is started.
    pub fn java(gateway: &str) -> Self {
        let mut command = Command::new("java");
        // What starts quickly; it does not run for long.
        command
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg(file("examples/upstreams/java/Service.java"));
        Self::behind(gateway, command)
    }

    /// `examples/upstreams/php`, under its own server.
    pub fn php(gateway: &str) -> Self {
        let mut command = Command::new("php");
        command
            .args(["-S", "127.0.0.1:0"])
            .arg(file("examples/upstreams/php/service.php"))
            .env("GATEWAY", gateway)
            .env_remove("AUDIENCE");
        Self::that_complains(command, "Development Server (")
    }

    /// Where it listens: `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn behind(gateway: &str, mut command: Command) -> Self {
        command
            .env("GATEWAY", gateway)
            .env("PORT", "0")
            .env_remove("AUDIENCE");
        Self::that_says(command)
    }

    /// Says on standard output where it listens.
    fn that_says(mut command: Command) -> Self {
        let mut process = started(command.stdout(Stdio::piped()));
        let output = process.stdout.take().unwrap();
        Self {
            url: url_in(output, "listening "),
            process,
        }
    }

    /// Says it on standard error, after `mark`.
    fn that_complains(mut command: Command, mark: &str) -> Self {
        let mut process = started(command.stderr(Stdio::piped()));
        let output = process.stderr.take().unwrap();
        Self {
            url: url_in(output, mark),
            process,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // gunicorn's own processes end with their parent only if it is asked kindly.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

fn started(command: &mut Command) -> Child {
    let process = command.stdin(Stdio::null()).spawn();
    process.unwrap_or_else(|error| panic!("{command:?}: {error}: run `make tools` first"))
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn tool(path: &str) -> PathBuf {
    let tool = file(".tools").join(path);
    assert!(
        tool.exists(),
        "{} is missing: run `make tools` first",
        tool.display()
    );
    tool
}

/// The URL after `mark` in what a service writes.
fn url_in(output: impl Read + Send + 'static, mark: &str) -> String {
    let line = line_with(output, mark);
    let (_, rest) = line.split_once(mark).unwrap();
    let url = rest.split_whitespace().next().unwrap();
    url.trim_end_matches(')').to_owned()
}
