//! Host names as certificates have them: a name, an address, or `*.` for one label below a name.

use std::collections::HashMap;
use std::net::IpAddr;

/// What belongs to hosts, found by their names.
#[derive(Debug)]
pub struct Names<T> {
    named: HashMap<Box<str>, T>,
    /// By what follows `*.`.
    wild: HashMap<Box<str>, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            named: HashMap::new(),
            wild: HashMap::new(),
        }
    }
}

impl<T> Names<T> {
    /// Puts `item` at `name`, which is in [`normal`] form; what was there before.
    pub fn insert(&mut self, name: &str, item: T) -> Option<T> {
        match name.strip_prefix("*.") {
            Some(rest) => self.wild.insert(rest.into(), item),
            None => self.named.insert(name.into(), item),
        }
    }

    /// What belongs to `host`, in small letters: what has its name, else what has all names beside it
    /// (RFC 9525 §6.3: a star stands for one whole label).
    pub fn find(&self, host: &str) -> Option<&T> {
        self.named.get(host).or_else(|| {
            let (label, rest) = host.split_once('.')?;
            self.wild.get(rest).filter(|_| !label.is_empty())
        })
    }
}

/// A host name as it is compared: in small letters, without a dot at its end; an address as it is
/// written in URLs. `None`: it is none.
pub fn normal(text: &str) -> Option<String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
        return Some(match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        });
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let labels = name.strip_prefix("*.").unwrap_or(name).split('.');
    let sound = |label: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    let mut labels = labels.peekable();
    (labels.peek().is_some() && labels.all(sound) && name.len() <= 253)
        .then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        let mut names = Names::default();
        for name in ["example.com", "*.example.com", "own.example.com", "[::1]"] {
            assert_eq!(names.insert(name, name), None);
        }
        for (host, found) in [
            ("example.com", Some("example.com")),
            ("a.example.com", Some("*.example.com")),
            ("own.example.com", Some("own.example.com")),
            ("a.b.example.com", None),
            (".example.com", None),
            ("example.org", None),
            ("com", None),
            ("", None),
            ("[::1]", Some("[::1]")),
        ] {
            assert_eq!(names.find(host).copied(), found, "{host}");
        }
    }

    #[test]
    fn a_name_has_one_form_and_what_is_none_has_no_form() {
        for (text, form) in [
            ("Example.COM.", Some("example.com")),
            ("*.Example.com", Some("*.example.com")),
            ("localhost", Some("localhost")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("::1", Some("[::1]")),
            ("[0:0::1]", Some("[::1]")),
            ("", None),
            ("*.", None),
            ("*", None),
            ("a.*.b", None),
            ("*a.b", None),
            ("a..b", None),
            ("a b", None),
            ("https://a", None),
            ("a:443", None),
            ("bücher.example", None),
        ] {
            assert_eq!(normal(text).as_deref(), form, "{text}");
        }
    }
}
