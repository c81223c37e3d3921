//! What a config comes to: the plan that all workers share, and each worker's own site of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::auth::Carrier;
use crate::auth::assertion::Signer;
use crate::config::Config;
use crate::deadline::Wheel;
use crate::endpoint::{Endpoint, Endpoints};
use crate::gateway::Error;
use crate::gateway::clock::now;
use crate::gateway::front::Front;
use crate::gateway::lots::Lots;
use crate::gateway::way::Crossing;
use crate::listener::{Networks, Settings};
use crate::proxy::client_address::Trust;
use crate::proxy::headers::Rules;
use crate::proxy::retry::Budget;
use crate::proxy::route::{Table, Target, To};
use crate::proxy::{Assertions, Bearing, Proxy};
use crate::session::Sessions;
use crate::setting::Setting as _;
use crate::telemetry::access_log;
use crate::telemetry::metrics::{Behind, Metrics, Place, Sheet};
use crate::upstream::{Group, GroupId, Groups, Patience, Pool, Server, Servers, Upstreams};
use crate::{rate, wechat};

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// Where our own endpoints begin among the places that requests are counted by: after the one for what
/// never got so far.
pub(super) const FIRST_OWN: usize = 1;

/// What all workers share.
pub(super) struct Plan {
    /// Which one it is, from the start of the process on.
    pub(super) number: u32,
    pub(super) settings: Arc<Settings>,
    pub(super) sessions: Sessions,
    pub(super) groups: Arc<Groups>,
    pub(super) rates: Arc<rate::Limits>,
    pub(super) endpoints: Arc<Endpoints>,
    wechat: wechat::Client,
    crossing: Crossing,
    table: Arc<Table>,
    leads: Arc<[Option<GroupId>]>,
    rules: Arc<Rules>,
    signer: Option<Arc<Signer>>,
    carrier: Carrier,
    trust: Trust,
    front: Option<Arc<Front>>,
    control: Handle,
    workers: usize,
    log: Option<access_log::Entry>,
    sheet: Arc<Sheet>,
}

/// One worker's part of a plan: it answers the requests of its connections.
pub(super) struct Site {
    /// The number of the plan.
    pub(super) number: u32,
    pub(super) proxy: Proxy,
    /// Whether any route has `cors`.
    pub(super) pages: bool,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) crossing: Crossing,
    pub(super) front: Option<Arc<Front>>,
    pub(super) lots: Lots,
    pub(super) log: Option<access_log::Entry>,
    pub(super) control: Handle,
}

/// The plan that was in force, and the config that it was made from.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) plan: &'a Plan,
    pub(super) config: &'a Config,
}

impl Before<'_> {
    /// Whether `config` says the same of `WeChat` and the apps. A client that stays keeps its access tokens,
    /// and what it learnt of errors that only the operator can mend.
    fn has_same_wechat(&self, config: &Config) -> bool {
        let same = self.config.wechat.print() == config.wechat.print();
        same && self.config.app.print() == config.app.print()
    }

    /// Whether `config` has the same rates for the same routes. Limiters that stay forget nobody.
    fn has_same_rates(&self, config: &Config) -> bool {
        let rules = |config: &Config| {
            let rules = config.route.iter().map(|route| route.rate.print());
            rules.collect::<Vec<_>>()
        };
        let same = self.config.rate.print() == config.rate.print();
        same && rules(self.config) == rules(config)
    }
}

impl Plan {
    /// The plan that `config` comes to. What lives longer than a config is taken over from the plan
    /// `before`: sessions, addresses, and the client of `WeChat` where it would be the same one.
    pub(super) fn new(
        config: &Config,
        control: &Handle,
        log: Option<access_log::Entry>,
        metrics: &Metrics,
        front: Option<Arc<Front>>,
        before: Option<Before<'_>>,
    ) -> Result<Self, Error> {
        let sessions = match before {
            Some(before) => before.plan.sessions.clone(),
            None => Sessions::new(&config.session)?,
        };
        let wechat = match before.filter(|before| before.has_same_wechat(config)) {
            Some(before) => before.plan.wechat.clone(),
            None => wechat::Client::new(&config.wechat, &config.app, metrics.calls())?,
        };
        let table = Table::build(&config.route, config.limits.body).map_err(Error::Routes)?;
        let servers = match before {
            Some(before) => Arc::clone(before.plan.groups.servers()),
            None => Arc::new(Servers::default()),
        };
        let mut groups = Groups::new(servers);
        for upstream in &config.upstream {
            groups.add(upstream).map_err(Error::Upstream)?;
        }
        let leads = table.routes().iter();
        let leads = leads.map(|route| match route.to.as_ref().map(Target::to) {
            Some(To::Server(origin)) => groups.single(origin).map(Some),
            Some(To::Group(name)) => Ok(groups.find(name)),
            None => Ok(None),
        });
        let leads = leads.collect::<Result<Arc<[_]>, _>>();
        let leads = leads.map_err(Error::Upstream)?;
        let carrier = Carrier::new(config.session.header.clone(), config.session.cookie_name());
        let rules = Rules::new(&config.identity, &config.limits.header_names, &carrier);
        let apps = config.app.iter().map(|app| app.appid.clone()).collect();
        let signer = Signer::new(&config.identity.assertion).map_err(Error::Assertion)?;
        let rates = table.routes().iter().map(|route| route.rate.as_ref());
        let rates = match before.filter(|before| before.has_same_rates(config)) {
            Some(before) => Arc::clone(&before.plan.rates),
            None => Arc::new(rate::Limits::new(&config.rate, rates)),
        };
        let endpoints = Endpoints::new(
            &config.endpoints,
            apps,
            sessions.clone(),
            wechat.clone(),
            carrier.clone(),
            signer.as_ref().map(Signer::jwks),
            Arc::clone(&rates),
        );
        let endpoints = match before {
            Some(before) => endpoints.inheriting(&before.plan.endpoints),
            None => endpoints,
        };
        Ok(Self {
            number: before.map_or(0, |before| before.plan.number.wrapping_add(1)),
            settings: Arc::new(Settings {
                limits: config.limits.clone(),
                timeouts: config.timeouts.clone(),
                tls: front.as_ref().map(|front| front.tls.config()),
                heralds: Networks::new(&config.proxies.proxy_protocol),
                h2c: config.h2c,
            }),
            front,
            sessions,
            wechat,
            rates,
            sheet: sheet(config, &table, &leads, &groups, metrics),
            groups: Arc::new(groups),
            table: Arc::new(table),
            endpoints: Arc::new(endpoints),
            crossing: Crossing::new(config),
            leads,
            rules: Arc::new(rules),
            signer: signer.map(Arc::new),
            carrier,
            trust: Trust::new(&config.proxies),
            control: control.clone(),
            workers: config.threads(),
            log,
        })
    }

