//! What carries one exchange: a connection of its own, or a part of one that is shared.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};

use crate::upstream::link::{Deadline, Failure, Link};
use crate::upstream::multiplex::Stream;
use crate::upstream::{Error, Patience};

/// The way to a server, for one exchange: a pointer, which goes through many hands.
pub(super) enum Channel<B>
where
    B: Body + 'static,
{
    /// HTTP/1.1.
    Link(Box<Link<B>>),
    /// HTTP/2.
    Stream(Box<Stream<B>>),
}

/// An exchange whose answer has begun, or what became of it.
pub(super) type Exchange<B> = Result<(Channel<B>, Response<()>), Box<Failure<B>>>;

impl<B> Channel<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The exchange waits as long as `patience` says.
    pub(super) fn belongs(&mut self, patience: Patience) {
        match self {
            Self::Link(link) => link.belongs(patience),
            Self::Stream(stream) => stream.belongs(patience),
        }
    }

    /// Whether its connection carried a request before, and may have been closed since.
    pub(super) fn is_reused(&self) -> bool {
        match self {
            Self::Link(link) => link.is_reused(),
            Self::Stream(stream) => stream.is_reused(),
        }
    }

    /// The deadline of the answer. A body that is still being sent moves it on.
    pub(super) fn deadline(&self) -> Rc<Deadline> {
        Rc::clone(match self {
            Self::Link(link) => link.deadline(),
            Self::Stream(stream) => stream.deadline(),
        })
    }

    /// Sends `request` and waits for the head of the answer. `keeps` asks for the request's head in a
    /// failure.
    pub(super) fn exchange(
        self,
        request: Box<Request<B>>,
        keeps: bool,
    ) -> impl Future<Output = Exchange<B>> {
        match self {
            Self::Link(link) => Either::Left(
                link.exchange(request, keeps)
                    .map(|done| done.map(|(link, answer)| (Self::Link(link), answer))),
            ),
            Self::Stream(stream) => Either::Right(
                Box::pin(stream.exchange(request, keeps))
                    .map(|done| done.map(|(stream, answer)| (Self::Stream(stream), answer))),
            ),
        }
    }

    /// The next part of the answer's body. Asked for it, the connection reads and writes.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self {
            Self::Link(link) => {
                let frame = ready!(link.wire.poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Self::Stream(stream) => stream.poll_frame(cx),
        }
    }

    /// Whether the answer was read to its end.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Link(link) => link.wire.is_over(),
            Self::Stream(stream) => stream.is_over(),
        }
    }

    /// How much of the answer's body is still to come, as far as that is known.
    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Link(link) => link.wire.size_hint(),
            Self::Stream(stream) => stream.size_hint(),
        }
    }

    /// Waits for more of the answer: ready when the upstream was silent for `timeouts.stream`.
    pub(super) fn poll_silence(&self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = match self {
            Self::Link(link) => link.deadline(),
            Self::Stream(stream) => stream.deadline(),
        };
        deadline.poll_silence(cx)
    }

    /// Something of the answer has come.
    pub(super) fn break_silence(&self) {
        match self {
            Self::Link(link) => link.deadline().break_silence(),
            Self::Stream(stream) => stream.deadline().break_silence(),
        }
    }

    /// The connection, if it can carry another request and nobody else holds it.
    pub(super) fn rest(self) -> Option<Box<Link<B>>> {
        match self {
            Self::Link(link) => link.rest(),
            Self::Stream(_) => None,
        }
    }
}
