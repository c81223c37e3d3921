//! `gateway.toml`, variables and flags → [`Config`], a list of the rooms' own configs.

use crate::setting::{self, ListenAddress};
use crate::{admin, endpoint, listener, proxy, session, telemetry, wechat};

setting::section! {
    /// All of `gateway.toml`.
    pub struct Config {
        /// Where requests come in.
        listen: Vec<ListenAddress> = vec![ListenAddress::Tcp(([0, 0, 0, 0], 8080).into())],
        /// Threads that carry traffic; 0: one per core that the cgroup allows.
        workers: u32 = 0,
        /// `[limits]`
        limits: listener::Limits = listener::Limits::default(),
        /// `[timeouts]`
        timeouts: listener::Timeouts = listener::Timeouts::default(),
        /// `[proxies]`
        proxies: proxy::client_address::Config = proxy::client_address::Config::default(),
        /// `[endpoints]`
        endpoints: endpoint::Config = endpoint::Config::default(),
        /// `[wechat]`
        wechat: wechat::Config = wechat::Config::default(),
        /// `[[app]]`
        app: Vec<wechat::App> = Vec::new(),
        /// `[session]`
        session: session::Config = session::Config::default(),
        /// `[identity]`
        identity: proxy::headers::Names = proxy::headers::Names::default(),
        /// `[[route]]`
        route: Vec<proxy::route::Config> = Vec::new(),
        /// `[admin]`
        admin: admin::Config = admin::Config::default(),
        /// `[log]`
        log: telemetry::Config = telemetry::Config::default(),
    }
    later {
        "accept": "listeners shared by the workers", "tls": "TLS", "upstream": "groups of upstream servers", "rate": "rate limits",
    }
}
