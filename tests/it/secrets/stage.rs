//! A gateway of its own process that writes all it can, and a note of every secret that it was told.

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use wxgate::mock::{Mock, Options};

use crate::harness::{APPID, Folder, Process, ROUTES, Reply, Upstream, until};

pub const OPENID: &str = "oPlanted-openid-00000000001";
pub const UNIONID: &str = "uPlanted-unionid-0000000001";
pub const PHONE: &str = "13912345670";
pub const KEY: &str = "cGxhbnRlZC1rZXktMDAwMQ==";
const APP_SECRET: &str = "5ec4e7005ec4e7015ec4e7025ec4e703";
const SESSION_SECRET: &str = "planted-session-secret-of-32-bytes-and-more";

pub struct Stage {
    pub mock: Mock,
    process: Process,
    planted: Vec<(&'static str, String)>,
    requests: usize,
    runtime: Runtime,
    _upstream: Upstream,
}

impl Stage {
    pub fn new(format: &str, openid: &str) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mock = runtime.block_on(Mock::start(Options::default())).unwrap();
        let upstream = Upstream::answering(|seen, stream| {
            if seen.target().contains("/closes") {
                return false;
            }
            if seen.target().contains("/silent") {
                // Until the gateway has had enough.
                let _ = std::io::Read::read(stream, &mut [0; 1]);
                return false;
            }
            std::io::Write::write_all(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .is_ok()
        });
        let folder = Folder::new(&format!("secrets-{format}-{openid}"));
        let app = folder.write("app-secret", APP_SECRET);
        let session = folder.write("session-secret", SESSION_SECRET);
        let routes = ROUTES.replace("{upstream}", &upstream.url());
        let text = format!(
            r#"
listen = ["127.0.0.1:0"]
workers = 2
[log]
level = "trace"
format = "{format}"
openid = "{openid}"
[admin]
listen = ""
[timeouts]
response = "300ms"
[wechat]
# Nobody listens at the first.
api = ["http://127.0.0.1:1", "{}"]
timeout = "300ms"
[session]
secret = {{ file = "{session}" }}
cookie = "sid"
[[app]]
appid = "{APPID}"
secret = {{ file = "{app}" }}
{routes}
[[route]]
path = "/down"
require = "none"
to = "http://nobody.invalid:80"
"#,
            mock.url()
        );
        let process = Process::run_in(folder, &text);
        let planted = [
            ("app secret", APP_SECRET),
            ("session secret", SESSION_SECRET),
            ("session key", KEY),
            ("openid", OPENID),
            ("unionid", UNIONID),
            ("phone", PHONE),
        ];
        Self {
            mock,
            process,
            planted: planted
                .map(|(what, value)| (what, value.to_owned()))
                .to_vec(),
            requests: 0,
            runtime,
            _upstream: upstream,
        }
    }

    /// Notes one more secret.
    pub fn plant(&mut self, what: &'static str, value: &str) {
        self.planted.push((what, value.to_owned()));
    }

    /// All of them, as somebody careless would repeat them.
    pub fn planted_words(&self) -> String {
        let words: Vec<&str> = self
            .planted
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        words.join(" ")
    }

    /// One request. If it is refused or fails, the answer holds nothing that was planted.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        self.requests += 1;
        let reply = self.process.client().send(method, path, headers, body);
        if reply.status >= 400 {
            let shown = format!("{:?} {}", reply.headers, reply.text());
            for (what, value) in &self.planted {
                assert!(
                    !shown.contains(value.as_str()),
                    "{method} {path}: {what}: {shown}"
                );
            }
        }
        reply
    }

    pub fn get(&mut self, path: &str, token: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        self.send("GET", path, &[("Authorization", &bearer)], b"")
    }

    pub fn call(&mut self, endpoint: &str, token: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let json = ("Content-Type", "application/json");
        let credential = ("Authorization", bearer.as_str());
        let both = [json, credential];
        let headers = if token.is_empty() { &both[..1] } else { &both };
        let path = format!("/wxgate/{endpoint}");
        self.send("POST", &path, headers, body.to_string().as_bytes())
    }

    /// WeChat goes away.
    pub fn lose_wechat(&mut self) {
        let address = self.mock.address();
        let other = self.runtime.block_on(Mock::start(Options::default()));
        drop(std::mem::replace(&mut self.mock, other.unwrap()));
        until("WeChat is gone", || {
            std::net::TcpStream::connect(address).is_err()
        });
    }

    /// Ends the gateway: how many requests there were, all that it wrote, and what was planted.
    pub fn end(self) -> (usize, String, Vec<(&'static str, String)>) {
        let (status, log) = self.process.end();
        assert!(status.success(), "{status}");
        (self.requests, log, self.planted)
    }
}
