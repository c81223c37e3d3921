//! A connection that leaves HTTP for another protocol: who may ask for it, and what it is then.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use http::{Request, Version, header};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::listener::connection::Worker;
use crate::listener::stream::Stream;

/// Has the connection from then on.
pub(in crate::listener) type Successor =
    Box<dyn FnOnce(Switched) -> Pin<Box<dyn Future<Output = ()>>>>;

/// Whether `request` is one that [`Framing`](crate::listener::framing::Framing) waits behind: it asks for
/// another protocol, and what comes behind it may be that.
pub(in crate::listener) fn is_asked<B: Body>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && request.headers().contains_key(header::UPGRADE)
}

/// A client's connection that has left HTTP.
pub struct Switched {
    stream: Stream,
    /// What came behind the request.
    left: BytesMut,
    worker: Rc<Worker>,
}

impl Switched {
    pub(in crate::listener) fn new(stream: Stream, left: BytesMut, worker: Rc<Worker>) -> Self {
        Self {
            stream,
            left,
            worker,
        }
    }

    /// Tells whether the gateway is about to stop. Who waits on a timer is woken when that changes.
    pub fn drain(&self) -> impl Fn() -> bool + 'static {
        let worker = Rc::clone(&self.worker);
        move || worker.drain.has_begun()
    }
}

impl AsyncRead for Switched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let switched = self.get_mut();
        if switched.left.is_empty() {
            return Pin::new(&mut switched.stream).poll_read(cx, buffer);
        }
        let length = switched.left.len().min(buffer.remaining());
        buffer.put_slice(switched.left.get(..length).unwrap_or_default());
        switched.left.advance(length);
        if switched.left.is_empty() {
            switched.left = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Switched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
