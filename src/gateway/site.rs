//! What a config comes to: the plan that all workers share, and each worker's own site of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::auth::Carrier;
use crate::auth::assertion::Signer;
use crate::config::Config;
use crate::deadline::Wheel;
use crate::endpoint::Endpoints;
use crate::gateway::Error;
use crate::gateway::capacity::workers;
use crate::gateway::lots::Lots;
use crate::gateway::way::Crossing;
use crate::listener::{Limits, Timeouts};
use crate::proxy::client_address::Trust;
use crate::proxy::headers::Rules;
use crate::proxy::retry::Budget;
use crate::proxy::route::Table;
use crate::proxy::{Assertions, Bearing, Proxy};
use crate::session::Sessions;
use crate::telemetry::access_log;
use crate::upstream::{Patience, ServerId, Servers, Upstreams};
use crate::wechat;

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// The most idle connections to one server, over all workers. Fewer than there are requests at once
/// would mean a new connection for many of them; those that are not needed end after 15 seconds.
const IDLE_PER_SERVER: usize = 256;

/// What all workers share.
pub(super) struct Plan {
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) sessions: Sessions,
    pub(super) servers: Arc<Servers>,
    pub(super) endpoints: Arc<Endpoints>,
    crossing: Crossing,
    table: Arc<Table>,
    leads: Arc<[Option<ServerId>]>,
    rules: Arc<Rules>,
    signer: Option<Arc<Signer>>,
    carrier: Carrier,
    trust: Trust,
    control: Handle,
    workers: usize,
    log: Option<access_log::Entry>,
}

/// One worker's part: it answers the requests of its connections.
pub(super) struct Site {
    pub(super) proxy: Proxy,
    /// Whether any route has `cors`.
    pub(super) pages: bool,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) crossing: Crossing,
    pub(super) lots: Lots,
    pub(super) log: Option<access_log::Entry>,
    pub(super) control: Handle,
}

impl Plan {
    pub(super) fn new(
        config: &Config,
        control: &Handle,
        log: Option<access_log::Entry>,
    ) -> Result<Self, Error> {
        let sessions = Sessions::new(&config.session)?;
        let wechat = wechat::Client::new(&config.wechat, &config.app)?;
        let table = Table::build(&config.route, config.limits.body).map_err(Error::Routes)?;
        let mut servers = Servers::default();
        let leads = table
            .routes()
            .iter()
            .map(|route| {
                route
                    .to
                    .as_ref()
                    .map(|target| servers.add(target.host(), target.port()))
            })
            .collect();
        let carrier = Carrier::new(config.session.header.clone(), config.session.cookie_name());
        let rules = Rules::new(&config.identity, &config.limits.header_names, &carrier);
        let apps = config.app.iter().map(|app| app.appid.clone()).collect();
        let signer = Signer::new(&config.identity.assertion).map_err(Error::Assertion)?;
        let endpoints = Endpoints::new(
            &config.endpoints,
            apps,
            sessions.clone(),
            wechat,
            carrier.clone(),
            signer.as_ref().map(Signer::jwks),
        );
        Ok(Self {
            limits: config.limits.clone(),
            timeouts: config.timeouts.clone(),
            sessions,
            servers: Arc::new(servers),
            endpoints: Arc::new(endpoints),
            crossing: Crossing::new(config),
            table: Arc::new(table),
            leads,
            rules: Arc::new(rules),
            signer: signer.map(Arc::new),
            carrier,
            trust: Trust::new(&config.proxies),
            control: control.clone(),
            workers: workers(config),
            log,
        })
    }

    /// The site of the worker that this thread is; `wheel` has its deadlines.
    pub(super) fn site(&self, wheel: &Wheel) -> Rc<Site> {
        let patience = Patience {
            connect: self.timeouts.connect,
            response: self.timeouts.response,
            stream: self.timeouts.stream,
            idle_per_server: (IDLE_PER_SERVER / self.workers.max(1)).max(1),
        };
        let upstreams = Upstreams::new(Arc::clone(&self.servers), patience, wheel.clone());
        tokio::task::spawn_local(sweep(Rc::downgrade(&upstreams)));
        let proxy = Proxy {
            table: Arc::clone(&self.table),
            servers: Arc::clone(&self.leads),
            rules: Arc::clone(&self.rules),
            assertions: self.signer.clone().map(Assertions::new),
            carrier: self.carrier.clone(),
            sessions: self.sessions.clone(),
            near: self.sessions.near(),
            upstreams,
            trust: self.trust.clone(),
            bearing: Bearing {
                silence: self.timeouts.body,
                response: self.timeouts.response,
            },
            budget: Budget::new(),
            wheel: wheel.clone(),
        };
        let mut routes = self.table.routes().iter();
        Rc::new(Site {
            pages: routes.any(|route| route.cors.is_some()),
            proxy,
            endpoints: Arc::clone(&self.endpoints),
            crossing: self.crossing.clone(),
            lots: Lots::new(),
            log: self.log.clone(),
            control: self.control.clone(),
        })
    }
}

async fn sweep<B>(upstreams: std::rc::Weak<Upstreams<B>>)
where
    B: http_body::Body<Data = bytes::Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(upstreams) = upstreams.upgrade() else {
            return;
        };
        upstreams.sweep();
    }
}
