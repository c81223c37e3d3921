//! Groups of servers that serve the same: what all workers know of them.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use http::HeaderValue;

use crate::auth::crypto::hex;
use crate::setting::{Origin, ServerAddress};
use crate::tls;
use crate::upstream::server::{Kind, Server, Servers};
use crate::upstream::turned_away::TurnedAway;
use crate::upstream::{Balance, Config, Health, IDLE_PER_SERVER, Member, PRESERVE};

/// One of [`Groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupId(pub(super) usize);

/// The groups of one config: each `[[upstream]]`, and each URL that a route leads to.
#[derive(Debug)]
pub struct Groups {
    servers: Arc<Servers>,
    groups: Vec<Arc<Group>>,
}

/// Servers that serve the same.
#[derive(Debug)]
pub struct Group {
    config: Config,
    /// What tells its servers from those of other groups at the same address.
    kind: Arc<Kind>,
    host: Option<HeaderValue>,
    tls: Option<Tls>,
    roster: RwLock<Arc<Roster>>,
    /// Moves on with the roster.
    version: AtomicU64,
    all_down: AtomicBool,
    turned_away: TurnedAway,
}

/// How servers are reached by https.
#[derive(Debug)]
struct Tls {
    http1: tls::Client,
    http2: tls::Client,
}

/// The servers that a group has right now.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub(super) version: u64,
    /// Each with its weight.
    pub(super) servers: Vec<(Arc<Server>, u32)>,
}

impl Groups {
    /// No groups yet. What is known of their servers comes from `servers`.
    pub fn new(servers: Arc<Servers>) -> Self {
        Self {
            servers,
            groups: Vec::new(),
        }
    }

    /// Adds an `[[upstream]]`. Its certificates are read.
    pub fn add(&mut self, config: &Config) -> Result<GroupId, tls::Error> {
        let group = Group::new(config.clone())?;
        group.refresh(&self.servers);
        self.groups.push(Arc::new(group));
        Ok(GroupId(self.groups.len() - 1))
    }

    /// The group of one server, which is added where it is new.
    pub fn single(&mut self, origin: &Origin) -> Result<GroupId, tls::Error> {
        match self.find(&origin.to_string()) {
            Some(known) => Ok(known),
            None => self.add(&alone(origin)),
        }
    }

    /// The group that was added under this name.
    pub fn find(&self, name: &str) -> Option<GroupId> {
        let at = self.groups.iter().position(|group| group.name() == name);
        at.map(GroupId)
    }

    /// The group of this number.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0).map(|group| &**group)
    }

    /// All groups.
    pub fn all(&self) -> &[Arc<Group>] {
        &self.groups
    }

    /// Takes in what is known of the addresses of names.
    pub(super) fn refresh(&self) {
        for group in &self.groups {
            group.refresh(&self.servers);
        }
    }

    /// What earlier checks said counts for nothing where there are none any more.
    pub(super) fn forget_checks(&self) {
        for group in self.groups.iter().filter(|group| !group.is_checked()) {
            let roster = group.roster();
            roster
                .servers
                .iter()
                .for_each(|(server, _)| server.is_unchecked());
        }
    }

    /// What outlives these groups.
    pub fn servers(&self) -> &Arc<Servers> {
        &self.servers
    }
}

impl Group {
    fn new(config: Config) -> Result<Self, tls::Error> {
        let tls = if config.has_tls() {
            let http1 = tls::Client::new(config.tls_files(), &[b"http/1.1"])?;
            let http2 = http1.offering(&[b"h2"]);
            Some(Tls { http1, http2 })
        } else {
            None
        };
        // A server that is reached with other certificates is another one: connections are not shared.
        let digest = tls.as_ref().map(|tls| hex(&tls.http1.digest()));
        Ok(Self {
            kind: Arc::new(Kind {
                upstream: label(&config.name).to_owned(),
                manner: format!("{} {}", config.http2, digest.unwrap_or_default()),
            }),
            tls,
            host: Some(config.host.as_str())
                .filter(|host| *host != PRESERVE)
                .and_then(|host| HeaderValue::from_str(host).ok()),
            config,
            roster: RwLock::default(),
            version: AtomicU64::new(0),
            all_down: AtomicBool::new(false),
            turned_away: TurnedAway::default(),
        })
    }

