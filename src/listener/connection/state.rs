//! What the bytes, the bodies and the driver of one connection tell each other.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Version;

use crate::deadline::{Timer, Wheel};
use crate::listener::connection::switch::Successor;
use crate::listener::{Refusal, Timeouts};
use crate::telemetry::metrics::{Connections, Doing};

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

impl Phase {
    /// How it is counted.
    fn doing(self) -> Doing {
        match self {
            Self::Idle => Doing::Idle,
            Self::Head => Doing::Reading,
            Self::Exchange => Doing::Answering,
        }
    }
}

/// What the bytes, the bodies and the driver of one connection tell each other.
pub(in crate::listener) struct State {
    phase: Cell<Phase>,
    /// What it is counted as.
    doing: Cell<Doing>,
    connections: Arc<Connections>,
    /// Something was written, or is about to be, after the last completed flush.
    unflushed: Cell<bool>,
    /// The request's body was read to its end.
    read_whole: Cell<bool>,
    /// The end of the connection may be the end of the answer: the client speaks HTTP/1.0.
    ends_by_closing: Cell<bool>,
    /// What came is no request: nothing more is read.
    refused: Cell<Option<Refusal>>,
    /// Some of the next message was read, and hyper does not have it yet.
    holds: Cell<bool>,
    /// hyper has the word, and may refuse.
    refuses: Cell<bool>,
    /// The peer does not take what we write; the timer runs for that.
    stuck: Cell<bool>,
    upgrade: Cell<Upgrade>,
    /// Who has the connection when it has left HTTP.
    successor: Cell<Option<Successor>>,
    timer: Timer,
    timeouts: Rc<Timeouts>,
}

/// What has become of a request for another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upgrade {
    /// There is none, or it is settled.
    None,
    /// Its head went on, and what came behind it waits.
    Asked,
    /// It was answered, and whether it was granted.
    Answered(bool),
    /// It was refused, and what waits is to be looked at now.
    Over,
}

impl State {
    pub(in crate::listener) fn new(
        wheel: &Wheel,
        timeouts: &Rc<Timeouts>,
        connections: &Arc<Connections>,
    ) -> Rc<Self> {
        connections.begin(Doing::Idle);
        Rc::new(Self {
            phase: Cell::new(Phase::Idle),
            doing: Cell::new(Doing::Idle),
            connections: Arc::clone(connections),
            unflushed: Cell::new(false),
            read_whole: Cell::new(true),
            ends_by_closing: Cell::new(false),
            refused: Cell::new(None),
            holds: Cell::new(false),
            refuses: Cell::new(true),
            stuck: Cell::new(false),
            upgrade: Cell::new(Upgrade::None),
            successor: Cell::new(None),
            timer: wheel.timer(),
            timeouts: Rc::clone(timeouts),
        })
    }

    pub(in crate::listener) fn timer(&self) -> &Timer {
        &self.timer
    }

    /// The tick of the worker's wheel.
    pub(in crate::listener) fn now(&self) -> u64 {
        self.timer.now()
    }

    pub(in crate::listener) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    fn turn(&self, phase: Phase) {
        self.phase.set(phase);
        self.does(phase.doing());
    }

    /// Counts the connection as one that does `this`.
    pub(in crate::listener) fn does(&self, this: Doing) {
        self.connections.turn(self.doing.replace(this), this);
    }

    pub(in crate::listener) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether the last request's body was read to its end.
    pub(in crate::listener) fn read_whole(&self) -> bool {
        self.read_whole.get()
    }

    /// Whether the client of the last request may take the connection's end for the answer's.
    pub(in crate::listener) fn ends_by_closing(&self) -> bool {
        self.ends_by_closing.get()
    }

    /// Notes what the client speaks.
    pub(in crate::listener) fn speaks(&self, version: Version) {
        self.ends_by_closing.set(version == Version::HTTP_10);
    }

    /// The body of the request under way was read to its end.
    pub(in crate::listener) fn has_read_whole(&self) {
        self.read_whole.set(true);
    }

    /// Keeps `bytes` back where they are a refusal of hyper's own: nothing of ours waits to be
    /// written, and no request is being answered. We say it better.
    pub(in crate::listener) fn keeps_back(&self, bytes: &[u8]) -> bool {
        if self.phase.get() == Phase::Exchange || self.unflushed.get() || !self.refuses.get() {
            return false;
        }
        if self.refused.get().is_none() {
            let digits = bytes
                .get(9..12)
                .and_then(|digits| str::from_utf8(digits).ok());
            let status = digits.and_then(|digits| digits.parse().ok());
            self.refused.set(Some(Refusal::of(status.unwrap_or(400))));
        }
        true
    }

    /// What came is no request.
    pub(in crate::listener) fn refuse(&self, refusal: Refusal) {
        self.refused.set(Some(refusal));
    }

    /// Why nothing more is read.
    pub(in crate::listener) fn refused(&self) -> Option<Refusal> {
        self.refused.get()
    }

    /// Whether some of the next head has come, and waits for the rest.
    pub(in crate::listener) fn holds(&self, some: bool) {
        self.holds.set(some);
    }

