//! The connections of one worker to the servers behind it: last in, first out.
//!
//! An idle connection wakes nobody. Whether it still lives is seen when it is used next.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;

use crate::deadline::{TICK, Wheel};
use crate::upstream::balance::mix;
use crate::upstream::gate::Gate;
use crate::upstream::link::{Link, Open};
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
    lots: Cell<u64>,
}

/// What one worker knows of a server.
pub(super) struct Near<B>
where
    B: Body + 'static,
{
    pub(super) server: Arc<Server>,
    pub(super) tally: Arc<Tally>,
    /// Connections, and the ticks at which they became idle.
    idle: RefCell<Vec<(u64, Link<B>)>>,
    wheel: Wheel,
    most_idle: Cell<usize>,
    /// Requests under way.
    in_flight: Cell<u32>,
    /// Connections, idle ones too.
    open: Rc<Cell<u32>>,
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
            lots: Cell::new(seed),
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
            })
        });
        near.most_idle.set(most_idle);
        Rc::clone(near)
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
            Rc::strong_count(near) > 1
        });
    }
}

impl<B> Near<B>
where
    B: Body + 'static,
{
    /// The connection that became idle last, if there is one.
    pub(super) fn take(&self) -> Option<Link<B>> {
        self.idle.borrow_mut().pop().map(|(_, link)| link)
    }

    /// Requests under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// Whether one more request finds a connection, or room for one; `most` is the limit, 0 for none.
    pub(super) fn has_room(&self, most: u32) -> bool {
        most == 0 || self.open.get() < most || !self.idle.borrow().is_empty()
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
    pub(super) fn keep(&self, link: Link<B>) {
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
