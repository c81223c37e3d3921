//! Bind, accept, limit: where connections come in.
//!
//! Nothing is rendered here: what is refused goes to the handler like a request does, and comes
//! back as an answer.

mod closing;
mod connection;
mod framing;
mod handed;
mod load;
mod parking;
mod worker;

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use http::{HeaderName, Request};
use socket2::{Domain, Protocol, Socket, Type};

pub use self::connection::RequestBody;
pub use self::handed::Handed;
pub use self::load::Load;
pub use self::worker::run;
use crate::setting::{self, ListenAddress, Size};

/// Connections that the kernel holds for us before we accept them.
const BACKLOG: i32 = 4096;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Their address.
    pub address: SocketAddr,
}

/// What comes in on a connection. Its headers may hold a credential: no `Debug`.
#[expect(
    clippy::large_enum_variant,
    reason = "almost all are requests, and none is kept"
)]
pub enum Arrival {
    /// A request whose head was read whole.
    Request(Request<RequestBody>),
    /// Something that never became one.
    Refusal(Refusal),
}

/// Why nothing more is read from a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// What came is no head of a request.
    BadRequest,
    /// The request target is longer than anybody takes.
    UriTooLong,
    /// There are more header lines, or longer ones, than anybody takes.
    HeadTooLarge,
    /// A head did not come whole within `timeouts.header`.
    RequestTimeout,
    /// There are `limits.connections` already.
    Overloaded,
    /// There are `limits.per_address` of this address already.
    Crowded,
}

impl Refusal {
    /// What hyper means by a status that it answers by itself.
    fn of(status: u16) -> Self {
        match status {
            414 => Self::UriTooLong,
            431 => Self::HeadTooLarge,
            _ => Self::BadRequest,
        }
    }
}

/// The bound sockets of all workers.
#[derive(Debug)]
pub struct Bound {
    /// The addresses, with the ports that the system chose.
    pub addresses: Vec<SocketAddr>,
    /// For each worker its sockets.
    pub sockets: Vec<Vec<TcpListener>>,
}

/// Binds each address once for each of `workers`. A socket that was handed over is one, and all share it.
///
/// # Errors
///
/// An address that is taken, even by a socket that would share it, is an error: half of the traffic
/// would be somebody else's.
pub fn bind(addresses: &[ListenAddress], workers: usize, handed: &mut Handed) -> io::Result<Bound> {
    let mut bound = Bound {
        addresses: Vec::new(),
        sockets: (0..workers).map(|_| Vec::new()).collect(),
    };
    for address in addresses {
        let mut address = match address {
            ListenAddress::Tcp(address) => *address,
            ListenAddress::Handed(name) => {
                let named = |error| named(&error, format!("fd:{name}"));
                for listener in handed.take(name).map_err(named)? {
                    bound.addresses.push(listener.local_addr()?);
                    for sockets in &mut bound.sockets {
                        sockets.push(listener.try_clone()?);
                    }
                }
                continue;
            }
        };
        if address.port() != 0 && workers > 1 {
            socket(address, false).map_err(|error| named(&error, address))?;
        }
        for sockets in &mut bound.sockets {
            let listener = socket(address, workers > 1).map_err(|error| named(&error, address))?;
            address = listener.local_addr()?;
            sockets.push(listener);
        }
        bound.addresses.push(address);
    }
    Ok(bound)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(shared)?;
    #[cfg(not(target_os = "linux"))]
    let _ = shared;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn named(error: &io::Error, address: impl Display) -> io::Error {
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
}

/// What a connection is served by.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `[limits]`
    pub limits: Limits,
    /// `[timeouts]`
    pub timeouts: Timeouts,
    /// Whether a client may speak HTTP/2 without TLS, if it knows beforehand that it can.
    pub h2c: bool,
}

setting::section! {
    /// `[limits]`: how much a client may ask of us.
    pub struct Limits {
        /// The largest request body, unless the route says otherwise.
        body: Size = Size(16 << 20),
        /// The largest head of a request: request line and header lines.
        headers: Size = Size(32 << 10),
        /// The most header lines of a request.
        header_count: u32 = 100,
        /// The longest request target.
        uri: Size = Size(8 << 10),
        /// Connections at once; 0: 45 % of the hard limit on open files.
        connections: u32 = 0,
        /// Streams at once on a connection of HTTP/2.
        h2_streams: u32 = 100,
        /// Connections at once of one address, IPv6 by /64; 0: as many as there may be at all.
        per_address: u32 = 0,
        /// Header names with other bytes than letters, digits and `-` to let through (R2).
        header_names: Vec<HeaderName> = Vec::new(),
    }
}

setting::section! {
    /// `[timeouts]`: how long each wait may last.
    pub struct Timeouts {
        /// From the first byte of a head to its last.
        header: Duration = Duration::from_secs(10),
        /// To connect to an upstream.
        connect: Duration = Duration::from_secs(2),
        /// From the request sent to the head of the upstream's answer.
        response: Duration = Duration::from_secs(60),
        /// From SIGTERM to the end of what still runs.
        drain: Duration = Duration::from_secs(30),
        /// The longest silence within a request body.
        body: Duration = Duration::from_secs(30),
        /// The longest silence between two requests of a connection.
        idle: Duration = Duration::from_secs(75),
        /// The longest silence within an answer, on either side.
        stream: Duration = Duration::from_secs(300),
    }
    later { "handshake": "TLS" }
}
