//! One connection to an upstream, and the one exchange that may be under way on it.

use std::cell::Cell;
use std::net::SocketAddr;
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
use tokio::net::TcpStream;

use crate::deadline::{Timer, Wheel};
use crate::upstream::io::{Io, Ledger};
use crate::upstream::{Error, Patience};

/// The most bytes that hyper keeps of one direction of a connection, and so the largest head of an
/// answer.
const BUFFER: usize = 64 << 10;

/// The wait for an upstream: first for the head of its answer, then for each part of that.
pub struct Deadline {
    timer: Timer,
    patience: Cell<Duration>,
}

impl Deadline {
    /// The wait begins anew.
    pub fn renew(&self) {
        self.timer.set(self.patience.get());
    }
}

/// A connection to an upstream.
pub struct Link<B>
where
    B: Body + 'static,
{
    send: SendRequest<B>,
    connection: Pin<Box<Connection<TokioIo<Io>, B>>>,
    /// The connection has ended; what it brought may still be unread.
    ended: bool,
    ledger: Rc<Ledger>,
    deadline: Rc<Deadline>,
    address: SocketAddr,
    patience: Patience,
    reused: bool,
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
}

impl<B> Failure<B> {
    fn of(error: Error, ledger: &Ledger) -> Self {
        Self {
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
        stream: TcpStream,
        address: SocketAddr,
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
            deadline: Rc::new(Deadline {
                timer: wheel.timer(),
                patience: Cell::new(patience.response),
            }),
            address,
            patience,
            reused: false,
        })
    }

    /// From the next exchange on it waits as long as `patience` says.
    pub(super) fn belongs(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// The address that it leads to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it carried a request before, and may have been closed since.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The deadline of the answer. A body that is still being sent moves it on.
    pub fn deadline(&self) -> Rc<Deadline> {
        Rc::clone(&self.deadline)
    }

    /// The longest wait for the head of an answer, from the next request on.
    pub fn answers_within(&mut self, wait: Duration) {
        self.patience.response = wait;
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

    /// Waits for more of the answer: ready when the upstream was silent for `timeouts.stream`.
    pub(super) fn poll_silence(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.deadline.timer.is_set() {
            self.deadline.renew();
        }
        self.deadline.timer.poll(cx)
    }

    /// Something of the answer has come.
    pub(super) fn break_silence(&self) {
        self.deadline.timer.clear();
    }

    /// The bare connection, after a 101: its bytes, and those that were read behind it.
    pub(super) async fn take_apart(mut self) -> Result<(Io, Bytes), Error> {
        // hyper lets go of it at once: all that it waits for has come.
        std::future::poll_fn(|cx| {
            self.bring_on(cx);
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            self.poll_silence(cx).map(|()| Err(Error::Silent))
        })
        .await?;
        let parts = Pin::into_inner(self.connection).into_parts();
        Ok((parts.io.into_inner(), parts.read_buf))
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
