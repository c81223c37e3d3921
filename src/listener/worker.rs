//! One thread that carries traffic: its runtime, its sockets, its connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::TcpListener;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use hyper::server::conn::http1;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::deadline::{TICK, Wheel};
use crate::listener::connection::http2;
use crate::listener::connection::io::{Desk, Io};
use crate::listener::connection::state::State;
use crate::listener::connection::{self, Worker};
use crate::listener::framing::Bounds;
use crate::listener::load::{Load, Welcome};
use crate::listener::{Arrival, Limits, Peer, Settings, closing};

/// The most bytes that hyper keeps of one direction of a connection. What a stalled peer costs us is
/// bounded by it.
const BUFFER: usize = 64 << 10;

/// The header lines that hyper has room for without the heap.
const HYPERS_LINES: usize = 100;

/// Carries traffic on this thread until `drain` says to stop and what is under way has ended.
///
/// New connections follow `settings` as they change. `setup` runs once on the thread, inside its runtime;
/// what it returns is called for each connection and gives the handler of that connection. Whoever wants an end to draining stops
/// waiting for this thread.
///
/// # Errors
///
/// The runtime cannot be built, or a socket cannot be given to it.
pub fn run<C, S, F, B>(
    sockets: Vec<TcpListener>,
    mut settings: watch::Receiver<Arc<Settings>>,
    load: &Arc<Load>,
    mut drain: watch::Receiver<bool>,
    setup: impl FnOnce(&Wheel) -> C,
) -> io::Result<()>
where
    C: Fn(Peer) -> S + 'static,
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let wheel = Wheel::default();
        let first = worker(&settings.borrow_and_update(), &wheel, &Rc::default());
        let mut shifts = vec![Rc::downgrade(&first)];
        let shift = Rc::new(RefCell::new(first));
        let connect = Rc::new(setup(&wheel));
        let ticking = tokio::task::spawn_local(tick(wheel.clone()));
        let connections = Rc::new(RefCell::new(JoinSet::new()));
        let mut accepting = JoinSet::new();
        for socket in sockets {
            let listener = tokio::net::TcpListener::from_std(socket)?;
            let (shift, connect) = (Rc::clone(&shift), Rc::clone(&connect));
            let (load, connections) = (Arc::clone(load), Rc::clone(&connections));
            accepting.spawn_local(async move {
                accept(&listener, &shift, &*connect, &load, &connections).await;
            });
        }
        loop {
            tokio::select! {
                biased;
                _ = drain.wait_for(|draining| *draining) => break,
                Ok(()) = settings.changed() => {
                    let desk = Rc::clone(&shift.borrow().desk);
                    let next = worker(&settings.borrow_and_update(), &wheel, &desk);
                    shifts.retain(|shift| shift.strong_count() > 0);
                    shifts.push(Rc::downgrade(&next));
                    shift.replace(next);
                }
            }
        }
        accepting.shutdown().await;
        for worker in shifts.iter().filter_map(Weak::upgrade) {
            worker.draining.set(true);
        }
        wheel.wake_all();
        let mut left = connections.take();
        while left.join_next().await.is_some() {}
        ticking.abort();
        Ok(())
    })
}

/// What the connections that come from now on share. Those that are there keep what they came with.
fn worker(settings: &Settings, wheel: &Wheel, desk: &Desk) -> Rc<Worker> {
    Rc::new(Worker {
        wheel: wheel.clone(),
        timeouts: Rc::new(settings.timeouts.clone()),
        http: http(&settings.limits),
        http2: http2::builder(&settings.limits, &settings.timeouts),
        h2c: settings.h2c,
        draining: Cell::new(false),
        bounds: Rc::new(Bounds::of(&settings.limits)),
        desk: Rc::clone(desk),
    })
}

/// hyper's side of a connection. Room for more lines than its own hundred is taken from the heap, and
/// cleared, for every request: so it is asked for only where it is needed.
fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    let count = usize::try_from(limits.header_count).unwrap_or(usize::MAX);
    if count > HYPERS_LINES {
        http.max_headers(count);
    }
    let head = usize::try_from(limits.headers.0.saturating_mul(2)).unwrap_or(usize::MAX);
    http.header_read_timeout(None)
        .max_buf_size(head.max(BUFFER))
        .pipeline_flush(false);
    http
}

async fn tick(wheel: Wheel) {
    let start = Instant::now();
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        let ticks = start.elapsed().as_millis() / TICK.as_millis();
        wheel.advance(u64::try_from(ticks).unwrap_or(u64::MAX));
    }
}

async fn accept<C, S, F, B>(
    listener: &tokio::net::TcpListener,
    shift: &RefCell<Rc<Worker>>,
    connect: &C,
    load: &Arc<Load>,
    connections: &RefCell<JoinSet<()>>,
) where
    C: Fn(Peer) -> S,
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        let Some((stream, peer)) = next(listener).await else {
            continue;
        };
        let (mut welcome, mut place) = load.admit();
        if welcome == Welcome::In {
            welcome = place.claim(peer.address.ip());
        }
        if welcome == Welcome::Out {
            continue;
        }
        let (worker, handler) = (Rc::clone(&shift.borrow()), connect(peer));
        let mut connections = connections.borrow_mut();
        if let Welcome::Told(refusal) = welcome {
            connections.spawn_local(async move {
                let _place = place;
                let state = State::new(&worker.wheel, &worker.timeouts);
                let io = Io::new(stream, Rc::clone(&state), &worker);
                let answer = handler(Arrival::Refusal(refusal)).await;
                closing::refuse(io, &state, answer).await;
            });
        } else {
            connections.spawn_local(connection::serve(stream, worker, handler, place));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// The next connection; `None` where accepting it failed.
async fn next(listener: &tokio::net::TcpListener) -> Option<(TcpStream, Peer)> {
    match listener.accept().await {
        Ok((stream, address)) => {
            stream.set_nodelay(true).ok()?;
            Some((stream, Peer { address }))
        }
        Err(error) => {
            // Out of descriptors or memory: trying again at once would only burn the processor.
            tracing::warn!(%error, "cannot accept");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
