//! Where a route's requests go: `to`, taken apart.

use std::fmt;

use super::fault::Wrong;
use crate::proxy::{host, prefix};
use crate::setting::{self, looks_secret};

/// A server, and the path that is put before what is forwarded to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    authority: Box<str>,
    host: Box<str>,
    port: u16,
    base: Box<str>,
}

impl Target {
    /// Reads `http://host[:port][/path]`, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let wrong = |help: &str| Wrong {
            message: format!("is not the address of a service: {}", setting::shown(text)),
            help: help.to_owned(),
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(without_scheme(text, wrong));
        };
        match scheme {
            "http" => {}
            "https" => {
                return Err(Wrong {
                    message: "is not built yet: https to an upstream".to_owned(),
                    help: "write an http address on a network you trust".to_owned(),
                });
            }
            _ => return Err(wrong(EXAMPLE)),
        }
        if text.contains(['?', '#']) {
            return Err(wrong("take the `?` or `#` off, and what follows it"));
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(wrong("take user and password off: they are not sent"));
        }
        let server = host::Host::parse(authority, 80).map_err(|_| wrong(EXAMPLE))?;
        let name = server.name();
        let port = match server.as_str().get(name.len()..) {
            Some(port) if !port.is_empty() => port.trim_start_matches(':').parse().unwrap_or(0),
            _ => 80,
        };
        if port == 0 {
            return Err(wrong("write a port from 1 to 65535, or none for 80"));
        }
        let base = match path {
            "" => Box::default(),
            path => prefix::read(path).map_err(|help| wrong(&format!("its path: {help}")))?,
        };
        Ok(Self {
            authority: format!("{name}:{port}").into(),
            host: name.trim_start_matches('[').trim_end_matches(']').into(),
            port,
            base,
        })
    }

    /// `host:port`; an IPv6 address stands in brackets.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 where none was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whom assertions for it are for: `http://host:port`.
    pub fn audience(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// What is put before a forwarded path: normal, without a `/` at its end, often empty.
    pub fn base(&self) -> &str {
        &self.base
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.base)
    }
}

const EXAMPLE: &str = "write \"http://HOST:PORT\", and a path if there is one";

fn without_scheme(text: &str, wrong: impl Fn(&str) -> Wrong) -> Wrong {
    let later = |what: String| Wrong {
        message: format!("is not built yet: {what}"),
        help: EXAMPLE.to_owned(),
    };
    if text.starts_with("unix:") {
        return later("unix sockets of upstreams".to_owned());
    }
    if !text.contains([':', '/', '.']) {
        let named = setting::shown(text);
        return later(format!("groups of upstream servers, named {named}"));
    }
    if looks_secret(text) || text.contains('@') {
        return wrong(EXAMPLE);
    }
    wrong(&format!("write the scheme too: \"http://{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let rows = [
            ("http://127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1", ""),
            ("http://A.example/", "a.example:80", "a.example", ""),
            ("http://a:1/v2/", "a:1", "a", "/v2"),
            ("http://a:1/v2/%61", "a:1", "a", "/v2/a"),
            ("http://[::1]:3000/x", "[::1]:3000", "::1", "/x"),
        ];
        for (text, authority, host, base) in rows {
            let target = Target::parse(text).unwrap();
            let read = (target.authority(), target.host(), target.base());
            assert_eq!(read, (authority, host, base), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_told_so() {
        let rows = [
            ("billing", "groups of upstream servers, named \"billing\""),
            ("unix:/run/a", "unix sockets"),
            ("127.0.0.1:3000", "write the scheme too"),
            ("http://", "write \"http://HOST"),
            ("http://:3000", "write \"http://HOST"),
            ("https://a", "not built yet"),
            ("ftp://a", "write \"http://HOST"),
            ("http://a?x", "take the `?`"),
            ("http://a/#x", "take the `?`"),
            ("http://u:p@a", "user and password"),
            ("u:p@a:80", "write \"http://HOST"),
            ("http://a:0", "from 1 to"),
            ("http://a:99999", "write \"http://HOST"),
            ("http://a/%2e%2e/b", "dot segments"),
            ("http://a/x/../b", "where it leads"),
        ];
        for (text, expected) in rows {
            let wrong = Target::parse(text).unwrap_err();
            let told = format!("{} = {}", wrong.message, wrong.help);
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("u:p"), "a password is not echoed: {told}");
        }
    }
}
