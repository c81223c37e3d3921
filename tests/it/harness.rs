//! A gateway on port 0, with a mock WeChat and a recording upstream around it.

mod authority;
mod calls;
mod client;
mod honest;
mod process;
mod upstream;

use std::net::SocketAddr;

use tokio::runtime::{Builder, Runtime};
use wxgate::config::Config;
use wxgate::gateway::Gateway;
use wxgate::mock::{Mock, Options};

pub use self::authority::{Authority, Secure, client_config};
pub use self::calls::{apps, sealed, signed, token, until};
pub use self::client::{Client, Reply, find};
pub use self::honest::Honest;
pub use self::process::{Folder, Process, take_all_descriptors};
pub use self::upstream::{Seen, Upstream, request};

/// The app of most tests.
pub const APPID: &str = "wx0123456789abcdef";

/// A second app.
pub const OTHER_APP: &str = "wxfedcba9876543210";

/// What `tests/fixtures/app-secret` holds.
pub const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// The routes of most tests: one of each kind.
pub const ROUTES: &str = r#"
[[route]]
path = "/api"
to = "{upstream}"
[[route]]
path = "/phone"
require = "phone"
to = "{upstream}"
[[route]]
path = "/optional"
require = "optional"
to = "{upstream}"
[[route]]
path = "/public"
require = "none"
to = "{upstream}"
[[route]]
path = "/closed"
deny = true
"#;

/// A gateway and its surroundings.
pub struct Bed {
    pub mock: Mock,
    pub upstream: Upstream,
    pub gateway: Gateway,
    pub runtime: Runtime,
}

impl Bed {
    /// With [`ROUTES`].
    pub fn new() -> Self {
        Self::with("", ROUTES)
    }

    /// With `top` (keys at the top of the file and whole sections) and `routes`; `{upstream}` stands
    /// for the recording upstream's URL.
    pub fn with(top: &str, routes: &str) -> Self {
        Self::around(Upstream::recording(), top, routes)
    }

    /// In front of `upstream`.
    pub fn around(upstream: Upstream, top: &str, routes: &str) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mock = runtime.block_on(Mock::start(Options::default())).unwrap();
        let config = config(&mock.url(), &upstream.url(), top, routes);
        let gateway = Gateway::start(&config).unwrap();
        Self {
            mock,
            upstream,
            gateway,
            runtime,
        }
    }

    /// Where the gateway listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.addresses()[0]
    }

    /// A connection to the gateway.
    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// One request on a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.client().send(method, path, headers, body)
    }

    /// A call of an endpoint, with `token` unless it is empty.
    pub fn call(&self, endpoint: &str, token: &str, body: &serde_json::Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("Content-Type", "application/json")];
        if !token.is_empty() {
            headers.push(("Authorization", &bearer));
        }
        self.send(
            "POST",
            &format!("/wxgate/{endpoint}"),
            &headers,
            body.to_string().as_bytes(),
        )
    }

    /// A token of the user `openid`.
    pub fn sign_in(&self, openid: &str) -> String {
        let code = self.mock.control().login_code(openid);
        let reply = self.call("login", "", &serde_json::json!({ "code": code }));
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// `GET path` with `token`.
    pub fn get(&self, path: &str, token: &str) -> Reply {
        self.send(
            "GET",
            path,
            &[("Authorization", &format!("Bearer {token}"))],
            b"",
        )
    }
}

/// The config of a test.
pub fn config(wechat: &str, upstream: &str, top: &str, routes: &str) -> Config {
    let first = top
        .match_indices('[')
        .find(|(at, _)| top[..*at].trim().is_empty() || top[..*at].ends_with('\n'));
    let (keys, sections) = top.split_at(first.map_or(top.len(), |(at, _)| at));
    let listen = if keys.contains("listen") {
        ""
    } else {
        "listen = [\"127.0.0.1:0\"]\n"
    };
    let workers = if keys.contains("workers") {
        ""
    } else {
        "workers = 2\n"
    };
    let admin = if sections.contains("[admin]") {
        ""
    } else {
        "[admin]\nlisten = \"\"\n"
    };
    let log = if sections.contains("[log]") {
        ""
    } else {
        "[log]\naccess = false\n"
    };
    let api = if sections.contains("[wechat]") {
        ""
    } else {
        "[wechat]\napi = [\"{wechat}\"]\n"
    };
    let app = if sections.contains("[[app]]") {
        String::new()
    } else {
        format!(
            "[[app]]\nappid = \"{APPID}\"\nsecret = {{ file = \"tests/fixtures/app-secret\" }}\n"
        )
    };
    let text = format!("{keys}{listen}{workers}{sections}\n{admin}{log}{api}{app}{routes}")
        .replace("{upstream}", upstream)
        .replace("{wechat}", wechat);
    Config::from_toml(&text).unwrap_or_else(|report| panic!("{report}"))
}
