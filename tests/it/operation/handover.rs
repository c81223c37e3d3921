//! Sockets that outlive the gateway, as systemd hands them over, and what systemd is told.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::runtime::Builder;
use wxgate::gateway::Gateway;
use wxgate::listener::Handed;
use wxgate::mock::{Mock, Options};

use crate::harness::{APPID, Client, Folder, Process, ROUTES, Upstream, config, token, until};

/// How systemd starts a service that has one socket: it is number 3, and the variables say so.
const AS_SYSTEMD: &str =
    "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec \"$@\"";

/// Restarts of a run of `cargo test`.
const RESTARTS: usize = 3;

/// Starts a gateway that listens on `socket`.
pub fn start(folder: &Folder, name: &str, config: &str, socket: OwnedFd) -> Process {
    let path = folder.write(&format!("{name}.toml"), config);
    let mut command = Command::new("sh");
    command
        .args(["-c", AS_SYSTEMD, "sh", env!("CARGO_BIN_EXE_wxgate")])
        .args(["run", "-c", &path])
        .stdin(socket);
    Process::start(Folder::new(&format!("handover-{name}")), command)
}

fn text(top: &str, wechat: &str, upstream: &Upstream) -> String {
    format!(
        "listen = [\"fd:web\"]\nworkers = 2\n[admin]\nlisten = \"\"\n[wechat]\napi = [\"{wechat}\"]\n{top}[[app]]\nappid = \"{APPID}\"\nsecret = {{ env = \"WX_SECRET\" }}\n{}",
        ROUTES.replace("{upstream}", &upstream.url())
    )
}

#[test]
fn a_restart_under_load_loses_no_request_and_logs_nobody_out() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mock = runtime.block_on(Mock::start(Options::default())).unwrap();
    let upstream = Upstream::recording();
    let folder = Folder::new("handover");
    let secret = folder.write("secret", "of the hand-over, more than 32 bytes");
    let session = format!(
        "[session]\nsecret = {{ file = \"{secret}\" }}\nsnapshot = \"{}\"\n",
        folder.file("sessions").display()
    );
    let text = text(&session, &mock.url(), &upstream);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let again = || OwnedFd::from(socket.try_clone().unwrap());
    let mut gateway = start(&folder, "0", &text, again());
    assert_eq!(gateway.address(), address);
    let mut client = gateway.client();
    let code = mock.login_code("oAlice");
    client.begin("login", "", &json!({ "code": code }));
    let token = token(&client.reply(false));
    drop(client);

    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| ask_until(&stop, address, &token, &served)))
            .collect();
        let more = |than: usize| {
            until("requests are served", || {
                served.load(Ordering::Relaxed) > than + 50
                    || clients.iter().any(ScopedJoinHandle::is_finished)
            });
        };
        for restart in 1..=RESTARTS {
            more(served.load(Ordering::Relaxed));
            gateway.signal(Signal::TERM);
            assert_eq!(gateway.ended().code(), Some(0));
            gateway = start(&folder, &restart.to_string(), &text, again());
        }
        more(served.load(Ordering::Relaxed));
        stop.store(true, Ordering::Relaxed);
    });
}

/// Asks on one new connection after the other; each answer must be there and good.
fn ask_until(stop: &AtomicBool, address: SocketAddr, token: &str, served: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        let reply = Client::connect(address).get("/api", token);
        assert_eq!(reply.status, 200, "{}", reply.text());
        served.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_and_stops() {
    let upstream = Upstream::recording();
    let folder = Folder::new("notify");
    let path = folder.file("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let told = || {
        let mut room = [0; 1024];
        let length = systemd.recv(&mut room).unwrap();
        String::from_utf8_lossy(&room[..length]).into_owned()
    };
    let config = folder.write(
        "gateway.toml",
        &text("", "https://api.weixin.qq.com", &upstream).replace("fd:web", "127.0.0.1:0"),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_wxgate"));
    command
        .args(["run", "-c", &config])
        .env("NOTIFY_SOCKET", &path)
        .stdin(Stdio::null());
    let gateway = Process::start(Folder::new("notify-run"), command);
    assert!(told().starts_with("READY=1\n"));
    gateway.signal(Signal::HUP);
    let reloading = told();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert!(told().starts_with("READY=1\n"));

    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&config)
        .unwrap();
    file.write_all(b"wrong = true\n").unwrap();
    assert!(told().starts_with("RELOADING=1\n"));
    let ready = told();
    assert!(
        ready.starts_with("READY=1\n") && ready.contains("wrong"),
        "{ready}"
    );
    gateway.signal(Signal::TERM);
    assert!(told().starts_with("STOPPING=1\n"));
}

#[test]
fn a_socket_that_was_not_handed_over_is_missed_by_its_name() {
    let top = "listen = [\"fd:web\"]\n";
    let config = config("http://127.0.0.1:1", "http://127.0.0.1:1", top, ROUTES);
    let error = |handed: Handed| {
        let failed = Gateway::start_with(&config, handed).err();
        failed.expect("no start").to_string()
    };
    assert_eq!(
        error(Handed::default()),
        "cannot listen on fd:web: no socket of this name was handed over, none at all"
    );
    let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(
        error(Handed::default().with("web2", socket())),
        "cannot listen on fd:web: no socket of this name was handed over, only web2"
    );
    let (one, two) = (socket(), socket());
    let addresses = [&one, &two].map(|socket| socket.local_addr().unwrap());
    let handed = Handed::default().with("web", one).with("web", two);
    let gateway = Gateway::start_with(&config, handed).unwrap();
    assert_eq!(gateway.addresses(), addresses);
    for address in addresses {
        assert_eq!(Client::connect(address).get("/closed", "").status, 403);
    }
}
