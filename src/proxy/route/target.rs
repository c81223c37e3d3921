//! Where a route's requests go: `to`, taken apart.

use std::fmt;

use super::fault::Wrong;
use crate::proxy::prefix;
use crate::setting::{self, Origin};

/// Where requests go, and the path that is put before what is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    to: To,
    base: Box<str>,
}

/// Who is behind a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// One server.
    Server(Origin),
    /// The `[[upstream]]` of this name.
    Group(Box<str>),
}

impl Target {
    /// Reads a server's URL, which may end in a path, or the name of an `[[upstream]]`; or says what
    /// is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let wrong = |help: &str| Wrong {
            message: format!("is not the address of a service: {}", setting::shown(text)),
            help: help.to_owned(),
        };
        if is_name(text) && !setting::looks_secret(text) {
            return Ok(Self {
                to: To::Group(text.into()),
                base: Box::default(),
            });
        }
        let (origin, path) = Origin::split(text).map_err(|help| wrong(&help))?;
        let base = match path {
            "" => Box::default(),
            path => prefix::read(path).map_err(|help| wrong(&format!("its path: {help}")))?,
        };
        Ok(Self {
            to: To::Server(origin),
            base,
        })
    }

    /// Who is behind the route.
    pub fn to(&self) -> &To {
        &self.to
    }

    /// Whom assertions for it are for: `http://host:port`, `https://host:port`, `unix:/path`, or the
    /// name of its group.
    pub fn audience(&self) -> String {
        self.to.to_string()
    }

    /// What is put before a forwarded path: normal, without a `/` at its end, often empty.
    pub fn base(&self) -> &str {
        &self.base
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(origin) => origin.fmt(f),
            Self::Group(name) => f.write_str(name),
        }
    }
}

/// Whether `text` can be the name of an `[[upstream]]`: what no address looks like.
pub fn is_name(text: &str) -> bool {
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(is_of_names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let rows = [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000", ""),
            ("http://A.example/", "http://a.example:80", ""),
            ("http://a:1/v2/", "http://a:1", "/v2"),
            ("http://a:1/v2/%61", "http://a:1", "/v2/a"),
            ("https://a/v2", "https://a:443", "/v2"),
            ("http://[::1]:3000/x", "http://[::1]:3000", "/x"),
            ("unix:/run/a.sock", "unix:/run/a.sock", ""),
            ("billing-2_b", "billing-2_b", ""),
        ];
        for (text, to, base) in rows {
            let target = Target::parse(text).unwrap();
            let read = (target.to().to_string(), target.base().to_owned());
            assert_eq!(read, (to.to_owned(), base.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_told_so() {
        let rows = [
            ("bil ling", "write \"http://HOST"),
            ("unix:run/a", "the whole path"),
            ("127.0.0.1:3000", "write the scheme too"),
            ("http://", "write \"http://HOST"),
            ("http://:3000", "write \"http://HOST"),
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
