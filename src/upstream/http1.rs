//! HTTP/1.1 to a server: one exchange at a time on a connection.
//!
//! Polled by the task whose request it carries, for reading and writing alike. What comes is read at the
//! worker's [`Desk`] and copied into as much memory as it needs; only large bodies have room of their own.

mod chunks;
mod fault;
mod head;
mod sending;

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, ReadBuf};

use self::chunks::Piece;
pub use self::fault::Fault;
use self::head::{Coding, Head};
use self::sending::Sending;
use crate::upstream::desk::{Desk, READ};
use crate::upstream::stream::Stream;

pub(super) use self::head::write as write_head;

/// The largest head of an answer.
const HEAD: usize = 64 << 10;

/// Room for a large body.
const WIDE: usize = 64 << 10;

/// The most interim answers to one request.
const INTERIM: u8 = 32;

/// A connection, and the exchange on it.
pub(super) struct Wire<B> {
    stream: Stream,
    desk: Desk,
    sending: Sending<B>,
    /// The request's.
    method: Method,
    /// What was read and not yet understood.
    read: Bytes,
    /// Room for a large body.
    wide: Option<BytesMut>,
    heard: bool,
    interim: u8,
    /// `None` until the head of the answer is there.
    coding: Option<Coding>,
    keeps_alive: bool,
}

