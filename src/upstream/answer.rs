//! The body of an upstream's answer, streamed.
//!
//! It brings its connection on as it is read. At its end the connection goes back to the pool;
//! dropped before, it closes the connection.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

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
    incoming: Incoming,
    link: Option<Channel<B>>,
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
    /// The body that comes in on `link`.
    pub(super) fn new(incoming: Incoming, link: Channel<B>, lease: Lease<B>) -> Self {
        Self {
            incoming,
            link: Some(link),
            lease,
            failed: None,
        }
    }

    /// The tunnel behind an answer of 101. It keeps this request's place at the server until its end.
    pub async fn switch(mut self) -> Result<Tunnel, Error> {
        let Some(Channel::Link(link)) = self.link.take() else {
            return Err(Error::Switched);
        };
        let silence = link.silence();
        let (io, left, open) = link.take_apart().await?;
        let (timer, desk) = self.lease.near.for_tunnel();
        let held = Box::new((self, open));
        Ok(Tunnel::new((io, left), timer, silence, desk, held))
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.link.as_ref().is_some_and(Channel::is_shared) {
            return self.next_of_shared(cx);
        }
        if let Poll::Ready(frame) = self.arrived() {
            return Poll::Ready(frame);
        }
        let Some(link) = &mut self.link else {
            return Poll::Ready(None);
        };
        link.bring_on(cx);
        let silent = link.poll_silence(cx);
        if let Poll::Ready(frame) = self.arrived() {
            return Poll::Ready(frame);
        }
        silent.map(|()| Some(Err(Error::Silent)))
    }

    /// What the connection has brought. Only the connection can bring more: no waker is needed.
    fn arrived(&mut self) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.arrived_for(&mut Context::from_waker(Waker::noop()))
    }

    /// The same of a connection that runs by itself: it wakes who waits.
    fn next_of_shared(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.arrived_for(cx) {
            // hyper takes a stream that the server cancelled for one that ended.
            Poll::Ready(None) if !self.incoming.is_end_stream() => {
                return Poll::Ready(Some(Err(Error::Cut)));
            }
            Poll::Ready(frame) => return Poll::Ready(frame),
            Poll::Pending => {}
        }
        let Some(link) = &self.link else {
            return Poll::Ready(None);
        };
        link.poll_silence(cx).map(|()| Some(Err(Error::Silent)))
    }

    fn arrived_for(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
    }

    fn let_go(&mut self) {
        if let Some(link) = self.link.take().and_then(Channel::rest) {
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
        let frame = ready!(answer.next(cx));
        if let Some(link) = &answer.link {
            link.break_silence();
        }
        match frame {
            Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Err(error)) => {
                answer.link = None;
                answer.failed = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                answer.let_go();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl<B> Drop for Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn drop(&mut self) {
        // hyper asks for no further frame once it knows that the last one has come.
        if self.incoming.is_end_stream() {
            self.let_go();
        }
    }
}
