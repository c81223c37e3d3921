//! `gateway.toml`, variables and flags → [`Config`], a list of the rooms' own configs.
//!
//! A config that was loaded holds together: what crosses rooms is checked here, once.

mod apps;
mod bounds;
mod certificates;
mod changes;
mod check;
mod diagnostic;
mod layers;
mod mask;
mod names;
mod rates;
mod route;
mod source;
mod syntax;
mod upstream;
mod variables;

pub use changes::Change;
pub use diagnostic::Report;
pub use source::Sources;

use std::path::PathBuf;

use crate::setting::{self, ListenAddress, Reader, Setting as _, Value};
use crate::{admin, endpoint, listener, proxy, rate, session, telemetry, tls, wechat};

setting::section! {
    /// All of `gateway.toml`.
    pub struct Config {
        /// Where requests come in.
        listen: Vec<ListenAddress> = vec![ListenAddress::Tcp(([0, 0, 0, 0], 8080).into())],
        /// Threads that carry traffic; 0: one per core that the cgroup allows.
        workers: u32 = 0,
        /// How they come by their connections.
        accept: listener::Accept = listener::Accept::PerWorker,
        /// `[tls]`
        tls: tls::Config = tls::Config::default(),
        /// Clients may speak HTTP/2 without TLS, by prior knowledge.
        h2c: bool = false,
        /// `[limits]`
        limits: listener::Limits = listener::Limits::default(),
        /// `[timeouts]`
        timeouts: listener::Timeouts = listener::Timeouts::default(),
        /// `[proxies]`
        proxies: proxy::client_address::Config = proxy::client_address::Config::default(),
        /// `[endpoints]`
        endpoints: endpoint::Config = endpoint::Config::default(),
        /// `[wechat]`
        wechat: wechat::Config = wechat::Config::default(),
        /// `[[app]]`
        app: Vec<wechat::App> = Vec::new(),
        /// `[session]`
        session: session::Config = session::Config::default(),
        /// `[identity]`
        identity: proxy::headers::Names = proxy::headers::Names::default(),
        /// `[[route]]`
        route: Vec<proxy::route::Config> = Vec::new(),
        /// `[[upstream]]`
        upstream: Vec<crate::upstream::Config> = Vec::new(),
        /// `[rate]`
        rate: rate::Config = rate::Config::default(),
        /// `[admin]`
        admin: admin::Config = admin::Config::default(),
        /// `[log]`
        log: telemetry::Config = telemetry::Config::default(),
    }
}

/// A config and what it was made of.
struct Loaded {
    config: Config,
    tree: Value,
    files: Vec<PathBuf>,
}

impl Config {
    /// Reads a config from all its sources, or says all that is wrong with it.
    pub fn load(sources: &Sources) -> Result<Self, Report> {
        Self::load_tree(sources).map(|loaded| loaded.config)
    }

    /// The same, and the files that it was read from: its own, and those that hold secrets.
    pub fn load_with_files(sources: &Sources) -> Result<(Self, Vec<PathBuf>), Report> {
        let loaded = Self::load_tree(sources)?;
        Ok((loaded.config, loaded.files))
    }

    /// Reads the text of a file that stands alone: no variables, no flags.
    pub fn from_toml(text: &str) -> Result<Self, Report> {
        Self::load(&Sources::text(text))
    }

    /// The same, and for each route where it stands: `gateway.toml:12`.
    pub fn load_with_places(sources: &Sources) -> Result<(Self, Vec<String>), Report> {
        let Loaded { config, tree, .. } = Self::load_tree(sources)?;
        let text = sources.read()?;
        let place = |route: usize| {
            let value = tree.descendant(&format!("route[{route}]"))?;
            diagnostic::remark(&value.place, &sources.name(), &text)
        };
        let places = (0..config.route.len()).filter_map(place).collect();
        Ok((config, places))
    }

    /// The config of `sources` as a file that says everything, and where each value came from.
    pub fn print(sources: &Sources) -> Result<String, Report> {
        let Loaded { config, tree, .. } = Self::load_tree(sources)?;
        let text = sources.read()?;
        let remark = |path: &str| {
            let place = &tree.descendant(path)?.place;
            diagnostic::remark(place, &sources.name(), &text)
        };
        Ok(setting::Setting::print(&config).file(&remark))
    }

    /// All that `other` says otherwise, key by key.
    pub fn changes(&self, other: &Self) -> Vec<Change> {
        changes::between(&self.printed(), &other.printed())
    }

    /// What is allowed, and should be known at every start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = apps::warnings(&self.wechat);
        warnings.extend(upstream::warnings(
            &self.upstream,
            &self.route,
            self.threads(),
        ));
        warnings
    }

    /// How many workers there are: `workers`, or one for each core that the cgroup allows.
    pub fn threads(&self) -> usize {
        match usize::try_from(self.workers) {
            Ok(0) | Err(_) => std::thread::available_parallelism().map_or(1, usize::from),
            Ok(workers) => workers,
        }
    }

    fn load_tree(sources: &Sources) -> Result<Loaded, Report> {
        let text = sources.read()?;
        let shape = Self::shape();
        let (tree, mut reader) = source::tree(sources, &text, &Self::default().printed(), &shape)?;
        let read = <Self as setting::Setting>::read(&tree, &mut reader);
        let Some(mut config) = read else {
            return Err(sources.report(&text, reader.into_faults()));
        };
        config.check(&tree, &mut reader);
        let mut files = vec![sources.path()];
        files.append(&mut reader.files);
        let faults = reader.into_faults();
        if faults.is_empty() {
            return Ok(Loaded {
                config,
                tree,
                files,
            });
        }
        Err(sources.report(&text, faults))
    }

    fn printed(&self) -> setting::Printed {
        setting::Setting::print(self)
    }

    fn check(&mut self, tree: &Value, reader: &mut Reader) {
        let mut checks = check::Checks::new(tree, reader);
        bounds::addresses(
            &mut checks,
            &self.listen,
            self.tls.redirect,
            self.admin.listen,
        );
        certificates::check(&mut checks, &self.tls);
        bounds::listeners(&mut checks, self.workers, &self.limits, &self.timeouts);
        bounds::endpoints(&mut checks, &mut self.endpoints);
        bounds::session(&mut checks, &self.session);
        rates::check(&mut checks, &mut self.rate, &self.route);
        apps::wechat(&mut checks, &self.wechat);
        apps::apps(&mut checks, &self.app);
        names::check(&mut checks, &self.identity, &self.session, &self.limits);
        names::assertion(&mut checks, &self.identity.assertion);
        names::routes(&mut checks, &self.identity, &self.route);
        route::check(&mut checks, &self.route, &self.app, &self.endpoints);
        upstream::check(&mut checks, &self.upstream, &self.route);
        upstream::circles(&mut checks, &self.upstream, &self.route, &self.listen);
    }
}