    /// Its name, or the URL of its only server.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The word for it in metrics and in the log: its name, or the host and port or the socket of its
    /// only server.
    pub fn label(&self) -> &str {
        label(self.name())
    }

    /// All servers that it has right now.
    pub fn servers(&self) -> Vec<Arc<Server>> {
        let roster = self.roster();
        let servers = roster.servers.iter().map(|(server, _)| Arc::clone(server));
        servers.collect()
    }

    /// The `Host` that its servers see, where that is not the client's.
    pub(super) fn host(&self) -> Option<&HeaderValue> {
        self.host.as_ref()
    }

    /// How servers are reached by https, where one is, for HTTP/2 or HTTP/1.1.
    pub(super) fn tls(&self, http2: bool) -> Option<&tls::Client> {
        let tls = self.tls.as_ref()?;
        Some(if http2 { &tls.http2 } else { &tls.http1 })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn health(&self) -> &Health {
        &self.config.health
    }

    /// Whether its servers are asked how they are.
    pub(super) fn is_checked(&self) -> bool {
        !self.config.health.path.is_empty()
    }

    /// Whether a server is chosen by the user.
    pub(super) fn is_sticky(&self) -> bool {
        self.config.balance == Balance::HashOpenid
    }

    /// Moves on with [`Self::roster`].
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn roster(&self) -> Arc<Roster> {
        let roster = self.roster.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&roster)
    }

    /// No server is up, or one is: says so where that is news.
    pub(super) fn says(&self, all_down: bool) {
        if self.all_down.load(Ordering::Relaxed) == all_down
            || self.all_down.swap(all_down, Ordering::Relaxed) == all_down
        {
            return;
        }
        let upstream = self.label();
        if all_down {
            tracing::error!(upstream, "all servers are down: all are tried");
        } else {
            tracing::info!(upstream, "a server is up again");
        }
    }

    /// A request finds no room. How many there were since that was last told of, if it is time to.
    pub(super) fn turned_away(&self) -> Option<u64> {
        self.turned_away.count(Instant::now())
    }

    /// Names and ports that its servers are found by.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, u16)> {
        let hosts = self.config.servers.iter();
        hosts
            .filter_map(|member| member.url.host_and_port())
            .filter(|(host, port)| literal(host, *port).is_none())
    }

    fn refresh(&self, servers: &Servers) {
        let mut found: Vec<(Arc<Server>, u32)> = Vec::new();
        for member in &self.config.servers {
            for address in addresses(&member.url, servers) {
                let server = servers.server(&self.kind, &member.url, &address);
                found.push((server, member.weight));
            }
        }
        let mut roster = self.roster.write().unwrap_or_else(PoisonError::into_inner);
        let ids = |list: &[(Arc<Server>, u32)]| -> Vec<_> {
            list.iter()
                .map(|(server, weight)| (server.id, *weight))
                .collect()
        };
        if ids(&roster.servers) != ids(&found) {
            let version = roster.version + 1;
            *roster = Arc::new(Roster {
                version,
                servers: found,
            });
            self.version.store(version, Ordering::Release);
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What holds for a server that a route names itself.
fn alone(origin: &Origin) -> Config {
    Config {
        name: origin.to_string(),
        servers: vec![Member {
            url: origin.clone(),
            weight: 1,
        }],
        balance: Balance::P2c,
        retry: true,
        host: PRESERVE.to_owned(),
        http2: false,
        max_connections: 0,
        max_in_flight: 0,
        idle_per_server: IDLE_PER_SERVER,
        ca: None,
        client_cert: None,
        client_key: None,
        health: Health::default(),
    }
}

fn label(name: &str) -> &str {
    name.split_once("://")
        .map_or(name, |(_, authority)| authority)
}

fn literal(host: &str, port: u16) -> Option<ServerAddress> {
    let ip = host.parse().ok()?;
    Some(ServerAddress::Tcp(std::net::SocketAddr::new(ip, port)))
}

fn addresses(origin: &Origin, servers: &Servers) -> Vec<ServerAddress> {
    let (host, port) = match origin {
        Origin::Unix(path) => return vec![ServerAddress::Unix(Arc::clone(path))],
        Origin::Host { host, port, .. } => (host, *port),
    };
    if let Some(address) = literal(host, port) {
        return vec![address];
    }
    let found = servers.addresses(host, port);
    found.iter().copied().map(ServerAddress::Tcp).collect()
}