    /// Has `metrics` show the servers behind this plan, and no others.
    pub(super) fn show_servers(&self, metrics: &Metrics) {
        let groups = Arc::clone(&self.groups);
        metrics.watch_servers(move || {
            let of = |group: &Arc<Group>| {
                let label = group.label().to_owned();
                let servers = group.servers().into_iter();
                servers.map(move |server| behind(label.clone(), &server))
            };
            groups.all().iter().flat_map(of).collect()
        });
    }

    /// The site of the worker that this thread is; `wheel` has its deadlines. The idle connections of
    /// its site `before` go on.
    pub(super) fn site(&self, wheel: &Wheel, before: Option<&Site>) -> Rc<Site> {
        let timeouts = &self.settings.timeouts;
        let patience = Patience {
            connect: timeouts.connect,
            response: timeouts.response,
            stream: timeouts.stream,
        };
        let lots = Lots::new();
        let pool = if let Some(before) = before {
            before.proxy.upstreams.pool()
        } else {
            let pool = Pool::new(wheel.clone(), u64::from_le_bytes(lots.draw()));
            tokio::task::spawn_local(sweep(Rc::downgrade(&pool)));
            pool
        };
        let upstreams = Upstreams::new(&self.groups, &pool, patience, self.workers);
        let proxy = Proxy {
            table: Arc::clone(&self.table),
            leads: Arc::clone(&self.leads),
            rules: Arc::clone(&self.rules),
            assertions: self.signer.clone().map(Assertions::new),
            carrier: self.carrier.clone(),
            sessions: self.sessions.clone(),
            near: self.sessions.near(),
            upstreams,
            trust: self.trust.clone(),
            bearing: Bearing {
                silence: timeouts.body,
                clock: now,
            },
            limits: Arc::clone(&self.rates),
            budget: Budget::new(),
            wheel: wheel.clone(),
            tally: self.sheet.tally(),
        };
        let mut routes = self.table.routes().iter();
        Rc::new(Site {
            pages: routes.any(|route| route.cors.is_some()),
            number: self.number,
            proxy,
            endpoints: Arc::clone(&self.endpoints),
            crossing: self.crossing.clone(),
            front: self.front.clone(),
            lots,
            log: self.log.clone(),
            control: self.control.clone(),
        })
    }
}

/// The places that requests are counted by.
fn sheet(
    config: &Config,
    table: &Table,
    leads: &[Option<GroupId>],
    groups: &Groups,
    metrics: &Metrics,
) -> Arc<Sheet> {
    let place = |route, upstream| Place { route, upstream };
    let prefix = &config.endpoints.prefix;
    let own = Endpoint::names().map(|name| place(format!("{prefix}/{name}"), String::new()));
    let nowhere = std::iter::once(place(String::new(), String::new()));
    let routes = table.routes().iter().zip(leads).map(|(route, lead)| {
        let upstream = lead.and_then(|lead| groups.group(lead)).map(Group::label);
        place(route.name(), upstream.unwrap_or_default().to_owned())
    });
    metrics.sheet(nowhere.chain(own).collect(), routes.collect())
}

/// What is known of `server` in the group `upstream`.
fn behind(upstream: String, server: &Server) -> Behind {
    let counts = server.counts();
    Behind {
        upstream,
        server: server.origin.to_string(),
        address: server.address.to_string(),
        is_up: server.is_up(),
        is_ejected: server.is_ejected(),
        requests: counts.requests,
        failures: counts.failures,
        ejections: counts.ejections,
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