    /// A head that asks for another protocol has gone on.
    pub(in crate::listener) fn asks_upgrade(&self) {
        if self.upgrade.get() == Upgrade::None {
            self.upgrade.set(Upgrade::Asked);
        }
    }

    /// Whether some request asks for another protocol and has no answer yet.
    pub(in crate::listener) fn is_asked(&self) -> bool {
        self.upgrade.get() == Upgrade::Asked
    }

    /// It has one.
    pub(in crate::listener) fn answer_upgrade(&self, granted: bool) {
        self.upgrade.set(Upgrade::Answered(granted));
        if !granted {
            self.successor.set(None);
        }
    }

    /// Whether it was granted. To be asked once.
    pub(in crate::listener) fn take_upgrade(&self) -> Option<bool> {
        let (upgrade, settled) = match self.upgrade.get() {
            Upgrade::Answered(granted) => (Some(granted), Upgrade::None),
            Upgrade::Over => (Some(false), Upgrade::None),
            other => (None, other),
        };
        self.upgrade.set(settled);
        upgrade
    }

    /// Whether what waits behind a request that was refused another protocol must be looked at, though
    /// nothing new comes. To be asked once.
    pub(in crate::listener) fn must_look(&self) -> bool {
        let over =
            self.upgrade.get() == Upgrade::Answered(false) && self.phase.get() != Phase::Exchange;
        if over {
            self.upgrade.set(Upgrade::Over);
        }
        over
    }

    /// Who takes the connection over when the switch is answered.
    pub(in crate::listener) fn bequeath(&self, successor: Successor) {
        self.successor.set(Some(successor));
    }

    /// Who takes the connection over, if anybody does.
    pub(in crate::listener) fn successor(&self) -> Option<Successor> {
        self.successor.take()
    }

    /// From now on what is written is ours.
    pub(in crate::listener) fn speak(&self) {
        self.refuses.set(false);
    }

    /// Everything that was written has been flushed.
    pub(in crate::listener) fn flushed(&self) {
        self.unflushed.set(false);
    }

    /// Whether everything that was written has been flushed.
    pub(in crate::listener) fn is_flushed(&self) -> bool {
        !self.unflushed.get()
    }

    pub(in crate::listener) fn is_quiet(&self) -> bool {
        self.phase.get() == Phase::Idle && self.read_whole.get() && !self.unflushed.get()
    }

    /// Bytes have come from the peer.
    pub(in crate::listener) fn heard(&self) {
        if self.phase.get() == Phase::Idle {
            self.turn(Phase::Head);
            if !self.stuck.get() {
                self.timer.set(self.timeouts.header);
            }
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
                Phase::Head => self.timer.set(self.timeouts.header),
                Phase::Exchange => self.timer.clear(),
            }
        }
    }

    /// A whole head has come; its body has, too, if `bodiless`.
    pub(in crate::listener) fn begin(&self, bodiless: bool) {
        self.turn(Phase::Exchange);
        self.read_whole.set(bodiless);
        if !self.stuck.get() {
            self.timer.clear();
        }
    }

    /// The answer has ended as far as it is made; hyper may still have to flush it.
    pub(in crate::listener) fn end(&self) {
        let (phase, deadline) = if self.holds.get() {
            (Phase::Head, self.timeouts.header)
        } else {
            (Phase::Idle, LULL)
        };
        self.turn(phase);
        self.unflushed.set(true);
        if !self.stuck.get() {
            self.timer.set(deadline);
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.connections.end(self.doing.get());
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;
    use crate::deadline::TICK;

    const STREAM: Duration = Duration::from_secs(60);
    const HEADER: Duration = Duration::from_secs(2);

    fn state(wheel: &Wheel) -> Rc<State> {
        State::new(
            wheel,
            &Rc::new(Timeouts {
                header: HEADER,
                stream: STREAM,
                ..Timeouts::default()
            }),
            &Arc::default(),
        )
    }

    /// After how long the deadline comes.
    fn deadline(wheel: &Wheel, state: &State) -> Option<Duration> {
        let mut context = Context::from_waker(Waker::noop());
        (0..1000_u32).find_map(|ticks| {
            if state.timer().poll(&mut context).is_ready() {
                return Some(TICK * ticks);
            }
            wheel.advance(wheel.now() + 1);
            None
        })
    }

    fn is_about(came: Option<Duration>, due: Duration) -> bool {
        came.is_some_and(|came| (due..=due + 2 * TICK).contains(&came))
    }

    #[test]
    fn a_peer_that_takes_nothing_has_a_deadline_whatever_it_sends() {
        let wheel = Wheel::default();
        let state = state(&wheel);
        state.begin(true);
        state.wrote(false);
        state.end();
        state.heard();
        assert_eq!((state.phase(), state.is_flushed()), (Phase::Head, false));
        state.begin(true);
        state.wrote(false);
        assert!(is_about(deadline(&wheel, &state), STREAM));
    }

    #[test]
    fn a_head_has_its_deadline_when_the_answer_before_it_is_taken() {
        let wheel = Wheel::default();
        let state = state(&wheel);
        state.begin(true);
        state.wrote(false);
        state.end();
        state.heard();
        state.wrote(true);
        state.flushed();
        assert!(state.is_flushed());
        assert!(is_about(deadline(&wheel, &state), HEADER));
    }
}
