//! A config put into force while traffic flows: parsed by who calls, built here, then swapped whole.
//!
//! What is under way keeps the plan that it began with. Every worker takes a new plan between two of its
//! steps, so no request is served by parts of two.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Change, Config};
use crate::deadline::Wheel;
use crate::gateway::Error;
use crate::gateway::clock::now;
use crate::gateway::site::{Before, Plan, Site};
use crate::listener::Settings;
use crate::proxy::client_address::Trust;
use crate::rate;
use crate::session::{Sessions, snapshot};
use crate::telemetry::access_log;

/// How long a start or a reload waits for the names of upstreams. What is not known by then is looked up
/// later.
const FIRST_LOOKUP: Duration = Duration::from_secs(2);

/// How long a reload waits for the workers to take the new plan.
const TAKEN: Duration = Duration::from_secs(2);

/// How often limiters forget those whom they need not remember.
const FORGET: Duration = Duration::from_secs(1);

/// What is set once, at a start: keys and whole sections.
pub const AT_START: &[&str] = &[
    "listen",
    "workers",
    "limits.connections",
    "limits.per_address",
    "session.store",
    "session.secret",
    "session.capacity",
    "admin",
    "log",
];

/// What came of a reload that went well.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// What is in force now and was not before.
    pub changed: Vec<Change>,
    /// What the config asks for and only a restart can do. It is as it was.
    pub needs_restart: Vec<Change>,
}

/// A plan on its way to the workers.
#[derive(Clone)]
pub(super) struct Issue {
    plan: Arc<Plan>,
    taken: mpsc::Sender<()>,
}

/// The plan in force, and those who follow it.
pub(super) struct Plans {
    config: Config,
    plan: Arc<Plan>,
    issues: watch::Sender<Issue>,
    settings: watch::Sender<Arc<Settings>>,
    /// The proxies that are trusted, for who counts connections.
    trust: Arc<ArcSwap<Trust>>,
    looking_up: JoinHandle<()>,
    control: Handle,
    log: Option<access_log::Entry>,
}

impl Plans {
    /// The first plan.
    pub(super) fn start(
        config: &Config,
        control: &Handle,
        log: Option<access_log::Entry>,
    ) -> Result<Self, Error> {
        try_out_snapshot(config)?;
        let plan = Arc::new(Plan::new(config, control, log.clone(), None)?);
        look_up(&plan, control);
        control.spawn(forget(Arc::downgrade(&plan.rates)));
        let (taken, _) = mpsc::channel();
        let issue = Issue {
            plan: Arc::clone(&plan),
            taken,
        };
        Ok(Self {
            config: config.clone(),
            issues: watch::Sender::new(issue),
            settings: watch::Sender::new(Arc::clone(&plan.settings)),
            trust: Arc::new(ArcSwap::from_pointee(Trust::new(&config.proxies))),
            looking_up: keep_looking_up(&plan, control),
            control: control.clone(),
            plan,
            log,
        })
    }

    /// What a worker follows.
    pub(super) fn issues(&self) -> watch::Receiver<Issue> {
        self.issues.subscribe()
    }

    /// What a worker's connections are served by.
    pub(super) fn settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    /// All sessions.
    pub(super) fn sessions(&self) -> Sessions {
        self.plan.sessions.clone()
    }

    /// Remembers the sessions of the last run, if it left a snapshot.
    pub(super) fn take_snapshot(&self) {
        let Some(path) = &self.config.session.snapshot else {
            return;
        };
        match self.plan.sessions.take_snapshot(path) {
            Ok(Some(users)) => tracing::info!(users, "the snapshot was taken: they are signed in"),
            Ok(None) => tracing::info!("there is no snapshot: nobody is signed in"),
            Err(error) => tracing::error!(%error, "the snapshot is refused: nobody is signed in"),
        }
    }

    /// Leaves the sessions to the next run, where the config asks for it.
    pub(super) fn write_snapshot(&self) {
        let Some(path) = &self.config.session.snapshot else {
            return;
        };
        match self.plan.sessions.write_snapshot(path, now()) {
            Ok(users) => tracing::info!(users, "a snapshot was written"),
            Err(error) => tracing::error!(%error, "no snapshot: everybody must log in again"),
        }
    }

    /// The proxies that are trusted, as configs change.
    pub(super) fn trust(&self) -> Arc<ArcSwap<Trust>> {
        Arc::clone(&self.trust)
    }

    /// `timeouts.drain`
    pub(super) fn patience(&self) -> Duration {
        self.config.timeouts.drain
    }

    /// Tells load balancers to send no more requests.
    pub(super) fn leave(&self) {
        self.plan.endpoints.leave();
    }

