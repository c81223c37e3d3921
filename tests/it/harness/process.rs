//! The gateway as its own process: `wxgate run`, all that it writes, and signals.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use super::calls::until;
use super::{Client, SECRET};

/// Nothing may take longer to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that goes with its test.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one. `name` is the test's.
    pub fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file; its path as a text.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.file(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a stream of a process said so far.
#[derive(Clone, Default)]
pub struct Said(Arc<Heard>);

#[derive(Default)]
struct Heard {
    text: Mutex<String>,
    ended: AtomicBool,
    paused: Mutex<bool>,
    changed: Condvar,
}

impl Said {
    fn listen(&self, stream: impl Read + Send + 'static) {
        let said = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let paused = said.0.paused.lock().unwrap();
                drop(said.0.changed.wait_while(paused, |paused| *paused).unwrap());
                let mut text = said.0.text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
            said.0.ended.store(true, Ordering::SeqCst);
        });
    }

    /// Takes nothing more until [`Self::go_on`].
    pub fn pause(&self) {
        *self.0.paused.lock().unwrap() = true;
    }

    pub fn go_on(&self) {
        *self.0.paused.lock().unwrap() = false;
        self.0.changed.notify_all();
    }

    /// Whether the stream has ended.
    fn is_whole(&self) -> bool {
        self.0.ended.load(Ordering::SeqCst)
    }

    pub fn text(&self) -> String {
        self.0.text.lock().unwrap().clone()
    }
}

/// A running `wxgate run`. It is killed when this is dropped.
pub struct Process {
    child: Child,
    address: SocketAddr,
    /// Where its config is.
    pub folder: Folder,
    /// Standard output: access lines.
    pub output: Said,
    /// Standard error: the log.
    pub error: Said,
}

impl Process {
    /// Starts it with `config`, which listens on port 0, and waits until it says that it is ready. `name` is
    /// the test's; the app's secret is in the variable `WX_SECRET`.
    pub fn run(name: &str, config: &str) -> Self {
        Self::run_in(Folder::new(name), config)
    }

    /// The same in a folder that has more in it. A log that does not go to standard error must go to
    /// `gateway.log` there.
    pub fn run_in(folder: Folder, config: &str) -> Self {
        let config = folder.write("gateway.toml", config);
        let mut command = Command::new(env!("CARGO_BIN_EXE_wxgate"));
        command.args(["run", "-c", &config]).stdin(Stdio::null());
        Self::start(folder, command)
    }

    /// The same by a command of its own.
    pub fn start(folder: Folder, mut command: Command) -> Self {
        let log = folder.file("gateway.log");
        let mut child = command
            .env("WX_SECRET", SECRET)
            .env("RUST_LOG", "trace")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (output, error) = (Said::default(), Said::default());
        output.listen(child.stdout.take().unwrap());
        error.listen(child.stderr.take().unwrap());
        let start = Instant::now();
        let address = loop {
            let text = error.text() + &std::fs::read_to_string(&log).unwrap_or_default();
            if let Some(address) = listening(&text) {
                break address;
            }
            let ended = child.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < PATIENCE,
                "it is not ready ({ended:?}): {text}"
            );
            std::thread::yield_now();
        };
        Self {
            child,
            address,
            folder,
            output,
            error,
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

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        }
    }

    /// Ends it by SIGTERM; all that it said, of both streams.
    pub fn end(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let status = self.ended();
        until("all of it is read", || {
            self.output.is_whole() && self.error.is_whole()
        });
        (status, self.output.text() + &self.error.text())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line that says it is ready, in either form.
fn listening(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("ready"))?;
    let (_, rest) = line.split_once("listen")?;
    let rest = rest.trim_start_matches(['"', ':', '=', ' ']);
    let end = rest.find(['"', ',', ' ', '}']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Lets this process, and what it starts, have as many descriptors as it may have at all.
pub fn take_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).unwrap();
}
