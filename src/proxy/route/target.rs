//! Where a route's requests go: `to`, taken apart.

use std::fmt;

use http::Uri;

use crate::proxy::{host, path};

/// A server, and the path that is put before what is forwarded to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    authority: Box<str>,
    host: Box<str>,
    port: u16,
    base: Box<str>,
}

impl Target {
    /// Reads `http://host[:port][/path]`. The error says what is wrong in words for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(format!(
                "`{text}` is not a URL such as `http://127.0.0.1:3000`"
            ));
        };
        match scheme {
            "http" => {}
            "https" => return Err("https to an upstream is not built yet".to_owned()),
            _ => return Err(format!("`{scheme}` is not a scheme that wxgate speaks")),
        }
        if text.contains(['?', '#']) {
            return Err("an upstream's URL has no query and no fragment".to_owned());
        }
        let uri: Uri = text
            .parse()
            .map_err(|_| format!("`{text}` is not a URL such as `http://127.0.0.1:3000`"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err("an upstream's URL has no user and no password".to_owned());
        }
        let server = host::Host::parse(authority, 80).map_err(|refused| refused.to_string())?;
        let base = path::normalise(uri.path()).map_err(|refused| refused.to_string())?;
        let name = server.name();
        let port = uri.port_u16().unwrap_or(80);
        if port == 0 {
            return Err("port 0 is nowhere".to_owned());
        }
        Ok(Self {
            authority: format!("{name}:{port}").into(),
            host: name.trim_start_matches('[').trim_end_matches(']').into(),
            port,
            base: base.trim_end_matches('/').into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let rows = [
            ("http://127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1", ""),
            ("http://A.example/", "a.example:80", "a.example", ""),
            ("http://a:1/v2/", "a:1", "a", "/v2"),
            ("http://a:1/v2/./%61", "a:1", "a", "/v2/a"),
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
            ("billing", "is not a URL"),
            ("127.0.0.1:3000", "is not a URL"),
            ("http://", "is not a URL"),
            ("https://a", "not built yet"),
            ("ftp://a", "not a scheme"),
            ("http://a?x", "no query"),
            ("http://a/#x", "no query"),
            ("http://u:p@a", "no user"),
            ("http://a:0", "port 0"),
            ("http://a:99999", "a host is"),
            ("http://a/%2e%2e/b", "dot segments"),
        ];
        for (text, expected) in rows {
            let told = Target::parse(text).unwrap_err();
            assert!(told.contains(expected), "{text}: {told}");
            assert!(!told.contains("u:p"), "a password is not echoed");
        }
    }
}
