//! Whom a peer may be of: a network, or the unix sockets.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::setting::declare;

/// A network of IP, or all who come by a unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// `10.0.0.0/8`
    Ip(IpNet),
    /// `unix`
    Unix,
}

impl Network {
    fn read(text: &str) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| {
                "write an address and a prefix length, such as \"10.0.0.0/8\" or \"fd00::/8\", or \"unix\""
            })?;
        if net == net.trunc() {
            Ok(Self::Ip(net))
        } else {
            Err(format!(
                "it has bits after its prefix: write \"{}\"",
                net.trunc()
            ))
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Ip(net) => net.to_string(),
            Self::Unix => "unix".to_owned(),
        }
    }
}

declare::text!(
    Network,
    "a network",
    "10.0.0.0/8",
    Network::read,
    Network::text
);
