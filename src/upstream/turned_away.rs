//! Requests that a group had no room for: counted by all workers, and told of once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time from one line of the log to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// The requests that one group turned away.
#[derive(Debug, Default)]
pub(super) struct TurnedAway {
    untold: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl TurnedAway {
    /// One more, `now`. How many there are since that was last told of, if it is time to tell.
    pub(super) fn count(&self, now: Instant) -> Option<u64> {
        self.untold.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.saturating_duration_since(told) < PAUSE) {
            return None;
        }
        *told = Some(now);
        Some(self.untold.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_of_at_once_and_the_others_together_after_a_second() {
        let (turned_away, start) = (TurnedAway::default(), Instant::now());
        let after = |millis| turned_away.count(start + Duration::from_millis(millis));
        let told = [0, 1, 500, 999, 1000, 1001, 5000].map(after);
        let expected = [Some(1), None, None, None, Some(4), None, Some(2)];
        assert_eq!(told, expected);
    }
}
