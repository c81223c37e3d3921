//! One connection to an upstream, and the one exchange that may be under way on it.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;

use crate::deadline::{Timer, Wheel};
use crate::upstream::io::{Io, Ledger};
use crate::upstream::stream::Stream;
use crate::upstream::{Error, Patience};

/// The most bytes that hyper keeps of one direction of a connection, and so the largest head of an
/// answer.
const BUFFER: usize = 64 << 10;

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
pub(super) struct Link<B>
where
    B: Body + 'static,
{
    send: SendRequest<B>,
    connection: Pin<Box<Connection<TokioIo<Io>, B>>>,
    /// The connection has ended; what it brought may still be unread.
    ended: bool,
    ledger: Rc<Ledger>,
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
    pub unsent: Option<Request<B>>,
    /// Whether any byte of an answer had come.
    pub heard: bool,
    /// The request as it was written, where that was asked for.
    pub written: Vec<u8>,
    /// Whether it was the server that failed, not the request's body.
    pub(super) is_servers: bool,
}

impl<B> Failure<B> {
    /// Whether the connection broke.
    pub fn is_broken(&self) -> bool {
        matches!(self.error, Error::Broken(_))
    }

    fn of(error: Error, ledger: &Ledger) -> Box<Self> {
        Box::new(Self {
            is_servers: !matches!(&error, Error::Broken(error) if error.is_user()),
            error,
            unsent: None,
            heard: ledger.heard(),
            written: ledger.request(),
        })
    }

    /// What hyper says of a link that has failed. An answer comes too late then.
    fn told(sent: Sent<B>, ledger: &Ledger) -> Box<Self> {
        match sent {
            Err(mut failed) => {
                let unsent = failed.take_message();
                let mut failure = Self::of(failed.into_error().into(), ledger);
                failure.unsent = unsent;
                failure
            }
            Ok(_) => Self::of(Error::Late, ledger),
        }
    }
}

impl<B> Link<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) async fn new(
        stream: Stream,
        open: Open,
        patience: Patience,
        wheel: &Wheel,
    ) -> Result<Box<Self>, Error> {
        let ledger = Rc::new(Ledger::default());
        let io = Io::new(stream, Rc::clone(&ledger));
        let (send, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(io))
            .await?;
        Ok(Box::new(Self {
            send,
            connection: Box::pin(connection),
            ended: false,
            ledger,
            deadline: Rc::new(Deadline::new(wheel, patience.response)),
            patience,
            reused: false,
            open,
        }))
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

    /// Sends `request` and waits for the head of the answer. `keeps` asks for the request's bytes to
    /// be kept for a failure.
    pub(super) fn exchange(
        mut self: Box<Self>,
        request: Request<B>,
        keeps: bool,
    ) -> Exchange<B, impl Future<Output = Sent<B>>> {
        self.ledger.begin(keeps);
        self.deadline.patience.set(self.patience.response);
        self.deadline.renew();
        Exchange {
            answer: self.send.try_send_request(request),
            ledger: Rc::clone(&self.ledger),
            link: Some(self),
        }
    }

    /// Lets the connection read and write.
    pub(super) fn bring_on(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            self.ended = self.connection.as_mut().poll(cx).is_ready();
        }
    }

    /// How long the upstream may be silent once its answer has begun.
    pub(super) fn silence(&self) -> Duration {
        self.patience.stream
    }

    /// The bare connection, after a 101: its bytes, those that were read behind it, and its place in the
    /// count of its server.
    pub(super) async fn take_apart(mut self: Box<Self>) -> Result<(Io, Bytes, Open), Error> {
        // hyper lets go of it at once: all that it waits for has come.
        std::future::poll_fn(|cx| {
            self.bring_on(cx);
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            self.deadline.poll_silence(cx).map(|()| Err(Error::Silent))
        })
        .await?;
        let Self {
            connection, open, ..
        } = *self;
        let parts = Pin::into_inner(connection).into_parts();
        Ok((parts.io.into_inner(), parts.read_buf, open))
    }

    /// The link, if it can carry another request: the last one was sent whole, and its answer read
    /// to the end.
    pub(super) fn rest(mut self: Box<Self>) -> Option<Box<Self>> {
        // The waker of the task that ends here must not be left behind in an idle connection.
        self.bring_on(&mut Context::from_waker(Waker::noop()));
        self.reused = true;
        (!self.ended && self.send.is_ready()).then_some(self)
    }
}

/// What hyper says of a request.
type Sent<B> = Result<Response<Incoming>, TrySendError<Request<B>>>;

pin_project! {
    /// A request under way on a link, until the head of its answer is there.
    ///
    /// A struct, for an `async fn` would keep both the link and the request twice.
    pub(super) struct Exchange<B, A>
    where
        B: Body,
        B: 'static,
    {
        // `None` once it ended before it took the request.
        link: Option<Box<Link<B>>>,
        ledger: Rc<Ledger>,
        #[pin]
        answer: A,
    }
}

impl<B, A> Future for Exchange<B, A>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    A: Future<Output = Sent<B>>,
{
    type Output = Result<(Box<Link<B>>, Response<Incoming>), Box<Failure<B>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let sent = match this.link {
            Some(link) => {
                link.bring_on(cx);
                // Only the connection, polled above, can bring the answer on: no waker is needed.
                let mut idle = Context::from_waker(Waker::noop());
                match this.answer.as_mut().poll(&mut idle) {
                    Poll::Pending if !link.ended => {
                        ready!(link.deadline.timer.poll(cx));
                        link.deadline.timer.clear();
                        return Poll::Ready(Err(Failure::of(Error::Late, this.ledger)));
                    }
                    sent => {
                        link.deadline.timer.clear();
                        link.deadline.patience.set(link.patience.stream);
                        sent
                    }
                }
            }
            None => Poll::Pending,
        };
        if sent.is_pending() {
            // It ended before it took the request; who lets go of it gets the request back.
            *this.link = None;
            let sent = ready!(this.answer.poll(cx));
            return Poll::Ready(Err(Failure::told(sent, this.ledger)));
        }
        let sent = ready!(sent);
        Poll::Ready(match (sent, this.link.take()) {
            (Ok(answer), Some(link)) => Ok((link, answer)),
            (sent, _) => Err(Failure::told(sent, this.ledger)),
        })
    }
}
