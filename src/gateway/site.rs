//! What a config comes to: the plan that all workers share, and each worker's own site of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::auth::Carrier;
use crate::config::Config;
use crate::deadline::Wheel;
use crate::endpoint::Endpoints;
use crate::gateway::Error;
use crate::gateway::capacity::workers;
use crate::gateway::lots::Lots;
use crate::gateway::way::Crossing;
use crate::listener::{Limits, Options, Timeouts};
use crate::proxy::client_address::Trust;
use crate::proxy::headers::Rules;
use crate::proxy::retry::Budget;
use crate::proxy::route::{Table, Target, To};
use crate::proxy::{Bearing, Proxy};
use crate::session::Sessions;
use crate::telemetry::access_log;
use crate::upstream::{GroupId, Groups, Patience, Pool, Servers, Upstreams};
use crate::{rate, wechat};

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// What all workers share.
pub(super) struct Plan {
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    h2c: bool,
    pub(super) sessions: Sessions,
    pub(super) groups: Arc<Groups>,
    pub(super) rates: Arc<rate::Limits>,
    pub(super) endpoints: Arc<Endpoints>,
    crossing: Crossing,
    table: Arc<Table>,
    leads: Arc<[Option<GroupId>]>,
    rules: Arc<Rules>,
    carrier: Carrier,
    trust: Trust,
    control: Handle,
    workers: usize,
    log: Option<access_log::Entry>,
}

/// One worker's part: it answers the requests of its connections.
pub(super) struct Site {
    pub(super) proxy: Proxy,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) crossing: Crossing,
    pub(super) lots: Lots,
    pub(super) log: Option<access_log::Entry>,
    pub(super) control: Handle,
}

impl Plan {
    /// How connections are served.
    pub(super) fn listening(&self) -> Options<'_> {
        Options {
            limits: &self.limits,
            timeouts: &self.timeouts,
            h2c: self.h2c,
        }
    }

    pub(super) fn new(
        config: &Config,
        control: &Handle,
        log: Option<access_log::Entry>,
    ) -> Result<Self, Error> {
        let sessions = Sessions::new(&config.session)?;
        let wechat = wechat::Client::new(&config.wechat, &config.app)?;
        let table = Table::build(&config.route, config.limits.body).map_err(Error::Routes)?;
        let mut groups = Groups::new(Arc::new(Servers::default()));
        for upstream in &config.upstream {
            groups.add(upstream)?;
        }
        let leads = table.routes().iter();
        let leads = leads.map(|route| match route.to.as_ref().map(Target::to) {
            Some(To::Server(origin)) => groups.single(origin).map(Some),
            Some(To::Group(name)) => Ok(groups.find(name)),
            None => Ok(None),
        });
        let leads = leads.collect::<Result<_, _>>()?;
        let carrier = Carrier::new(config.session.header.clone(), config.session.cookie_name());
        let rules = Rules::new(&config.identity, &config.limits.header_names, &carrier);
        let apps = config.app.iter().map(|app| app.appid.clone()).collect();
        let rates = table.routes().iter().map(|route| route.rate.as_ref());
        let rates = Arc::new(rate::Limits::new(&config.rate, rates));
        let endpoints = Endpoints::new(
            &config.endpoints,
            apps,
            sessions.clone(),
            wechat,
            carrier.clone(),
            Arc::clone(&rates),
        );
        Ok(Self {
            limits: config.limits.clone(),
            timeouts: config.timeouts.clone(),
            h2c: config.h2c,
            sessions,
            groups: Arc::new(groups),
            rates,
            endpoints: Arc::new(endpoints),
            crossing: Crossing::new(config),
            table: Arc::new(table),
            leads,
            rules: Arc::new(rules),
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
        };
        let lots = Lots::new();
        let pool = Pool::new(wheel.clone(), u64::from_le_bytes(lots.draw()));
        tokio::task::spawn_local(sweep(Rc::downgrade(&pool)));
        let upstreams = Upstreams::new(&self.groups, &pool, patience, self.workers);
        let proxy = Proxy {
            table: Arc::clone(&self.table),
            leads: Arc::clone(&self.leads),
            rules: Arc::clone(&self.rules),
            carrier: self.carrier.clone(),
            sessions: self.sessions.clone(),
            near: self.sessions.near(),
            upstreams,
            trust: self.trust.clone(),
            bearing: Bearing {
                silence: self.timeouts.body,
            },
            limits: Arc::clone(&self.rates),
            budget: Budget::new(),
            wheel: wheel.clone(),
        };
        Rc::new(Site {
            proxy,
            endpoints: Arc::clone(&self.endpoints),
            crossing: self.crossing.clone(),
            lots,
            log: self.log.clone(),
            control: self.control.clone(),
        })
    }
}

async fn sweep<B>(pool: std::rc::Weak<Pool<B>>)
where
    B: http_body::Body<Data = bytes::Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        pool.sweep();
    }
}
