//! What counts as one client of the network, where there is no better name for it.

use std::net::IpAddr;

/// An IPv4 address, or a /64 of IPv6: whoever has one address of such a network has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The address.
    V4(u32),
    /// The first 64 bits.
    V6(u64),
}

impl Origin {
    /// Where `address` belongs. An IPv4 address in IPv6's clothes is the IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                Self::V6(u64::try_from(address.to_bits() >> 64).unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_counts_by_address_and_ipv6_by_64_bits() {
        let same = |one: &str, other: &str| {
            Origin::of(one.parse().unwrap()) == Origin::of(other.parse().unwrap())
        };
        assert!(same("192.0.2.1", "192.0.2.1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(!same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
        assert!(!same("0.0.0.1", "0:0:0:1::1"));
    }
}
