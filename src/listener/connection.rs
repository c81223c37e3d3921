//! One accepted connection: its phases, its deadlines, and its life from accept to close.
//!
//! A connection is idle, reads a head, or is in an exchange. hyper's own header timer stays off.
//! It is taken apart and parked only when it is quiet: idle, with every body read to its end and
//! the last write followed by a completed flush. That the service has returned is not the end of
//! an answer.

mod body;
mod io;

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use self::body::Exchange;
pub use self::body::RequestBody;
pub(super) use self::io::Io;
use crate::deadline::{Timer, Wheel};
use crate::listener::{Arrival, Refusal, Timeouts, closing, parking};

/// How long a connection stays with hyper after an exchange before it is parked: a busy client's
/// next request comes within it, and then parking has cost nothing.
const LULL: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between two messages; nothing of the next head has come.
    Idle,
    /// Some of a head has come.
    Head,
    /// From a whole head to the end of its answer.
    Exchange,
}

/// What the bytes, the bodies and the driver of one connection tell each other.
pub(super) struct State {
    phase: Cell<Phase>,
    /// Something was written after the last completed flush.
    unflushed: Cell<bool>,
    /// The request's body was read to its end.
    read_whole: Cell<bool>,
    /// The peer does not take what we write; the timer runs for that.
    stuck: Cell<bool>,
    timer: Timer,
    timeouts: Rc<Timeouts>,
}

impl State {
    pub(super) fn new(worker: &Worker) -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::Idle),
            unflushed: Cell::new(false),
            read_whole: Cell::new(true),
            stuck: Cell::new(false),
            timer: worker.wheel.timer(),
            timeouts: Rc::clone(&worker.timeouts),
        })
    }

    pub(super) fn timer(&self) -> &Timer {
        &self.timer
    }

    pub(super) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    fn is_quiet(&self) -> bool {
        self.phase.get() == Phase::Idle && self.read_whole.get() && !self.unflushed.get()
    }

    /// Bytes have come from the peer.
    fn heard(&self) {
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.timer.set(self.timeouts.header);
        }
    }

    /// Bytes were offered to the peer, and it took some or none.
    fn wrote(&self, progress: bool) {
        self.unflushed.set(true);
        if !progress {
            if !self.stuck.replace(true) {
                self.timer.set(self.timeouts.stream);
            }
        } else if self.stuck.replace(false) {
            match self.phase.get() {
                Phase::Idle => self.timer.set(LULL),
                _ => self.timer.clear(),
            }
        }
    }

    /// A whole head has come; its body has, too, if `bodiless`.
    fn begin(&self, bodiless: bool) {
        self.phase.set(Phase::Exchange);
        self.read_whole.set(bodiless);
        self.timer.clear();
    }

    /// The answer has ended as far as it is made; hyper may still have to flush it.
    fn end(&self) {
        self.phase.set(Phase::Idle);
        if !self.stuck.get() {
            self.timer.set(LULL);
        }
    }
}

/// What all connections of one worker share.
pub(super) struct Worker {
    pub(super) wheel: Wheel,
    pub(super) timeouts: Rc<Timeouts>,
    pub(super) http: http1::Builder,
    pub(super) draining: Cell<bool>,
}

/// Why hyper's part of a connection's life is over.
enum Turn {
    /// Quiet for a while: wait without hyper.
    Park,
    /// Over; `true` where bytes of the peer may be left unread.
    Over(bool),
    /// A head did not come in time.
    Late,
    /// The peer neither reads nor closes.
    Cut,
}

/// Serves `stream` until it ends. `handler` answers each request, and each refusal of ours.
pub(super) async fn serve<S, F, B>(stream: TcpStream, worker: Rc<Worker>, handler: S)
where
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let handler = Rc::new(handler);
    let state = State::new(&worker);
    state.timer.set(LULL);
    let mut io = Io::new(stream, Rc::clone(&state));
    loop {
        let (turn, mut parts) = converse(io, &worker, &state, &handler).await;
        match turn {
            Turn::Park if parts.read_buf.is_empty() => {
                if !parking::wait(parts.io.stream(), &state, &worker.draining).await {
                    return;
                }
                io = parts.io;
            }
            // Bytes of the next head were with hyper: go on with them at once.
            Turn::Park => io = parts.io.with_prefix(parts.read_buf.split_off(0)),
            Turn::Over(false) | Turn::Cut => return,
            Turn::Over(true) => return Box::pin(closing::linger(parts.io, &state)).await,
            Turn::Late => {
                let answer = Box::pin(handler(Arrival::Refusal(Refusal::RequestTimeout))).await;
                return Box::pin(closing::refuse(parts.io, &state, answer)).await;
            }
        }
    }
}

struct Parts {
    io: Io,
    read_buf: Bytes,
}

/// Lets hyper speak HTTP on `io` until the connection is quiet or over.
async fn converse<S, F, B>(
    io: Io,
    worker: &Worker,
    state: &Rc<State>,
    handler: &Rc<S>,
) -> (Turn, Parts)
where
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (handler, exchanges) = (Rc::clone(handler), Rc::clone(state));
    let service = service_fn(move |request: Request<Incoming>| {
        let exchange = Exchange::begin(&exchanges, request.body().is_end_stream());
        let request = request.map(|body| RequestBody::new(body, Rc::clone(&exchanges)));
        let answer = handler(Arrival::Request(request));
        async move { Ok::<_, Infallible>(answer.await.map(|body| exchange.carry(body))) }
    });
    let mut connection = Box::new(worker.http.serve_connection(TokioIo::new(io), service));
    let mut leaving = false;
    let turn = std::future::poll_fn(|cx| {
        if worker.draining.get() && !leaving {
            leaving = true;
            Pin::new(&mut *connection).graceful_shutdown();
        }
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
            return Poll::Ready(Turn::Over(ended.is_err() || !state.read_whole.get()));
        }
        if state.timer.poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(match state.phase.get() {
            Phase::Head => Turn::Late,
            Phase::Idle if state.is_quiet() => Turn::Park,
            Phase::Idle | Phase::Exchange => Turn::Cut,
        })
    })
    .await;
    let parts = connection.into_parts();
    (
        turn,
        Parts {
            io: parts.io.into_inner(),
            read_buf: parts.read_buf,
        },
    )
}
