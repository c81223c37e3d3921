//! The PROXY protocol: what a proxy that does not speak HTTP says of a connection before all else.
//!
//! Both versions, as <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt> has them. Read
//! strictly: who may send a header must send one, and whole.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest line of version 1, with its end (§2.1).
const LINE: usize = 107;

/// How every header of version 2 begins (§2.2).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Before the addresses of version 2: signature, command, family, length.
const FIXED: usize = 16;

/// The longest header that is taken. Addresses have 36 bytes, and what follows them is passed over.
pub(super) const MOST: usize = 4096;

/// What the beginning of a connection holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// All of it is the beginning of a header, and more must come.
    More,
    /// A header ends after so many bytes.
    Whole {
        /// The bytes of the header.
        length: usize,
        /// Where the connection is from; `None`: from the proxy itself, or it does not know.
        source: Option<SocketAddr>,
    },
}

/// Why the beginning of a connection is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// It begins as neither version does.
    #[error("there is no PROXY header")]
    Missing,
    /// A line of version 1 that nobody reads.
    #[error("the PROXY line cannot be read")]
    Line,
    /// A header of version 2 that nobody reads.
    #[error("the binary PROXY header cannot be read")]
    Binary,
    /// It is longer than anybody needs.
    #[error("the PROXY header is too long")]
    TooLong,
}

/// Reads the beginning of a connection, which is not empty.
pub(super) fn scan(bytes: &[u8]) -> Result<Scan, Malformed> {
    if begins(bytes, SIGNATURE) {
        binary(bytes)
    } else if begins(bytes, b"PROXY ") {
        line(bytes)
    } else {
        Err(Malformed::Missing)
    }
}

/// Whether `bytes` begin as `mark` does, as far as they go.
fn begins(bytes: &[u8], mark: &[u8]) -> bool {
    let both = bytes.len().min(mark.len());
    bytes.get(..both) == mark.get(..both)
}

fn line(bytes: &[u8]) -> Result<Scan, Malformed> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE {
            Ok(Scan::More)
        } else {
            Err(Malformed::Line)
        };
    };
    let length = end + 1;
    let text = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let text = text.and_then(|line| line.strip_prefix(b"PROXY "));
    let text = text.filter(|_| length <= LINE).ok_or(Malformed::Line)?;
    let text = str::from_utf8(text).map_err(|_| Malformed::Line)?;
    // What an UNKNOWN line says beside that is passed over (§2.1).
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Ok(Scan::Whole {
            length,
            source: None,
        });
    }
    let source = tcp(text).ok_or(Malformed::Line)?;
    Ok(Scan::Whole {
        length,
        source: Some(source),
    })
}