    /// See [`Gateway::reload`](crate::gateway::Gateway::reload).
    pub(super) fn reload(&mut self, config: &Config) -> Result<Reloaded, Error> {
        let mut next = config.clone();
        keep_what_is_set_at_start(&mut next, &self.config);
        let reloaded = Reloaded {
            changed: self.config.changes(&next),
            needs_restart: next.changes(config),
        };
        if reloaded.changed.is_empty() {
            return Ok(reloaded);
        }
        try_out_snapshot(&next)?;
        let before = Before {
            plan: &self.plan,
            config: &self.config,
        };
        let plan = Plan::new(&next, &self.control, self.log.clone(), Some(before))?;
        let plan = Arc::new(plan);
        look_up(&plan, &self.control);
        // Nothing can fail any more.
        plan.sessions.renew_terms(&next.session);
        self.looking_up.abort();
        self.looking_up = keep_looking_up(&plan, &self.control);
        if !Arc::ptr_eq(&plan.rates, &self.plan.rates) {
            self.control.spawn(forget(Arc::downgrade(&plan.rates)));
        }
        self.trust.store(Arc::new(Trust::new(&next.proxies)));
        self.settings.send_replace(Arc::clone(&plan.settings));
        self.issue(&plan);
        self.plan = plan;
        self.config = next;
        Ok(reloaded)
    }

    /// Gives `plan` to all workers and waits until they have it.
    fn issue(&self, plan: &Arc<Plan>) {
        let (taken, taking) = mpsc::channel();
        let workers = self.issues.receiver_count();
        self.issues.send_replace(Issue {
            plan: Arc::clone(plan),
            taken,
        });
        let deadline = Instant::now() + TAKEN;
        for _ in 0..workers {
            let left = deadline.saturating_duration_since(Instant::now());
            if taking.recv_timeout(left).is_err() {
                tracing::warn!("a worker is busy: it takes the config later");
                return;
            }
        }
    }
}

impl Drop for Plans {
    fn drop(&mut self) {
        self.looking_up.abort();
    }
}

/// A worker's place in the gateway: it has the site of the plan in force.
pub(super) struct Post(RefCell<Rc<Site>>);

impl Post {
    /// The post of this thread, which follows `plans` from now on. `wheel` has its deadlines.
    pub(super) fn new(mut plans: watch::Receiver<Issue>, wheel: &Wheel) -> Rc<Self> {
        let first = plans.borrow_and_update().plan.site(wheel, None);
        let post = Rc::new(Self(RefCell::new(first)));
        let (own, wheel) = (Rc::clone(&post), wheel.clone());
        tokio::task::spawn_local(async move {
            while plans.changed().await.is_ok() {
                let Issue { plan, taken } = plans.borrow_and_update().clone();
                let next = plan.site(&wheel, Some(&own.site()));
                own.0.replace(next);
                // Who reloads may have stopped waiting.
                let _ = taken.send(());
            }
        });
        post
    }

    /// The site in force.
    pub(super) fn site(&self) -> Rc<Site> {
        Rc::clone(&self.0.borrow())
    }
}

fn keep_what_is_set_at_start(next: &mut Config, running: &Config) {
    next.listen.clone_from(&running.listen);
    next.workers = running.workers;
    next.limits.connections = running.limits.connections;
    next.limits.per_address = running.limits.per_address;
    next.session.store = running.session.store;
    next.session.secret.clone_from(&running.session.secret);
    next.session.capacity = running.session.capacity;
    next.admin.clone_from(&running.admin);
    next.log.clone_from(&running.log);
}

/// That there is no place for it should be known now, not at the end.
fn try_out_snapshot(config: &Config) -> Result<(), Error> {
    match &config.session.snapshot {
        Some(path) => Ok(snapshot::try_out(path)?),
        None => Ok(()),
    }
}

fn look_up(plan: &Plan, control: &Handle) {
    let (done, wait) = mpsc::channel();
    let servers = Arc::clone(&plan.servers);
    control.spawn(async move {
        servers.look_up().await;
        // Nobody waits any more where this came too late.
        let _ = done.send(());
    });
    let _ = wait.recv_timeout(FIRST_LOOKUP);
}

fn keep_looking_up(plan: &Plan, control: &Handle) -> JoinHandle<()> {
    let servers = Arc::clone(&plan.servers);
    control.spawn(async move { servers.keep_looking_up().await })
}

/// Sweeps limiters as long as there is anybody to ask them.
async fn forget(rates: Weak<rate::Limits>) {
    loop {
        tokio::time::sleep(FORGET).await;
        let Some(rates) = rates.upgrade() else {
            return;
        };
        rates.sweep();
    }
}
