//! Whether a request that failed may be tried once more, on another connection.
//!
//! A retry never makes an upstream do a thing twice, and a dead upstream never gets much more
//! traffic for being dead.

use std::cell::Cell;

use http::Method;

/// How far a failed attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not a byte of the request was sent.
    Nothing,
    /// Some of the request was sent; no byte of the answer came.
    Sent,
    /// A part of the answer came.
    Answered,
}

/// One failed attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// Whether the request has no body.
    pub empty: bool,
    /// Whether the body, if there is one, is still whole: nothing was read from it.
    pub whole: bool,
    /// Whether the connection had carried a request before. Only such a one may have been closed by
    /// the upstream, rightly, at the moment that it was used.
    pub reused: bool,
    /// How far it came.
    pub progress: Progress,
}

impl Attempt<'_> {
    /// Whether the request may be tried again, if the budget allows.
    pub fn may_be_repeated(&self) -> bool {
        match self.progress {
            Progress::Nothing => self.empty || self.whole,
            Progress::Sent => {
                self.reused
                    && self.empty
                    && matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS)
            }
            Progress::Answered => false,
        }
    }
}

/// How many retries one worker may make: a fifth of its requests, and ten.
#[derive(Debug)]
pub struct Budget {
    /// Fifths of a retry.
    fifths: Cell<u32>,
}

impl Budget {
    const START: u32 = 10 * 5;
    const MOST: u32 = 100 * 5;

    /// A budget of ten retries.
    pub fn new() -> Self {
        Self {
            fifths: Cell::new(Self::START),
        }
    }

    /// Counts a request (not a retry).
    pub fn earn(&self) {
        self.fifths.set((self.fifths.get() + 1).min(Self::MOST));
    }

    /// Takes one retry out, if there is one.
    pub fn spend(&self) -> bool {
        let left = self.fifths.get().checked_sub(5);
        self.fifths.set(left.unwrap_or(self.fifths.get()));
        left.is_some()
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_happen_twice_is_repeated() {
        use Progress::{Answered, Nothing, Sent};
        let rows = [
            (Method::POST, false, true, false, Nothing, true),
            (Method::POST, false, false, true, Nothing, false),
            (Method::POST, true, true, true, Nothing, true),
            (Method::POST, true, true, true, Sent, false),
            (Method::GET, true, true, true, Sent, true),
            (Method::HEAD, true, true, true, Sent, true),
            (Method::OPTIONS, true, true, true, Sent, true),
            (Method::GET, false, true, true, Sent, false),
            (Method::GET, true, true, false, Sent, false),
            (Method::PUT, true, true, true, Sent, false),
            (Method::GET, true, true, true, Answered, false),
        ];
        for (method, empty, whole, reused, progress, expected) in rows {
            let attempt = Attempt {
                method: &method,
                empty,
                whole,
                reused,
                progress,
            };
            assert_eq!(attempt.may_be_repeated(), expected, "{attempt:?}");
        }
    }

    #[test]
    fn a_dead_upstream_gets_a_fifth_more_at_most() {
        let budget = Budget::new();
        let retries = (0..1000)
            .filter(|_| {
                budget.earn();
                budget.spend()
            })
            .count();
        assert!((205..=212).contains(&retries), "{retries}");
    }

    #[test]
    fn a_long_quiet_time_saves_up_no_storm() {
        let budget = Budget::new();
        for _ in 0..100_000 {
            budget.earn();
        }
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 100);
    }
}
