//! What the bytes, the bodies and the driver of one connection tell each other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use http::Version;

use crate::deadline::{Timer, Wheel};
use crate::listener::{Refusal, Timeouts};

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
    timer: Timer,
    timeouts: Rc<Timeouts>,
}

impl State {
    pub(in crate::listener) fn new(wheel: &Wheel, timeouts: &Rc<Timeouts>) -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::Idle),
            unflushed: Cell::new(false),
            read_whole: Cell::new(true),
            ends_by_closing: Cell::new(false),
            refused: Cell::new(None),
            holds: Cell::new(false),
            refuses: Cell::new(true),
            stuck: Cell::new(false),
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
            self.phase.set(Phase::Head);
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
        self.phase.set(Phase::Exchange);
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
        self.phase.set(phase);
        self.unflushed.set(true);
        if !self.stuck.get() {
            self.timer.set(deadline);
        }
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
