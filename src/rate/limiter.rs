//! One rule at work: every worker asks it, and it remembers no longer than it must.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};

use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::auth::{Identity, Origin};
use crate::rate::rule::{Per, Rule};

/// Clients of whom a limiter remembers something at once: 64 MiB or so. While there are more, they share
/// places with each other, so that whoever has ever so many addresses costs no more.
const MOST: usize = 1_000_000;

/// The places that are shared then.
const SHARED: u64 = 1 << 16;

/// Too often: when to ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests: ask again in {retry_after} s")]
pub struct Exceeded {
    /// Whole seconds after which the next request passes, if none comes between; at least 1.
    pub retry_after: u64,
}

type Cells = RateLimiter<
    Key,
    DashMapStateStore<Key, RandomState>,
    MonotonicClock,
    NoOpMiddleware<<MonotonicClock as governor::clock::Clock>::Instant>,
>;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Origin(Origin),
    /// A keyed hash of app and openid.
    User(u64),
    /// One of those that are shared.
    Shared(u64),
}

/// Counts requests by one rule.
pub struct Limiter {
    per: Per,
    cells: Cells,
    hasher: RandomState,
    most: usize,
    full: AtomicBool,
}

impl Limiter {
    /// A limiter that has seen nobody yet.
    pub fn new(rule: &Rule) -> Self {
        Self::with_room(rule, MOST)
    }

    pub(super) fn with_room(rule: &Rule, most: usize) -> Self {
        let burst = NonZeroU32::new(rule.at_once()).unwrap_or(NonZeroU32::MIN);
        // The longest wait is above zero for every pace that can be written.
        let quota = Quota::with_period(rule.limit.interval())
            .unwrap_or_else(|| Quota::per_second(burst))
            .allow_burst(burst);
        Self {
            per: rule.per,
            cells: RateLimiter::dashmap_with_hasher(quota, RandomState::new()),
            hasher: RandomState::new(),
            most,
            full: AtomicBool::new(false),
        }
    }

    /// Counts a request from `address`, where requests count by address.
    pub fn count_address(&self, address: IpAddr) -> Result<(), Exceeded> {
        match self.per {
            Per::Address => self.admit_address(address),
            Per::User => Ok(()),
        }
    }

    /// Counts a request of `identity`, where requests count by user.
    pub fn count_user(&self, identity: &Identity) -> Result<(), Exceeded> {
        match self.per {
            Per::User => self.admit_user(identity),
            Per::Address => Ok(()),
        }
    }

    /// Counts a request of nobody known, from `address`, where requests count by user.
    pub fn count_stranger(&self, address: IpAddr) -> Result<(), Exceeded> {
        match self.per {
            Per::User => self.admit_address(address),
            Per::Address => Ok(()),
        }
    }

    pub(super) fn admit_address(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.admit(Key::Origin(Origin::of(address)))
    }

    pub(super) fn admit_user(&self, identity: &Identity) -> Result<(), Exceeded> {
        let who = (identity.appid.as_str(), identity.openid.as_str());
        self.admit(Key::User(self.hasher.hash_one(who)))
    }

    fn admit(&self, key: Key) -> Result<(), Exceeded> {
        let key = if self.full.load(Ordering::Relaxed) {
            Key::Shared(self.hasher.hash_one(key) % SHARED)
        } else {
            key
        };
        self.cells.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(MonotonicClock.now());
            // A part of a second is told as a whole one: who comes when told is let in.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Exceeded {
                retry_after: seconds.max(1),
            }
        })
    }

    /// Clients of whom it remembers something.
    pub fn remembered(&self) -> usize {
        self.cells.len()
    }

    /// Forgets everybody of whom there is nothing left to remember. Call it about once a second.
    pub fn sweep(&self) {
        if self.cells.is_empty() {
            return;
        }
        self.cells.retain_recent();
        let full = self.remembered() >= self.most;
        if full && !self.full.swap(full, Ordering::Relaxed) {
            tracing::warn!(
                most = self.most,
                "a rate limit counts more clients than it has room for: they share their counts until there are fewer"
            );
        } else {
            self.full.store(full, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter(per {:?}, …)", self.per)
    }
}
