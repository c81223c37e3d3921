//! Which host a request is for (R9).
//!
//! One request has one host: lower-case, without user, default port or trailing dot. Routes are
//! found by its name; what is forwarded as `X-Forwarded-Host` is the same text.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use http::{HeaderMap, HeaderValue, Uri, header};

/// Why a host is answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no `Host`. A probe in HTTP/1.0 may leave it out: that the caller decides.
    #[error("a request has a Host header")]
    Missing,
    /// There are several `Host` lines (RFC 9112 §3.2).
    #[error("a request has one Host header")]
    Several,
    /// It is neither a name nor an address, with a port at most.
    #[error("a host is a name or an address, and a port at most")]
    Malformed,
    /// The request line names another host than `Host` does.
    #[error("the Host header and the request line name the same host")]
    Differs,
    /// The request line names a scheme other than `http` and `https`.
    #[error("the scheme of a request is http or https")]
    Scheme,
}

/// The host of one request: a name or an address, and a port if it is not the default one.
#[derive(Debug, Clone)]
pub struct Host<'a> {
    text: Cow<'a, str>,
    name: usize,
    value: Option<&'a HeaderValue>,
}

/// The one `Host` line of a request (RFC 9112 §3.2).
pub fn line(headers: &HeaderMap) -> Result<&HeaderValue, Refused> {
    let mut lines = headers.get_all(header::HOST).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line),
        (None, _) => Err(Refused::Missing),
        (Some(_), Some(_)) => Err(Refused::Several),
    }
}

/// The host that `uri` and the `Host` line agree on. `default_port` is the one that a client leaves out:
/// 80, or 443 behind TLS.
pub fn of<'a>(uri: &Uri, line: &'a HeaderValue, default_port: u16) -> Result<Host<'a>, Refused> {
    let value = line;
    let text = str::from_utf8(value.as_bytes()).map_err(|_| Refused::Malformed)?;
    let mut host = Host::parse(text, default_port)?;
    host.value = Some(value);
    if uri
        .scheme_str()
        .is_some_and(|scheme| !matches!(scheme, "http" | "https"))
    {
        return Err(Refused::Scheme);
    }
    if let Some(authority) = uri.authority()
        && Host::parse(authority.as_str(), default_port)?.as_str() != host.as_str()
    {
        return Err(Refused::Differs);
    }
    Ok(host)
}

impl<'a> Host<'a> {
    /// Reads `name[:port]`, where an IPv6 address stands in brackets.
    pub fn parse(text: &'a str, default_port: u16) -> Result<Self, Refused> {
        let (name, digits) = split_port(text)?;
        let name = normal_name(name)?;
        let length = name.len();
        let port = match digits {
            "" => default_port,
            _ => digits.parse().map_err(|_| Refused::Malformed)?,
        };
        let text = match name {
            name if port == default_port => name,
            Cow::Borrowed(name)
                if !digits.starts_with('0') && text.len() == name.len() + 1 + digits.len() =>
            {
                Cow::Borrowed(text)
            }
            name => Cow::Owned(format!("{name}:{port}")),
        };
        Ok(Self {
            text,
            name: length,
            value: None,
        })
    }

    /// The name or address alone; an IPv6 address stands in brackets.
    pub fn name(&self) -> &str {
        self.text.get(..self.name).unwrap_or_default()
    }

    /// The name, and the port if it is not the default one.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// [`Self::as_str`] as the value of a header; the client's own bytes if they are the same.
    pub fn header(&self) -> HeaderValue {
        match self.value {
            Some(value) if value.as_bytes() == self.text.as_bytes() => value.clone(),
            // A host has no bytes that a header cannot have.
            _ => HeaderValue::from_str(&self.text)
                .unwrap_or_else(|_| HeaderValue::from_static("invalid")),
        }
    }
}

/// The name, and the digits of the port or nothing.
fn split_port(text: &str) -> Result<(&str, &str), Refused> {
    let end = match text.strip_prefix('[') {
        Some(_) => text.find(']').ok_or(Refused::Malformed)? + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, rest) = text.split_at_checked(end).ok_or(Refused::Malformed)?;
    let digits = match rest.strip_prefix(':') {
        Some(digits) => digits,
        None if rest.is_empty() => "",
        None => return Err(Refused::Malformed),
    };
    let sound = digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    sound.then_some((name, digits)).ok_or(Refused::Malformed)
}

