//! One accepted connection: its phases, its deadlines, and its life from accept to close.
//!
//! A connection is idle, reads a head, or is in an exchange. hyper's own header timer stays off.
//! It is taken apart and parked only when it is quiet: idle, with every body read to its end and
//! the last write followed by a completed flush. That the service has returned is not the end of
//! an answer.

mod body;
pub(super) mod http2;
pub(super) mod io;
pub(super) mod state;
mod switch;

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;

use self::body::Exchange;
pub use self::body::{RequestBody, Switch};
use self::io::{Desk, Io};
use self::state::{Phase, State};
use self::switch::Successor;
pub use self::switch::Switched;
use crate::deadline::Wheel;
use crate::listener::drain::Drain;
use crate::listener::framing::Bounds;
use crate::listener::networks::Networks;
use crate::listener::parking::Wait;
use crate::listener::stream::Stream;
use crate::listener::turns::Turns;
use crate::listener::{Arrival, Refusal, Timeouts, closing, parking};
use crate::telemetry::metrics::Connections;

/// What all connections of one worker share.
pub(super) struct Worker {
    pub(super) wheel: Wheel,
    pub(super) timeouts: Rc<Timeouts>,
    pub(super) http: http1::Builder,
    pub(super) http2: hyper::server::conn::http2::Builder<http2::Local>,
    /// Clients may speak HTTP/2 at once, without TLS.
    pub(super) h2c: bool,
    pub(super) drain: Rc<Drain>,
    pub(super) bounds: Rc<Bounds>,
    pub(super) desk: Desk,
    pub(super) connections: Arc<Connections>,
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Whose connections begin with a header of the PROXY protocol.
    pub(super) heralds: Networks,
    pub(super) turns: Rc<Turns>,
}

/// Why hyper's part of a connection's life is over.
enum Turn {
    /// Quiet for a while: wait without hyper.
    Park,
    /// Over; `true` where bytes of the peer may be left unread.
    Over(bool),
    /// No head came that could be served.
    Refused(Refusal),
    /// It speaks another protocol from now on.
    Switched(Successor),
    /// An answer broke off, and only a reset says so.
    Broken,
    /// The peer neither reads nor closes.
    Cut,
}

/// Serves `stream` until it ends. `handler` answers each request, and each refusal of ours; `place`
/// is given up at the end.
pub(super) fn serve<S, F, B, P>(
    stream: Stream,
    worker: Rc<Worker>,
    handler: S,
    place: P,
) -> impl Future<Output = ()>
where
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let handler = Rc::new(handler);
    let state = State::new(&worker.wheel, &worker.timeouts, &worker.connections);
    let mut io = Io::new(stream, Rc::clone(&state), &worker);
    // What an idle connection costs is, for the most part, the size of this future.
    async move {
        let _place = place;
        loop {
            let turn;
            (turn, io) = match parking::wait(&mut io, &state, &worker.drain).await {
                Wait::Head if io.is_foreign() => {
                    return Box::pin(http2::serve(io, worker, state, handler)).await;
                }
                Wait::Head => converse(io, &worker, &state, &handler).await,
                Wait::Over => return io.part(),
                Wait::Refused(refusal) => (Turn::Refused(refusal), io),
            };
            match turn {
                Turn::Park => {}
                Turn::Over(false) => return io.part(),
                Turn::Cut => return,
                Turn::Broken => return closing::reset(&io),
                Turn::Switched(successor) => {
                    let (stream, left) = io.into_parts();
                    return successor(Switched::new(stream, left, worker)).await;
                }
                Turn::Over(true) => return Box::pin(closing::linger(io, &state)).await,
                Turn::Refused(refusal) => {
                    let answer = Box::pin(handler(Arrival::Refusal(refusal))).await;
                    return Box::pin(closing::refuse(io, &state, answer)).await;
                }
            }
        }
    }
}

/// Lets hyper speak HTTP on `io` until the connection is quiet or over.
async fn converse<S, F, B>(
    io: Io,
    worker: &Worker,
    state: &Rc<State>,
    handler: &Rc<S>,
) -> (Turn, Io)
where
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (handler, exchanges) = (Rc::clone(handler), Rc::clone(state));
    let service = service_fn(move |request: Request<Incoming>| {
        exchanges.speaks(request.version());
        let exchange = Exchange::begin(&exchanges, request.body().is_end_stream());
        let may_switch = exchanges.is_asked() && switch::is_asked(&request);
        let request = request.map(|body| RequestBody::new(body, Rc::clone(&exchanges), may_switch));
        // An async block would keep room for the handler's future twice, and hyper moves it.
        handler(Arrival::Request(Box::new(request))).map(move |mut answer| {
            if may_switch {
                exchange.answer_upgrade(answer.status());
            }
            worker.drain.tell(answer.status(), answer.headers_mut());
            Ok::<_, Infallible>(answer.map(|body| exchange.carry(body)))
        })
    });
    let mut connection = Box::new(worker.http.serve_connection(TokioIo::new(io), service));
    let turn = std::future::poll_fn(|cx| {
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(cx) {
            return Poll::Ready(match ended {
                _ if let Some(refusal) = state.refused() => Turn::Refused(refusal),
                Ok(()) if let Some(successor) = state.successor() => Turn::Switched(successor),
                // An answer that broke off must not look like one that ended.
                Err(error) if error.is_user() && state.ends_by_closing() => Turn::Broken,
                ended => Turn::Over(ended.is_err() || !state.read_whole()),
            });
        }
        if state.must_look() {
            cx.waker().wake_by_ref();
        }
        if let Some(refusal) = state.refused()
            && state.phase() != Phase::Exchange
            && state.is_flushed()
        {
            return Poll::Ready(Turn::Refused(refusal));
        }
        if worker.drain.lets_go() && state.phase() == Phase::Idle && state.is_flushed() {
            return Poll::Ready(Turn::Over(!state.read_whole()));
        }
        if state.timer().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(match state.phase() {
            // In the middle of another answer nothing can be said.
            Phase::Head if state.is_flushed() => Turn::Refused(Refusal::RequestTimeout),
            Phase::Idle if state.is_quiet() => Turn::Park,
            Phase::Idle | Phase::Head | Phase::Exchange => Turn::Cut,
        })
    })
    .await;
    let parts = connection.into_parts();
    (turn, parts.io.into_inner().with_left(&parts.read_buf))
}
