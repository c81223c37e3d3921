//! The composition root: builds every room from the config, runs the workers, drains them.

mod answer;
mod capacity;
mod clock;
mod dispatch;
mod guard;
mod lots;
mod own;
mod page;
mod site;
pub mod way;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::auth::{assertion, crypto};
use crate::config::Config;
use crate::endpoint::Endpoints;
use crate::gateway::capacity::{most_connections, workers};
use crate::gateway::clock::now;
use crate::gateway::dispatch::Client;
use crate::gateway::site::Plan;
use crate::listener::{self, Load};
use crate::proxy::route;
use crate::session::Sessions;
use crate::telemetry::access_log::AccessLog;
use crate::{admin, session, wechat};

/// How long a start waits for the names of upstreams. What is not known by then is looked up later.
const FIRST_LOOKUP: Duration = Duration::from_secs(2);

/// How often expired sessions are looked for; each step is small.
const SWEEP: Duration = Duration::from_millis(200);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket, a thread or a runtime cannot be had.
    #[error(transparent)]
    System(#[from] io::Error),
    /// Sessions cannot be kept.
    #[error("sessions: {0}")]
    Session(#[from] session::Error),
    /// The client of `WeChat`'s API cannot be built.
    #[error("wechat: {0}")]
    Wechat(#[from] wechat::Error),
    /// Routes that lead nowhere, or that are one. A config that was loaded has none.
    #[error("{}", told(.0))]
    Routes(Vec<route::Fault>),
    /// Keys of assertions that cannot sign, by their places. A config that was loaded has none.
    #[error("keys of assertions cannot sign: {0:?}")]
    Assertion(Vec<(usize, assertion::Fault)>),
}

fn told(faults: &[route::Fault]) -> String {
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// A running gateway. Dropped, it stops taking connections and ends those that are idle.
pub struct Gateway {
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    ready: watch::Sender<bool>,
    drain: watch::Sender<bool>,
    patience: Duration,
    workers: Vec<JoinHandle<()>>,
    control: Option<Runtime>,
    endpoints: Arc<Endpoints>,
    /// Dropped last: what still waits is written then.
    _log: Option<AccessLog>,
}

impl Gateway {
    /// Starts all that `config` asks for. When this returns, connections are taken.
    pub fn start(config: &Config) -> Result<Self, Error> {
        let control = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("wxgate-control")
            .enable_all()
            .build()?;
        let inside = control.enter();
        let log = start_log(config)?;
        let entry = log.as_ref().map(AccessLog::entry);
        let plan = Arc::new(Plan::new(config, control.handle(), entry)?);
        first_look_up(&plan, &control);
        let bound = listener::bind(&config.listen, workers(config))?;
        let (drain, draining) = watch::channel(false);
        let (ready, readiness) = watch::channel(true);
        let admin = admin::start(
            &config.admin,
            readiness,
            config.warnings(),
            control.handle(),
        )?;
        let sessions = plan.sessions.clone();
        control.spawn(sweep(sessions.clone()));
        let servers = Arc::clone(&plan.servers);
        control.spawn(async move { servers.keep_looking_up().await });
        let load = Arc::new(Load::new(most_connections(config)));
        let workers = bound
            .sockets
            .into_iter()
            .enumerate()
            .map(|(number, sockets)| {
                let (plan, load, draining) =
                    (Arc::clone(&plan), Arc::clone(&load), draining.clone());
                let ready = ready.clone();
                std::thread::Builder::new()
                    .name(format!("wxgate-worker-{number}"))
                    .spawn(move || {
                        if let Err(error) = work(sockets, &plan, &load, draining) {
                            // Its share of the traffic is served by nobody: send it elsewhere.
                            ready.send_replace(false);
                            tracing::error!(%error, "a worker ended");
                        }
                    })
            })
            .collect::<io::Result<Vec<_>>>()?;
        drop(inside);
        Ok(Self {
            addresses: bound.addresses,
            admin,
            ready,
            drain,
            patience: config.timeouts.drain,
            workers,
            control: Some(control),
            endpoints: Arc::clone(&plan.endpoints),
            _log: log,
        })
    }

    /// Where it listens, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the operator's listener is, if there is one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Stops taking connections, ends idle ones, and waits for what is under way: at most
    /// `timeouts.drain`. Whether all of it ended by itself.
    pub fn drain(mut self) -> bool {
        self.ready.send_replace(false);
        self.endpoints.leave();
        self.drain.send_replace(true);
        let deadline = Instant::now() + self.patience;
        let mut left = std::mem::take(&mut self.workers);
        while !left.is_empty() && Instant::now() < deadline {
            left.retain(|worker| !worker.is_finished());
            std::thread::sleep(Duration::from_millis(10));
        }
        left.is_empty()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.drain.send_replace(true);
        if let Some(control) = self.control.take() {
            control.shutdown_background();
        }
    }
}

fn work(
    sockets: Vec<std::net::TcpListener>,
    plan: &Arc<Plan>,
    load: &Arc<Load>,
    draining: watch::Receiver<bool>,
) -> io::Result<()> {
    listener::run(
        sockets,
        &plan.limits,
        &plan.timeouts,
        load,
        draining,
        |wheel| {
            let site = plan.site(wheel);
            move |peer| {
                let (site, client) = (
                    site.clone(),
                    std::rc::Rc::new(Client::new(peer, &site.proxy.trust)),
                );
                move |arrival| {
                    let (site, client) = (site.clone(), client.clone());
                    async move { site.answer(arrival, &client).await }
                }
            }
        },
    )
}

/// The access log. Who a user is in it depends on `session.secret`, so that a restart changes no name.
fn start_log(config: &Config) -> Result<Option<AccessLog>, Error> {
    let mut key = [0; 32];
    if let Some(secret) = &config.session.secret {
        key = crypto::hmac_sha256(secret.expose().as_bytes(), b"wxgate access log");
    } else {
        getrandom::fill(&mut key).map_err(|_| session::Error::Random)?;
    }
    Ok(AccessLog::start(&config.log, &key)?)
}

fn first_look_up(plan: &Plan, control: &Runtime) {
    let (done, wait) = mpsc::channel();
    let servers = Arc::clone(&plan.servers);
    control.spawn(async move {
        servers.look_up().await;
        // Nobody waits any more where this came too late.
        let _ = done.send(());
    });
    let _ = wait.recv_timeout(FIRST_LOOKUP);
}

async fn sweep(sessions: Sessions) {
    loop {
        tokio::time::sleep(SWEEP).await;
        sessions.sweep(now());
    }
}
