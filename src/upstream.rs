//! Servers behind us: choose, connect, send, stream.
//!
//! A worker has connections of its own ([`Upstreams`]). A request polls the connection that it is
//! sent on inside its own task, so nothing is handed from thread to thread or task to task.

mod answer;
mod frame;
mod io;
mod link;
mod pool;
mod resolve;
mod tunnel;

use std::time::Duration;

pub use self::answer::Answer;
pub use self::link::{Deadline, Failure, Link};
pub use self::pool::Upstreams;
pub use self::resolve::{ServerId, Servers};
pub use self::tunnel::{Close, Passed, Tunnel};

/// How long the gateway waits for upstreams, and how many idle connections it keeps.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To connect (`timeouts.connect`).
    pub connect: Duration,
    /// From the request sent to the answer's head (`timeouts.response`).
    pub response: Duration,
    /// The longest silence within an answer (`timeouts.stream`).
    pub stream: Duration,
    /// The most idle connections of a worker to one server.
    pub idle_per_server: usize,
}

/// Why there is no answer, or not all of one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's name has no address.
    #[error("{0} has no address")]
    Unresolved(String),
    /// No address of the server takes connections.
    #[error("cannot connect to {0}: {1}")]
    Unreachable(String, #[source] std::io::Error),
    /// It did not answer within `timeouts.response`.
    #[error("no answer in time")]
    Late,
    /// It fell silent within an answer for `timeouts.stream`.
    #[error("the answer stopped")]
    Silent,
    /// The connection broke, or what came is not HTTP.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// It switched protocols though nobody asked, or not to what was asked for.
    #[error("the upstream switched to a protocol that nobody asked for")]
    Switched,
}
