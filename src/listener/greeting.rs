//! What comes before HTTP on a connection: what a proxy says of it, and TLS. Each has its deadline.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::deadline::Timer;
use crate::listener::connection::Worker;
use crate::listener::load::{Place, Welcome};
use crate::listener::proxy_protocol::{self, Malformed, Scan};
use crate::listener::stream::{Stream, Wire};
use crate::listener::turns::Turns;
use crate::listener::{Door, Peer, Refusal};

/// How long a proxy may take to say whose connection it is (R10).
const ANNOUNCEMENT: Duration = Duration::from_secs(5);

/// The most bytes that TLS keeps of an answer on its way out.
const OUTGOING: usize = 32 << 10;

/// Why a connection ends before anything was asked on it.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the proxy said half of it and left")]
    Half,
    #[error("it took too long")]
    Slow,
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Takes what comes before HTTP from `socket`: the stream that HTTP is spoken on, who is really at its
/// other end, and a refusal that they must be told. Where the peer `speaks_for_others`, it says for
/// whom, and `place` is theirs. `None`: it ends here, and the operator can read why.
pub(super) async fn greet(
    socket: TcpStream,
    mut peer: Peer,
    speaks_for_others: bool,
    worker: &Worker,
    place: &mut Place,
) -> Option<(Stream, Peer, Option<Refusal>)> {
    let timer = worker.wheel.timer();
    let mut refusal = None;
    if speaks_for_others {
        timer.set(ANNOUNCEMENT);
        match within(&timer, announced(&socket)).await {
            Ok(Some(source)) => {
                peer.on_unix &= source.is_none();
                peer.address = source.unwrap_or(peer.address);
            }
            // A balancer that only looks whether anybody is there.
            Ok(None) => return None,
            Err(error) => {
                let proxy = peer.address;
                tracing::warn!(%proxy, %error, "a connection without a good PROXY header is closed");
                return None;
            }
        }
        match place.claim(&peer) {
            Welcome::In => {}
            Welcome::Told(crowded) => refusal = Some(crowded),
            Welcome::Out => return None,
        }
    }
    let Some(config) = worker.tls.clone().filter(|_| peer.door == Door::Tls) else {
        return Some((Stream::Plain(socket), peer, refusal));
    };
    timer.set(worker.timeouts.handshake);
    match within(&timer, handshake(socket, config, &worker.turns)).await {
        Ok(stream) => Some((Stream::Tls(Box::new(stream)), peer, refusal)),
        Err(error) => {
            let peer = peer.address;
            tracing::debug!(%peer, %error, "no TLS with this peer");
            None
        }
    }
}

/// Reads a header of the PROXY protocol from `socket`, and not a byte more. `None`: the peer left
/// without a word; within it `None`: the header names no client.
async fn announced(socket: &TcpStream) -> Result<Option<Option<SocketAddr>>, Fault> {
    let mut room = vec![0; proxy_protocol::MOST];
    let mut read = 0;
    loop {
        let seen = socket
            .peek(room.get_mut(read..).unwrap_or_default())
            .await?;
        if seen == 0 {
            return if read == 0 {
                Ok(None)
            } else {
                Err(Fault::Half)
            };
        }
        let scan = proxy_protocol::scan(room.get(..read + seen).unwrap_or_default())?;
        let end = match scan {
            Scan::More => read + seen,
            Scan::Whole { length, .. } => length,
        };
        // What was seen is there.
        read += socket.try_read(room.get_mut(read..end).unwrap_or_default())?;
        match scan {
            Scan::Whole { source, .. } if read == end => return Ok(Some(source)),
            Scan::More if read == end => {}
            _ => return Err(Fault::Half),
        }
    }
}

/// Shakes hands by TLS. Each step of it waits for its turn.
async fn handshake(
    socket: TcpStream,
    config: Arc<ServerConfig>,
    turns: &Turns,
) -> Result<TlsStream<Wire>, Fault> {
    let mut accept = TlsAcceptor::from(config).accept_with(Wire::new(socket), |session| {
        session.set_buffer_limit(Some(OUTGOING));
    });
    loop {
        if let Some(wire) = accept.get_ref() {
            wire.ready().await?;
        }
        turns.next().await;
        let step = poll_fn(|cx| Poll::Ready(Pin::new(&mut accept).poll(cx))).await;
        if let Poll::Ready(stream) = step {
            return Ok(stream?);
        }
    }
}

/// What `work` comes to before `timer` does.
async fn within<T>(
    timer: &Timer,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Pending => timer.poll(cx).map(|()| Err(Fault::Slow)),
        Poll::Ready(done) => Poll::Ready(done),
    })
    .await
}
