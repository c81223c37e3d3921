//! PROXY protocol: however much is there, the answer is one, of the header's own bytes and of no more.

use std::net::{IpAddr, SocketAddr};

use super::proxy_protocol::{MOST, Scan, scan};

/// The bytes at the start of a connection.
pub(crate) fn header(bytes: &[u8]) {
    let bytes = bytes.get(..MOST + 200).unwrap_or(bytes);
    let mut answer = None;
    for end in 1..=bytes.len() {
        let now = scan(&bytes[..end]);
        if let Some(first) = answer {
            assert_eq!(now, first, "{end} bytes change the answer");
            continue;
        }
        match now {
            Ok(Scan::More) => assert!(end < MOST, "{end} bytes are not enough"),
            Ok(Scan::Whole { length, source }) => {
                assert_eq!(length, end, "it was there before, or is not there whole");
                let header = &bytes[..length];
                assert!(
                    source.is_none_or(|source| says(header, source)),
                    "{source:?}"
                );
                answer = Some(now);
            }
            Err(_) => answer = Some(now),
        }
    }
}

/// Whether `header` names `source`, read another way.
fn says(header: &[u8], source: SocketAddr) -> bool {
    if header.starts_with(b"PROXY ") {
        let text = str::from_utf8(header).unwrap_or_default();
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        return words.len() == 6
            && words[1] == family
            && words[2].parse() == Ok(source.ip())
            && words[4] == source.port().to_string();
    }
    let (ip, ports) = match source.ip() {
        IpAddr::V4(ip) => (ip.octets().to_vec(), 24),
        IpAddr::V6(ip) => (ip.octets().to_vec(), 48),
    };
    header[16..].starts_with(&ip) && header[ports..].starts_with(&source.port().to_be_bytes())
}
