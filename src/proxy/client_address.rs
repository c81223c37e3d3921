//! Whose address a request is really from (R10).

use ipnet::IpNet;

use crate::setting;

setting::section! {
    /// `[proxies]`: whose word on addresses counts.
    pub struct Config {
        /// Networks of the proxies in front of us.
        trusted: Vec<IpNet> = Vec::new(),
    }
    later { "proxy_protocol": "the PROXY protocol" }
}
