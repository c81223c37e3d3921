//! The servers that routes name, and their addresses, looked up again and again.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How often names are looked up.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a look-up may take.
const LOOKUP: Duration = Duration::from_secs(5);

/// One server, among those of [`Servers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerId(pub(super) usize);

/// All servers, known to all workers.
#[derive(Debug, Default)]
pub struct Servers(Vec<Server>);

#[derive(Debug)]
struct Server {
    host: String,
    port: u16,
    addresses: RwLock<Arc<[SocketAddr]>>,
}

impl Servers {
    /// The id of `host:port`, which is added where it is new. IPv6 addresses may have brackets.
    pub fn add(&mut self, host: &str, port: u16) -> ServerId {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Some(known) = self
            .0
            .iter()
            .position(|server| server.host == bare && server.port == port)
        {
            return ServerId(known);
        }
        let literal: Vec<SocketAddr> = bare
            .parse::<IpAddr>()
            .map(|address| SocketAddr::new(address, port))
            .into_iter()
            .collect();
        self.0.push(Server {
            host: bare.to_owned(),
            port,
            addresses: RwLock::new(literal.into()),
        });
        ServerId(self.0.len() - 1)
    }

    /// Takes over the addresses that `before` knows of the same servers: nothing waits for a look-up.
    pub fn inherit(&mut self, before: &Self) {
        for server in &mut self.0 {
            if let Some(same) = before.same(server) {
                server.addresses = RwLock::new(before.addresses(same));
            }
        }
    }

    /// The server of `before` that `server` is.
    pub(super) fn was(&self, server: ServerId, before: &Self) -> Option<ServerId> {
        before.same(self.0.get(server.0)?)
    }

    fn same(&self, server: &Server) -> Option<ServerId> {
        let same = |own: &Server| own.host == server.host && own.port == server.port;
        self.0.iter().position(same).map(ServerId)
    }

    /// How many servers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The addresses that `server` had at the last look-up.
    pub(super) fn addresses(&self, server: ServerId) -> Arc<[SocketAddr]> {
        let Some(server) = self.0.get(server.0) else {
            return Arc::new([]);
        };
        Arc::clone(
            &server
                .addresses
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// `host:port`, for messages.
    pub(super) fn name(&self, server: ServerId) -> String {
        self.0
            .get(server.0)
            .map(|server| format!("{}:{}", server.host, server.port))
            .unwrap_or_default()
    }

    /// Looks every name up once. A name that cannot be looked up keeps its last good answer.
    pub async fn look_up(&self) {
        for server in self
            .0
            .iter()
            .filter(|server| server.host.parse::<IpAddr>().is_err())
        {
            server.look_up().await;
        }
    }

    /// Looks every name up every ten seconds, for ever.
    pub async fn keep_looking_up(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.look_up().await;
        }
    }
}

impl Server {
    async fn look_up(&self) {
        let answer = tokio::time::timeout(
            LOOKUP,
            tokio::net::lookup_host((self.host.as_str(), self.port)),
        )
        .await;
        let found: Vec<SocketAddr> = match answer {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => {
                return tracing::warn!(host = self.host, %error, "cannot look an upstream up");
            }
            Err(_) => {
                return tracing::warn!(host = self.host, "looking an upstream up takes too long");
            }
        };
        let mut addresses = self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if !found.is_empty() && **addresses != *found {
            *addresses = found.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_gets_addresses_and_an_address_needs_no_look_up() {
        let mut servers = Servers::default();
        let literal = servers.add("[::1]", 80);
        let name = servers.add("localhost", 81);
        let nowhere = servers.add("nowhere.invalid", 82);
        assert_eq!(servers.add("localhost", 81), name);
        assert_eq!(
            servers.addresses(literal)[..],
            ["[::1]:80".parse().unwrap()]
        );
        assert!(servers.addresses(name).is_empty());
        servers.look_up().await;
        assert!(
            servers
                .addresses(name)
                .iter()
                .all(|address| address.port() == 81 && address.ip().is_loopback())
        );
        assert!(!servers.addresses(name).is_empty());
        assert!(servers.addresses(nowhere).is_empty());
    }
}
