//! Where a service is: `http://HOST:PORT`, `https://HOST:PORT`, or a socket in the file system.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::setting::declare;
use crate::setting::value::looks_secret;

/// The longest path that a socket can have (`unix(7)`).
const LONGEST_PATH: usize = 107;

/// What to write where nothing better is known.
const EXAMPLE: &str = "write \"http://HOST:PORT\", and a path if there is one";

/// A server as the config names it. A name may have many addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// A name or an IP address, and a port.
    Host {
        /// By https.
        tls: bool,
        /// In small letters, an IPv6 address without brackets.
        host: Box<str>,
        /// The port, 80 or 443 where none was given.
        port: u16,
    },
    /// A socket in the file system.
    Unix(Arc<Path>),
}

/// Where a server is, ready to be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a socket.
    Unix(Arc<Path>),
}

impl Origin {
    /// Reads a server and what follows it, a path or nothing; or says what to write instead.
    pub fn split(text: &str) -> Result<(Self, &str), String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return socket_path(path, "unix:/run/app.sock").map(|path| (Origin::Unix(path), ""));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(without_scheme(text));
        };
        let (tls, usual) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(EXAMPLE.to_owned()),
        };
        if text.contains(['?', '#']) {
            return Err("take the `?` or `#` off, and what follows it".to_owned());
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err("take user and password off: they are not sent".to_owned());
        }
        let (host, digits) = split_port(authority).ok_or(EXAMPLE)?;
        let port = match digits {
            "" => usual,
            digits => digits.parse().map_err(|_| EXAMPLE)?,
        };
        if port == 0 {
            return Err(format!("write a port from 1 to 65535, or none for {usual}"));
        }
        let host = host_name(host).ok_or(EXAMPLE)?;
        Ok((Self::Host { tls, host, port }, path))
    }

    /// Reads a server that stands alone, or says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Self::split(text)? {
            (origin, "" | "/") => Ok(origin),
            _ => Err("take the path off: it belongs to a route's `to`".to_owned()),
        }
    }

    /// Whether it is reached by https.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Host { tls: true, .. })
    }

    /// The name or address, and the port; a socket in the file system has none.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        match self {
            Self::Host { host, port, .. } => Some((host, *port)),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { tls, host, port } => {
                let scheme = if *tls { "https" } else { "http" };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Serialize for ServerAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

declare::text!(
    Origin,
    "the address of a server",
    "http://10.0.0.1:3000",
    Origin::parse,
    Origin::to_string
);

/// The path of a socket, as it stands behind `unix:`.
pub(super) fn socket_path(path: &str, example: &str) -> Result<Arc<Path>, String> {
    if !path.starts_with('/') || path.starts_with("//") || path.ends_with('/') {
        return Err(format!("write the whole path: \"{example}\""));
    }
    if path.len() > LONGEST_PATH || path.contains('\0') {
        return Err(format!(
            "the path of a socket has at most {LONGEST_PATH} bytes"
        ));
    }
    Ok(Path::new(path).into())
}

fn without_scheme(text: &str) -> String {
    if !text.contains([':', '/', '.']) || looks_secret(text) || text.contains('@') {
        return EXAMPLE.to_owned();
    }
    format!("write the scheme too: \"http://{text}\"")
}

/// The host, with the brackets of an IPv6 address, and the digits of the port or nothing.
fn split_port(authority: &str) -> Option<(&str, &str)> {
    let end = match authority.strip_prefix('[') {
        Some(_) => authority.find(']')? + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at_checked(end)?;
    let digits = match rest.strip_prefix(':') {
        Some(digits) => digits,
        None if rest.is_empty() => "",
        None => return None,
    };
    let sound = digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then_some((host, digits))
}

/// A name in small letters, or an address without brackets.
fn host_name(host: &str) -> Option<Box<str>> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string().into());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    (name.len() <= 253 && name.split('.').all(is_label)).then(|| name.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_and_written_the_same() {
        for (text, written) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://A.example./", "http://a.example:80"),
            ("http://my_service:1", "http://my_service:1"),
            ("https://a.example", "https://a.example:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("http://[::0:1]:3000", "http://[::1]:3000"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!(origin.to_string(), written);
            assert_eq!(Origin::parse(written), Ok(origin));
        }
    }

    #[test]
    fn what_is_no_server_is_told_so() {
        for (text, expected) in [
            ("billing", "write \"http://HOST"),
            ("a.example:80", "write the scheme too"),
            ("unix:run/a", "the whole path"),
            ("unix://run/a", "the whole path"),
            ("unix:", "the whole path"),
            ("http://a/v2", "take the path off"),
            ("http://a..b", "write \"http://HOST"),
            ("http://a b", "write \"http://HOST"),
            ("http://[::1", "write \"http://HOST"),
            ("http://[::1]x", "write \"http://HOST"),
            ("http://a:0", "none for 80"),
            ("https://a:0", "none for 443"),
            ("ftp://a", "write \"http://HOST"),
        ] {
            let help = Origin::parse(text).unwrap_err();
            assert!(help.contains(expected), "{text}: {help}");
        }
        let long = format!("unix:/{}", "x".repeat(LONGEST_PATH));
        assert!(Origin::parse(&long).unwrap_err().contains("at most 107"));
        assert!(Origin::parse(&long[..long.len() - 1]).is_ok());
    }
}
