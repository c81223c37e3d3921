//! The one I/O type that every byte of a connection passes through.
//!
//! It tells the connection's [`State`] what was heard, written and flushed. Strict framing belongs
//! here: the bytes that were read are in sight before hyper has them.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::listener::connection::state::State;

/// Slices that are shorter than this together are written as one: the copy costs less than what the
/// kernel does for a list.
const SHORT: usize = 4096;

/// Room to put slices together and to read into, shared by the connections of a worker.
pub(in crate::listener) type Desk = Rc<RefCell<Vec<u8>>>;

/// The bytes of one connection, between the socket and hyper.
pub(in crate::listener) struct Io {
    stream: TcpStream,
    /// Bytes that were read before hyper was there to take them.
    prefix: Bytes,
    state: Rc<State>,
    desk: Desk,
}

impl Io {
    pub(in crate::listener) fn new(stream: TcpStream, state: Rc<State>, desk: &Desk) -> Self {
        Self {
            stream,
            prefix: Bytes::new(),
            state,
            desk: Rc::clone(desk),
        }
    }

    /// What was read and not used comes first at the next reading. Bytes that are none are let go at
    /// once: even empty they would hold on to a buffer of hyper's, for as long as we are parked.
    pub(in crate::listener) fn with_prefix(mut self, prefix: Bytes) -> Self {
        self.prefix = if prefix.is_empty() {
            Bytes::new()
        } else {
            prefix
        };
        self
    }

    pub(in crate::listener) fn has_prefix(&self) -> bool {
        !self.prefix.is_empty()
    }

    /// Reads what has come into `prefix`, for when nobody else has room for it; nothing: the peer has
    /// ended its side. That there may be something to read says little: a new socket always has that.
    pub(in crate::listener) fn fetch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut desk = self.desk.borrow_mut();
        desk.clear();
        desk.reserve(SHORT);
        let mut buffer = ReadBuf::uninit(desk.spare_capacity_mut());
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.prefix = Bytes::copy_from_slice(buffer.filled());
        if self.has_prefix() {
            self.state.heard();
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the peer that nothing more will come from us.
    pub(in crate::listener) fn finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Reads what nobody wants any more: no head begins with it, and no deadline.
    pub(in crate::listener) fn discard(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }

    pub(in crate::listener) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        if io.prefix.has_remaining() {
            let length = io.prefix.len().min(buffer.remaining());
            buffer.put_slice(&io.prefix.split_to(length));
            if !io.has_prefix() {
                io.prefix = Bytes::new();
            }
            io.state.heard();
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut io.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            io.state.heard();
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
        if io.state.keeps_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut io.stream).poll_write(cx, bytes);
        io.state.wrote(written.is_ready());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [one] = slices {
            return self.poll_write(cx, one);
        }
        let io = self.get_mut();
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if slices
            .first()
            .is_some_and(|first| io.state.keeps_back(first))
        {
            return Poll::Ready(Ok(length));
        }
        let written = if length <= SHORT {
            let mut desk = io.desk.borrow_mut();
            desk.clear();
            for slice in slices {
                desk.extend_from_slice(slice);
            }
            Pin::new(&mut io.stream).poll_write(cx, &desk)
        } else {
            Pin::new(&mut io.stream).poll_write_vectored(cx, slices)
        };
        io.state.wrote(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        ready!(Pin::new(&mut io.stream).poll_flush(cx))?;
        io.state.flushed();
        Poll::Ready(Ok(()))
    }

    /// hyper asks for this when it is done. When and how to close is for `closing` to say: see
    /// [`Io::finish`].
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
