//! How many connections there are, over all workers and of one address, and how many there may be.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::auth::Origin;
use crate::listener::{Peer, Refusal};
use crate::telemetry::metrics::{Connections, Metrics};

/// Connections beyond the limit that are told so at once, at least.
const TOLD: usize = 64;

/// The same of one address.
const TOLD_OF_ONE: usize = 8;

/// Locks that the counts of addresses are spread over.
const SHARDS: usize = 64;

/// How many connections there are, over all workers, and how many there may be.
#[derive(Debug)]
pub struct Load {
    connections: AtomicUsize,
    most: usize,
    crowds: Option<Crowds>,
    metrics: Option<Arc<Metrics>>,
    /// How many each worker has.
    shares: Box<[AtomicUsize]>,
}

/// One worker's part of the load.
#[derive(Debug)]
pub struct Share {
    load: Arc<Load>,
    worker: usize,
    connections: Arc<Connections>,
}

/// How many connections each address has.
struct Crowds {
    most: usize,
    /// Whether a peer is a proxy, which stands for many clients.
    is_proxy: Box<dyn Fn(&Peer) -> bool + Send + Sync>,
    hasher: RandomState,
    shards: [Mutex<HashMap<Origin, usize>>; SHARDS],
}

impl Load {
    /// No connections yet, and never more than `most`.
    pub fn new(most: usize) -> Self {
        Self {
            connections: AtomicUsize::new(0),
            most,
            crowds: None,
            metrics: None,
            shares: Box::new([AtomicUsize::new(0)]),
        }
    }

    /// Carried by so many workers.
    #[must_use]
    pub fn shared_by(self, workers: usize) -> Self {
        let shares = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        Self { shares, ..self }
    }

    /// The part of the worker with this number, from 0.
    pub fn share(self: &Arc<Self>, worker: usize) -> Arc<Share> {
        let metrics = self.metrics.as_ref();
        Arc::new(Share {
            load: Arc::clone(self),
            worker,
            connections: metrics.map_or_else(Arc::default, |metrics| metrics.connections()),
        })
    }

    /// Never more than `most` of one address either (IPv6 by /64), unless that `is_proxy`; 0: as many
    /// as there may be at all.
    #[must_use]
    pub fn per_address(
        self,
        most: usize,
        is_proxy: impl Fn(&Peer) -> bool + Send + Sync + 'static,
    ) -> Self {
        let crowds = (most > 0).then(|| Crowds {
            most,
            is_proxy: Box::new(is_proxy),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        });
        Self { crowds, ..self }
    }

    /// Shows in `metrics` what connections do.
    #[must_use]
    pub fn shown_in(self, metrics: Arc<Metrics>) -> Self {
        Self {
            metrics: Some(metrics),
            ..self
        }
    }
}

impl Share {
    /// A new connection's place, and what becomes of it.
    pub(super) fn admit(self: &Arc<Self>) -> (Welcome, Place) {
        let load = &self.load;
        let before = load.connections.fetch_add(1, Ordering::Relaxed);
        if let Some(own) = self.own() {
            own.fetch_add(1, Ordering::Relaxed);
        }
        let told = load.most.div_ceil(8).max(TOLD);
        let place = Place {
            share: Arc::clone(self),
            origin: None,
        };
        let welcome = welcome(before, load.most, told, Refusal::Overloaded);
        self.connections.accept();
        if welcome != Welcome::In {
            self.connections.refuse();
        }
        (welcome, place)
    }

    /// What the worker's connections are counted by.
    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.connections
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

impl Crowds {
    fn shard(&self, origin: Origin) -> Option<MutexGuard<'_, HashMap<Origin, usize>>> {
        let [low, ..] = self.hasher.hash_one(origin).to_le_bytes();
        let shard = self.shards.get(usize::from(low) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Crowds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crowds({} at most, …)", self.most)
    }
}

/// What becomes of a new connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    /// It is served.
    In,
    /// There are too many, and it is told so.
    Told(Refusal),
    /// There are so many that telling would cost more than we have.
    Out,
}

fn welcome(before: usize, most: usize, told: usize, refusal: Refusal) -> Welcome {
    if before < most {
        Welcome::In
    } else if before < most.saturating_add(told) {
        Welcome::Told(refusal)
    } else {
        Welcome::Out
    }
}

/// A connection's place in the counts.
pub(super) struct Place {
    share: Arc<Share>,
    origin: Option<Origin>,
}

