//! One connection to an upstream by HTTP/1.1, and the one exchange that may be under way on it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;

use crate::deadline::{Timer, Wheel};
use crate::upstream::desk::Desk;
use crate::upstream::http1::{Fault, Wire};
use crate::upstream::stream::Stream;
use crate::upstream::{Error, Patience};

/// The wait for an upstream: first for the head of its answer, then for each part of that.
pub struct Deadline {
    pub(super) timer: Timer,
    pub(super) patience: Cell<Duration>,
}

impl Deadline {
    /// A wait of `patience` on `wheel`, which has not begun.
    pub(super) fn new(wheel: &Wheel, patience: Duration) -> Self {
        Self {
            timer: wheel.timer(),
            patience: Cell::new(patience),
        }
    }

    /// Waits for more of the answer: ready when the upstream was silent for `timeouts.stream`.
    pub(super) fn poll_silence(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.timer.is_set() {
            self.renew();
        }
        self.timer.poll(cx)
    }

    /// Something of the answer has come.
    pub(super) fn break_silence(&self) {
        self.timer.clear();
    }

    /// The wait begins anew.
    pub fn renew(&self) {
        self.timer.set(self.patience.get());
    }
}

/// A connection in the count of its server.
pub(super) struct Open(Rc<Cell<u32>>);

impl Open {
    /// Counts one more in `count`, until it is dropped.
    pub(super) fn new(count: &Rc<Cell<u32>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A connection to an upstream.
pub(super) struct Link<B> {
    pub(super) wire: Wire<B>,
    deadline: Rc<Deadline>,
    patience: Patience,
    reused: bool,
    open: Open,
}

/// A request that got no answer.
pub struct Failure<B> {
    /// Why.
    pub error: Error,
    /// The request, where not a byte of it was sent.
    pub unsent: Option<Box<Request<B>>>,
    /// Whether any byte of an answer had come.
    pub heard: bool,
    /// The head of the request as it was written, where that was asked for.
    pub written: Vec<u8>,
    /// Whether it was the server that failed, not the request's body.
    pub(super) is_servers: bool,
}

impl<B> Failure<B> {
    /// Whether the connection broke.
    pub fn is_broken(&self) -> bool {
        matches!(self.error, Error::Http1(_) | Error::Http2(_))
    }
}

impl<B> Link<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(
        stream: Stream,
        desk: Desk,
        open: Open,
        patience: Patience,
        wheel: &Wheel,
    ) -> Box<Self> {
        Box::new(Self {
            wire: Wire::new(stream, desk),
            deadline: Rc::new(Deadline::new(wheel, patience.response)),
            patience,
            reused: false,
            open,
        })
    }

    /// The next exchange waits as long as `patience` says.
    pub(super) fn belongs(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Whether it carried a request before, and may have been closed since.
    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    /// The deadline of the answer. A body that is still being sent moves it on.
    pub(super) fn deadline(&self) -> &Rc<Deadline> {
        &self.deadline
    }

    /// Sends `request` and waits for the head of the answer. `keeps` asks for the request's head in a
    /// failure.
    pub(super) fn exchange(self: Box<Self>, request: Box<Request<B>>, keeps: bool) -> Exchange<B> {
        self.deadline.patience.set(self.patience.response);
        self.deadline.renew();
        Exchange {
            link: Some(self),
            request: Some(request),
            keeps,
        }
    }

    /// How long the upstream may be silent once its answer has begun.
    pub(super) fn silence(&self) -> Duration {
        self.patience.stream
    }

    /// The bare connection, after a 101: its bytes, those that were read behind it, and its place in the
    /// count of its server.
    pub(super) fn take_apart(self) -> (Stream, Bytes, Open) {
        let (stream, left) = self.wire.into_parts();
        (stream, left, self.open)
    }

    /// The link, if it can carry another request: the last one was sent whole, and its answer read
    /// to the end.
    pub(super) fn rest(mut self: Box<Self>) -> Option<Box<Self>> {
        self.reused = true;
        self.wire.rest().then_some(self)
    }

    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        request: &mut Option<Box<Request<B>>>,
    ) -> Poll<Result<Response<()>, Error>> {
        if let Some(unsent) = request.take() {
            // The server may have closed it while nobody looked.
            if self.reused
                && let Poll::Ready(fault) = self.wire.poll_broken(cx)
            {
                *request = Some(unsent);
                return Poll::Ready(Err(fault.into()));
            }
            self.wire.begin(*unsent);
        }
        if let Poll::Ready(answer) = self.wire.poll_answer(cx) {
            return Poll::Ready(answer.map_err(Error::from));
        }
        // The server owes no answer to what the client has not said yet; that has a deadline of its own.
        if self.wire.is_starved() {
            self.deadline.timer.clear();
            return Poll::Pending;
        }
        ready!(self.deadline.poll_silence(cx));
        Poll::Ready(Err(Error::Late))
    }
}

/// A request under way on a link, until the head of its answer is there.
///
/// A struct, for an `async fn` would keep both the link and the request twice.
pub(super) struct Exchange<B> {
    // `None` once it is over.
    link: Option<Box<Link<B>>>,
    // `None` once it is being sent.
    request: Option<Box<Request<B>>>,
    keeps: bool,
}

impl<B> Future for Exchange<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<(Box<Link<B>>, Response<()>), Box<Failure<B>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            link: place,
            request,
            keeps,
        } = self.get_mut();
        let Some(mut link) = place.take() else {
            return Poll::Pending;
        };
        let Poll::Ready(answer) = link.poll_answer(cx, request) else {
            *place = Some(link);
            return Poll::Pending;
        };
        link.deadline.timer.clear();
        link.deadline.patience.set(link.patience.stream);
        Poll::Ready(match answer {
            Ok(answer) => Ok((link, answer)),
            Err(error) => Err(Box::new(Failure {
                is_servers: !matches!(error, Error::Http1(Fault::Body(_))),
                error,
                unsent: request.take(),
                heard: link.wire.has_heard(),
                written: if *keeps {
                    link.wire.take_written()
                } else {
                    Vec::new()
                },
            })),
        })
    }
}
