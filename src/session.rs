//! Remember, find, renew, forget: what is kept of a person between requests.

use std::time::Duration;

use crate::setting::{self, Secret};

setting::section! {
    /// `[session]`: what is remembered between requests.
    pub struct Config {
        /// Where sessions are kept.
        store: Store = Store::Memory,
        /// The key of locators, at least 32 bytes; random for the process when absent.
        secret: Option<Secret> = None,
        /// Life of a session from its login.
        ttl: Duration = Duration::from_secs(30 * 86_400),
        /// The longest silence of a session.
        idle: Duration = Duration::from_secs(7 * 86_400),
        /// Users remembered at once.
        capacity: u64 = 1_000_000,
        /// Sessions of one user at once.
        per_user: u8 = 5,
        /// The header that carries the token.
        header: http::HeaderName = http::header::AUTHORIZATION,
        /// The cookie that carries the token; empty: none.
        cookie: String = String::new(),
    }
    later { "redis": "sessions in Redis", "snapshot": "a snapshot of sessions over a restart" }
}

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In this process.
    Memory,
}

setting::choice! { Store, "a store" { "memory" => Self::Memory } later { "redis": "sessions in Redis" } }
