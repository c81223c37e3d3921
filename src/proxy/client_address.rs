//! Whose address a request is really from (R10).
//!
//! Only what a trusted proxy says counts, and only up to the first address that is not one of
//! ours. An IPv4 address in IPv6's clothes is the IPv4 address.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::listener::{self, Door, Networks};
use crate::setting::{self, Network};

setting::section! {
    /// `[proxies]`: whose word on addresses counts.
    pub struct Config {
        /// Networks of the proxies in front of us.
        trusted: Vec<Network> = Vec::new(),
        /// Networks whose connections begin with a header of the PROXY protocol.
        proxy_protocol: Vec<Network> = Vec::new(),
    }
}

/// The networks whose word counts.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    networks: Networks,
}

/// The other end of a connection, read once for all its requests.
#[derive(Debug, Clone)]
pub struct Peer {
    address: IpAddr,
    text: HeaderValue,
    trusted: bool,
    https: bool,
}

/// Whom a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The true client, as far as can be known.
    pub address: IpAddr,
    /// [`Self::address`] for `X-Real-IP`.
    pub text: HeaderValue,
    /// `X-Forwarded-For` for the upstream: from the client's address on, our peer's last.
    pub chain: HeaderValue,
    /// Whether the client came by `https`: to us, or to the trusted peer that says so.
    pub https: bool,
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Trust {
    /// Trusts what `config` lists.
    pub fn new(config: &Config) -> Self {
        Self {
            networks: Networks::new(&config.trusted),
        }
    }

    /// Reads a new connection's other end. Who came by a unix socket has this machine's address, and is
    /// trusted only where `unix` is.
    pub fn peer(&self, peer: &listener::Peer) -> Peer {
        let address = peer.address.ip().to_canonical();
        Peer {
            address,
            text: text_of(address),
            trusted: self.networks.have(peer),
            https: peer.door == Door::Tls,
        }
    }

    /// Whether `peer` speaks for others.
    pub fn trusts(&self, peer: &listener::Peer) -> bool {
        self.networks.have(peer)
    }

    /// Whom a request on the connection with `peer` is from. Costs no allocation where the peer is
    /// not trusted.
    pub fn client(&self, peer: &Peer, headers: &HeaderMap) -> Client {
        if !peer.trusted {
            return Client {
                address: peer.address,
                text: peer.text.clone(),
                chain: peer.text.clone(),
                https: peer.https,
            };
        }
        let chain = self.chain(peer, headers);
        let address = chain.last().copied().unwrap_or(peer.address);
        Client {
            address,
            text: text_of(address),
            chain: joined(&chain),
            https: said_https(headers).unwrap_or(peer.https),
        }
    }

    /// The address alone of whom a request on the connection with `peer` is from.
    pub fn address(&self, peer: &Peer, headers: &HeaderMap) -> IpAddr {
        if !peer.trusted {
            return peer.address;
        }
        let chain = self.chain(peer, headers);
        chain.last().copied().unwrap_or(peer.address)
    }

    /// From our peer to the client, as far as what trusted ones say goes.
    fn chain(&self, peer: &Peer, headers: &HeaderMap) -> Vec<IpAddr> {
        let mut chain = vec![peer.address];
        for entry in entries_from_the_right(headers) {
            let Some(address) = read(entry) else {
                break;
            };
            chain.push(address);
            if !self.covers(address) {
                break;
            }
        }
        chain
    }

    /// Whether the word of `address` counts.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.networks.contain(address)
    }
}

impl Peer {
    /// Its address; IPv4 where it is IPv4 in IPv6.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

fn entries_from_the_right(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines: Vec<_> = headers.get_all(&X_FORWARDED_FOR).iter().collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
}

/// An address, which some proxies write with its port: `1.2.3.4:5`, `[::1]`, `[::1]:5`. One with a zone
/// (RFC 4007) means nothing but where it was written.
fn read(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry.trim_ascii()).ok()?;
    if text.contains('%') {
        return None;
    }
    let bracketed = || {
        let address = text.strip_prefix('[')?.strip_suffix(']')?;
        address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
    };
    let with_port = || text.parse::<SocketAddr>().ok().map(|both| both.ip());
    let address = text.parse().ok().or_else(bracketed).or_else(with_port)?;
    Some(address.to_canonical())
}

