//! The body of an upstream's answer, streamed.
//!
//! It brings its connection on as it is read. At its end the connection goes back to the pool;
//! dropped before, it closes the connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::upstream::Error;
use crate::upstream::channel::Channel;
use crate::upstream::pool::Lease;
use crate::upstream::tunnel::Tunnel;

/// The body of an answer.
pub struct Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// `None` once it has ended.
    channel: Option<Channel<B>>,
    /// Given back after the connection was.
    lease: Lease<B>,
    /// Told at the next poll, so that what came before it is flushed to the client first.
    failed: Option<Error>,
}

impl<B> Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The body that comes in on `channel`.
    pub(super) fn new(channel: Channel<B>, lease: Lease<B>) -> Self {
        Self {
            channel: Some(channel),
            lease,
            failed: None,
        }
    }

    /// The tunnel behind an answer of 101. It keeps this request's place at the server until its end.
    pub fn switch(mut self) -> Result<Tunnel, Error> {
        let Some(Channel::Link(link)) = self.channel.take() else {
            return Err(Error::Switched);
        };
        let silence = link.silence();
        let (stream, left, open) = link.take_apart();
        let (timer, desk) = self.lease.near.for_tunnel();
        let held = Box::new((self, open));
        Ok(Tunnel::new((stream, left), timer, silence, desk, held))
    }

    fn let_go(&mut self) {
        if let Some(link) = self.channel.take().and_then(Channel::rest) {
            self.lease.keep(link);
        }
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let answer = self.get_mut();
        if let Some(error) = answer.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(channel) = &mut answer.channel else {
            return Poll::Ready(None);
        };
        let frame = match channel.poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(channel.poll_silence(cx));
                Some(Err(Error::Silent))
            }
        };
        channel.break_silence();
        match frame {
            Some(Err(error)) => {
                answer.channel = None;
                answer.failed = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                answer.let_go();
                Poll::Ready(None)
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.channel.as_ref().is_none_or(Channel::is_over)
    }

    fn size_hint(&self) -> SizeHint {
        let nothing = || SizeHint::with_exact(0);
        self.channel
            .as_ref()
            .map_or_else(nothing, Channel::size_hint)
    }
}

impl<B> Drop for Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn drop(&mut self) {
        // hyper asks for no further frame once it knows that the last one has come.
        if self.channel.as_ref().is_some_and(Channel::is_over) {
            self.let_go();
        }
    }
}
