//! One thread that carries traffic: its runtime, its sockets, its connections.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use hyper::server::conn::http1;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::deadline::{TICK, Wheel};
use crate::listener::connection::http2;
use crate::listener::connection::io::{Desk, Io};
use crate::listener::connection::state::State;
use crate::listener::connection::{self, Worker};
use crate::listener::drain::{self, Drain};
use crate::listener::framing::Bounds;
use crate::listener::load::{Place, Share, Welcome};
use crate::listener::queue::{Next, Queue};
use crate::listener::stream::Stream;
use crate::listener::turns::Turns;
use crate::listener::{Arrival, Door, Limits, Peer, Refusal, Settings, Socket, closing, greeting};
use crate::telemetry::metrics::Connections;

/// The most bytes that hyper keeps of one direction of a connection. What a stalled peer costs us is
/// bounded by it.
const BUFFER: usize = 64 << 10;

/// What stands for the address of who came by a unix socket.
const THIS_MACHINE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The header lines that hyper has room for without the heap.
const HYPERS_LINES: usize = 100;

/// Carries traffic on this thread until `stop` says so and what is under way has ended.
///
/// New connections follow `settings` as they change. `setup` runs once on the thread, inside its runtime;
/// what it returns is called for each connection and gives the handler of that connection. Whoever wants
/// an end to draining stops waiting for this thread.
///
/// # Errors
///
/// The runtime cannot be built, or a socket cannot be given to it.
pub fn run<C, S, F, B>(
    sockets: Vec<Socket>,
    mut settings: watch::Receiver<Arc<Settings>>,
    share: &Arc<Share>,
    mut stop: watch::Receiver<bool>,
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
        let (desk, turns) = (Rc::default(), Rc::new(Turns::begin()));
        let drain = Rc::new(Drain::default());
        let renewed = |settings: &Settings| {
            let (wheel, drain) = (wheel.clone(), Rc::clone(&drain));
            let (desk, turns) = (Rc::clone(&desk), Rc::clone(&turns));
            worker(settings, wheel, drain, desk, turns, share.connections())
        };
        let first = renewed(&settings.borrow_and_update());
        let shift = Rc::new(RefCell::new(first));
        let connect = Rc::new(setup(&wheel));
        let ticking = tokio::task::spawn_local(tick(wheel.clone()));
        let connections = Rc::new(RefCell::new(JoinSet::new()));
        let mut accepting = JoinSet::new();
        for socket in sockets {
            let queue = Queue::new(socket.listener, socket.baton, share, stop.clone())?;
            let (shift, connect) = (Rc::clone(&shift), Rc::clone(&connect));
            let (share, connections) = (Arc::clone(share), Rc::clone(&connections));
            accepting.spawn_local(async move {
                accept(queue, socket.door, &shift, &connect, &share, &connections).await;
            });
        }
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Ok(()) = settings.changed() => {
                    shift.replace(renewed(&settings.borrow_and_update()));
                }
            }
        }
        drain.begin();
        wheel.wake_all();
        while accepting.join_next().await.is_some() {}
        let patience = settings.borrow().timeouts.drain;
        let mut left = connections.take();
        let ended = async { while left.join_next().await.is_some() {} };
        tokio::select! {
            () = ended => {}
            () = release(&drain, &wheel, share.connections(), patience) => {}
        }
        ticking.abort();
        Ok(())
    })
}

/// What the connections that come from now on share. Those that are there keep what they came with.
fn worker(
    settings: &Settings,
    wheel: Wheel,
    drain: Rc<Drain>,
    desk: Desk,
    turns: Rc<Turns>,
    connections: &Arc<Connections>,
) -> Rc<Worker> {
    Rc::new(Worker {
        wheel,
        timeouts: Rc::new(settings.timeouts.clone()),
        http: http(&settings.limits),
        http2: http2::builder(&settings.limits, &settings.timeouts),
        h2c: settings.h2c,
        drain,
        bounds: Rc::new(Bounds::of(&settings.limits)),
        desk,
        tls: settings.tls.clone(),
        heralds: settings.heralds.clone(),
        turns,
        connections: Arc::clone(connections),
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

/// Lets idle connections go when nothing else is under way here, after their grace. Never ends.
async fn release(drain: &Drain, wheel: &Wheel, connections: &Connections, patience: Duration) {
    tokio::time::sleep(drain::grace(patience)).await;
    let mut interval = tokio::time::interval(TICK);
    while !connections.are_idle() {
        interval.tick().await;
    }
    drain.let_go();
    wheel.wake_all();
    std::future::pending::<()>().await;
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
    mut queue: Queue,
    door: Door,
    shift: &RefCell<Rc<Worker>>,
    connect: &Rc<C>,
    share: &Arc<Share>,
    connections: &RefCell<JoinSet<()>>,
) where
    C: Fn(Peer) -> S + 'static,
    S: Fn(Arrival) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        let (socket, address) = match queue.next().await {
            Next::Connection(socket, address) => (socket, address),
            Next::Failed => continue,
            Next::End => return,
        };
        let peer = Peer {
            address: address.unwrap_or(THIS_MACHINE),
            on_unix: address.is_none(),
            door,
        };
        let (mut welcome, mut place) = share.admit();
        let worker = Rc::clone(&shift.borrow());
        let speaks_for_others = worker.heralds.have(&peer);
        if welcome == Welcome::In && !speaks_for_others {
            welcome = place.claim(&peer);
        }
        if welcome == Welcome::Out {
            continue;
        }
        let mut connections = connections.borrow_mut();
        if door == Door::Tls || speaks_for_others {
            let connect = Rc::clone(connect);
            connections.spawn_local(async move {
                // Its memory is not kept for the rest of the connection's life.
                let greeting =
                    greeting::greet(socket, peer, speaks_for_others, &worker, &mut place);
                let Some((stream, peer, crowded)) = Box::pin(greeting).await else {
                    return;
                };
                let handler = connect(peer);
                let refusal = crowded.or(match welcome {
                    Welcome::Told(refusal) => Some(refusal),
                    _ => None,
                });
                match refusal {
                    Some(refusal) => {
                        Box::pin(tell(stream, refusal, worker, handler, place)).await;
                    }
                    None => connection::serve(stream, worker, handler, place).await,
                }
            });
        } else {
            let (stream, handler) = (Stream::Plain(socket), connect(peer));
            if let Welcome::Told(refusal) = welcome {
                connections.spawn_local(tell(stream, refusal, worker, handler, place));
            } else {
                connections.spawn_local(connection::serve(stream, worker, handler, place));
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Tells a connection that there are too many.
async fn tell<S, F, B>(
    stream: Stream,
    refusal: Refusal,
    worker: Rc<Worker>,
    handler: S,
    place: Place,
) where
    S: Fn(Arrival) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes> + Unpin,
{
    let _place = place;
    let state = State::new(&worker.wheel, &worker.timeouts, &worker.connections);
    let io = Io::new(stream, Rc::clone(&state), &worker);
    let answer = handler(Arrival::Refusal(refusal)).await;
    closing::refuse(io, &state, answer).await;
}
