//! Networks that a peer may be in.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::listener::Peer;
use crate::setting::Network;

/// Networks, and maybe the unix sockets. An IPv4 address in IPv6's clothes is the IPv4 address.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    networks: Vec<IpNet>,
    unix: bool,
}

impl Networks {
    /// The networks of a config.
    pub fn new(networks: &[Network]) -> Self {
        let by_ip = networks.iter().filter_map(|network| match network {
            Network::Ip(network) => Some(canonical(network)),
            Network::Unix => None,
        });
        Self {
            networks: by_ip.collect(),
            unix: networks.contains(&Network::Unix),
        }
    }

    /// Whether `peer` is of one of them. Who came by a unix socket is of no network.
    pub fn have(&self, peer: &Peer) -> bool {
        if peer.on_unix {
            self.unix
        } else {
            self.contain(peer.address.ip())
        }
    }

    /// Whether `address` is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        !self.networks.is_empty() && {
            let address = address.to_canonical();
            self.networks
                .iter()
                .any(|network| network.contains(&address))
        }
    }
}

/// A network of IPv4-mapped addresses is a network of IPv4 addresses.
fn canonical(network: &IpNet) -> IpNet {
    if let IpNet::V6(mapped) = network
        && let Some(address) = mapped.addr().to_ipv4_mapped()
        && let Some(length) = mapped.prefix_len().checked_sub(96)
        && let Ok(network) = Ipv4Net::new(address, length)
    {
        return IpNet::V4(network);
    }
    *network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_one_in_whatever_clothes() {
        let networks: Vec<Network> = ["10.0.0.0/8", "::ffff:172.16.0.0/108", "fd00::/8"]
            .iter()
            .map(|text| Network::Ip(text.parse().unwrap()))
            .collect();
        let networks = Networks::new(&networks);
        for (address, is_in) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("172.16.0.1", true),
            ("::ffff:172.16.0.1", true),
            ("fd12::1", true),
            ("11.0.0.1", false),
            ("::10.1.2.3", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(
                networks.contain(address.parse().unwrap()),
                is_in,
                "{address}"
            );
        }
        let peer = |on_unix| Peer {
            address: ([10, 1, 2, 3], 0).into(),
            on_unix,
            door: crate::listener::Door::Plain,
        };
        assert!(networks.have(&peer(false)) && !networks.have(&peer(true)));
        let unix = Networks::new(&[Network::Unix]);
        assert!(unix.have(&peer(true)) && !unix.have(&peer(false)));
        assert!(!Networks::default().contain([10, 1, 2, 3].into()));
    }
}
