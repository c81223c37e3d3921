//! Which header names are not a client's, or not for the next hop.

use http::HeaderName;

/// The mark of our own refusals, folded.
pub(super) const REFUSAL: &str = "x-wxgate-refusal";

/// What a name is, as far as the rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing of ours.
    Plain,
    /// It says who somebody is.
    Identity,
    /// It says how a request came, or rewrites what it asks (R1).
    Reserved,
    /// It is meant for one hop (RFC 9110 §7.6.1).
    OneHop,
    /// It has a byte outside letters, digits and `-` (R2). It may read like any of the others.
    Odd,
}

/// The names that only we write.
#[derive(Debug)]
pub(super) struct Reserved {
    /// Folded names of identity headers that do not begin with `x-wx-`.
    identity: Vec<Box<str>>,
}

impl Reserved {
    pub(super) fn new<'a>(configured: impl Iterator<Item = &'a HeaderName>) -> Self {
        Self {
            identity: configured
                .map(|name| fold(name.as_str().as_bytes()))
                .filter(|name| !name.starts_with("x-wx-"))
                .collect(),
        }
    }

    /// What `name` is. Names of the `http` crate are lower-case.
    pub(super) fn kind(&self, name: &HeaderName) -> Kind {
        let name = name.as_str();
        let odd = |byte: u8| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        // No early end: the compiler then looks at many bytes at once.
        if name.bytes().fold(false, |found, byte| found | odd(byte)) {
            return Kind::Odd;
        }
        if self.has_identity(name) {
            Kind::Identity
        } else if is_reserved(name) {
            Kind::Reserved
        } else if is_for_one_hop(name) {
            Kind::OneHop
        } else {
            Kind::Plain
        }
    }

    /// Whether the folded name is an identity header's.
    pub(super) fn has_identity(&self, folded: &str) -> bool {
        folded.starts_with("x-wx-") || self.identity.iter().any(|name| **name == *folded)
    }

    /// Whether the folded name is one that only we write.
    pub(super) fn has(&self, folded: &str) -> bool {
        self.has_identity(folded) || is_reserved(folded)
    }

    /// Whether a name with odd bytes that folds to `folded` must not pass, whoever asks for it.
    pub(super) fn forbids_odd(&self, folded: &str) -> bool {
        self.has(folded) || other_meaning(folded).is_some()
    }
}

/// One name for all that PHP, WSGI and CGI take for one: lower-case, odd bytes become `-` (R1).
pub(super) fn fold(name: &[u8]) -> Box<str> {
    let folded = name.iter().map(|byte| match byte {
        b'a'..=b'z' | b'0'..=b'9' => char::from(*byte),
        b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
        _ => '-',
    });
    folded.collect::<String>().into()
}

/// The header names in a `Connection` line (RFC 9110 §7.6.1); `close` and `keep-alive` are none.
pub(super) fn listed(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let option = |token: &[u8]| {
        token.eq_ignore_ascii_case(b"keep-alive") || token.eq_ignore_ascii_case(b"close")
    };
    line.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(move |token| !token.is_empty() && !option(token))
}

/// Why neither an identity header, nor a credential, nor a trailer can have the folded name.
pub(super) fn other_meaning(folded: &str) -> Option<&'static str> {
    if is_reserved(folded) || folded.starts_with("x-wxgate-") {
        return Some("the gateway writes or removes it itself");
    }
    Some(match folded {
        "content-length" | "transfer-encoding" | "trailer" => "it frames the message",
        _ if is_for_one_hop(folded) => "it concerns one connection only",
        "host" => "it names the host",
        "authorization" | "cookie" | "set-cookie" | "www-authenticate" => "it carries credentials",
        "x-request-id" | "traceparent" | "tracestate" => "the gateway writes it itself",
        "accept" | "accept-encoding" | "age" | "cache-control" | "content-encoding"
        | "content-range" | "content-type" | "date" | "expect" | "expires" | "location"
        | "max-forwards" | "origin" | "pragma" | "range" | "vary" => "it is part of HTTP",
        _ => return None,
    })
}

/// Why a route cannot write the header `name` into requests, or into answers; `None` if it can.
pub fn unsettable(name: &HeaderName, in_answers: bool) -> Option<&'static str> {
    let folded = &*fold(name.as_str().as_bytes());
    if folded.starts_with("x-wx-") {
        return Some("it says who calls");
    }
    if in_answers && is_reserved(folded) {
        return None;
    }
    match folded {
        "content-length" | "transfer-encoding" | "trailer" | "expect" => {
            Some("it frames the message")
        }
        "host" => Some("it names the host"),
        "x-request-id" | "traceparent" | "tracestate" if !in_answers => {
            Some("the gateway writes it itself")
        }
        _ if is_for_one_hop(folded) => Some("it concerns one connection only"),
        _ if is_reserved(folded) || folded.starts_with("x-wxgate-") => {
            Some("the gateway writes or removes it itself")
        }
        _ => None,
    }
}

fn is_reserved(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'x') => {
            name.starts_with("x-forwarded-")
                || matches!(
                    name,
                    "x-real-ip" | "x-original-url" | "x-original-forwarded-for" | "x-rewrite-url"
                )
        }
        Some(b'f') => name == "forwarded",
        Some(b'p') => name == "proxy",
        _ => false,
    }
}

/// `Trailer` is not here: it tells hyper which trailers to let through.
fn is_for_one_hop(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'c') => name == "connection",
        Some(b'h') => name == "http2-settings",
        Some(b'k') => name == "keep-alive",
        Some(b'p') => matches!(
            name,
            "proxy-connection"
                | "proxy-authenticate"
                | "proxy-authorization"
                | "proxy-authentication-info"
        ),
        Some(b't') => matches!(name, "te" | "transfer-encoding"),
        Some(b'u') => name == "upgrade",
        _ => false,
    }
}
