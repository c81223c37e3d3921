//! The real binary, in a process of its own: for its memory, its signals and its output.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{Client, SECRET};

/// A running `wxgate run`. It is killed when this is dropped.
pub struct Process {
    child: Child,
    address: SocketAddr,
    file: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts it with `config`, and waits until it says that it is ready. The app's secret is in the
    /// variable `WX_SECRET`.
    pub fn run(name: &str, config: &str) -> Self {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}.toml", std::process::id()));
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_wxgate"))
            .args(["run", "-c", file.to_str().unwrap()])
            .env("WX_SECRET", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (ready, wait) = std::sync::mpsc::channel();
        let (out, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let kept = Arc::clone(&lines);
        let output = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        let kept = Arc::clone(&lines);
        let log = std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if line.contains("ready") && line.contains("listen") {
                    let _ = ready.send(line.clone());
                }
                kept.lock().unwrap().push(line);
            }
        });
        let Ok(line) = wait.recv_timeout(std::time::Duration::from_secs(20)) else {
            let _ = child.kill();
            panic!("it does not start: {:?}", lines.lock().unwrap());
        };
        let start = line.find("127.0.0.1:").unwrap();
        let address: String = line[start..]
            .chars()
            .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
            .collect();
        Self {
            child,
            address: address.parse().unwrap(),
            file,
            lines,
            readers: vec![output, log],
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to it.
    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// A line of `/proc/PID/status` in KiB: `VmRSS`, or `VmHWM` for the most that ever was.
    pub fn memory(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Sends a signal such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for its end: its exit code, and all that it wrote.
    pub fn end(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.wait().unwrap().code();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (code, std::mem::take(&mut *self.lines.lock().unwrap()))
    }

    /// All that it wrote so far, on both streams.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.file);
    }
}
