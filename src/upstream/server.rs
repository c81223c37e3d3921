//! One address that requests are sent to: what is known of it, by all workers and over reloads.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;

use crate::setting::{Origin, ServerAddress};
use crate::tls;
use crate::upstream::Health;
use crate::upstream::balance::digest;

/// From when on [`Server::ejected`] counts.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A kind of servers: those of a group, as they are reached.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// The group's word in metrics and in the log.
    pub(super) upstream: String,
    /// What tells its servers from others at the same address: how they are reached.
    pub(super) manner: String,
}

/// A server of a group. What is known of it lives as long as anybody holds it.
#[derive(Debug)]
pub struct Server {
    /// Different for each server that this process ever knew.
    pub(super) id: u64,
    kind: Arc<Kind>,
    /// Where it is.
    pub address: ServerAddress,
    /// What it draws lots with.
    pub(super) seed: u64,
    /// How the config names it.
    pub origin: Origin,
    /// What the checks say.
    well: AtomicBool,
    /// Checks in a row that say otherwise.
    streak: AtomicU32,
    /// Failures in a row.
    failures: AtomicU32,
    /// Until when it gets nothing: milliseconds after [`START`], 0 for not at all.
    ejected: AtomicU64,
    ejections: AtomicU64,
    tallies: Mutex<Vec<Arc<Tally>>>,
}

/// What one worker counts of a server. Only that worker writes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) retries: AtomicU64,
}

/// What all workers counted of a server since it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests sent to it, second tries too.
    pub requests: u64,
    /// Connections made; all other requests went over used ones.
    pub connections: u64,
    /// Requests that it did not answer, and connections that it did not take.
    pub failures: u64,
    /// Requests that came to it as a second try.
    pub retries: u64,
    /// How often it was taken out for its failures.
    pub ejections: u64,
}

impl Tally {
    /// Adds one. No other thread writes: this needs no locked instruction.
    pub(super) fn count(number: &AtomicU64) {
        number.store(number.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl Server {
    fn new(id: u64, kind: &Arc<Kind>, origin: &Origin, address: ServerAddress) -> Self {
        Self {
            id,
            kind: Arc::clone(kind),
            origin: origin.clone(),
            streak: AtomicU32::new(0),
            seed: digest(address.to_string().as_bytes()),
            address,
            well: AtomicBool::new(true),
            failures: AtomicU32::new(0),
            ejected: AtomicU64::new(0),
            ejections: AtomicU64::new(0),
            tallies: Mutex::default(),
        }
    }

    /// The name that its certificate must have; `None` where it is not reached by https.
    pub(super) fn tls_name(&self) -> Option<io::Result<ServerName<'static>>> {
        let Origin::Host {
            tls: true, host, ..
        } = &self.origin
        else {
            return None;
        };
        let name = tls::client::server_name(host);
        Some(name.ok_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    /// Whether it is to be asked: neither sick by the checks nor ejected for its failures.
    pub fn is_up(&self) -> bool {
        self.well.load(Ordering::Relaxed) && !self.is_ejected()
    }

    /// Whether its failures have taken it out for now.
    pub fn is_ejected(&self) -> bool {
        let until = self.ejected.load(Ordering::Relaxed);
        until != 0 && until > now()
    }

    /// What all workers counted.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            ejections: self.ejections.load(Ordering::Relaxed),
            ..Counts::default()
        };
        for tally in held(&self.tallies).iter() {
            counts.requests += tally.requests.load(Ordering::Relaxed);
            counts.connections += tally.connections.load(Ordering::Relaxed);
            counts.failures += tally.failures.load(Ordering::Relaxed);
            counts.retries += tally.retries.load(Ordering::Relaxed);
        }
        counts
    }

    /// A new tally, of the worker that calls.
    pub(super) fn tally(&self) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        held(&self.tallies).push(Arc::clone(&tally));
        tally
    }

    /// It answered a request. `desperate`: it was asked though it was not up.
    pub(super) fn answered(&self, desperate: bool) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if desperate && self.ejected.swap(0, Ordering::Relaxed) != 0 {
            let upstream = &*self.kind.upstream;
            tracing::info!(upstream, server = %self.address, "a server that was taken out answers again");
        }
    }

    /// It failed a request, or took no connection, for this `reason`.
    pub(super) fn failed(&self, reason: &dyn fmt::Display, health: &Health) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if health.failures == 0 || failures < health.failures {
            return;
        }
        let now = now();
        let before = self.ejected.load(Ordering::Relaxed);
        let until = now + millis(health.pause);
        // One of those that see it fail at the same time says so.
        let first = before <= now
            && self
                .ejected
                .compare_exchange(before, until, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if first {
            self.ejections.fetch_add(1, Ordering::Relaxed);
            let (upstream, seconds) = (&*self.kind.upstream, health.pause.as_secs_f64());
            tracing::warn!(upstream, server = %self.address, %reason, failures, seconds, "a server is taken out");
        }
    }

    /// What a check found: nothing, or why the server is sick. Some in a row are believed.
    pub(super) fn checked(&self, found: Result<(), String>, health: &Health) {
        let good = found.is_ok();
        if good == self.well.load(Ordering::Relaxed) {
            return self.streak.store(0, Ordering::Relaxed);
        }
        let streak = self.streak.fetch_add(1, Ordering::Relaxed) + 1;
        let needed = if good { health.rise } else { health.fall };
        if streak < needed {
            return;
        }
        self.streak.store(0, Ordering::Relaxed);
        self.well.store(good, Ordering::Relaxed);
        let (upstream, server) = (&*self.kind.upstream, &self.address);
        match found {
            Ok(()) => tracing::info!(upstream, %server, "a server is well again"),
            Err(reason) => tracing::warn!(upstream, %server, reason, "a server is sick"),
        }
    }

