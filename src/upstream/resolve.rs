//! The addresses of the servers' names, looked up again and again.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::upstream::group::Groups;

/// How often names are looked up.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a look-up may take.
const LOOKUP: Duration = Duration::from_secs(5);

impl Groups {
    /// Looks every name up once. A name that cannot be looked up keeps its last good answer.
    pub async fn look_up(&self) {
        let mut names = BTreeSet::new();
        for group in self.all() {
            names.extend(group.names().map(|(host, port)| (host.to_owned(), port)));
        }
        let mut under_way: JoinSet<_> = names.into_iter().map(addresses).collect();
        while let Some(answer) = under_way.join_next().await {
            if let Ok(Some((host, port, found))) = answer {
                self.servers().found(&host, port, found);
            }
        }
        self.refresh();
    }

    /// Looks every name up every ten seconds, for ever.
    pub(super) async fn keep_looking_up(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.look_up().await;
            self.forget_checks();
        }
    }
}

/// The addresses of one name, or nothing where there is no good answer.
async fn addresses((host, port): (String, u16)) -> Option<(String, u16, Vec<SocketAddr>)> {
    let look_up = tokio::net::lookup_host((host.as_str(), port));
    let found: Vec<_> = match tokio::time::timeout(LOOKUP, look_up).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(error)) => {
            tracing::warn!(host, %error, "cannot look an upstream up");
            return None;
        }
        Err(_) => {
            tracing::warn!(host, "looking an upstream up takes too long");
            return None;
        }
    };
    (!found.is_empty()).then_some((host, port, found))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::setting::{Origin, ServerAddress};
    use crate::upstream::{GroupId, Servers};

    fn addresses(groups: &Groups, id: GroupId) -> Vec<String> {
        let servers = groups.all()[id.0].servers();
        servers
            .iter()
            .map(|server| server.address.to_string())
            .collect()
    }

    #[tokio::test]
    async fn a_name_gets_addresses_and_an_address_needs_no_look_up() {
        let servers = Arc::new(Servers::default());
        let mut groups = Groups::new(Arc::clone(&servers));
        let mut single = |text| groups.single(&Origin::parse(text).unwrap()).unwrap();
        let literal = single("http://[::1]");
        let socket = single("unix:/run/a.sock");
        let name = single("http://localhost:81");
        let nowhere = single("http://nowhere.invalid:82");
        assert_eq!(single("http://localhost:81"), name);
        assert_eq!(addresses(&groups, literal), ["[::1]:80"]);
        assert_eq!(addresses(&groups, socket), ["unix:/run/a.sock"]);
        assert!(addresses(&groups, name).is_empty());
        groups.look_up().await;
        let found = groups.all()[name.0].servers();
        assert!(!found.is_empty());
        assert!(found.iter().all(|server| matches!(
            &server.address,
            ServerAddress::Tcp(address) if address.port() == 81 && address.ip().is_loopback()
        )));
        assert!(addresses(&groups, nowhere).is_empty());

        // The next config knows the addresses from the start, and it knows the servers.
        let mut next = Groups::new(servers);
        let name = next
            .single(&Origin::parse("http://localhost:81").unwrap())
            .unwrap();
        let known = next.all()[name.0].servers();
        assert!(known.len() == found.len() && known[0].id == found[0].id);
    }

    #[test]
    fn a_look_up_that_finds_the_same_in_another_order_changes_nothing() {
        let servers = Arc::new(Servers::default());
        let mut groups = Groups::new(Arc::clone(&servers));
        let id = groups
            .single(&Origin::parse("http://many.test:80").unwrap())
            .unwrap();
        let version = || {
            groups.refresh();
            groups.all()[id.0].version()
        };
        let [one, other] = [1, 2].map(|last| SocketAddr::from(([10, 0, 0, last], 80)));
        servers.found("many.test", 80, vec![one, other]);
        assert_eq!(version(), 1);
        servers.found("many.test", 80, vec![other, one, other]);
        assert_eq!(version(), 1);
        servers.found("many.test", 80, vec![other]);
        assert_eq!(version(), 2);
        assert_eq!(addresses(&groups, id), ["10.0.0.2:80"]);
    }
}
