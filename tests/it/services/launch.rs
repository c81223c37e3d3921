//! Services of other languages as processes of their own, on ports that the system chooses.
//!
//! Readiness is a line that the service writes; it is ended by its process id.

use std::io::Read;
use std::path::Path;
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
        let gunicorn = tool("python/bin/gunicorn");
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upstreams/flask");
        let mut command = Command::new(gunicorn);
        command
            .args([
                "--bind",
                "127.0.0.1:0",
                "--header-map",
                "dangerous",
                "--chdir",
            ])
            .arg(app);
        command.arg("app:app").env("PYTHONDONTWRITEBYTECODE", "1");
        let mut process = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = process.stderr.take().unwrap();
        Self {
            url: url_in(output, "Listening at: "),
            process,
        }
    }

    /// `tests/upstreams/express` under Node.
    pub fn express() -> Self {
        let modules = tool("node/node_modules");
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upstreams/express/app.js");
        let mut command = Command::new("node");
        command.arg(app).arg("0").env("NODE_PATH", modules);
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = process.stdout.take().unwrap();
        Self {
            url: url_in(output, "listening "),
            process,
        }
    }

    /// Where it listens: `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // gunicorn's own processes end with their parent only if it is asked kindly.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

fn tool(path: &str) -> std::path::PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(".tools")
        .join(path);
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
    rest.split_whitespace().next().unwrap().to_owned()
}
