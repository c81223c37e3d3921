//! What stands in front of the workers where TLS is spoken: certificates, and the door that leads there.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use crate::config::Config;
use crate::listener::PROTOCOLS;
use crate::proxy::host::Host;
use crate::tls;

/// The port of plain HTTP that clients leave out.
const HTTP: u16 = 80;

/// The port of https that clients leave out.
const HTTPS: u16 = 443;

/// It lives as long as the process.
#[derive(Debug)]
pub(super) struct Front {
    /// What clients are shown.
    pub(super) tls: Arc<tls::Server>,
    ports: OnceLock<Ports>,
}

#[derive(Debug)]
struct Ports {
    /// Where https is.
    https: u16,
    /// Where the door to it is, if there is one.
    door: Option<u16>,
}

impl Front {
    /// Reads the certificates of `config`; `None` where it has none.
    pub(super) fn new(config: &Config) -> Result<Option<Arc<Self>>, tls::Error> {
        if config.tls.cert.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Self {
            tls: Arc::new(tls::Server::new(&config.tls, PROTOCOLS)?),
            ports: OnceLock::new(),
        })))
    }

    /// Says where we listen, when that is known.
    pub(super) fn bound(&self, listen: &[SocketAddr], door: Option<SocketAddr>) {
        let mut ports = listen.iter().map(SocketAddr::port);
        let first = ports.next().unwrap_or(HTTPS);
        // It is said once.
        let _ = self.ports.set(Ports {
            https: if ports.any(|port| port == HTTPS) {
                HTTPS
            } else {
                first
            },
            door: door.map(|door| door.port()),
        });
    }

    /// The port to write behind a host that came as `host`, if one is.
    ///
    /// Who came to port 80 while the door is bound to another came by a mapping of ports, as containers
    /// have it; then https is where clients look for it.
    pub(super) fn port(&self, host: &Host<'_>) -> Option<u16> {
        let ports = self.ports.get()?;
        let named = host.name() != host.as_str();
        let is_mapped = !named && ports.door.is_some_and(|door| door != HTTP);
        (ports.https != HTTPS && !is_mapped).then_some(ports.https)
    }
}
