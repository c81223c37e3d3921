//! A bound socket, where connections wait until a worker takes them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use crate::listener::load::Share;
#[cfg(unix)]
use crate::listener::unix;
use crate::listener::{BACKLOG, Listener};

/// How long to wait after the system refused a connection.
const RESPITE: Duration = Duration::from_millis(50);

/// So many connections that wait are still taken when we stop: as many as the kernel keeps.
const MOST: usize = BACKLOG.unsigned_abs() as usize;

/// Goes round among the workers that share a socket: who has it takes the next connection.
///
/// A balancer opens few connections and keeps them. Were they taken by whoever is fastest, one worker
/// might have them all.
#[derive(Debug)]
pub(super) struct Baton(Box<[Notify]>);

/// A socket, as one worker has it.
pub(super) struct Queue {
    listener: Accepting,
    share: Arc<Share>,
    baton: Option<Arc<Baton>>,
    has_baton: bool,
    /// When it turns true, no more than what waits already is taken.
    stop: watch::Receiver<bool>,
    /// How much of that may be left.
    left: usize,
}

/// A listener inside a worker's runtime.
enum Accepting {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A connection, and who is at its other end if that has an address.
type Accepted = (TcpStream, Option<SocketAddr>);

/// What comes out of a queue.
pub(super) enum Next {
    Connection(TcpStream, Option<SocketAddr>),
    /// One was there, and could not be taken.
    Failed,
    /// We stop.
    End,
}

impl Baton {
    /// One for so many workers; the first has it.
    pub(super) fn new(workers: usize) -> Arc<Self> {
        let baton = Self((0..workers).map(|_| Notify::new()).collect());
        baton.pass(0);
        Arc::new(baton)
    }

    fn pass(&self, worker: usize) {
        if let Some(worker) = self.0.get(worker) {
            worker.notify_one();
        }
    }

    async fn wait(&self, worker: usize) {
        match self.0.get(worker) {
            Some(worker) => worker.notified().await,
            None => std::future::pending().await,
        }
    }
}

impl Queue {
    /// Inside a worker's runtime. Where the socket is shared, `baton` is, too.
    pub(super) fn new(
        listener: Listener,
        baton: Option<Arc<Baton>>,
        share: &Arc<Share>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: match listener {
                Listener::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener)?),
                #[cfg(unix)]
                Listener::Unix(listener) => Accepting::Unix(UnixListener::from_std(listener)?),
            },
            share: Arc::clone(share),
            baton,
            has_baton: false,
            stop,
            left: MOST,
        })
    }

    /// The next connection. When we stop, those that wait are taken: closing the socket would reset them.
    pub(super) async fn next(&mut self) -> Next {
        let mut stop = self.stop.clone();
        let stopped = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => None,
            accepted = self.accept() => Some(accepted),
        };
        let accepted = match stopped {
            Some(accepted) => accepted,
            None => match self.waiting() {
                Some(accepted) => accepted,
                None => return Next::End,
            },
        };
        match accepted {
            Ok((stream, address)) => {
                if address.is_some() && stream.set_nodelay(true).is_err() {
                    return Next::Failed;
                }
                Next::Connection(stream, address)
            }
            Err(error) => {
                // Out of descriptors or memory: trying again at once would only burn the processor.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(RESPITE).await;
                Next::Failed
            }
        }
    }

    /// One that waits already. The kernel is asked: what the runtime knows of the socket may be old.
    fn waiting(&mut self) -> Option<io::Result<Accepted>> {
        self.left = self.left.checked_sub(1)?;
        let listener = match &self.listener {
            Accepting::Tcp(listener) => SockRef::from(listener),
            #[cfg(unix)]
            Accepting::Unix(listener) => SockRef::from(listener),
        };
        let taken = match listener.accept() {
            Ok((socket, address)) => socket
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(socket.into()))
                .map(|socket| (socket, address.as_socket())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => Err(error),
        };
        Some(taken)
    }

    async fn accept(&mut self) -> io::Result<Accepted> {
        self.turn().await;
        match &self.listener {
            Accepting::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((stream, Some(address)))
            }
            #[cfg(unix)]
            Accepting::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((unix::connection(stream)?, None))
            }
        }
    }

    /// Waits until it is this worker's turn. Who has taken more than another gives the baton away.
    async fn turn(&mut self) {
        let Some(baton) = &self.baton else {
            return;
        };
        if self.has_baton && self.share.is_ahead() {
            self.has_baton = false;
            baton.pass(self.share.least());
        }
        if !self.has_baton {
            baton.wait(self.share.worker()).await;
            self.has_baton = true;
        }
    }
}

impl Drop for Queue {
    /// A worker that ends leaves the socket to the others.
    fn drop(&mut self) {
        if let Some(baton) = self.baton.as_ref().filter(|_| self.has_baton) {
            baton.pass(self.share.least_of_others());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;

    use crate::listener::{self, Accept, Arrival, Door, Handed, Load, Peer, Settings};
    use crate::setting::ListenAddress;

    use super::*;

    /// Answers with the number of the worker that it is on.
    async fn answer(_: Arrival) -> Response<Full<Bytes>> {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        Response::new(Full::from(name))
    }

    /// Opens a connection; the worker that has it.
    fn open(address: SocketAddr) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        let mut room = [0; 1024];
        let length = stream.read(&mut room).unwrap();
        let answer = String::from_utf8_lossy(&room[..length]).into_owned();
        let worker = answer.rsplit("\r\n").next().unwrap_or_default().to_owned();
        (stream, worker)
    }

    #[test]
    fn few_connections_are_spread_evenly_over_workers_that_share_a_socket() {
        const WORKERS: usize = 3;
        let address = ListenAddress::Tcp(([127, 0, 0, 1], 0).into());
        let bound = listener::bind(
            &[(address, Door::Plain)],
            WORKERS,
            Accept::Shared,
            &mut Handed::default(),
        )
        .unwrap();
        let load = Arc::new(Load::new(100).shared_by(WORKERS));
        let (stop, drain) = watch::channel(false);
        let workers: Vec<_> = bound.sockets.into_iter().enumerate().collect();
        let workers: Vec<_> = workers
            .into_iter()
            .map(|(number, sockets)| {
                let (share, drain) = (load.share(number), drain.clone());
                let settings = watch::channel(Arc::new(Settings::default())).1;
                let connect = |_: &crate::deadline::Wheel| |_: Peer| answer;
                std::thread::Builder::new()
                    .name(format!("{number}"))
                    .spawn(move || listener::run(sockets, settings, &share, drain, connect))
                    .unwrap()
            })
            .collect();
        let mut open: Vec<_> = (0..4 * WORKERS).map(|_| open(bound.addresses[0])).collect();
        let count = |open: &[(TcpStream, String)], worker: usize| {
            let has = |(_, on): &&(TcpStream, String)| *on == worker.to_string();
            open.iter().filter(has).count()
        };
        for worker in 0..WORKERS {
            assert_eq!(count(&open, worker), 4, "of worker {worker}");
        }
        // Who has lost his gets the next.
        open.retain(|(_, worker)| worker != "1");
        let start = std::time::Instant::now();
        while load.share(0).least() != 1 {
            assert!(start.elapsed() < Duration::from_secs(20), "they never end");
            std::thread::yield_now();
        }
        open.extend((0..4).map(|_| self::open(bound.addresses[0])));
        assert!(count(&open, 1) >= 3, "of worker 1");
        stop.send_replace(true);
        for worker in workers {
            worker.join().unwrap().unwrap();
        }
    }
}
