//! Whether a request that failed may be tried once more, on another connection.
//!
//! A retry never makes an upstream do a thing twice, and a dead upstream never gets much more
//! traffic for being dead.

use std::cell::Cell;

use http::Method;

/// Whether a request that was sent may be sent once more, where no byte of an answer came and the
/// connection had carried one before: the upstream may have closed it, rightly, at that moment.
pub fn is_repeatable(method: &Method, has_body: bool) -> bool {
    !has_body && matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
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
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(is_repeatable(&method, false), "{method}");
            assert!(!is_repeatable(&method, true), "{method}");
        }
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!is_repeatable(&method, false), "{method}");
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
