//! A number that one thread writes and another reads now and then, and a spread of durations made of them.
//!
//! To count is to load, add and store: no locked instruction, no other thread's cache line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number. Only one thread at a time may change it: what two add at once may be lost.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// Adds `more`.
    #[inline]
    pub(super) fn add(&self, more: u64) {
        let sum = self.read().wrapping_add(more);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// Takes one off.
    #[inline]
    pub(super) fn take(&self) {
        let rest = self.read().wrapping_sub(1);
        self.0.store(rest, Ordering::Relaxed);
    }

    /// What it comes to. Of several that belong together one may be ahead of another.
    #[inline]
    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper bound of the first span of a [`Histogram`], in nanoseconds. Each further bound is twice the
/// one before it, so that the span of a duration is a division and a count of zeros.
const FIRST: u64 = 250_000;

/// Spans: the last one, from about a minute on, has no upper bound.
pub(super) const SPANS: usize = 20;

/// How many durations were how long.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    spans: [Count; SPANS],
    nanoseconds: Count,
}

impl Histogram {
    /// Counts a duration.
    #[inline]
    pub(super) fn observe(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(span) = self.spans.get(span(nanoseconds)) {
            span.add(1);
        }
        self.nanoseconds.add(nanoseconds);
    }

    /// Adds what was counted to `sums`.
    pub(super) fn add_to(&self, sums: &mut Durations) {
        for (sum, span) in sums.spans.iter_mut().zip(&self.spans) {
            *sum += span.read();
        }
        sums.nanoseconds += u128::from(self.nanoseconds.read());
    }
}

/// The span that a duration belongs to: a bound belongs to the span below it.
fn span(nanoseconds: u64) -> usize {
    let doubled = nanoseconds.saturating_sub(1) / FIRST;
    let span = usize::try_from(u64::BITS - doubled.leading_zeros()).unwrap_or(SPANS);
    span.min(SPANS - 1)
}

/// What several [`Histogram`]s come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations {
    spans: [u64; SPANS],
    nanoseconds: u128,
}

impl Durations {
    /// Adds `other`.
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, span) in self.spans.iter_mut().zip(&other.spans) {
            *sum += span;
        }
        self.nanoseconds += other.nanoseconds;
    }

    /// How many durations.
    pub(super) fn count(&self) -> u64 {
        self.spans.iter().sum()
    }

    /// All durations together, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        Duration::from_nanos_u128(self.nanoseconds).as_secs_f64()
    }

    /// The upper bound of each span in seconds, and how many durations are in it.
    pub(super) fn spans(&self) -> Vec<(f64, u64)> {
        let bound = |at: u32| Duration::from_nanos(FIRST << at).as_secs_f64();
        let bounded = (0..).map(bound).take(SPANS - 1);
        let bounds = bounded.chain(std::iter::once(f64::INFINITY));
        bounds.zip(self.spans).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_span_whose_bound_it_does_not_pass() {
        let histogram = Histogram::default();
        let mut sums = Durations::default();
        for (nanoseconds, at) in [
            (0, 0),
            (1, 0),
            (250_000, 0),
            (250_001, 1),
            (500_000, 1),
            (500_001, 2),
            (1_000_000, 2),
            (1_000_001, 3),
            (64_000_000, 8),
            (65_536_000_000, 18),
            (65_536_000_001, 19),
            (u64::MAX, 19),
        ] {
            assert_eq!(span(nanoseconds), at, "{nanoseconds}");
        }
        histogram.observe(Duration::from_micros(250));
        histogram.observe(Duration::from_millis(3));
        histogram.observe(Duration::from_secs(100));
        histogram.add_to(&mut sums);
        histogram.add_to(&mut sums);
        assert_eq!(sums.count(), 6);
        assert!((sums.seconds() - 200.006_5).abs() < 1e-9, "{sums:?}");
        let spans = sums.spans();
        assert_eq!(spans.len(), SPANS);
        assert_eq!(spans[0], (0.000_25, 2));
        assert_eq!(spans[4], (0.004, 2));
        assert_eq!(spans[18], (65.536, 0));
        assert_eq!(spans[19], (f64::INFINITY, 2));
    }
}
