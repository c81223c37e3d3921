//! A connection that speaks HTTP/2: its streams, its bounds (R13), its drain, and its end.
//!
//! h2 bounds frames, resets and windows. What it lacks is here: an idle connection ends, and so does
//! one that lets an answer wait for ever because its client opens no window, or that floods us with
//! frames that carry nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::deadline::{TICK, Wheel};
use crate::listener::connection::Worker;
use crate::listener::connection::body::RequestBody;
use crate::listener::connection::io::Io;
use crate::listener::connection::state::State;
use crate::listener::flood::Flood;
use crate::listener::{Arrival, Limits, Timeouts};
use crate::telemetry::metrics::Doing;

/// What a stream may send us before we read it, and what all streams of a connection may.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// What we hold of an answer that a client does not take.
const SEND_BUFFER: usize = 64 << 10;

/// Streams that a client opens and resets before we have seen them (CVE-2023-44487), and that we
/// reset for its errors (CVE-2025-8671): beyond these the connection ends.
const RESETS: usize = 20;

/// How long a client that was told to go has to finish.
const GOING: Duration = Duration::from_secs(2);

/// hyper's side of HTTP/2, with our bounds.
pub(in crate::listener) fn builder(limits: &Limits, timeouts: &Timeouts) -> http2::Builder<Local> {
    let mut http = http2::Builder::new(Local);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.headers.0).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(timeouts.idle / 2)
        .keep_alive_timeout(timeouts.header);
    http
}

/// Spawns what hyper spawns on the worker's own thread.
#[derive(Debug, Clone, Copy)]
pub(in crate::listener) struct Local;

impl<F: Future<Output = ()> + 'static> Executor<F> for Local {
    fn execute(&self, work: F) {
        tokio::task::spawn_local(work);
    }
}

/// Serves all streams of a connection until it ends. `handler` answers each request.
pub(super) async fn serve<S, F, B>(mut io: Io, worker: Rc<Worker>, state: Rc<State>, handler: Rc<S>)
where
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let streams = Rc::new(Streams::new(worker.wheel.now()));
    io.count_frames(&streams.flood);
    // To the connection's state all of this is one exchange: it has no heads to wait for.
    state.begin(true);
    state.does(Doing::Multiplexing);
    let service = service_fn({
        let (streams, wheel) = (Rc::clone(&streams), worker.wheel.clone());
        move |request: Request<Incoming>| {
            let stream = Stream::open(&streams, &wheel);
            let request = request.map(RequestBody::multiplexed);
            handler(Arrival::Request(Box::new(request)))
                .map(|answer| Ok::<_, Infallible>(stream.carry(answer)))
        }
    });
    let mut connection = Box::pin(worker.http2.serve_connection(TokioIo::new(io), service));
    let timer = worker.wheel.timer();
    // Looked at so often, a stream that stalls is found in time.
    let often = worker.timeouts.idle.min(worker.timeouts.stream);
    timer.set(often);
    let mut leaving = false;
    std::future::poll_fn(|cx| {
        if worker.drain.has_begun() && !leaving {
            leaving = true;
            connection.as_mut().graceful_shutdown();
            timer.set(GOING);
        }
        if connection.as_mut().poll(cx).is_ready() || state.timer().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        while timer.poll(cx).is_ready() {
            match streams.look(worker.wheel.now(), &worker.timeouts) {
                Found::Busy(again) if leaving => timer.set(again.min(GOING)),
                Found::Busy(again) => timer.set(again),
                Found::Idle if !leaving => {
                    leaving = true;
                    connection.as_mut().graceful_shutdown();
                    cx.waker().wake_by_ref();
                    timer.set(GOING);
                }
                Found::Resting(_) if leaving => return Poll::Ready(()),
                Found::Resting(left) => timer.set(left.min(often)),
                Found::Idle | Found::Stalled => return Poll::Ready(()),
            }
        }
        Poll::Pending
    })
    .await;
}

/// The streams of a connection that have not ended.
struct Streams {
    next: Cell<u64>,
    /// For each, when its client was handed something that it has not taken, in ticks.
    open: RefCell<BTreeMap<u64, Option<u64>>>,
    /// When the last one ended.
    rested: Cell<u64>,
    /// What frames the connection may send that carry nothing.
    flood: Rc<RefCell<Flood>>,
}