/// `TCP4 192.0.2.1 192.0.2.2 4321 443`: one space between words, and no more words.
fn tcp(text: &str) -> Option<SocketAddr> {
    let mut words = text.split(' ');
    let family = words.next()?;
    let (source, target) = (words.next()?, words.next()?);
    let port = port(words.next()?)?;
    self::port(words.next()?)?;
    if words.next().is_some() {
        return None;
    }
    let address = match family {
        "TCP4" => {
            let _: Ipv4Addr = target.parse().ok()?;
            IpAddr::V4(source.parse().ok()?)
        }
        "TCP6" => {
            let _: Ipv6Addr = target.parse().ok()?;
            IpAddr::V6(source.parse().ok()?)
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// Digits, without zeros before them.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().ok()).flatten()
}

fn binary(bytes: &[u8]) -> Result<Scan, Malformed> {
    let Some(&[command, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else {
        return Ok(Scan::More);
    };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > MOST {
        return Err(Malformed::TooLong);
    }
    let speaks_for_itself = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed::Binary),
    };
    let Some(rest) = bytes.get(FIXED..length) else {
        return Ok(Scan::More);
    };
    let source = match family {
        _ if speaks_for_itself => None,
        // Unspecified, and a socket of the proxy's own machine: neither has an address for us.
        0x00 | 0x31 => None,
        0x11 => Some(v4(rest).ok_or(Malformed::Binary)?),
        0x21 => Some(v6(rest).ok_or(Malformed::Binary)?),
        _ => return Err(Malformed::Binary),
    };
    Ok(Scan::Whole { length, source })
}

/// Addresses and ports, the source's first: 12 bytes.
fn v4(rest: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let (ports, _) = rest.split_first_chunk::<4>()?;
    Some(SocketAddr::new((*source).into(), first_port(*ports)))
}

/// The same for IPv6: 36 bytes.
fn v6(rest: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (_, rest) = rest.split_first_chunk::<16>()?;
    let (ports, _) = rest.split_first_chunk::<4>()?;
    Some(SocketAddr::new((*source).into(), first_port(*ports)))
}

fn first_port([high, low, ..]: [u8; 4]) -> u16 {
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        header.extend(rest);
        header
    }

    #[test]
    fn a_line_names_the_client() {
        for (text, expected) in [
            (
                "PROXY TCP4 192.0.2.1 192.0.2.2 4321 443\r\n",
                Some(at("192.0.2.1:4321")),
            ),
            (
                "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n",
                Some(at("255.255.255.255:65535")),
            ),
            (
                "PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
                Some(at("[2001:db8::1]:1")),
            ),
            (
                "PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n",
                Some(at("[::ffff:1.2.3.4]:1")),
            ),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN ffff::1 what ever\r\n", None),
        ] {
            let bytes = [text.as_bytes(), b"GET / HTTP/1.1\r\n"].concat();
            let length = text.len();
            let whole = Scan::Whole {
                length,
                source: expected,
            };
            assert_eq!(scan(&bytes), Ok(whole), "{text}");
            for end in 1..length {
                assert_eq!(scan(&bytes[..end]), Ok(Scan::More), "{end} of {text}");
            }
        }
    }

    #[test]
    fn a_line_that_two_might_read_in_two_ways_is_none() {
        for text in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 4321 443\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4321 443 \r\n",
            "PROXY TCP4 192.0.2.1  192.0.2.2 4321 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4321\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 4321 443 5\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 04321 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2  443\r\n",
            "PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
            "PROXY TCP4 localhost 192.0.2.2 1 2\r\n",
            "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UNKNOWNED\r\n",
            "PROXY \r\n",
            "PROXY TCP4 192.0.2.\u{661} 192.0.2.2 1 2\r\n",
        ] {
            assert_eq!(scan(text.as_bytes()), Err(Malformed::Line), "{text}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE));
        assert_eq!(scan(long.as_bytes()), Err(Malformed::Line));
        assert_eq!(scan(&long.as_bytes()[..LINE]), Err(Malformed::Line));
        for text in [
            "GET / HTTP/1.1\r\n",
            "proxy TCP4 ",
            "\r\n\r\nG",
            "\x16\x03\x01",
            "PROXYTCP4",
        ] {
            assert_eq!(scan(text.as_bytes()), Err(Malformed::Missing), "{text}");
        }
    }

    #[test]
    fn a_binary_header_names_the_client() {
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 0x10, 0xe1, 1, 0xbb];
        let mut six = [0; 36];
        (six[0], six[1], six[15], six[32], six[33]) = (0x20, 0x01, 7, 0x10, 0xe1);
        let with = |rest: &[u8], more: &[u8]| [rest, more].concat();
        for (header, expected) in [
            (v2(0x21, 0x11, &four), Some(at("192.0.2.1:4321"))),
            (v2(0x21, 0x21, &six), Some(at("[2001::7]:4321"))),
            // Fields of other kinds come after the addresses, and do not count.
            (
                v2(0x21, 0x11, &with(&four, &[4, 0, 2, 9, 9])),
                Some(at("192.0.2.1:4321")),
            ),
            (
                v2(0x21, 0x21, &with(&six, &[0xee; 500])),
                Some(at("[2001::7]:4321")),
            ),
            (v2(0x20, 0x11, &four), None),
            (v2(0x20, 0x00, &[]), None),
            (v2(0x20, 0xff, &[1, 2, 3]), None),
            (v2(0x21, 0x00, &[]), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            let length = header.len();
            let bytes = with(&header, b"GET /");
            let whole = Scan::Whole {
                length,
                source: expected,
            };
            assert_eq!(scan(&bytes), Ok(whole), "{header:?}");
            for end in 1..length {
                assert_eq!(scan(&bytes[..end]), Ok(Scan::More), "{end} of {header:?}");
            }
        }
    }

    #[test]
    fn a_binary_header_that_nobody_reads_is_none() {
        for (header, why) in [
            (v2(0x11, 0x11, &[0; 12]), Malformed::Binary),
            (v2(0x31, 0x11, &[0; 12]), Malformed::Binary),
            (v2(0x22, 0x11, &[0; 12]), Malformed::Binary),
            (v2(0x21, 0x12, &[0; 12]), Malformed::Binary),
            (v2(0x21, 0x22, &[0; 36]), Malformed::Binary),
            (v2(0x21, 0x41, &[0; 36]), Malformed::Binary),
            (v2(0x21, 0x11, &[0; 11]), Malformed::Binary),
            (v2(0x21, 0x21, &[0; 35]), Malformed::Binary),
            (v2(0x21, 0x11, &[0; MOST]), Malformed::TooLong),
        ] {
            assert_eq!(scan(&header), Err(why), "{:?}", &header[..16]);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(address in any::<[u8; 16]>(), port in any::<u16>(), four in any::<bool>()) {
            let ip = if four {
                IpAddr::from([address[0], address[1], address[2], address[3]])
            } else {
                IpAddr::from(address)
            };
            let family = if four { 4 } else { 6 };
            let text = format!("PROXY TCP{family} {ip} {ip} {port} 1\r\n");
            let expected = Scan::Whole { length: text.len(), source: Some(SocketAddr::new(ip, port)) };
            prop_assert_eq!(scan(text.as_bytes()), Ok(expected));
        }

        #[test]
        fn no_bytes_do_harm(mut bytes in proptest::collection::vec(any::<u8>(), 1..600), as_if in 0..3) {
            match as_if {
                1 => drop(bytes.splice(..0, *SIGNATURE)),
                2 => drop(bytes.splice(..0, *b"PROXY TCP4 ")),
                _ => {}
            }
            if let Ok(Scan::Whole { length, .. }) = scan(&bytes) {
                prop_assert!(length <= bytes.len() && length <= MOST);
                prop_assert_eq!(scan(&bytes[..length]), scan(&bytes));
            }
        }
    }
}
