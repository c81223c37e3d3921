//! Servers behind us: choose, connect, send, stream.
//!
//! What is known of a server is shared by all workers and outlives a reload ([`Servers`]). Connections
//! are a worker's own ([`Pool`]). A request polls the connection that it is sent on inside its own task,
//! so nothing is handed from thread to thread or task to task.

mod answer;
mod balance;
mod channel;
mod desk;
mod dial;
mod frame;
mod gate;
mod group;
mod health;
mod http1;
mod link;
mod member;
mod multiplex;
mod pool;
mod resolve;
mod search;
mod server;
mod share;
mod stream;
mod tunnel;
mod turned_away;

use std::path::PathBuf;
use std::time::Duration;

use crate::setting;
use crate::tls;

pub use self::answer::Answer;
pub use self::balance::{Balance, digest};
pub use self::group::{Group, GroupId, Groups};
pub use self::http1::Fault;
pub use self::link::{Deadline, Failure};
pub use self::member::Member;
pub use self::pool::Pool;
pub use self::search::{Failed, Search, Sent, Trip};
pub use self::server::{Counts, Server, Servers};
pub use self::share::Upstreams;
pub use self::tunnel::{Close, Passed, Tunnel};

/// The `host` that leaves the client's.
pub const PRESERVE: &str = "preserve";

/// The most idle connections to one server, over all workers. Fewer than there are requests at once
/// would mean a new connection for many of them; those that are not needed end after 15 seconds.
const IDLE_PER_SERVER: u32 = 256;

setting::section! {
    /// One `[[upstream]]`: servers that serve the same.
    pub struct Config {
        /// What routes call it.
        name: String,
        /// Its servers; every address of their names is one.
        servers: Vec<Member> = Vec::new(),
        /// How requests are shared.
        balance: Balance = Balance::P2c,
        /// Whether a request that got no answer is sent once more, where nothing can have happened.
        retry: bool = true,
        /// The `Host` that servers see: the client's (`preserve`), or this.
        host: String = PRESERVE.to_owned(),
        /// Speak HTTP/2; without https by prior knowledge.
        http2: bool = false,
        /// Connections to each server at once; 0: no limit. Each worker has its share.
        max_connections: u32 = 0,
        /// Requests to the group at once; 0: no limit. Each worker has its share.
        max_in_flight: u32 = 0,
        /// Idle connections kept to each server. Each worker has its share.
        idle_per_server: u32 = IDLE_PER_SERVER,
        /// The authorities that vouch for servers by https; absent: the system's.
        ca: Option<PathBuf> = None,
        /// What servers by https are shown: a certificate and its chain.
        client_cert: Option<PathBuf> = None,
        /// The private key of `client_cert`.
        client_key: Option<PathBuf> = None,
        /// `[upstream.health]`
        health: Health = Health::default(),
    }
}

setting::section! {
    /// `[upstream.health]`: which servers are asked.
    pub struct Health {
        /// Failed requests in a row that take a server out; 0: none do.
        failures: u32 = 5,
        /// For how long.
        pause: Duration = Duration::from_secs(10),
        /// What each server is asked for; empty: nothing.
        path: String = String::new(),
        /// How often.
        interval: Duration = Duration::from_secs(10),
        /// The longest wait for an answer.
        timeout: Duration = Duration::from_secs(2),
        /// Good answers in a row that bring a server back.
        rise: u32 = 2,
        /// Bad ones in a row that take it out.
        fall: u32 = 3,
    }
}

impl Config {
    /// Whether some server of it is reached by https.
    pub fn has_tls(&self) -> bool {
        self.servers.iter().any(|member| member.url.is_tls())
    }

    /// The files that connections by https need.
    pub fn tls_files(&self) -> tls::client::Files<'_> {
        tls::client::Files {
            ca: self.ca.as_deref(),
            own: self.client_cert.as_deref().zip(self.client_key.as_deref()),
        }
    }
}

/// How long the gateway waits for upstreams.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To connect to a server (`timeouts.connect`).
    pub connect: Duration,
    /// From the request sent to the answer's head (`timeouts.response`).
    pub response: Duration,
    /// The longest silence within an answer (`timeouts.stream`).
    pub stream: Duration,
}

/// Why there is no answer, or not all of one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No server of the group has an address.
    #[error("{0} has no address")]
    Unresolved(String),
    /// No server of the group takes connections; the last one's reason.
    #[error("no server of {0} takes connections: {1}")]
    Unreachable(String, #[source] std::io::Error),
    /// The limits of the group are reached, and the wait was in vain.
    #[error("{upstream} has as many requests as it may")]
    Busy {
        /// The group.
        upstream: String,
        /// Requests that were turned away since that was last told of; said once a second.
        untold: Option<u64>,
    },
    /// It did not answer within `timeouts.response`.
    #[error("no answer in time")]
    Late,
    /// It fell silent within an answer for `timeouts.stream`.
    #[error("the answer stopped")]
    Silent,
    /// The server cancelled its answer.
    #[error("the answer was cut off")]
    Cut,
    /// An exchange by HTTP/1.1 broke.
    #[error(transparent)]
    Http1(#[from] Fault),
    /// An exchange by HTTP/2 did.
    #[error(transparent)]
    Http2(#[from] hyper::Error),
    /// It switched protocols though nobody asked, or not to what was asked for.
    #[error("the upstream switched to a protocol that nobody asked for")]
    Switched,
}