/// What there is on a connection.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Streams; look again after this time.
    Busy(Duration),
    /// None for a while, which may go on for this time.
    Resting(Duration),
    /// None for `timeouts.idle`.
    Idle,
    /// One whose client has taken nothing for `timeouts.stream`.
    Stalled,
}

impl Streams {
    fn new(now: u64) -> Self {
        Self {
            next: Cell::new(0),
            open: RefCell::default(),
            rested: Cell::new(now),
            flood: Rc::new(RefCell::new(Flood::new(now))),
        }
    }

    fn look(&self, now: u64, timeouts: &Timeouts) -> Found {
        let since = |tick: u64| TICK * u32::try_from(now.saturating_sub(tick)).unwrap_or(u32::MAX);
        let open = self.open.borrow();
        if open.is_empty() {
            return match timeouts.idle.checked_sub(since(self.rested.get())) {
                Some(left) if !left.is_zero() => Found::Resting(left),
                _ => Found::Idle,
            };
        }
        let longest = open.values().flatten().copied().map(since).max();
        match timeouts.stream.checked_sub(longest.unwrap_or_default()) {
            Some(left) if !left.is_zero() => Found::Busy(left),
            _ => Found::Stalled,
        }
    }
}

/// One stream; it ends when this is dropped.
struct Stream {
    id: u64,
    streams: Rc<Streams>,
    wheel: Wheel,
}

impl Stream {
    fn open(streams: &Rc<Streams>, wheel: &Wheel) -> Self {
        let id = streams.next.get();
        streams.next.set(id + 1);
        streams.open.borrow_mut().insert(id, None);
        Self {
            id,
            streams: Rc::clone(streams),
            wheel: wheel.clone(),
        }
    }

    /// Watches `answer`.
    fn carry<B>(self, answer: Response<B>) -> Response<Watched<B>> {
        self.streams.flood.borrow_mut().answered();
        answer.map(|body| Watched { body, stream: self })
    }

    /// Notes that the client was handed something, or has taken it.
    fn hand(&self, something: bool) {
        let since = something.then(|| self.wheel.now());
        self.streams.open.borrow_mut().insert(self.id, since);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.open.borrow_mut().remove(&self.id);
        self.streams.rested.set(self.wheel.now());
    }
}

/// The body of an answer, whose client is watched: hyper asks for more only when what came before has
/// room in the stream's window.
pub(super) struct Watched<B> {
    body: B,
    stream: Stream,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let watched = self.get_mut();
        let frame = Pin::new(&mut watched.body).poll_frame(cx);
        watched.stream.hand(matches!(frame, Poll::Ready(Some(_))));
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            let flood = &watched.stream.streams.flood;
            flood.borrow_mut().brought(data.len());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_busy_resting_idle_or_stalled() {
        let timeouts = Timeouts {
            idle: Duration::from_secs(10),
            stream: Duration::from_secs(30),
            ..Timeouts::default()
        };
        let wheel = Wheel::default();
        let streams = Rc::new(Streams::new(wheel.now()));
        let seconds = |count: u64| wheel.now() + count * 10;
        let look = |at| streams.look(at, &timeouts);
        assert_eq!(look(seconds(4)), Found::Resting(Duration::from_secs(6)));
        assert_eq!(look(seconds(10)), Found::Idle);
        let stream = Stream::open(&streams, &wheel);
        // An upstream that is slow is no client that is.
        assert_eq!(look(seconds(99)), Found::Busy(Duration::from_secs(30)));
        stream.hand(true);
        assert_eq!(look(seconds(29)), Found::Busy(Duration::from_secs(1)));
        assert_eq!(look(seconds(30)), Found::Stalled);
        stream.hand(false);
        assert_eq!(look(seconds(99)), Found::Busy(Duration::from_secs(30)));
        wheel.advance(seconds(5));
        drop(stream);
        assert_eq!(
            look(wheel.now() + 10),
            Found::Resting(Duration::from_secs(9))
        );
    }
}
