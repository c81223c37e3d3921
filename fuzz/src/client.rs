//! `X-Forwarded-For`: no address counts that stands beyond a hop that is not trusted.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use wxgate::listener::{Door, Peer};
use wxgate::proxy::client_address::{Client, Config, Trust};
use wxgate::setting::Network;

const PEERS: [&str; 4] = ["10.0.0.1", "9.9.9.9", "::ffff:10.0.0.1", "2001:db8::9"];

/// The first byte says who our peer is; the others are the header's lines, one after another.
pub(crate) fn address(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else {
        return;
    };
    let network = |text: &str| Network::Ip(text.parse::<IpNet>().unwrap());
    let networks = ["10.0.0.0/8", "fd00::/8", "::ffff:172.16.0.0/108"].map(network);
    let trust = Trust::new(&Config {
        trusted: networks.to_vec(),
        ..Config::default()
    });
    let is_ours = |address: &IpAddr| match address {
        IpAddr::V4(v4) => {
            v4.octets()[0] == 10 || v4.octets()[..2] == [172, 16 + (v4.octets()[1] & 15)]
        }
        IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
    };
    let peer: IpAddr = PEERS[usize::from(*first) % PEERS.len()].parse().unwrap();
    let peer = peer.to_canonical();
    let lines: Vec<HeaderValue> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    let ask = |lines: &[HeaderValue]| -> Client {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HeaderName::from_static("x-forwarded-for"), line.clone());
        }
        let known = trust.peer(&Peer {
            address: (peer, 1).into(),
            on_unix: false,
            door: Door::Plain,
        });
        let client = trust.client(&known, &headers);
        assert_eq!(trust.address(&known, &headers), client.address);
        client
    };
    let client = ask(&lines);
    assert_eq!(client.text, client.address.to_string());
    let chain = client
        .chain
        .to_str()
        .unwrap()
        .split(", ")
        .map(|word| word.parse().unwrap());
    let chain: Vec<IpAddr> = chain.collect();
    assert_eq!(chain.last(), Some(&peer), "our peer is the last");
    assert_eq!(
        chain.first(),
        Some(&client.address),
        "the client is the first"
    );
    let hops = chain.get(1..).unwrap_or_default();
    assert!(
        hops.iter().all(is_ours),
        "beyond a hop that is not trusted: {chain:?}"
    );
    // What was said is said by whom it is taken from: from the right, word for word.
    let words = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let words: Vec<&[u8]> = words.collect();
    assert!(chain.len() <= words.len() + 1);
    for (address, word) in chain.iter().rev().skip(1).zip(words.iter().rev()) {
        let word = str::from_utf8(word).unwrap().trim_ascii();
        let bare = word
            .parse()
            .ok()
            .or_else(|| word.trim_start_matches('[').split(']').next()?.parse().ok());
        let bare: Option<IpAddr> = bare.or_else(|| word.split(':').next()?.parse().ok());
        assert_eq!(
            bare.map(|bare| bare.to_canonical()),
            Some(*address),
            "{word}"
        );
    }
    // What somebody who is not trusted puts in front changes nothing.
    if !is_ours(&client.address) {
        let forged = HeaderValue::from_static("6.6.6.6, 10.0.0.3");
        let more = [&[forged], &lines[..]].concat();
        assert_eq!(ask(&more), client, "a forged line counts");
        if let [first, rest @ ..] = &lines[..] {
            let longer = [b"6.6.6.6 , ", first.as_bytes()].concat();
            let longer = HeaderValue::from_bytes(&longer).unwrap();
            assert_eq!(
                ask(&[&[longer], rest].concat()),
                client,
                "a forged word counts"
            );
        }
    }
}
