//! A WebSocket connection between a client and a server behind us, from the 101 to its end.
//!
//! Frames are followed as they pass, so that a close frame of ours comes between two of them and a wrong
//! one goes no further; [`Lane`] does that for one direction.

mod lane;

use std::any::Any;
use std::cell::Cell;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::lane::Lane;
use crate::deadline::Timer;
use crate::upstream::desk::Desk;
use crate::upstream::frame::Sender;
use crate::upstream::stream::Stream;

/// How long both ends may take to leave once the connection is to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a tunnel is closed by us: a code of RFC 6455 §7.4.1, and a few words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: u16,
    /// The reason: ASCII, at most 123 bytes.
    pub reason: &'static str,
}

impl Close {
    /// 1001: we are leaving.
    pub const LEAVING: Self = Self::new(1001, "the gateway is leaving: connect again");
    /// 1001: nobody said anything for `timeouts.stream`.
    pub const SILENT: Self = Self::new(1001, "nothing came for too long");
    /// 1002: somebody does not speak the protocol.
    pub const PROTOCOL: Self = Self::new(1002, "a frame breaks the protocol");
    /// 1008: the session that opened the tunnel is over.
    pub const SESSION: Self = Self::new(1008, "the session has ended: sign in again");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// What has passed a tunnel, kept up while it does.
#[derive(Debug, Default)]
pub struct Passed {
    /// Bytes from the client to the server.
    pub to_server: Cell<u64>,
    /// Bytes from the server to the client.
    pub to_client: Cell<u64>,
    /// Why it was closed, where that was our doing.
    pub closed: Cell<Option<Close>>,
}

/// A tunnel whose server has switched to WebSocket, and whose client is about to.
pub struct Tunnel {
    server: Server,
    timer: Timer,
    silence: Duration,
    desk: Desk,
    held: Box<dyn Any>,
}

impl Tunnel {
    /// A tunnel to the server at the other end of `stream`, of which `left` was read already. It ends when
    /// nothing came from either side for `silence`; `held` is dropped then.
    pub(super) fn new(
        (stream, left): (Stream, Bytes),
        timer: Timer,
        silence: Duration,
        desk: Desk,
        held: Box<dyn Any>,
    ) -> Self {
        Self {
            server: Server { left, stream },
            timer,
            silence,
            desk,
            held,
        }
    }

    /// Carries frames until both sides have ended or `end` says why they must. `extended`: an extension
    /// of the protocol was agreed on. `mask` is for the one frame that the server may get from us.
    pub async fn run(
        self,
        client: impl AsyncRead + AsyncWrite + Unpin,
        extended: bool,
        mask: [u8; 4],
        passed: &Passed,
        end: impl Future<Output = Close>,
    ) {
        let pair = Pair {
            client,
            server: self.server,
            up: Lane::new(Sender::Client, extended, mask),
            down: Lane::new(Sender::Server, extended, mask),
            desk: self.desk,
        };
        pair.carry(&self.timer, self.silence, passed, end).await;
        drop(self.held);
    }
}

/// Both sides, and both directions between them.
struct Pair<C, S> {
    client: C,
    server: S,
    up: Lane,
    down: Lane,
    desk: Desk,
}

impl<C, S> Pair<C, S>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    async fn carry(
        mut self,
        timer: &Timer,
        silence: Duration,
        passed: &Passed,
        end: impl Future<Output = Close>,
    ) {
        let mut end = pin!(end);
        let mut is_ending = false;
        timer.set(silence);
        std::future::poll_fn(|cx| {
            let mut close = None;
            if !is_ending && let Poll::Ready(wanted) = end.as_mut().poll(cx) {
                close = Some(wanted);
            }
            loop {
                if let Some(close) = close.take() {
                    passed.closed.set(Some(close));
                    self.up.close(close.code, close.reason);
                    self.down.close(close.code, close.reason);
                    is_ending = true;
                    timer.set(FAREWELL);
                }
                let (is_over, moved) = self.bring_on(cx, passed);
                if is_over {
                    return Poll::Ready(());
                }
                if is_ending {
                    return timer.poll(cx);
                }
                if let Some(fault) = self.up.fault().or(self.down.fault()) {
                    tracing::debug!(%fault, "a WebSocket frame is wrong");
                    close = Some(Close::PROTOCOL);
                } else if self.is_leaving() {
                    is_ending = true;
                    timer.set(FAREWELL);
                } else {
                    if moved {
                        timer.set(silence);
                    }
                    ready!(timer.poll(cx));
                    close = Some(Close::SILENT);
                }
            }
        })
        .await;
    }

    /// Lets both directions pass what they can: whether both are over, and whether anything moved.
    fn bring_on(&mut self, cx: &mut Context<'_>, passed: &Passed) -> (bool, bool) {
        let up = self
            .up
            .poll(cx, &mut self.client, &mut self.server, &self.desk);
        let down = self
            .down
            .poll(cx, &mut self.server, &mut self.client, &self.desk);
        passed.to_server.set(self.up.passed());
        passed.to_client.set(self.down.passed());
        let moved = self.up.has_moved() | self.down.has_moved();
        (up.is_ready() && down.is_ready(), moved)
    }

    /// Whether the two have taken leave of each other, or one of them has broken off.
    fn is_leaving(&self) -> bool {
        let broken = self.up.is_broken() || self.down.is_broken();
        broken || (self.up.is_closed() && self.down.is_closed())
    }
}

/// The server's side.
struct Server {
    /// What came behind its 101.
    left: Bytes,
    stream: Stream,
}

impl AsyncRead for Server {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let server = self.get_mut();
        if server.left.is_empty() {
            return Pin::new(&mut server.stream).poll_read(cx, buffer);
        }
        let length = server.left.len().min(buffer.remaining());
        buffer.put_slice(server.left.get(..length).unwrap_or_default());
        server.left.advance(length);
        if server.left.is_empty() {
            server.left = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
