//! The composition root: builds every room from the config, runs the workers, drains them.

mod answer;
mod capacity;
mod clock;
mod dispatch;
mod front;
mod guard;
mod lots;
mod own;
mod page;
mod redirect;
pub mod reload;
mod site;
pub mod way;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::auth::{assertion, crypto};
use crate::config::Config;
use crate::error::Code;
use crate::gateway::capacity::most_connections;
use crate::gateway::clock::now;
use crate::gateway::dispatch::Client;
use crate::gateway::front::Front;
use crate::gateway::reload::{Issue, Plans, Post, Reloaded};
use crate::listener::{self, Door, Handed, Load, Peer, Settings, Share, Socket, SocketFile};
use crate::proxy::route;
use crate::session::Sessions;
use crate::setting::ListenAddress;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::Metrics;
use crate::{admin, session, tls, wechat};

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
    /// The certificates cannot be shown.
    #[error("tls: {0}")]
    Tls(#[from] tls::Error),
    /// There is no place for `session.snapshot`.
    #[error("session.snapshot: {0}")]
    Snapshot(#[from] session::snapshot::Error),
    /// The client of `WeChat`'s API cannot be built.
    #[error("wechat: {0}")]
    Wechat(#[from] wechat::Error),
    /// Certificates for upstreams cannot be read.
    #[error("upstream: {0}")]
    Upstream(tls::Error),
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
    /// Removed when this is dropped.
    files: Vec<SocketFile>,
    redirect: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    ready: watch::Sender<bool>,
    drain: watch::Sender<bool>,
    plans: Plans,
    /// Nothing ever comes; it ends with the last worker.
    ended: Mutex<mpsc::Receiver<Infallible>>,
    control: Option<Runtime>,
    /// Dropped last: what still waits is written then.
    _log: Option<AccessLog>,
}

impl Gateway {
    /// Starts all that `config` asks for. When this returns, connections are taken.
    pub fn start(config: &Config) -> Result<Self, Error> {
        Self::start_with(config, Handed::default())
    }

    /// The same with sockets that `listen` may name as `fd:NAME`.
    pub fn start_with(config: &Config, mut handed: Handed) -> Result<Self, Error> {
        let control = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("wxgate-control")
            .enable_all()
            .build()?;
        let inside = control.enter();
        let log = start_log(config)?;
        let entry = log.as_ref().map(AccessLog::entry);
        let metrics = Metrics::new(Code::words());
        if let Some(entry) = &entry {
            metrics.watch(entry.clone());
        }
        let front = Front::new(config)?;
        let plans = Plans::start(config, control.handle(), entry, &metrics, front.clone())?;
        let workers = config.threads();
        let mut bound = listener::bind(&doors(config), workers, config.accept, &mut handed)?;
        let redirect = config.tls.redirect.and_then(|_| bound.addresses.pop());
        if let Some(front) = front {
            front.bound(&bound.addresses, redirect);
        }
        if !handed.names().is_empty() {
            let names = handed.names().join(", ");
            tracing::warn!(
                names,
                "sockets were handed over that `listen` does not name"
            );
        }
        drop(handed);
        let (drain, draining) = watch::channel(false);
        let (ready, readiness) = watch::channel(true);
        let admin = admin::start(
            &config.admin,
            readiness,
            config.warnings(),
            Arc::clone(&metrics),
            control.handle(),
        )?;
        // After all that can fail: a snapshot is good for one start.
        plans.take_snapshot();
        control.spawn(sweep(plans.sessions()));
        if let Some(tls) = plans.tls() {
            let shown = Arc::clone(&tls);
            metrics.watch_certificates(move || expiries(&shown));
            control.spawn(tls.keep_fresh());
        }
        let load = Arc::new(load(config, &plans).shared_by(workers).shown_in(metrics));
        let (alive, ended) = mpsc::channel();
        for (number, sockets) in bound.sockets.into_iter().enumerate() {
            let (share, draining, ready) = (load.share(number), draining.clone(), ready.clone());
            let (issues, settings) = (plans.issues(), plans.settings());
            let alive = alive.clone();
            std::thread::Builder::new()
                .name(format!("wxgate-worker-{number}"))
                .spawn(move || {
                    let _alive = alive;
                    if let Err(error) = work(sockets, issues, settings, &share, draining) {
                        // Its share of the traffic is served by nobody: send it elsewhere.
                        ready.send_replace(false);
                        tracing::error!(%error, "a worker ended");
                    }
                })?;
        }
        drop(inside);
        Ok(Self {
            addresses: bound.addresses,
            files: bound.files,
            redirect,
            admin,
            ready,
            drain,
            plans,
            ended: Mutex::new(ended),
            control: Some(control),
            _log: log,
        })
    }

    /// Where it listens, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The files of the unix sockets that it made.
    pub fn socket_files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(SocketFile::path)
    }

    /// Where clients are sent to https, if anywhere.
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        self.redirect
    }

    /// The certificates that clients are shown, the first for those that no site is for; none without
    /// TLS.
    pub fn certificates(&self) -> Vec<tls::Certificate> {
        let tls = self.plans.tls();
        tls.map_or_else(Vec::new, |tls| tls.certificates())
    }

    /// Reads the certificates again. On an error, which the log has too, those in use stay.
    pub fn reread_certificates(&self) -> Result<(), tls::Error> {
        self.plans.tls().map_or(Ok(()), |tls| tls.reread())
    }

    /// Where the operator's listener is, if there is one.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Puts `config` into force, whole or not at all: on an error all is as before. What is under way
    /// ends by the config that it began with; sessions and upstream connections stay. What can only be
    /// set at a start is left as it is, and named.
    ///
    /// When this returns, new requests are served by it. It may wait some seconds for the names of new
    /// upstreams.
    pub fn reload(&mut self, config: &Config) -> Result<Reloaded, Error> {
        self.plans.reload(config)
    }

    /// Stops taking connections, and waits for what is under way and, for a moment, for what idle ones may
    /// bring: at most `timeouts.drain`. Then writes the snapshot of sessions that the config asks for. Whether all of it
    /// ended by itself.
    pub fn drain(mut self) -> bool {
        self.ready.send_replace(false);
        self.plans.leave();
        self.drain.send_replace(true);
        let ended = self.ended.get_mut();
        let ended = ended.unwrap_or_else(PoisonError::into_inner);
        let patience = self.plans.patience();
        let all = ended.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Disconnected);
        self.plans.write_snapshot();
        all
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

/// What is bound, and what is spoken there; the door to https comes last.
fn doors(config: &Config) -> Vec<(ListenAddress, Door)> {
    let door = match config.tls.cert {
        Some(_) => Door::Tls,
        None => Door::Plain,
    };
    let listen = config.listen.iter().map(|address| (address.clone(), door));
    let redirect = config.tls.redirect.map(ListenAddress::Tcp);
    let redirect = redirect.map(|address| (address, Door::Redirect));
    listen.chain(redirect).collect()
}

/// How many connections there may be: behind a proxy that we trust there are many clients.
fn load(config: &Config, plans: &Plans) -> Load {
    let trust = plans.trust();
    let of_one = usize::try_from(config.limits.per_address).unwrap_or(usize::MAX);
    let is_proxy = move |peer: &Peer| trust.load().trusts(peer);
    Load::new(most_connections(config)).per_address(of_one, is_proxy)
}

fn work(
    sockets: Vec<Socket>,
    plans: watch::Receiver<Issue>,
    settings: watch::Receiver<Arc<Settings>>,
    share: &Arc<Share>,
    draining: watch::Receiver<bool>,
) -> io::Result<()> {
    listener::run(sockets, settings, share, draining, |wheel| {
        let post = Post::new(plans, wheel);
        move |peer| {
            let post = Rc::clone(&post);
            let client = RefCell::new(Rc::new(Client::new(peer, &post.site())));
            move |arrival| {
                let site = post.site();
                let client = Client::by(&client, &site);
                site.answer(arrival, client)
            }
        }
    })
}

/// Each certificate's file, and when it expires.
fn expiries(tls: &tls::Server) -> Vec<(String, u64)> {
    let certificates = tls.certificates().into_iter();
    let told = certificates.map(|each| (each.path.display().to_string(), each.not_after));
    told.collect()
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

async fn sweep(sessions: Sessions) {
    loop {
        tokio::time::sleep(SWEEP).await;
        sessions.sweep(now());
    }
}