impl Place {
    /// Counts the connection as one of `peer`, which must be the client itself: to be called once, when
    /// that is known.
    pub(super) fn claim(&mut self, peer: &Peer) -> Welcome {
        let Some(crowds) = &self.share.load.crowds else {
            return Welcome::In;
        };
        if (crowds.is_proxy)(peer) {
            return Welcome::In;
        }
        let origin = Origin::of(peer.address.ip());
        let Some(mut shard) = crowds.shard(origin) else {
            return Welcome::In;
        };
        let count = shard.entry(origin).or_default();
        let before = *count;
        *count += 1;
        self.origin = Some(origin);
        let welcome = welcome(before, crowds.most, TOLD_OF_ONE, Refusal::Crowded);
        if welcome != Welcome::In {
            self.share.connections.refuse_one_of_many();
        }
        welcome
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let load = &self.share.load;
        load.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(own) = self.share.own() {
            own.fetch_sub(1, Ordering::Relaxed);
        }
        let Some((origin, crowds)) = self.origin.zip(load.crowds.as_ref()) else {
            return;
        };
        if let Some(mut shard) = crowds.shard(origin)
            && let Some(count) = shard.get_mut(&origin)
        {
            *count -= 1;
            if *count == 0 {
                shard.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::listener::Door;

    fn load(most: usize, of_one: usize) -> Arc<Load> {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        Arc::new(Load::new(most).per_address(of_one, move |peer| peer.address.ip() == proxy))
    }

    fn come(load: &Arc<Load>, address: &str) -> (Welcome, Place) {
        let (welcome, mut place) = load.share(0).admit();
        match welcome {
            Welcome::In => {
                let peer = Peer {
                    address: (address.parse::<IpAddr>().unwrap(), 0).into(),
                    on_unix: false,
                    door: Door::Plain,
                };
                (place.claim(&peer), place)
            }
            other => (other, place),
        }
    }

    /// Addresses of which anything is remembered.
    fn remembered(load: &Load) -> usize {
        let shards = &load.crowds.as_ref().unwrap().shards;
        shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }

    #[test]
    fn one_address_has_so_many_and_what_ends_makes_room() {
        let load = load(1000, 2);
        let (first, place) = come(&load, "192.0.2.1");
        let (second, _other) = come(&load, "::ffff:192.0.2.1");
        assert_eq!((first, second), (Welcome::In, Welcome::In));
        let (third, _) = come(&load, "192.0.2.1");
        assert_eq!(third, Welcome::Told(Refusal::Crowded));
        assert_eq!(come(&load, "192.0.2.2").0, Welcome::In);
        drop(place);
        assert_eq!(come(&load, "192.0.2.1").0, Welcome::In);
        assert_eq!(come(&load, "2001:db8::1").0, Welcome::In);
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_proxy_is_many() {
        let load = load(1000, 1);
        let (first, _one) = come(&load, "2001:db8::1");
        let (second, _two) = come(&load, "2001:db8::2");
        let (third, _three) = come(&load, "2001:db8:0:1::1");
        let told = Welcome::Told(Refusal::Crowded);
        assert_eq!((first, second, third), (Welcome::In, told, Welcome::In));
        let proxied: Vec<_> = (0..20).map(|_| come(&load, "10.0.0.1")).collect();
        assert!(proxied.iter().all(|(welcome, _)| *welcome == Welcome::In));
    }

    #[test]
    fn a_crowd_beyond_those_who_are_told_costs_no_word() {
        let load = load(1000, 2);
        let places: Vec<_> = (0..100).map(|_| come(&load, "192.0.2.1")).collect();
        let count = |wanted: &Welcome| {
            let same = places.iter().filter(|(welcome, _)| welcome == wanted);
            same.count()
        };
        assert_eq!(count(&Welcome::In), 2);
        assert_eq!(count(&Welcome::Told(Refusal::Crowded)), TOLD_OF_ONE);
        assert_eq!(count(&Welcome::Out), 90);
        assert_eq!(remembered(&load), 1);
        drop(places);
        assert_eq!(remembered(&load), 0);
    }

    #[test]
    fn all_together_have_so_many() {
        let load = load(2, 0);
        let places: Vec<_> = (0..70).map(|_| come(&load, "192.0.2.1")).collect();
        let told =
            |(welcome, _): &&(Welcome, Place)| *welcome == Welcome::Told(Refusal::Overloaded);
        assert_eq!(places.iter().filter(told).count(), TOLD);
        assert_eq!(places[69].0, Welcome::Out);
        drop(places);
        assert_eq!(come(&load, "192.0.2.1").0, Welcome::In);
    }

    #[test]
    fn who_has_more_than_another_is_ahead_until_it_ends() {
        let load = Arc::new(Load::new(16).shared_by(2));
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
