//! A record as a line: JSON or text, always by a writer that escapes, never by a template.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::IpAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use serde::Serialize;
use sha2::Sha256;

use super::record::Record;
use crate::setting::ServerAddress;
use crate::telemetry::timestamp::Timestamp;
use crate::telemetry::{Format, OpenIdAs};

/// A longer name of a query parameter is not believed to be one.
const LONGEST_NAME: usize = 32;

/// Begins our tokens, which no log may hold, wherever a client put one.
const TOKEN: &str = "wxg_";

/// Writes the lines of one log.
#[derive(Debug)]
pub(super) struct Pen {
    format: Format,
    openid: OpenIdAs,
    key: Hmac<Sha256>,
    timestamp: Timestamp,
}

/// Fields that are not known are left out.
#[derive(Debug, Serialize)]
struct Line<'a> {
    timestamp: &'a str,
    level: &'a str,
    target: &'a str,
    client: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    query: &'a str,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'a ServerAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forged: bool,
    request_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_agent: &'a str,
}

impl Pen {
    /// `key` may have any length.
    pub(super) fn new(format: Format, openid: OpenIdAs, key: &[u8]) -> Self {
        let key = Hmac::<Sha256>::new_from_slice(key)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        Self {
            format,
            openid,
            key,
            timestamp: Timestamp::default(),
        }
    }

    /// Adds the line of `record` to `page`.
    pub(super) fn write(&mut self, record: &Record, page: &mut Vec<u8>) {
        let user = record.openid.as_ref().map(|openid| match self.openid {
            OpenIdAs::Digest => self.digest(openid.as_bytes()),
            OpenIdAs::Plain => String::from_utf8_lossy(openid.as_bytes()).into_owned(),
        });
        let [host, path, query, user_agent, request_id] = record.texts().map(shown);
        let query = redacted(&query);
        let line = Line {
            timestamp: self.timestamp.write(record.at),
            level: "INFO",
            target: "access",
            client: record.client,
            method: record.method.as_ref().map(Method::as_str),
            host: &host,
            path: &path,
            query: &query,
            status: record.status,
            bytes_in: record.received,
            bytes_out: record.sent,
            duration_ms: milliseconds(record),
            route: record.route,
            upstream: record.upstream.as_ref(),
            user: user.as_deref(),
            code: record.code,
            forged: record.forged,
            request_id: &request_id,
            user_agent: &user_agent,
        };
        match self.format {
            Format::Json => {
                // Neither the types nor a Vec can fail to be written.
                let _ = serde_json::to_writer(&mut *page, &line);
            }
            Format::Text => line.write_text(page),
        }
        page.push(b'\n');
    }

    /// A word for a user that says nothing of them without the key: 64 bits of an HMAC-SHA256.
    fn digest(&self, openid: &[u8]) -> String {
        let mut mac = self.key.clone();
        mac.update(openid);
        let digest = mac.finalize().into_bytes();
        let digits = digest
            .iter()
            .take(8)
            .flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect()
    }
}

impl Line<'_> {
    fn write_text(&self, page: &mut Vec<u8>) {
        let query = if self.query.is_empty() { "" } else { "?" };
        // Writing to a Vec cannot fail.
        let _ = write!(
            page,
            "{} {} {} {}{}{query}{} {} {:.3}ms in={} out={}",
            self.timestamp,
            self.client,
            self.method.unwrap_or("-"),
            self.host.escape_default(),
            self.path.escape_default(),
            self.query.escape_default(),
            self.status,
            self.duration_ms,
            self.bytes_in,
            self.bytes_out,
        );
        if let Some(route) = self.route {
            let _ = write!(page, " route[{route}]");
        }
        if let Some(upstream) = self.upstream {
            let _ = write!(page, " upstream={upstream}");
        }
        if let Some(user) = self.user {
            let _ = write!(page, " user={}", user.escape_default());
        }
        if let Some(code) = self.code {
            let _ = write!(page, " code={code}");
        }
        if self.forged {
            page.extend_from_slice(b" forged");
        }
        let _ = write!(page, " id={}", self.request_id.escape_default());
        if !self.user_agent.is_empty() {
            let _ = write!(page, " \"{}\"", self.user_agent.escape_default());
        }
    }
}

/// What may be shown of a text that a client chose.
fn shown(text: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(text);
    match text.find(TOKEN) {
        None => text,
        Some(at) => Cow::Owned([text.get(..at).unwrap_or_default(), "wxg_…"].concat()),
    }
}

/// A query with its names and without its values. A name too long to be one is a value, too.
fn redacted(query: &str) -> String {
    let mut safe = String::with_capacity(query.len());
    if query.is_empty() {
        return safe;
    }
    for pair in query.split('&') {
        if !safe.is_empty() {
            safe.push('&');
        }
        let (name, value) = match pair.split_once('=') {
            Some((name, _)) => (name, "=-"),
            None => (pair, ""),
        };
        let believed = name.len() <= LONGEST_NAME && !name.contains(TOKEN);
        safe.push_str(if believed { name } else { "-" });
        safe.push_str(value);
    }
    safe
}

fn milliseconds(record: &Record) -> f64 {
    let micros = u32::try_from(record.took.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_its_names_and_loses_its_values() {
        let rows = [
            ("", ""),
            ("code=0a1b2c", "code=-"),
            ("a=1&code=x&b=&c", "a=-&code=-&b=-&c"),
            ("code=a=b;c=d", "code=-"),
            ("=secret", "=-"),
            ("wxg_abc", "-"),
            ("wxg_abc=1", "-=-"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "-"),
            ("&&", ""),
            ("a&&b", "a&&b"),
        ];
        for (query, expected) in rows {
            assert_eq!(redacted(query), expected, "{query}");
        }
    }

    #[test]
    fn a_token_is_shown_nowhere() {
        assert_eq!(shown(b"/a/wxg_secret/b"), "/a/wxg_…");
        assert_eq!(shown(b"/a/\xff"), "/a/\u{fffd}");
    }

    #[test]
    fn a_digest_depends_on_user_and_key() {
        let pen = |key: &[u8]| Pen::new(Format::Json, OpenIdAs::Digest, key);
        let word = pen(b"k").digest(b"o1");
        assert_eq!(word.len(), 16);
        assert_eq!(word, pen(b"k").digest(b"o1"));
        assert_ne!(word, pen(b"k").digest(b"o2"));
        assert_ne!(word, pen(b"x").digest(b"o1"));
    }
}
