//! The container image without a container engine: what its last stage copies, put into an empty root,
//! and the gateway run in it as the image says: same user, same command, same health check.
//!
//! The processes in that root share this machine's network. So that they may use their usual ports, the
//! test has a loopback address of its own. It needs Linux and root, as `chroot` does.

mod names;
mod recipe;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use self::recipe::Recipe;
use crate::output::line_with;

const PORT: u16 = 8080;
const ADMIN_PORT: u16 = 9180;

#[test]
fn the_image_runs_in_a_root_of_its_own_and_names_resolve_there() {
    let address = own_address(1);
    let root = Root::new("runs");
    let upstream = answering(address);
    let dns = names::answering(address, "served.example");
    fs::write(
        root.path.join("etc/resolv.conf"),
        format!("nameserver {address}\n"),
    )
    .unwrap();
    fs::write(
        root.path.join("etc/hosts"),
        format!("{address} listed.example\n"),
    )
    .unwrap();
    root.configure(&config(address, &upstream));

    let mut gateway = root.start();
    gateway.wait_for(&format!("{address}:{PORT}"));
    assert_eq!(
        gateway.user(),
        (recipe::NOBODY, recipe::NOBODY),
        "the gateway runs as root"
    );

    let health = root.run(&root.recipe.health);
    assert!(health.status.success(), "{health:?}");
    for path in ["/listed", "/served"] {
        let answer = fetch(address, path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        assert!(answer.ends_with("behind the gateway"), "{path}: {answer}");
    }
    assert!(dns.was_asked(), "the name came from elsewhere");
    drop(gateway);

    let health = root.run(&root.recipe.health);
    assert!(
        !health.status.success(),
        "healthy without a gateway: {health:?}"
    );
}

#[test]
fn the_image_holds_the_certificate_authorities_where_they_are_looked_for() {
    let address = own_address(2);
    let root = Root::new("authorities");
    root.configure(&config(address, "http://127.0.0.1:1"));
    fs::remove_file(root.path.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    let refused = root.run(&root.recipe.command);
    assert!(
        !refused.status.success(),
        "a gateway that can check nobody's certificate started"
    );

    // What `the_image_runs…` shows as well: with them it starts.
    let root = Root::new("authorities-kept");
    root.configure(&config(address, "http://127.0.0.1:1"));
    root.start().wait_for(&format!("{address}:{PORT}"));
}

#[test]
fn the_image_holds_nothing_but_what_it_needs() {
    let root = Root::new("content");
    let mut files = Vec::new();
    list(&root.path, &root.path, &mut files);
    let libraries = |path: &String| path.starts_with("lib") || path.starts_with("usr/lib");
    files.retain(|path| !libraries(path));
    files.sort();
    assert_eq!(files, ["etc/ssl/certs/ca-certificates.crt", "wxgate"]);
}

#[test]
fn the_image_is_built_with_the_pinned_toolchain() {
    let pinned = fs::read_to_string(project().join("rust-toolchain.toml")).unwrap();
    let recipe = fs::read_to_string(project().join("Dockerfile")).unwrap();
    let version = recipe
        .split("FROM rust:")
        .nth(1)
        .unwrap()
        .split('-')
        .next()
        .unwrap();
    assert!(
        pinned.contains(&format!("channel = \"{version}\"")),
        "{version}: {pinned}"
    );
}

/// What the last stage holds, in a folder of its own.
struct Root {
    path: PathBuf,
    recipe: Recipe,
}

impl Root {
    fn new(name: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "chroot needs root: run the tests as root, or with sudo"
        );
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("image-{name}"));
        let _ = fs::remove_dir_all(&path);
        let recipe = Recipe::of(&fs::read_to_string(project().join("Dockerfile")).unwrap());
        let script = project().join("deploy/image-root.sh");
        let laid_out = Command::new(script)
            .arg(env!("CARGO_BIN_EXE_wxgate"))
            .arg(&path)
            .status()
            .unwrap();
        assert!(laid_out.success());
        Self { path, recipe }
    }

    /// Does what an operator does: mounts `gateway.toml`.
    fn configure(&self, config: &str) {
        fs::write(self.path.join("etc/wxgate/gateway.toml"), config).unwrap();
    }

    fn command(&self, words: &[String]) -> Command {
        let mut command = Command::new("/usr/sbin/chroot");
        command
            .arg(format!("--userspec={}", self.recipe.user))
            .arg("--groups=")
            .arg(&self.path);
        command
            .args(words)
            .env_clear()
            .env("WX_SECRET", "0f1e2d3c4b5a69788796a5b4c3d2e1f0");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[String]) -> Output {
        self.command(words).output().unwrap()
    }

    fn start(&self) -> Running {
        let mut command = self.command(&self.recipe.command);
        Running(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A gateway in its root; ended on drop.
struct Running(Child);

impl Running {
    /// Waits until it has written a line that holds `sign`.
    fn wait_for(&mut self, sign: &str) {
        line_with(self.0.stderr.take().unwrap(), sign);
    }

    /// Its user and group, as the kernel has them.
    fn user(&self) -> (u32, u32) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let id = |key: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        (id("Uid:"), id("Gid:"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A loopback address that no other process of these tests has.
fn own_address(test: u8) -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, (test << 6) | high, middle, low)
}

fn config(address: Ipv4Addr, upstream: &str) -> String {
    let port = upstream.rsplit(':').next().unwrap();
    format!(
        r#"
listen = ["{address}:{PORT}"]
[admin]
listen = "{address}:{ADMIN_PORT}"
[[app]]
appid = "wx0123456789abcdef"
secret = {{ env = "WX_SECRET" }}
[[route]]
path = "/listed"
require = "none"
to = "http://listed.example:{port}"
[[route]]
path = "/served"
require = "none"
to = "http://served.example:{port}"
"#
    )
}

/// An upstream that answers every connection once; its URL.
fn answering(address: Ipv4Addr) -> String {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 18\r\nConnection: close\r\n\r\nbehind the gateway";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}:{port}")
}

fn fetch(address: Ipv4Addr, path: &str) -> String {
    let mut stream = TcpStream::connect((address, PORT)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn list(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}
