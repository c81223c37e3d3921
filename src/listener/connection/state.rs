//! What the bytes, the bodies and the driver of one connection tell each other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::deadline::{Timer, Wheel};
use crate::listener::Timeouts;

/// How long a connection stays with hyper after an exchange before it is parked: a busy client's
/// next request comes within it, and then parking has cost nothing.
const LULL: Duration = Duration::from_secs(1);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listener) enum Phase {
    /// Between two messages; nothing of the next head has come.
    Idle,
    /// Some of a head has come.
    Head,
    /// From a whole head to the end of its answer.
    Exchange,
}

/// What the bytes, the bodies and the driver of one connection tell each other.
pub(in crate::listener) struct State {
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
    pub(in crate::listener) fn new(wheel: &Wheel, timeouts: &Rc<Timeouts>) -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::Idle),
            unflushed: Cell::new(false),
            read_whole: Cell::new(true),
            stuck: Cell::new(false),
            timer: wheel.timer(),
            timeouts: Rc::clone(timeouts),
        })
    }

    pub(in crate::listener) fn timer(&self) -> &Timer {
        &self.timer
    }

    pub(in crate::listener) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    pub(in crate::listener) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether the last request's body was read to its end.
    pub(in crate::listener) fn read_whole(&self) -> bool {
        self.read_whole.get()
    }

    /// The body of the request under way was read to its end.
    pub(in crate::listener) fn has_read_whole(&self) {
        self.read_whole.set(true);
    }

    /// Everything that was written has been flushed.
    pub(in crate::listener) fn flushed(&self) {
        self.unflushed.set(false);
    }

    /// Begins the lull after which an idle connection is parked.
    pub(in crate::listener) fn rest(&self) {
        self.timer.set(LULL);
    }

    pub(in crate::listener) fn is_quiet(&self) -> bool {
        self.phase.get() == Phase::Idle && self.read_whole.get() && !self.unflushed.get()
    }

    /// Bytes have come from the peer.
    pub(in crate::listener) fn heard(&self) {
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.timer.set(self.timeouts.header);
        }
    }

    /// Bytes were offered to the peer, and it took some or none.
    pub(in crate::listener) fn wrote(&self, progress: bool) {
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
    pub(in crate::listener) fn begin(&self, bodiless: bool) {
        self.phase.set(Phase::Exchange);
        self.read_whole.set(bodiless);
        self.timer.clear();
    }

    /// The answer has ended as far as it is made; hyper may still have to flush it.
    pub(in crate::listener) fn end(&self) {
        self.phase.set(Phase::Idle);
        if !self.stuck.get() {
            self.timer.set(LULL);
        }
    }
}
