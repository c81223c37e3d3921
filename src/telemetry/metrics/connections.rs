//! The connections of one worker, by what they do.

use crate::telemetry::metrics::count::Count;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Nothing: it is between two requests, or has not spoken yet.
    Idle,
    /// Some of a request's head has come.
    Reading,
    /// From a whole head to the end of its answer.
    Answering,
    /// HTTP/2: any of it, for any number of streams.
    Multiplexing,
}

/// The words of [`Doing`], in its order.
pub(super) const DOING: [&str; 4] = ["idle", "reading", "answering", "http2"];

/// The limits that refuse connections.
pub(super) const LIMITS: [&str; 2] = ["connections", "per_address"];

/// The connections of one worker: on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Connections {
    now: [Count; 4],
    accepted: Count,
    refused: [Count; 2],
}

impl Connections {
    /// A connection was accepted.
    pub fn accept(&self) {
        self.accepted.add(1);
    }

    /// One was refused for `limits.connections`.
    pub fn refuse(&self) {
        self.refused[0].add(1);
    }

    /// One was refused for `limits.per_address`.
    pub fn refuse_one_of_many(&self) {
        self.refused[1].add(1);
    }

    /// One has come to do `this`.
    pub fn begin(&self, this: Doing) {
        self.at(this).add(1);
    }

    /// One does `that` instead of `this`.
    pub fn turn(&self, this: Doing, that: Doing) {
        self.end(this);
        self.begin(that);
    }

    /// One that did `this` has ended.
    pub fn end(&self, this: Doing) {
        self.at(this).take();
    }

    /// Whether none does anything. What has no word here, as TLS that is being agreed on, does nothing.
    pub fn are_idle(&self) -> bool {
        let [_idle, busy @ ..] = &self.now;
        busy.iter().all(|count| count.read() == 0)
    }

    fn at(&self, this: Doing) -> &Count {
        let [idle, reading, answering, multiplexing] = &self.now;
        match this {
            Doing::Idle => idle,
            Doing::Reading => reading,
            Doing::Answering => answering,
            Doing::Multiplexing => multiplexing,
        }
    }

    /// Adds what was counted to `sums`.
    pub(super) fn add_to(&self, sums: &mut Crowd) {
        for (sum, count) in sums.now.iter_mut().zip(&self.now) {
            // One that moves while it is read may be missing for a moment, or be there twice.
            *sum = sum.wrapping_add(count.read());
        }
        sums.accepted += self.accepted.read();
        for (sum, count) in sums.refused.iter_mut().zip(&self.refused) {
            *sum += count.read();
        }
    }
}

/// What the [`Connections`] of all workers come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd {
    pub(super) now: [u64; 4],
    pub(super) accepted: u64,
    pub(super) refused: [u64; 2],
}
