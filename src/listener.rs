//! Bind, accept, limit: where connections come in.
//!
//! Nothing is rendered here: what is refused goes to the handler like a request does, and comes
//! back as an answer.

mod closing;
mod connection;
mod drain;
mod flood;
mod framing;
mod greeting;
mod handed;
mod load;
mod networks;
mod parking;
mod proxy_protocol;
mod queue;
mod stream;
mod turns;
#[cfg(unix)]
mod unix;
mod worker;

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Request};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Type};

pub use self::connection::{RequestBody, Switch, Switched};
pub use self::handed::Handed;
pub use self::load::{Load, Share};
pub use self::networks::Networks;
use self::queue::Baton;
#[cfg(unix)]
pub use self::unix::SocketFile;
pub use self::worker::run;
use crate::setting::{self, ListenAddress, Size};

/// Connections that the kernel holds for us before we accept them.
const BACKLOG: i32 = 4096;

/// What clients may speak by ALPN, the best first.
pub const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Their address; where a proxy speaks for them, what it says. Who came by a unix socket has this
    /// machine's.
    pub address: SocketAddr,
    /// They came by a unix socket, and nobody says for whom.
    pub on_unix: bool,
    /// The door they came in by.
    pub door: Door,
}

/// What is spoken on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Plain HTTP.
    Plain,
    /// HTTP over TLS.
    Tls,
    /// Plain HTTP, to be told to come back over TLS.
    Redirect,
}

/// How workers come by their connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// Each has its own socket, and the kernel spreads connections.
    PerWorker,
    /// All take from one, whoever has fewest: for a balancer in front that opens few.
    Shared,
}

setting::choice! {
    Accept, "a way to accept" { "per_worker" => Self::PerWorker, "shared" => Self::Shared }
}

/// What comes in on a connection. Its headers may hold a credential: no `Debug`.
pub enum Arrival {
    /// A request whose head was read whole. In a box it is moved at no cost through all that follows.
    Request(Box<Request<RequestBody>>),
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
    /// The files of unix sockets that were made.
    pub files: Vec<SocketFile>,
    /// For each worker its sockets.
    pub sockets: Vec<Vec<Socket>>,
}

/// A bound socket of one worker.
#[derive(Debug)]
pub struct Socket {
    listener: Listener,
    door: Door,
    /// There where the socket is shared by all workers.
    baton: Option<Arc<Baton>>,
}

/// The file of a unix socket: there are none here.
#[cfg(not(unix))]
#[derive(Debug)]
pub enum SocketFile {}

#[cfg(not(unix))]
impl SocketFile {
    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        match *self {}
    }
}

/// A socket that takes connections.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            #[cfg(unix)]
            Self::Unix(listener) => Self::Unix(listener.try_clone()?),
        })
    }
}

/// Binds each address for all of `workers`. A socket that was handed over is one, and all share it.
///
/// # Errors
///
/// An address that is taken, even by a socket that would share it, is an error: half of the traffic
/// would be somebody else's.
pub fn bind(
    addresses: &[(ListenAddress, Door)],
    workers: usize,
    accept: Accept,
    handed: &mut Handed,
) -> io::Result<Bound> {
    let mut bound = Bound {
        addresses: Vec::new(),
        files: Vec::new(),
        sockets: (0..workers).map(|_| Vec::new()).collect(),
    };
    for (address, door) in addresses {
        let found = match address {
            ListenAddress::Tcp(address) => match accept {
                Accept::PerWorker => own_sockets(*address, workers),
                Accept::Shared => {
                    let one = socket(*address, false).map(Listener::Tcp);
                    one.and_then(|one| copies(one, workers))
                }
            }
            .map(|listeners| vec![listeners])
            .map_err(|error| named(&error, address))?,
            ListenAddress::Handed(name) => {
                let taken = handed.take(name);
                let copied = |one| copies(one, workers);
                taken
                    .and_then(|taken| taken.into_iter().map(copied).collect())
                    .map_err(|error| named(&error, format!("fd:{name}")))?
            }
            #[cfg(unix)]
            ListenAddress::Unix(path) => {
                let (one, file) = unix::bind(path)
                    .map_err(|error| named(&error, format!("unix:{}", path.display())))?;
                bound.files.push(file);
                vec![copies(Listener::Unix(one), workers)?]
            }
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        for listeners in found {
            let is_shared = accept == Accept::Shared && workers > 1;
            let baton = is_shared.then(|| Baton::new(workers));
            if let Some(Listener::Tcp(first)) = listeners.first() {
                bound.addresses.push(first.local_addr()?);
            }
            for (sockets, listener) in bound.sockets.iter_mut().zip(listeners) {
                sockets.push(Socket {
                    listener,
                    door: *door,
                    baton: baton.clone(),
                });
            }
        }
    }
    Ok(bound)
}

/// A socket for each worker, all bound to one address.
fn own_sockets(mut address: SocketAddr, workers: usize) -> io::Result<Vec<Listener>> {
    if address.port() != 0 && workers > 1 {
        socket(address, false)?;
    }
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers {
        let listener = socket(address, workers > 1)?;
        address = listener.local_addr()?;
        sockets.push(Listener::Tcp(listener));
    }
    Ok(sockets)
}

/// One socket, as many times as there are workers.
fn copies(socket: Listener, workers: usize) -> io::Result<Vec<Listener>> {
    let others = (1..workers).map(|_| socket.try_clone());
    let mut sockets = others.collect::<io::Result<Vec<_>>>()?;
    sockets.push(socket);
    Ok(sockets)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
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
    /// What TLS shows, where there is a door for it.
    pub tls: Option<Arc<ServerConfig>>,
    /// `proxies.proxy_protocol`: whose connections begin with a header that says who they are from.
    pub heralds: Networks,
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
        /// To agree on TLS.
        handshake: Duration = Duration::from_secs(10),
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
        /// The longest silence within an answer, on either side, and of a WebSocket.
        stream: Duration = Duration::from_secs(300),
    }
}
