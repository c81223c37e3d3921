//! The connections of one worker to the servers behind it: last in, first out.
//!
//! An idle connection wakes nobody. Whether it still lives is seen when it is used next.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::sync::Notify;

use crate::deadline::{TICK, Timer, Wheel};
use crate::upstream::balance::mix;
use crate::upstream::channel::Channel;
use crate::upstream::desk::Desk;
use crate::upstream::gate::Gate;
use crate::upstream::link::{Link, Open};
use crate::upstream::multiplex::Shared;
use crate::upstream::server::{Server, Tally};

/// An idle connection is dropped before an upstream is likely to do it.
const IDLE: Duration = Duration::from_secs(15);

/// The upstream connections of one worker. It outlives every config.
pub struct Pool<B>
where
    B: Body + 'static,
{
    pub(super) wheel: Wheel,
    near: RefCell<HashMap<u64, Rc<Near<B>>>>,
    /// What is under way in each group, by its name.
    gates: RefCell<HashMap<Box<str>, Weak<Gate>>>,
    lots: Cell<u64>,
    /// Room for what comes from servers.
    desk: Desk,
}

/// What one worker knows of a server.
pub(super) struct Near<B>
where
    B: Body + 'static,
{
    pub(super) server: Arc<Server>,
    pub(super) tally: Arc<Tally>,
    /// Connections, and the ticks at which they became idle.
    idle: RefCell<Vec<(u64, Box<Link<B>>)>>,
    wheel: Wheel,
    most_idle: Cell<usize>,
    /// Requests under way.
    in_flight: Cell<u32>,
    /// Connections, idle ones too.
    open: Rc<Cell<u32>>,
    /// Connections by HTTP/2.
    shared: RefCell<Vec<Rc<Shared<B>>>>,
    /// One more is being made.
    dialing: Cell<bool>,
    dialed: Notify,
    desk: Desk,
}

/// A connection by HTTP/2 is being made.
pub(super) struct Dialing<B>(Rc<Near<B>>)
where
    B: Body + 'static;

impl<B> Drop for Dialing<B>
where
    B: Body + 'static,
{
    fn drop(&mut self) {
        self.0.dialing.set(false);
        self.0.dialed.notify_waiters();
    }
}

/// A request's place at a server.
pub(super) struct Lease<B>
where
    B: Body + 'static,
{
    pub(super) near: Rc<Near<B>>,
    gate: Rc<Gate>,
    /// The server was not up, as no other was.
    pub(super) desperate: bool,
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// No connections yet. `seed` is where the lots begin that servers are drawn by.
    pub fn new(wheel: Wheel, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            wheel,
            near: RefCell::default(),
            gates: RefCell::default(),
            lots: Cell::new(seed),
            desk: Desk::default(),
        })
    }

    /// What is known of `server` here. `most_idle` connections to it are kept from now on.
    pub(super) fn near(&self, server: &Arc<Server>, most_idle: usize) -> Rc<Near<B>> {
        let mut near = self.near.borrow_mut();
        let near = near.entry(server.id).or_insert_with(|| {
            Rc::new(Near {
                tally: server.tally(),
                server: Arc::clone(server),
                idle: RefCell::default(),
                wheel: self.wheel.clone(),
                most_idle: Cell::new(0),
                in_flight: Cell::new(0),
                open: Rc::default(),
                shared: RefCell::default(),
                dialing: Cell::new(false),
                dialed: Notify::new(),
                desk: self.desk.clone(),
            })
        });
        near.most_idle.set(most_idle);
        Rc::clone(near)
    }

    /// The gate of the group `name`, which lets `most` in from now on. Who is inside stays so.
    pub(super) fn gate(&self, name: &str, most: u32) -> Rc<Gate> {
        let mut gates = self.gates.borrow_mut();
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = gates.get(name).and_then(Weak::upgrade);
        let gate = gate.unwrap_or_else(|| {
            let gate = Rc::<Gate>::default();
            gates.insert(name.into(), Rc::downgrade(&gate));
            gate
        });
        gate.lets_in(most);
        gate
    }

    /// A number to draw by.
    pub(super) fn draw(&self) -> u64 {
        let number = self.lots.get();
        self.lots.set(number.wrapping_add(1));
        mix(number)
    }

    /// Drops what has been idle for too long, and servers that nobody has any more. Call it about once a
    /// second.
    pub fn sweep(&self) {
        let ticks = u64::try_from(IDLE.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.wheel.now().saturating_sub(ticks);
        self.near.borrow_mut().retain(|_, near| {
            near.idle.borrow_mut().retain(|(since, _)| *since >= oldest);
            let lives =
                |shared: &Rc<Shared<B>>| !shared.is_closed() && !shared.is_idle_since(oldest);
            near.shared.borrow_mut().retain(lives);
            Rc::strong_count(near) > 1
        });
    }
}

