//! The bytes between hyper and an upstream, and what is known of them.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::upstream::stream::Stream;

/// What has passed on a connection in the exchange under way.
#[derive(Default)]
pub(super) struct Ledger {
    /// Any byte of an answer has come.
    heard: Cell<bool>,
    /// The request is kept as it is written.
    keeps: Cell<bool>,
    request: RefCell<Vec<u8>>,
    taken: Cell<usize>,
}

impl Ledger {
    /// Begins a page for an exchange; `keeps` asks for the request's bytes to be kept.
    pub(super) fn begin(&self, keeps: bool) {
        self.heard.set(false);
        self.keeps.set(keeps);
        self.taken.set(0);
        self.request.borrow_mut().clear();
    }

    pub(super) fn heard(&self) -> bool {
        self.heard.get()
    }

    /// The request as hyper wrote it, whether or not the upstream took it.
    pub(super) fn request(&self) -> Vec<u8> {
        self.request.take()
    }

    fn offered(&self, bytes: &[u8]) {
        if self.keeps.get() {
            let mut request = self.request.borrow_mut();
            request.truncate(self.taken.get());
            request.extend_from_slice(bytes);
        }
    }

    fn took(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(length)) = written {
            self.taken.set(self.taken.get() + length);
        }
    }
}

/// A stream with its ledger.
pub(super) struct Io {
    stream: Stream,
    ledger: Rc<Ledger>,
}

impl Io {
    pub(super) fn new(stream: Stream, ledger: Rc<Ledger>) -> Self {
        Self { stream, ledger }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut io.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            io.ledger.heard.set(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let io = self.get_mut();
        io.ledger.offered(bytes);
        let written = Pin::new(&mut io.stream).poll_write(cx, bytes);
        io.ledger.took(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            [one] => self.poll_write(cx, one),
            _ => Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
