//! Sockets that whoever started us had bound already (systemd's `LISTEN_FDS`): they outlive us, so that no
//! connection is refused while one gateway takes the place of another.

use std::io;
use std::net::TcpListener;

use crate::listener::Listener;

/// Bound sockets and their names. What is left of them when this is dropped is closed.
#[derive(Debug, Default)]
pub struct Handed(Vec<(String, io::Result<Listener>)>);

impl Handed {
    /// Takes what the environment says was handed over to this process (`sd_listen_fds_with_names(3)`).
    ///
    /// The variables are removed: call this before there are other threads.
    #[cfg(unix)]
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut sockets = listenfd::ListenFd::from_env();
        let count = sockets.len();
        let handed = (0..count).map(|at| {
            let name = names.next().filter(|name| !name.is_empty());
            let tcp = sockets.take_tcp_listener(at);
            let mut unix = || Ok(sockets.take_unix_listener(at)?.map(Listener::Unix));
            let socket = tcp
                .map(|tcp| tcp.map(Listener::Tcp))
                .or_else(|error: io::Error| unix().map_err(|_: io::Error| error))
                .and_then(|socket| socket.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)));
            (name.unwrap_or("unknown").to_owned(), socket)
        });
        Self(handed.collect())
    }

    /// Nothing: only systemd hands sockets over.
    #[cfg(not(unix))]
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// One socket more.
    #[must_use]
    pub fn with(mut self, name: &str, socket: TcpListener) -> Self {
        self.0.push((name.to_owned(), Ok(Listener::Tcp(socket))));
        self
    }

    /// The names of what is there.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The sockets called `name`.
    ///
    /// # Errors
    ///
    /// There is none, or one is neither a TCP nor a unix listener.
    pub(super) fn take(&mut self, name: &str) -> io::Result<Vec<Listener>> {
        let (found, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(own, _)| own == name);
        self.0 = others;
        if found.is_empty() {
            let others = match self.names().as_slice() {
                [] => "none at all".to_owned(),
                names => format!("only {}", names.join(", ")),
            };
            return Err(io::Error::other(format!(
                "no socket of this name was handed over, {others}"
            )));
        }
        let sockets = found.into_iter().map(|(_, socket)| {
            let socket = socket?;
            match &socket {
                Listener::Tcp(socket) => socket.set_nonblocking(true)?,
                #[cfg(unix)]
                Listener::Unix(socket) => socket.set_nonblocking(true)?,
            }
            Ok(socket)
        });
        sockets.collect()
    }
}
