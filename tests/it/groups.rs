//! Groups of servers: who is asked, what a failing server costs, and how much at once.

mod checks;
mod failing;
mod http2;
mod limits;
mod reload;
mod secure;
mod sharing;
mod websocket;

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use crate::harness::{Bed, Seen, Upstream, request, until};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One worker, so that there is one pool and one order.
const ALONE: &str = "workers = 1\n";

/// A gateway that leads everything to the group of `servers`; `more` are further keys of it.
pub fn group(servers: &[&Upstream], more: &str) -> Bed {
    let urls: Vec<_> = servers.iter().map(|server| server.url()).collect();
    Bed::with(ALONE, &leading_to(&format!("{urls:?}"), more))
}

/// A route, and the group that it leads to.
fn leading_to(servers: &str, more: &str) -> String {
    format!(
        "[[route]]\npath = \"/\"\nrequire = \"optional\"\nto = \"app\"\n[[upstream]]\nname = \"app\"\nservers = {servers}\n{more}\n"
    )
}

/// What each server was asked for, since it began.
fn counts(servers: &[&Upstream]) -> Vec<usize> {
    servers.iter().map(|server| server.seen().len()).collect()
}

/// A server that can be killed with all its connections.
pub struct Mortal {
    server: Upstream,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Mortal {
    /// Answers by `answer`; `false` closes the connection.
    fn new(answer: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let shared = Arc::clone(&open);
        let server = Upstream::connecting(move |stream, record| {
            shared.lock().unwrap().push(stream.try_clone().unwrap());
            let mut buffer = Vec::new();
            while let Some(seen) = request(stream, &mut buffer) {
                record(seen.clone());
                if !answer(&seen, stream) {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            }
        });
        Self { server, open }
    }

    pub fn good() -> Self {
        Self::new(|_, stream| stream.write_all(OK).is_ok())
    }

    /// Where it is.
    pub fn server(&self) -> &Upstream {
        &self.server
    }

    /// Refuses connections from now on, and ends those that are open.
    pub fn kill(self) {
        let address = self.server.address();
        drop(self.server);
        until("nobody listens any more", || {
            let refused = TcpStream::connect(address).is_err();
            for stream in self.open.lock().unwrap().drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
            refused
        });
    }
}
