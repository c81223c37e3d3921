//! The connections of one worker to the servers behind it: last in, first out.
//!
//! An idle connection wakes nobody. Whether it still lives is seen when it is used next.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::net::TcpStream;

use crate::deadline::{TICK, Wheel};
use crate::upstream::link::Link;
use crate::upstream::resolve::{ServerId, Servers};
use crate::upstream::{Error, Patience};

/// An idle connection is dropped before an upstream is likely to do it.
const IDLE: Duration = Duration::from_secs(15);

/// A connection, and the tick at which it became idle.
type Idle<B> = (u64, Link<B>);

/// The upstream connections of one worker.
pub struct Upstreams<B>
where
    B: Body + 'static,
{
    servers: Arc<Servers>,
    patience: Patience,
    wheel: Wheel,
    /// For each server its idle connections.
    idle: RefCell<Vec<Vec<Idle<B>>>>,
    turn: Cell<usize>,
}

impl<B> Upstreams<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// No connections yet.
    pub fn new(servers: Arc<Servers>, patience: Patience, wheel: Wheel) -> Rc<Self> {
        let idle = RefCell::new((0..servers.len()).map(|_| Vec::new()).collect());
        Rc::new(Self {
            servers,
            patience,
            wheel,
            idle,
            turn: Cell::new(0),
        })
    }

    /// A new connection to `server`. Its addresses are tried in turn, each for `timeouts.connect`.
    pub async fn connect(&self, server: ServerId) -> Result<Link<B>, Error> {
        let addresses = self.servers.addresses(server);
        let first = self.turn.replace(self.turn.get().wrapping_add(1)) % addresses.len().max(1);
        let mut failure = None;
        for address in addresses.iter().cycle().skip(first).take(addresses.len()) {
            match self.dial(*address).await {
                Ok(stream) => {
                    return Link::new(stream, *address, self.patience, &self.wheel).await;
                }
                Err(error) => failure = Some(error),
            }
        }
        let name = self.servers.name(server);
        Err(failure.map_or_else(
            || Error::Unresolved(name.clone()),
            |error| Error::Unreachable(name.clone(), error),
        ))
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = tokio::time::timeout(self.patience.connect, TcpStream::connect(address))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The connection to `server` that became idle last, if there is one.
    pub fn take(&self, server: ServerId) -> Option<Link<B>> {
        self.idle
            .borrow_mut()
            .get_mut(server.0)?
            .pop()
            .map(|(_, link)| link)
    }

    /// Keeps `link` for the next request.
    pub(super) fn keep(&self, server: ServerId, link: Link<B>) {
        let mut idle = self.idle.borrow_mut();
        if let Some(links) = idle.get_mut(server.0)
            && links.len() < self.patience.idle_per_server
        {
            links.push((self.wheel.now(), link));
        }
    }

    /// Takes over the idle connections of `before` that lead to the same servers.
    pub fn inherit(&self, before: &Self) {
        let mut idle = self.idle.borrow_mut();
        let mut theirs = before.idle.borrow_mut();
        for (at, own) in idle.iter_mut().enumerate() {
            let was = self.servers.was(ServerId(at), &before.servers);
            let Some(links) = was.and_then(|was| theirs.get_mut(was.0)) else {
                continue;
            };
            for (since, mut link) in links.drain(..) {
                link.belongs(self.patience);
                own.push((since, link));
            }
        }
    }

    /// Drops what has been idle for too long. Call it about once a second.
    pub fn sweep(&self) {
        let ticks = u64::try_from(IDLE.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.wheel.now().saturating_sub(ticks);
        for links in self.idle.borrow_mut().iter_mut() {
            links.retain(|(since, _)| *since >= oldest);
        }
    }
}