    /// Nobody checks it any more.
    pub(super) fn is_unchecked(&self) {
        self.streak.store(0, Ordering::Relaxed);
        self.well.store(true, Ordering::Relaxed);
    }
}

/// A server's kind, and its names for us and for the network.
type Key = (Arc<Kind>, Origin, ServerAddress);

/// A host name or address, and a port.
type Name = (Box<str>, u16);

/// All servers that are in use, and the last good answers of look-ups. It outlives every config.
#[derive(Debug, Default)]
pub struct Servers {
    next: AtomicU64,
    known: Mutex<HashMap<Key, Weak<Server>>>,
    names: Mutex<HashMap<Name, Arc<[SocketAddr]>>>,
}

impl Servers {
    /// The server of `origin` at `address` of this `kind`: one that is known, or a new one.
    pub(super) fn server(
        &self,
        kind: &Arc<Kind>,
        origin: &Origin,
        address: &ServerAddress,
    ) -> Arc<Server> {
        let mut known = held(&self.known);
        let key = (Arc::clone(kind), origin.clone(), address.clone());
        if let Some(server) = known.get(&key).and_then(Weak::upgrade) {
            return server;
        }
        known.retain(|_, server| server.strong_count() > 0);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let server = Arc::new(Server::new(id, kind, origin, address.clone()));
        known.insert(key, Arc::downgrade(&server));
        server
    }

    /// The addresses that `host` had when it was last looked up.
    pub(super) fn addresses(&self, host: &str, port: u16) -> Arc<[SocketAddr]> {
        let found = held(&self.names).get(&(host.into(), port)).cloned();
        found.unwrap_or_else(|| Arc::new([]))
    }

    /// `host` has these addresses now.
    pub(super) fn found(&self, host: &str, port: u16, mut addresses: Vec<SocketAddr>) {
        // Name servers shuffle their answers.
        addresses.sort_unstable();
        addresses.dedup();
        held(&self.names).insert((host.into(), port), addresses.into());
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds after [`START`], never 0.
fn now() -> u64 {
    millis(START.elapsed()) + 1
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(upstream: &str) -> Arc<Kind> {
        Arc::new(Kind {
            upstream: upstream.to_owned(),
            manner: String::new(),
        })
    }

    fn server(servers: &Servers, kind: &Arc<Kind>, port: u16) -> Arc<Server> {
        let origin = Origin::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let address = ServerAddress::Tcp(([127, 0, 0, 1], port).into());
        servers.server(kind, &origin, &address)
    }

    fn health(failures: u32, pause: Duration) -> Health {
        Health {
            failures,
            pause,
            ..Health::default()
        }
    }

    #[test]
    fn failures_in_a_row_take_a_server_out_for_a_while() {
        let health = health(3, Duration::from_secs(3600));
        let server = server(&Servers::default(), &kind("a"), 1);
        for _ in 0..5 {
            server.failed(&"no", &health);
            server.failed(&"no", &health);
            assert!(server.is_up());
            server.answered(false);
        }
        for _ in 0..5 {
            server.failed(&"no", &health);
        }
        assert!(!server.is_up());
        assert_eq!(server.counts().ejections, 1, "it is taken out once");
        server.answered(false);
        assert!(
            !server.is_up(),
            "an answer that was under way brings nobody back"
        );
        server.answered(true);
        assert!(server.is_up());
    }

    #[test]
    fn a_pause_ends_and_one_more_failure_begins_the_next() {
        let health = health(3, Duration::ZERO);
        let server = server(&Servers::default(), &kind("a"), 1);
        for ejections in [0, 0, 1, 2, 3] {
            server.failed(&"no", &health);
            assert_eq!(server.counts().ejections, ejections);
            assert!(server.is_up());
        }
    }

    #[test]
    fn failures_that_count_for_nothing_take_nobody_out() {
        let server = server(&Servers::default(), &kind("a"), 1);
        for _ in 0..100 {
            server.failed(&"no", &health(0, Duration::from_secs(3600)));
        }
        assert!(server.is_up());
    }

    #[test]
    fn some_checks_in_a_row_are_believed() {
        let health = Health::default();
        let server = server(&Servers::default(), &kind("a"), 1);
        let mut after = |good: bool| {
            server.checked(good.then_some(()).ok_or_else(String::new), &health);
            server.is_up()
        };
        let checks = [
            false, false, true, false, false, false, true, false, true, true,
        ];
        let up = [
            true, true, true, true, true, false, false, false, false, true,
        ];
        assert_eq!(checks.map(&mut after), up);
        for _ in 0..3 {
            after(false);
        }
        server.is_unchecked();
        assert!(server.is_up(), "nobody would ever say that it is well");
    }

    #[test]
    fn what_is_known_of_a_server_stays_while_anybody_holds_it() {
        let servers = Servers::default();
        let (one, other) = (kind("one"), kind("other"));
        let known = server(&servers, &one, 1);
        for _ in 0..3 {
            known.checked(Err(String::new()), &Health::default());
        }
        Tally::count(&known.tally().requests);
        Tally::count(&known.tally().requests);
        let again = server(&servers, &one, 1);
        assert!(!again.is_up() && again.counts().requests == 2);
        assert!(server(&servers, &one, 2).is_up());
        assert!(server(&servers, &other, 1).is_up());
        drop((known, again));
        assert!(server(&servers, &one, 1).is_up());
        assert_eq!(
            held(&servers.known).len(),
            1,
            "nothing of the others is left"
        );
    }
}
