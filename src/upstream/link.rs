//! One connection to an upstream, and the one exchange that may be under way on it.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;

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

    fn of(error: Error, ledger: &Ledger) -> Self {
        Self {
            is_servers: !matches!(&error, Error::Broken(error) if error.is_user()),
            error,
            unsent: None,
            heard: ledger.heard(),
            written: ledger.request(),
        }
    }

    fn told(mut failed: TrySendError<Request<B>>, ledger: &Ledger) -> Self {
        let unsent = failed.take_message();
        Self {
            unsent,
            ..Self::of(failed.into_error().into(), ledger)
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
    ) -> Result<Self, Error> {
        let ledger = Rc::new(Ledger::default());
        let io = Io::new(stream, Rc::clone(&ledger));
        let (send, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(io))
            .await?;
        Ok(Self {
            send,
            connection: Box::pin(connection),
            ended: false,
            ledger,
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

    /// Sends `request` and waits for the head of the answer. `keeps` asks for the request's bytes to
    /// be kept for a failure.
    ///
    /// No `async fn`, which would keep the request beside the future that sends it.
    pub(super) fn exchange(
        mut self,
        request: Request<B>,
        keeps: bool,
    ) -> impl Future<Output = Result<(Self, Response<Incoming>), Failure<B>>> {
        self.ledger.begin(keeps);
        self.deadline.patience.set(self.patience.response);
        self.deadline.renew();
        let answer = self.send.try_send_request(request);
        self.wait_for(answer)
    }

    async fn wait_for(
        mut self,
        answer: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>>,
    ) -> Result<(Self, Response<Incoming>), Failure<B>> {
        let mut answer = pin!(answer);
        let result = std::future::poll_fn(|cx| {
            self.bring_on(cx);
            // Only the connection, polled above, can bring the answer on: no waker is needed.
            let mut idle = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = answer.as_mut().poll(&mut idle) {
                return Poll::Ready(Some(result));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            self.deadline.timer.poll(cx).map(|()| None)
        })
        .await;
        self.deadline.timer.clear();
        self.deadline.patience.set(self.patience.stream);
        let ledger = Rc::clone(&self.ledger);
        match result {
            Some(Ok(answer)) => Ok((self, answer)),
            Some(Err(failed)) => Err(Failure::told(failed, &ledger)),
            None if self.ended => {
                // It ended before it took the request; who lets go of it gets the request back.
                drop(self);
                Err(match answer.await {
                    Err(failed) => Failure::told(failed, &ledger),
                    Ok(_) => Failure::of(Error::Late, &ledger),
                })
            }
            None => Err(Failure::of(Error::Late, &ledger)),
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
    pub(super) async fn take_apart(mut self) -> Result<(Io, Bytes, Open), Error> {
        // hyper lets go of it at once: all that it waits for has come.
        std::future::poll_fn(|cx| {
            self.bring_on(cx);
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            self.deadline.poll_silence(cx).map(|()| Err(Error::Silent))
        })
        .await?;
        let parts = Pin::into_inner(self.connection).into_parts();
        Ok((parts.io.into_inner(), parts.read_buf, self.open))
    }

    /// The link, if it can carry another request: the last one was sent whole, and its answer read
    /// to the end.
    pub(super) fn rest(mut self) -> Option<Self> {
        // The waker of the task that ends here must not be left behind in an idle connection.
        self.bring_on(&mut Context::from_waker(Waker::noop()));
        self.reused = true;
        (!self.ended && self.send.is_ready()).then_some(self)
    }
}
