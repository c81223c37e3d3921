//! How many connections there are, and how many there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Connections beyond the limit that are told so at once, at least.
const TOLD: usize = 64;

/// The connections of all workers.
#[derive(Debug)]
pub struct Load {
    connections: AtomicUsize,
    most: usize,
    /// How many each worker has.
    shares: Box<[AtomicUsize]>,
}

/// One worker's part of the load.
#[derive(Debug)]
pub struct Share {
    load: Arc<Load>,
    worker: usize,
}

/// What becomes of a new connection.
pub(super) enum Welcome {
    /// It is served.
    In,
    /// There are too many, and it is told so.
    Told,
    /// There are so many that telling would cost more than we have.
    Out,
}

/// A connection's place in the count.
pub(super) struct Place(Arc<Share>);

impl Load {
    /// No connections yet, and never more than `most`, for so many workers.
    pub fn new(most: usize, workers: usize) -> Self {
        Self {
            connections: AtomicUsize::new(0),
            most,
            shares: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// The part of the worker with this number, from 0.
    pub fn share(self: &Arc<Self>, worker: usize) -> Arc<Share> {
        Arc::new(Share {
            load: Arc::clone(self),
            worker,
        })
    }
}

impl Share {
    /// Counts a new connection.
    pub(super) fn admit(self: &Arc<Self>) -> (Welcome, Place) {
        let load = &self.load;
        let before = load.connections.fetch_add(1, Ordering::Relaxed);
        if let Some(own) = self.own() {
            own.fetch_add(1, Ordering::Relaxed);
        }
        let welcome = match before {
            before if before < load.most => Welcome::In,
            before if before < load.most + load.most.div_ceil(8).max(TOLD) => Welcome::Told,
            _ => Welcome::Out,
        };
        (welcome, Place(Arc::clone(self)))
    }

    /// The number of the worker.
    pub(super) fn worker(&self) -> usize {
        self.worker
    }

    /// Whether another worker has fewer connections.
    pub(super) fn is_ahead(&self) -> bool {
        let least = self.counts().map(|(_, count)| count).min();
        let own = self.own().map(|own| own.load(Ordering::Relaxed));
        own > least
    }

    /// The worker with the fewest connections.
    pub(super) fn least(&self) -> usize {
        let least = self.counts().min_by_key(|(_, count)| *count);
        least.map_or(self.worker, |(worker, _)| worker)
    }

    /// The other worker with the fewest connections.
    pub(super) fn least_of_others(&self) -> usize {
        let others = self.counts().filter(|(worker, _)| *worker != self.worker);
        let least = others.min_by_key(|(_, count)| *count);
        least.map_or(self.worker, |(worker, _)| worker)
    }

    fn counts(&self) -> impl Iterator<Item = (usize, usize)> {
        let shares = self.load.shares.iter().enumerate();
        shares.map(|(worker, share)| (worker, share.load(Ordering::Relaxed)))
    }

    fn own(&self) -> Option<&AtomicUsize> {
        self.load.shares.get(self.worker)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.load.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(own) = self.0.own() {
            own.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_more_than_another_is_ahead_until_it_ends() {
        let load = Arc::new(Load::new(16, 2));
        let (one, other) = (load.share(0), load.share(1));
        assert!(!one.is_ahead() && !other.is_ahead());
        let place = one.admit();
        assert!(one.is_ahead() && !other.is_ahead());
        assert_eq!((one.least(), other.least()), (1, 1));
        assert_eq!((one.least_of_others(), other.least_of_others()), (1, 0));
        let second = other.admit();
        assert!(!one.is_ahead() && !other.is_ahead());
        drop(place);
        assert!(!one.is_ahead() && other.is_ahead());
        drop(second);
        assert!(!other.is_ahead());
    }
}
