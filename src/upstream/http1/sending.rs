//! A request on its way to a server: its head, then its body as it comes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::Request;
use http_body::{Body, Frame};
use tokio::io::AsyncWrite as _;

use super::fault::Fault;
use super::head;
use crate::upstream::stream::Stream;

/// Parts of a body that are smaller are written together with what stands around them.
const SMALL: usize = 4 << 10;

/// So many bytes of small parts are written at once, at most.
const MUCH: usize = 64 << 10;

/// What is to be written on a connection.
pub(super) struct Sending<B> {
    /// The head of the request, and small parts of its body.
    out: Vec<u8>,
    /// So much of it was taken.
    sent: usize,
    /// A large part of the body, behind that.
    data: Bytes,
    /// What ends that part.
    tail: &'static [u8],
    /// What is still to come of the body.
    body: Option<Rest<B>>,
    unflushed: bool,
    /// Writing failed; an answer may have come nevertheless.
    failed: Option<io::Error>,
}

/// The rest of a body.
struct Rest<B> {
    body: B,
    /// Bytes that were said to come; `None`: it is chunked.
    left: Option<u64>,
}

impl<B> Sending<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Nothing.
    pub(super) fn new() -> Self {
        Self {
            out: Vec::new(),
            sent: 0,
            data: Bytes::new(),
            tail: b"",
            body: None,
            unflushed: false,
            failed: None,
        }
    }

    /// Has `request` written.
    pub(super) fn begin(&mut self, request: Request<B>) {
        self.out.clear();
        self.sent = 0;
        head::write(&request, &mut self.out);
        let body = request.into_body();
        let left = body.size_hint().exact();
        self.body = (left != Some(0)).then_some(Rest { body, left });
    }

    /// Writes what `stream` takes. Only the request's own body can fail here: a connection that takes nothing
    /// more may still bring the answer that says why.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Result<(), Fault> {
        while self.failed.is_none() && !self.is_done() {
            self.fill(cx)?;
            let done = if self.has_more() {
                self.poll_write(cx, stream)
            } else if self.unflushed {
                let flushed = Pin::new(&mut *stream).poll_flush(cx);
                self.unflushed = flushed.is_pending();
                flushed
            } else {
                // The body has nothing yet, or has just ended.
                Poll::Pending
            };
            match done {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.failed = Some(error);
                    self.body = None;
                }
            }
        }
        Ok(())
    }

    /// Whether everything was written that is there, and the body has not ended.
    pub(super) fn is_starved(&self) -> bool {
        self.body.is_some() && !self.has_more()
    }

    /// Whether all of it was written, and the connection may carry another one. Keeps no large buffer then.
    pub(super) fn rest(&mut self) -> bool {
        if self.failed.is_some() || !self.is_done() {
            return false;
        }
        if self.out.capacity() > SMALL {
            self.out = Vec::new();
        }
        true
    }

    /// Why writing failed, if it did.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// The head of the request; good where it had no body.
    pub(super) fn take_head(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn is_done(&self) -> bool {
        self.body.is_none() && !self.unflushed && !self.has_more()
    }

    fn has_more(&self) -> bool {
        self.sent < self.out.len() || !self.data.is_empty() || !self.tail.is_empty()
    }

    /// Takes parts of the body while small ones come, until there is something to write that is not.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        while self.data.is_empty() && self.tail.is_empty() && self.out.len() - self.sent < MUCH {
            let Some(rest) = &mut self.body else {
                return Ok(());
            };
            if self.sent == self.out.len() {
                self.out.clear();
                self.sent = 0;
            }
            match Pin::new(&mut rest.body).poll_frame(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Some(Ok(frame))) => self.put(frame)?,
                Poll::Ready(Some(Err(error))) => return Err(Fault::Body(error.into())),
                Poll::Ready(None) => self.end_body()?,
            }
        }
        Ok(())
    }

    fn put(&mut self, frame: Frame<Bytes>) -> Result<(), Fault> {
        let Some(rest) = &mut self.body else {
            return Ok(());
        };
        match (frame.into_data(), &mut rest.left) {
            (Ok(data), _) if data.is_empty() => {}
            (Ok(data), Some(left)) => {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                *left = left.checked_sub(length).ok_or_else(another_length)?;
                self.put_data(data, b"");
            }
            (Ok(data), None) => {
                write_size(data.len(), &mut self.out);
                self.put_data(data, b"\r\n");
            }
            (Err(other), None) => {
                self.out.extend_from_slice(b"0\r\n");
                let trailers = other.into_trailers().unwrap_or_default();
                head::write_lines(&trailers, &mut self.out);
                self.body = None;
            }
            // Without chunks there is no room for trailers.
            (Err(_), Some(_)) => {}
        }
        Ok(())
    }

    fn put_data(&mut self, data: Bytes, tail: &'static [u8]) {
        if data.len() <= SMALL {
            self.out.extend_from_slice(&data);
            self.out.extend_from_slice(tail);
        } else {
            (self.data, self.tail) = (data, tail);
        }
    }

    fn end_body(&mut self) -> Result<(), Fault> {
        match self.body.take().map(|rest| rest.left) {
            Some(None) => self.out.extend_from_slice(b"0\r\n\r\n"),
            Some(Some(left)) if left > 0 => return Err(another_length()),
            _ => {}
        }
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        let out = self.out.get(self.sent..).unwrap_or_default();
        let stream = Pin::new(stream);
        let written = if self.data.is_empty() && self.tail.is_empty() {
            stream.poll_write(cx, out)
        } else {
            let parts = [out, &self.data, self.tail].map(IoSlice::new);
            stream.poll_write_vectored(cx, &parts)
        };
        let mut length = ready!(written)?;
        if length == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed = true;
        let of_out = length.min(out.len());
        self.sent += of_out;
        length -= of_out;
        let of_data = length.min(self.data.len());
        self.data.advance(of_data);
        self.tail = self.tail.get(length - of_data..).unwrap_or_default();
        Poll::Ready(Ok(()))
    }
}

fn write_size(length: usize, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{length:x}\r\n");
}

fn another_length() -> Fault {
    Fault::Body("it has another length than was said".into())
}
