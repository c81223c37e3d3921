//! Networks that a peer may be in.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Networks. An IPv4 address in IPv6's clothes is the IPv4 address.
#[derive(Debug, Clone, Default)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// The networks of a config.
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.iter().map(canonical).collect())
    }

    /// Whether `address` is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        !self.0.is_empty() && {
            let address = address.to_canonical();
            self.0.iter().any(|network| network.contains(&address))
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
        let networks: Vec<IpNet> = ["10.0.0.0/8", "::ffff:172.16.0.0/108", "fd00::/8"]
            .iter()
            .map(|text| text.parse().unwrap())
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
        assert!(!Networks::default().contain([10, 1, 2, 3].into()));
    }
}