fn normal_name(name: &str) -> Result<Cow<'_, str>, Refused> {
    if let Some(address) = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let address: Ipv6Addr = address.parse().map_err(|_| Refused::Malformed)?;
        return Ok(Cow::Owned(format!("[{address}]")));
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut upper = false;
    let mut previous = b'.';
    for &byte in name.as_bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'A'..=b'Z' => upper = true,
            b'.' if previous != b'.' => {}
            _ => return Err(Refused::Malformed),
        }
        previous = byte;
    }
    // An empty name ends with the dot that was put before it.
    if previous == b'.' || name.len() > 253 {
        return Err(Refused::Malformed);
    }
    Ok(if upper {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(hosts: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_bytes(host).unwrap());
        }
        headers
    }

    #[test]
    fn a_host_has_one_spelling() {
        let rows = [
            ("example.com", "example.com", "example.com"),
            ("EXAMPLE.Com", "example.com", "example.com"),
            ("example.com.", "example.com", "example.com"),
            ("example.com.:80", "example.com", "example.com"),
            ("example.com:80", "example.com", "example.com"),
            ("example.com:0080", "example.com", "example.com"),
            ("example.com:", "example.com", "example.com"),
            ("example.com:8080", "example.com:8080", "example.com"),
            ("Example.com.:08080", "example.com:8080", "example.com"),
            ("a_b-c:443", "a_b-c:443", "a_b-c"),
            ("127.0.0.1:9", "127.0.0.1:9", "127.0.0.1"),
            ("[::1]:8080", "[::1]:8080", "[::1]"),
            ("[0:0::1]", "[::1]", "[::1]"),
            ("[::FFFF]:80", "[::ffff]", "[::ffff]"),
        ];
        for (text, expected, name) in rows {
            let map = headers(&[text.as_bytes()]);
            let host = of(&Uri::from_static("/"), line(&map).unwrap(), 80).unwrap();
            assert_eq!((host.as_str(), host.name()), (expected, name), "{text}");
            assert_eq!(host.header(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let rows: &[&[u8]] = &[
            b"",
            b".",
            b"..",
            b"a..b",
            b".a",
            b"a..",
            b"user@a",
            b"a b",
            b"a/b",
            b"a,b",
            b"a:b",
            b"a:+1",
            b"a:65536",
            b"a:123456",
            b"a:1:2",
            b"::1",
            b"[::1",
            b"[::1]x",
            b"[fe80::1%25e]",
            b"[a]",
            b"a%2eb",
            b"a\xff",
            "bücher.example".as_bytes(),
            b"a\tb",
            b"a;b",
            b"a\\b",
        ];
        for text in rows {
            let map = headers(&[text]);
            let host = line(&map).and_then(|line| of(&Uri::from_static("/"), line, 80));
            assert_eq!(host.err(), Some(Refused::Malformed), "{text:?}");
        }
        let long = "a".repeat(254);
        assert!(Host::parse(&long, 80).is_err());
    }

    #[test]
    fn there_is_exactly_one_host() {
        let of = |uri: &'static str, hosts: &[&[u8]]| {
            line(&headers(hosts))
                .and_then(|line| of(&Uri::from_static(uri), line, 80))
                .map(|host| host.as_str().to_owned())
        };
        assert_eq!(of("/", &[]), Err(Refused::Missing));
        assert_eq!(of("/", &[b"a", b"a"]), Err(Refused::Several));
        assert_eq!(of("http://a/", &[]), Err(Refused::Missing));
        assert_eq!(of("http://A.:80/", &[b"a"]), Ok("a".to_owned()));
        assert_eq!(of("http://a:81/", &[b"a:81"]), Ok("a:81".to_owned()));
        assert_eq!(of("http://b/", &[b"a"]), Err(Refused::Differs));
        assert_eq!(of("http://a:81/", &[b"a"]), Err(Refused::Differs));
        assert_eq!(of("http://u@a/", &[b"a"]), Err(Refused::Malformed));
        assert_eq!(of("ftp://a/", &[b"a"]), Err(Refused::Scheme));
    }

    proptest! {
        #[test]
        fn a_normal_host_stays_as_it_is(text in "[a-zA-Z0-9.:_\\[\\]-]{0,16}") {
            if let Ok(host) = Host::parse(&text, 80) {
                let again = Host::parse(host.as_str(), 80).unwrap();
                prop_assert_eq!(again.as_str(), host.as_str());
                prop_assert_eq!(again.name(), host.name());
                prop_assert!(!host.as_str().ends_with('.') && !host.name().is_empty());
            }
        }
    }
}
