//! `[session]`: where sessions are kept, for how long, and how a client carries their tokens.

use std::path::PathBuf;
use std::time::Duration;

use crate::session::user::Terms;
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
        /// The file that sessions are kept in over a planned restart; absent: they are not.
        snapshot: Option<PathBuf> = None,
    }
    later { "redis": "sessions in Redis" }
}

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In this process.
    Memory,
}

setting::choice! { Store, "a store" { "memory" => Self::Memory } later { "redis": "sessions in Redis" } }

impl Config {
    /// The whole name of the cookie that carries the token, if one does. It begins with `__Host-`, so that
    /// no other host can set it and it never travels in the clear (RFC 6265bis §4.1.3.2).
    pub fn cookie_name(&self) -> Option<String> {
        let name = self.cookie.strip_prefix("__Host-").unwrap_or(&self.cookie);
        (!name.is_empty()).then(|| format!("__Host-{name}"))
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            ttl: self.ttl.as_secs().max(1),
            idle: self.idle.as_secs().max(1),
            per_user: usize::from(self.per_user).max(1),
        }
    }
}
