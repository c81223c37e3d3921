//! Records in this process: one packed value a user, in moka.
//!
//! The capacity counts users. At capacity the least recently used user goes and every new one gets in: moka's
//! own policy would refuse newcomers. Deadlines stand in the records and moka knows none, because its
//! per-entry expiry stalls whoever calls it; [`Memory::sweep`] removes what is over.
//!
//! moka does its housekeeping inside whichever call comes along, a few hundred operations at a time and never more,
//! which takes well under a millisecond. Changes are made on the control runtime, and they do it after
//! every change, so that little is left for the workers' reads.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::auth::{Locator, UnixSeconds};
use crate::session::packed::Packed;
use crate::session::user::{Terms, User};

/// Records looked at by one step of the sweep.
const STEP: usize = 1024;

/// All records of this process.
pub struct Memory {
    users: Cache<Locator, Packed>,
    sweep: Mutex<Option<Pass>>,
}

/// One walk over all records, a step at a time.
struct Pass {
    now: Arc<AtomicU64>,
    walk: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Memory {
    /// Room for `capacity` users; at least one.
    pub fn new(capacity: u64) -> Self {
        Self {
            users: Cache::builder()
                .max_capacity(capacity.max(1))
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            sweep: Mutex::new(None),
        }
    }

    /// Users remembered now.
    pub fn count(&self) -> u64 {
        self.users.run_pending_tasks();
        self.users.entry_count()
    }

    /// The record at `locator`; this counts as a use of it.
    pub fn read(&self, locator: &Locator) -> Option<User> {
        User::unpack(self.users.get(locator)?.bytes())
    }

    /// Changes the record at `locator`; two changes of one record never mix.
    ///
    /// `change` gets the record as it is and answers what is written, if anything, with a word for the
    /// caller. `None`: it could not be written.
    pub fn change<T>(
        &self,
        locator: Locator,
        change: impl FnOnce(Option<User>) -> (Option<User>, T),
    ) -> Option<T> {
        let mut answer = None;
        self.users.entry(locator).and_compute_with(|entry| {
            let user = entry.and_then(|entry| User::unpack(entry.value().bytes()));
            let (user, word) = change(user);
            let Some(user) = user else {
                answer = Some(word);
                return Op::Nop;
            };
            match user.pack() {
                Some(packed) => {
                    answer = Some(word);
                    Op::Put(packed)
                }
                None => Op::Nop,
            }
        });
        answer
    }

    /// All records that are not over, in no order; those that change meanwhile may be as they were.
    pub fn records(
        &self,
        terms: Terms,
        now: UnixSeconds,
    ) -> impl Iterator<Item = (Locator, Packed)> + '_ {
        let records = self
            .users
            .iter()
            .map(|(locator, packed)| (*locator, packed));
        records.filter(move |(_, packed)| !is_over(packed, &terms, now))
    }

    /// Puts a record where none is.
    pub fn put(&self, locator: Locator, packed: Packed) {
        self.users.insert(locator, packed);
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.users.invalidate_all();
        self.users.run_pending_tasks();
    }

    /// Does what moka has put off: evictions above all.
    pub fn settle(&self) {
        self.users.run_pending_tasks();
    }

    /// Looks at some more records and removes those that are over; after the last one the next call begins anew.
    pub fn sweep(&self, terms: Terms, now: UnixSeconds) {
        // Somebody else is sweeping: that will do.
        let Ok(mut sweep) = self.sweep.try_lock() else {
            return;
        };
        let pass = sweep.get_or_insert_with(|| Pass::new(self.users.clone(), terms, now));
        pass.now.store(now, Ordering::Relaxed);
        if pass.step() {
            *sweep = None;
        }
    }
}

impl Pass {
    fn new(users: Cache<Locator, Packed>, terms: Terms, now: UnixSeconds) -> Self {
        let now = Arc::new(AtomicU64::new(now));
        let clock = Arc::clone(&now);
        // moka's iterator borrows the cache and cannot be resumed from outside; a future that owns both can rest
        // in mid-loop. The iterator takes the keys of one of moka's 64 segments at a time.
        let walk = async move {
            let mut seen = 0_usize;
            for (locator, packed) in &users {
                let now = || clock.load(Ordering::Relaxed);
                if is_over(&packed, &terms, now()) {
                    users.entry(*locator).and_compute_with(|entry| {
                        // It may have been written since.
                        match entry {
                            Some(entry) if is_over(entry.value(), &terms, now()) => Op::Remove,
                            _ => Op::Nop,
                        }
                    });
                }
                seen += 1;
                if seen.is_multiple_of(STEP) {
                    Rest(false).await;
                }
            }
            users.run_pending_tasks();
        };
        Self {
            now,
            walk: Box::pin(walk),
        }
    }

    /// Walks on to the next rest; whether the walk has ended.
    fn step(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.walk.as_mut().poll(&mut context).is_ready()
    }
}

fn is_over(packed: &Packed, terms: &Terms, now: UnixSeconds) -> bool {
    // What cannot be read is of no use to anybody.
    packed
        .login()
        .is_none_or(|login| now >= login.saturating_add(terms.ttl))
}

/// Pending once.
struct Rest(bool);

impl Future for Rest {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AppId, OpenId};

    const TERMS: Terms = Terms {
        ttl: 100,
        idle: 50,
        per_user: 5,
    };

    fn locator(n: u32) -> Locator {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Locator(bytes)
    }

    fn user(now: UnixSeconds) -> User {
        User::new(
            AppId::new("wx0123456789abcdef").unwrap(),
            OpenId::new("o1").unwrap(),
            now,
        )
    }

    fn add(memory: &Memory, n: u32, now: UnixSeconds) {
        memory
            .change(locator(n), |_| (Some(user(now)), ()))
            .unwrap();
        memory.settle();
    }

    #[test]
    fn at_capacity_every_newcomer_gets_in_and_the_least_recently_used_goes() {
        let memory = Memory::new(100);
        for n in 0..300 {
            add(&memory, n, 1);
            assert!(memory.read(&locator(n)).is_some(), "{n}");
            // One early user keeps coming back.
            assert!(memory.read(&locator(0)).is_some(), "{n}");
        }
        assert_eq!(memory.count(), 100);
        for n in 1..201 {
            assert!(memory.read(&locator(n)).is_none(), "{n}");
        }
        for n in 201..300 {
            assert!(memory.read(&locator(n)).is_some(), "{n}");
        }
    }

    #[test]
    fn a_sweep_removes_what_is_over_step_by_step() {
        let memory = Memory::new(1_000_000);
        for n in 0..10_000 {
            add(&memory, n, u64::from(n % 2) * 50);
        }
        memory.sweep(TERMS, 120);
        let after_one_step = memory.count();
        assert!(after_one_step < 10_000 && after_one_step > 9_000);
        for _ in 0..10 {
            memory.sweep(TERMS, 120);
        }
        assert_eq!(memory.count(), 5_000);
        assert!(memory.read(&locator(0)).is_none());
        assert!(memory.read(&locator(1)).is_some());
    }

    #[test]
    fn changes_of_one_record_do_not_mix() {
        let memory = Memory::new(10);
        add(&memory, 1, 0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..250 {
                        memory.change(locator(1), |user| {
                            let mut user = user.unwrap();
                            user.login += 1;
                            (Some(user), ())
                        });
                    }
                });
            }
        });
        assert_eq!(memory.read(&locator(1)).unwrap().login, 1000);
    }
}