impl<B> Wire<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A connection on which nothing was said yet.
    pub(super) fn new(stream: Stream, desk: Desk) -> Self {
        Self {
            stream,
            desk,
            sending: Sending::new(),
            method: Method::GET,
            read: Bytes::new(),
            wide: None,
            heard: false,
            interim: 0,
            coding: None,
            keeps_alive: true,
        }
    }

    /// Begins an exchange: `request` is written as the connection takes it. Its headers say how its body is
    /// framed: by its exact length, where it has one, or in chunks.
    pub(super) fn begin(&mut self, request: Request<B>) {
        self.method = request.method().clone();
        self.sending.begin(request);
        self.heard = false;
        self.interim = 0;
        self.coding = None;
    }

    /// Whether any byte of an answer has come.
    pub(super) fn has_heard(&self) -> bool {
        self.heard
    }

    /// The head of the request as it was written, which had no body.
    pub(super) fn take_written(&mut self) -> Vec<u8> {
        self.sending.take_head()
    }

    /// Ready where the connection, on which nothing is under way, can carry no request: it was closed, or
    /// is not silent. Nothing of that is an answer.
    pub(super) fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let read = self.poll_read(cx);
        self.heard = false;
        match ready!(read) {
            Ok(0) => Poll::Ready(Fault::Closed),
            Ok(_) => Poll::Ready(Fault::Unasked),
            Err(error) => Poll::Ready(Fault::Io(error)),
        }
    }

    /// Whether it is the request's own body that is waited for.
    pub(super) fn is_starved(&self) -> bool {
        self.sending.is_starved()
    }

    /// Sends the request, and waits for the head of its answer.
    pub(super) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<()>, Fault>> {
        self.sending.poll(cx, &mut self.stream)?;
        loop {
            if !self.read.is_empty()
                && let Some(answer) = self.take_head()?
            {
                return Poll::Ready(Ok(answer));
            }
            if ready!(self.poll_read(cx)).map_err(Fault::Io)? == 0 {
                let failed = self.sending.take_failure().map(Fault::Io);
                return Poll::Ready(Err(failed.unwrap_or(Fault::Closed)));
            }
        }
    }

    /// The next part of the answer's body. The request's body goes on meanwhile.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.sending.poll(cx, &mut self.stream)?;
        loop {
            match self.take_piece() {
                Ok(Some(Piece::Data(data))) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Some(Piece::Trailers(map))) => {
                    return Poll::Ready(Some(Ok(Frame::trailers(map))));
                }
                Ok(Some(Piece::End)) => return Poll::Ready(None),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Some(Err(fault))),
            }
            let ends_with_it = self.coding == Some(Coding::UntilClosed);
            match ready!(self.poll_read(cx)) {
                Ok(0) if ends_with_it => {
                    self.coding = Some(Coding::Length(0));
                    self.keeps_alive = false;
                    return Poll::Ready(None);
                }
                Ok(0) => return Poll::Ready(Some(Err(Fault::Closed))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// Whether the answer was read to its end.
    pub(super) fn is_over(&self) -> bool {
        match &self.coding {
            Some(Coding::Length(left)) => *left == 0,
            Some(Coding::Chunked(chunks)) => chunks.is_over(),
            Some(Coding::UntilClosed) | None => false,
        }
    }

    /// How much of the answer's body is still to come, where that is known.
    pub(super) fn size_hint(&self) -> SizeHint {
        match &self.coding {
            Some(Coding::Length(left)) => SizeHint::with_exact(*left),
            _ => SizeHint::default(),
        }
    }

    /// Makes ready for another request, and says whether it can carry one: the last was sent whole, its
    /// answer read to the end, and nothing came behind it. Idle, it wakes nobody and has no buffers.
    pub(super) fn rest(&mut self) -> bool {
        let is_over = self.is_over() && self.read.is_empty() && self.keeps_alive;
        if !is_over || !self.sending.rest() {
            return false;
        }
        self.read = Bytes::new();
        self.wide = None;
        // The waker of the task that ends here must not be left behind.
        let mut nobody = Context::from_waker(std::task::Waker::noop());
        self.poll_broken(&mut nobody).is_pending()
    }

    /// The bare connection, and what was read behind the answer.
    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        (self.stream, self.read)
    }

    /// The head of an answer out of what was read, but for interim ones (RFC 9110 §15.2).
    fn take_head(&mut self) -> Result<Option<Response<()>>, Fault> {
        while !self.read.is_empty() {
            let Some((head, length)) = head::read(&self.read, &self.method)? else {
                if self.read.len() > HEAD {
                    return Err(Fault::TooLarge);
                }
                return Ok(None);
            };
            if length > HEAD {
                return Err(Fault::TooLarge);
            }
            self.read.advance(length);
            let Head {
                answer,
                coding,
                keeps_alive,
            } = head;
            let status = answer.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                self.interim += 1;
                if self.interim > INTERIM {
                    return Err(Fault::Interim);
                }
                continue;
            }
            let is_large = |left: &u64| usize::try_from(*left).is_ok_and(|left| left > READ);
            if matches!(&coding, Coding::Length(left) if is_large(left)) {
                self.wide = Some(BytesMut::new());
            }
            self.coding = Some(coding);
            self.keeps_alive = keeps_alive;
            return Ok(Some(answer));
        }
        Ok(None)
    }

    /// The next piece of the body out of what was read.
    fn take_piece(&mut self) -> Result<Option<Piece>, Fault> {
        let most = match &mut self.coding {
            None | Some(Coding::Length(0)) => return Ok(Some(Piece::End)),
            Some(Coding::Chunked(chunks)) => return chunks.next(&mut self.read),
            Some(Coding::UntilClosed) => self.read.len(),
            Some(Coding::Length(left)) => {
                let there = u64::try_from(self.read.len()).unwrap_or(u64::MAX);
                let length = there.min(*left);
                *left -= length;
                usize::try_from(length).unwrap_or(self.read.len())
            }
        };
        let data = self.read.split_to(most);
        Ok(Some(data).filter(|data| !data.is_empty()).map(Piece::Data))
    }

    /// Reads more, behind what was not yet understood. 0: there is no more.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.wide.is_some() {
            return self.poll_read_wide(cx);
        }
        let mut desk = self.desk.room(READ);
        let mut buffer = ReadBuf::new(&mut desk);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let came = buffer.filled();
        self.heard |= !came.is_empty();
        // There is likely to be as much again.
        if came.len() == READ && self.coding.is_some() {
            self.wide = Some(BytesMut::new());
        }
        self.read = if self.read.is_empty() {
            Bytes::copy_from_slice(came)
        } else {
            Bytes::from([&self.read, came].concat())
        };
        Poll::Ready(Ok(came.len()))
    }

    /// The same, where much is to come: without copying.
    fn poll_read_wide(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let wide = self.wide.get_or_insert_default();
        // What was not understood yet is a few bytes of a chunk's head.
        let begun = self.read.len();
        if wide.capacity() < begun + READ {
            wide.reserve(WIDE);
        }
        wide.extend_from_slice(&self.read);
        let polled = pin!(self.stream.read_buf(wide)).poll(cx);
        let Poll::Ready(Ok(length)) = polled else {
            // A body that pauses has no room for itself; the next full read gives it some again.
            self.wide = None;
            return polled;
        };
        self.heard |= length > 0;
        self.read = wide.split().freeze();
        Poll::Ready(Ok(length))
    }
}
