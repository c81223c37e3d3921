//! The side that clients see: which certificate each is shown, and the sessions that they resume.
//!
//! One config of TLS lives as long as the process. What it shows can be swapped; the keys of its
//! tickets stay, so that a reload costs nobody a whole handshake. There is no early data: it could be
//! played twice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::tls::certificate::Certificate;
use crate::tls::files::Files;
use crate::tls::names::{self, Names};
use crate::tls::provider::provider;
use crate::tls::{Config, Error};

/// A certificate that is good for less than this is announced.
const SOON: u64 = 7 * 86_400;

/// What clients are shown, from the start of the process to its end.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    /// Whoever reads certificates holds it; no worker does.
    pub(super) source: Mutex<Source>,
}

/// Where certificates are read from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) config: Config,
    /// The files as they were when they were read last.
    pub(super) read: Files,
}

/// The certificates in force.
#[derive(Debug)]
struct Shown(ArcSwap<Certificates>);

/// Certificates that were read together.
#[derive(Debug)]
struct Certificates {
    /// For who names no host, or one that no site has.
    default: Arc<CertifiedKey>,
    sites: Names<Arc<CertifiedKey>>,
    /// All names of all certificates.
    names: Names<()>,
    all: Vec<Certificate>,
}

impl Server {
    /// Reads the certificates of `config`, which has some. `protocols` are offered by ALPN, the best
    /// first.
    pub fn new(config: &Config, protocols: &[&[u8]]) -> Result<Self, Error> {
        let read = Files::of(config);
        let certificates = Certificates::read(config)?;
        certificates.announce();
        let shown = Arc::new(Shown(ArcSwap::from_pointee(certificates)));
        let mut tls = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        // Tickets hold sessions; what the server itself would keep would be a lock for all workers.
        tls.ticketer = Ticketer::new()?;
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.max_early_data_size = 0;
        Ok(Self {
            config: Arc::new(tls),
            shown,
            source: Mutex::new(Source {
                config: config.clone(),
                read,
            }),
        })
    }

    /// The config of TLS that every connection takes.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Shows the certificates of `config` from now on; on an error all is as before.
    pub fn take(&self, config: &Config) -> Result<(), Error> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Files::of(config);
        self.show(config)?;
        *source = Source {
            config: config.clone(),
            read,
        };
        Ok(())
    }

    /// Reads the certificates of `config` and shows them from now on. A certificate that is not good at
    /// this time does not follow one that is.
    pub(super) fn show(&self, config: &Config) -> Result<(), Error> {
        let next = Certificates::read(config)?;
        let now = now();
        let shown = self.shown.0.load();
        if let Some(bad) = next.all.iter().find(|one| !one.is_good_at(now))
            && shown.all.iter().all(|one| one.is_good_at(now))
        {
            return Err(Error::Untimely(bad.path.clone()));
        }
        next.announce();
        self.shown.0.store(Arc::new(next));
        Ok(())
    }

    /// Whether one of the certificates is for `host`, which is in small letters.
    pub fn knows(&self, host: &str) -> bool {
        self.shown.0.load().names.find(host).is_some()
    }

    /// The certificates in force.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.shown.0.load().all.clone()
    }

    /// Writes what the operator should know of the certificates in force.
    pub(super) fn announce(&self) {
        self.shown.0.load().announce();
    }
}

impl Certificates {
    /// Reads all that `config` names.
    fn read(config: &Config) -> Result<Self, Error> {
        let (Some(cert), Some(key)) = (&config.cert, &config.key) else {
            return Err(Error::Incomplete);
        };
        let default = Certificate::read(cert, key)?;
        let mut all = vec![default];
        let mut sites = Names::default();
        for site in &config.site {
            let certificate = Certificate::read(&site.cert, &site.key)?;
            for host in hosts(&site.hosts, &certificate)? {
                if sites.insert(&host, certificate.pair()).is_some() {
                    return Err(Error::Twice(host));
                }
            }
            all.push(certificate);
        }
        let mut names = Names::default();
        for name in all.iter().flat_map(|certificate| &certificate.names) {
            names.insert(name, ());
        }
        let default = all
            .first()
            .map(Certificate::pair)
            .ok_or(Error::Incomplete)?;
        Ok(Self {
            default,
            sites,
            names,
            all,
        })
    }

    fn announce(&self) {
        let now = now();
        for certificate in &self.all {
            let (path, days) = (certificate.path.display(), certificate.days(now));
            let names = certificate.names.join(", ");
            if !certificate.is_good_at(now) {
                tracing::error!(%path, names, days, "a certificate is not good at this time: clients will refuse it");
            } else if certificate.not_after - now < SOON {
                tracing::warn!(%path, names, days, "a certificate expires soon");
            } else {
                tracing::info!(%path, names, days, "a certificate is in use");
            }
        }
    }
}

/// The names that `certificate` is shown for.
fn hosts(wanted: &[String], certificate: &Certificate) -> Result<Vec<String>, Error> {
    if wanted.is_empty() {
        if certificate.names.is_empty() {
            return Err(Error::Nameless(certificate.path.clone()));
        }
        return Ok(certificate.names.clone());
    }
    let named = |host: &String| {
        let name = names::normal(host).filter(|name| certificate.is_for(name));
        name.ok_or_else(|| Error::NotFor {
            path: certificate.path.clone(),
            host: host.clone(),
        })
    };
    wanted.iter().map(named).collect()
}

impl Certificate {
    /// Whole days from `now` to its end; 0 where that has passed.
    pub fn days(&self, now: u64) -> u64 {
        self.not_after.saturating_sub(now) / 86_400
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificates = self.0.load();
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let site = name.and_then(|name| certificates.sites.find(&name).cloned());
        Some(site.unwrap_or_else(|| Arc::clone(&certificates.default)))
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