/// What one `X-Forwarded-Proto` with one word says; several would need a chain to be verified by.
fn said_https(headers: &HeaderMap) -> Option<bool> {
    let mut lines = headers.get_all(&X_FORWARDED_PROTO).iter();
    let word = lines.next()?.as_bytes().trim_ascii();
    if lines.next().is_some() {
        return None;
    }
    let https = word.eq_ignore_ascii_case(b"https");
    (https || word.eq_ignore_ascii_case(b"http")).then_some(https)
}

fn joined(chain: &[IpAddr]) -> HeaderValue {
    let mut text = String::with_capacity(chain.len() * 18);
    for address in chain.iter().rev() {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{address}");
    }
    value(&text)
}

fn text_of(address: IpAddr) -> HeaderValue {
    value(&address.to_string())
}

fn value(text: &str) -> HeaderValue {
    // Addresses and commas are fit for every header.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row = (
        &'static str,
        &'static [&'static [u8]],
        &'static str,
        &'static str,
    );

    fn network(text: &str) -> Network {
        match text {
            "unix" => Network::Unix,
            net => Network::Ip(net.parse().unwrap()),
        }
    }

    /// The other end with this address; `unix`: a unix socket's.
    fn end(text: &str, door: Door) -> listener::Peer {
        let address = match text {
            "unix" => IpAddr::from([127, 0, 0, 1]),
            address => address.parse().unwrap(),
        };
        listener::Peer {
            address: (address, 0).into(),
            on_unix: text == "unix",
            door,
        }
    }

    fn trust(networks: &[&str]) -> Trust {
        Trust::new(&Config {
            trusted: networks.iter().map(|text| network(text)).collect(),
            ..Config::default()
        })
    }

    fn client(networks: &[&str], peer: &str, lines: &[&[u8]]) -> (String, String) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        let trust = trust(networks);
        let peer = trust.peer(&end(peer, Door::Plain));
        let client = trust.client(&peer, &headers);
        assert_eq!(client.text, client.address.to_string());
        let alone = trust.address(&peer, &headers);
        assert_eq!(alone, client.address);
        let chain = client.chain.to_str().unwrap().to_owned();
        (client.address.to_string(), chain)
    }

    #[test]
    fn the_first_address_from_the_right_that_is_not_trusted_is_the_client() {
        let ours: &[&str] = &["10.0.0.0/8", "fd00::/8", "::ffff:172.16.0.0/108"];
        let rows: &[Row] = &[
            ("10.0.0.1", &[], "10.0.0.1", "10.0.0.1"),
            ("10.0.0.1", &[b"1.2.3.4"], "1.2.3.4", "1.2.3.4, 10.0.0.1"),
            (
                "10.0.0.1",
                &[b"6.6.6.6, 1.2.3.4"],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[b"1.2.3.4 ,\t10.0.0.2"],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.2, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[b"6.6.6.6", b"1.2.3.4", b"10.0.0.2"],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.2, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[b"10.0.0.3, 10.0.0.2"],
                "10.0.0.3",
                "10.0.0.3, 10.0.0.2, 10.0.0.1",
            ),
            ("10.0.0.1", &[b"1.2.3.4, unknown"], "10.0.0.1", "10.0.0.1"),
            (
                "10.0.0.1",
                &[b"1.2.3.4, , 10.0.0.2"],
                "10.0.0.2",
                "10.0.0.2, 10.0.0.1",
            ),
            ("10.0.0.1", &[b"1.2.3.4, \xff"], "10.0.0.1", "10.0.0.1"),
            (
                "10.0.0.1",
                &[b"1.2.3.4:5678"],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[b"[2001:db8::1]:443"],
                "2001:db8::1",
                "2001:db8::1, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[b"[2001:DB8::1]"],
                "2001:db8::1",
                "2001:db8::1, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[b"2001:db8::1"],
                "2001:db8::1",
                "2001:db8::1, 10.0.0.1",
            ),
            (
                "10.0.0.1",
                &[b"::ffff:1.2.3.4"],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.1",
            ),
            (
                "::ffff:10.0.0.1",
                &[b"1.2.3.4"],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.1",
            ),
            (
                "172.16.0.1",
                &[b"1.2.3.4, ::ffff:10.0.0.9"],
                "1.2.3.4",
                "1.2.3.4, 10.0.0.9, 172.16.0.1",
            ),
            ("fd00::1", &[b"1.2.3.4"], "1.2.3.4", "1.2.3.4, fd00::1"),
            ("10.0.0.1", &[b"fe80::1%eth0"], "10.0.0.1", "10.0.0.1"),
            ("10.0.0.1", &[b"[fe80::1%1]:443"], "10.0.0.1", "10.0.0.1"),
            ("10.0.0.1", &[b"01.2.3.4"], "10.0.0.1", "10.0.0.1"),
            ("9.9.9.9", &[b"1.2.3.4"], "9.9.9.9", "9.9.9.9"),
            ("2001:db8::9", &[b"1.2.3.4"], "2001:db8::9", "2001:db8::9"),
        ];
        for (peer, lines, address, chain) in rows {
            let found = client(ours, peer, lines);
            let expected = ((*address).to_owned(), (*chain).to_owned());
            assert_eq!(found, expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn where_nobody_is_trusted_only_our_peer_counts() {
        let found = client(&[], "127.0.0.1", &[b"1.2.3.4"]);
        assert_eq!(found, ("127.0.0.1".to_owned(), "127.0.0.1".to_owned()));
    }

    #[test]
    fn who_comes_by_a_unix_socket_is_this_machine_and_trusted_by_its_own_word_only() {
        let here = "127.0.0.1".to_owned();
        for networks in [&[][..], &["127.0.0.0/8"]] {
            let found = client(networks, "unix", &[b"1.2.3.4"]);
            assert_eq!(found, (here.clone(), here.clone()), "{networks:?}");
        }
        let (address, chain) = client(&["unix"], "unix", &[b"6.6.6.6, 1.2.3.4"]);
        assert_eq!((&*address, &*chain), ("1.2.3.4", "1.2.3.4, 127.0.0.1"));
        // And it is no word for who has the address itself.
        assert_eq!(
            client(&["unix"], "127.0.0.1", &[b"1.2.3.4"]),
            (here.clone(), here)
        );
    }

    #[test]
    fn only_a_trusted_peer_says_how_the_client_came() {
        let said = |peer: &str, tls: bool, words: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for word in words {
                headers.append(&X_FORWARDED_PROTO, HeaderValue::from_static(word));
            }
            let trust = trust(&["10.0.0.0/8"]);
            let door = if tls { Door::Tls } else { Door::Plain };
            let peer = trust.peer(&end(peer, door));
            trust.client(&peer, &headers).https
        };
        for tls in [false, true] {
            assert!(said("10.0.0.1", tls, &["https"]));
            assert!(!said("10.0.0.1", tls, &["HTTP"]));
            // What says nothing, or two things, leaves what we saw ourselves.
            assert_eq!(said("10.0.0.1", tls, &[]), tls);
            assert_eq!(said("10.0.0.1", tls, &["https, http"]), tls);
            assert_eq!(said("10.0.0.1", tls, &["https", "http"]), tls);
            assert_eq!(said("9.9.9.9", tls, &["https"]), tls);
            assert_eq!(said("9.9.9.9", tls, &["http"]), tls);
        }
    }

    proptest! {
        #[test]
        fn what_a_client_writes_itself_never_hides_where_it_came_from(
            forged in "[0-9a-f:., \\[\\]x]{0,40}", true_client in any::<[u8; 4]>(),
        ) {
            let address = IpAddr::from(true_client);
            prop_assume!(!trust(&["10.0.0.0/8"]).covers(address));
            // The proxy adds what it saw to what the client wrote.
            let line = format!("{forged}, {address}");
            let found = client(&["10.0.0.0/8"], "10.0.0.1", &[line.as_bytes()]);
            prop_assert_eq!(found, (address.to_string(), format!("{address}, 10.0.0.1")));
        }
    }
}