impl<B> Near<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The connection that became idle last, if there is one; or a part of one by HTTP/2, where that
    /// will do.
    pub(super) fn take(&self, http2: bool) -> Option<Channel<B>> {
        if let Some((_, link)) = self.idle.borrow_mut().pop() {
            return Some(Channel::Link(link));
        }
        if !http2 {
            return None;
        }
        let shared = self.shared.borrow();
        let free = shared.iter().find(|shared| shared.has_room())?;
        Some(Channel::Stream(Box::new(free.stream(true))))
    }

    /// Lets go of the connections that have nothing to do.
    pub(super) fn forget_idle(&self) {
        let idle = self.idle.take();
        drop(idle);
        self.shared
            .borrow_mut()
            .retain(|shared| !shared.is_closed());
    }

    /// Lets others have a part of `shared`; the first is the caller's.
    pub(super) fn share(&self, shared: Rc<Shared<B>>) -> Channel<B> {
        let stream = shared.stream(false);
        self.shared.borrow_mut().push(shared);
        Channel::Stream(Box::new(stream))
    }

    /// Says that a connection is being made, which others may have a part of.
    pub(super) fn dials(self: &Rc<Self>) -> Dialing<B> {
        self.dialing.set(true);
        Dialing(Rc::clone(self))
    }

    /// Whether one is being made.
    pub(super) fn is_dialing(&self) -> bool {
        self.dialing.get()
    }

    /// Waits for a connection that is being made; not for longer than `patience`.
    pub(super) async fn wait_for_dial(&self, patience: Duration) {
        // Whoever waited in vain makes one itself.
        let _ = tokio::time::timeout(patience, self.dialed.notified()).await;
    }

    /// Requests under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Whether one more request finds a connection, or room for one; `most` is the limit, 0 for none.
    /// `http2`: a part of one by HTTP/2 will do.
    pub(super) fn has_room(&self, most: u32, http2: bool) -> bool {
        let has_part = || self.shared.borrow().iter().any(|shared| shared.has_room());
        most == 0
            || self.open.get() < most
            || !self.idle.borrow().is_empty()
            || (http2 && has_part())
    }

    /// Where what comes from the server is read.
    pub(super) fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// What a tunnel to the server needs of this worker: a timer, and room to read into.
    pub(super) fn for_tunnel(&self) -> (Timer, Desk) {
        (self.wheel.timer(), self.desk.clone())
    }

    /// Counts a connection to be.
    pub(super) fn open(&self) -> Open {
        Open::new(&self.open)
    }
}

impl<B> Lease<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(near: &Rc<Near<B>>, gate: &Rc<Gate>, desperate: bool) -> Self {
        near.in_flight.set(near.in_flight.get() + 1);
        gate.enter();
        Self {
            near: Rc::clone(near),
            gate: Rc::clone(gate),
            desperate,
        }
    }

    /// Keeps `link` for the next request.
    pub(super) fn keep(&self, link: Box<Link<B>>) {
        let mut idle = self.near.idle.borrow_mut();
        if idle.len() < self.near.most_idle.get() {
            idle.push((self.near.wheel.now(), link));
        }
    }
}

impl<B> Drop for Lease<B>
where
    B: Body + 'static,
{
    fn drop(&mut self) {
        self.near.in_flight.set(self.near.in_flight.get() - 1);
        self.gate.leave();
    }
}
