//! The handshake of a WebSocket, between a client and a server that both must keep to it (R7; RFC 6455
//! §4).
//!
//! What is not a handshake in every point is a request like any other, and asks for no upgrade. A token
//! of ours that came in it goes no further.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use crate::auth::{credential, crypto};
use crate::setting;

/// What a server hashes with a client's key (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The one version of the protocol whose frames we know.
const VERSION: &[u8] = b"13";

/// A subprotocol that is a token of ours: this, and the token.
const BEARER: &str = "wxgate.bearer.";

/// A subprotocol that a client may offer beside its token, to be chosen where the server chooses none:
/// browsers end a connection for which they offered some and got none.
const OURS: &str = "wxgate";

/// A place in a handshake where a token may stand, for clients that can set no header
/// (`websocket_token`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// In `Sec-WebSocket-Protocol`, as `wxgate.bearer.TOKEN`.
    Protocol,
    /// The value of this query parameter.
    Query(Box<str>),
}

setting::text!(
    TokenPlace,
    "a place for a token",
    "protocol",
    |text| match text.strip_prefix("query:") {
        None if text == "protocol" => Ok(TokenPlace::Protocol),
        Some(name) if is_name(name) => Ok(TokenPlace::Query(name.into())),
        Some(_) => Err("name the parameter in letters, digits, `-`, `_` and `.`".to_owned()),
        None => Err(
            "write \"protocol\", or \"query:\" and the name of a parameter: \"query:token\""
                .to_owned(),
        ),
    },
    |place| match place {
        TokenPlace::Protocol => "protocol".to_owned(),
        TokenPlace::Query(name) => format!("query:{name}"),
    }
);

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=32).contains(&text.len()) && text.bytes().all(fits)
}

/// The server switched, but not as the handshake asked: nobody knows what would come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch;

/// A handshake that came in, taken out of its request. It may hold a token: no `Debug`.
pub struct Handshake {
    key: HeaderValue,
    is_known_version: bool,
    /// The subprotocols that go on.
    offered: Vec<String>,
    /// The names of the extensions that the client knows.
    extensions: Vec<String>,
    chooses_ours: bool,
    token: Option<String>,
}

impl Handshake {
    /// Takes the handshake out of a request, with every token of ours that stands in it: one is
    /// read where `places` allow it, and none goes on. `None`: it is a request like any other.
    pub fn take<B>(request: &mut Request<B>, places: &[TokenPlace]) -> Option<Self> {
        if request.method() != Method::GET || !is_upgrade(request.headers()) {
            return None;
        }
        let key = only(request.headers(), &header::SEC_WEBSOCKET_KEY)?.clone();
        let version = only(request.headers(), &header::SEC_WEBSOCKET_VERSION)?;
        let nonce = crypto::from_base64(key.to_str().ok()?)?;
        let mut handshake = Self {
            is_known_version: version.as_bytes() == VERSION,
            key: (nonce.len() == 16).then_some(key)?,
            offered: listed(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL),
            extensions: extensions(request.headers()),
            chooses_ours: false,
            token: None,
        };
        handshake.take_protocols(
            request.headers_mut(),
            places.contains(&TokenPlace::Protocol),
        );
        for place in places {
            if let TokenPlace::Query(name) = place
                && let Some((token, rest)) = cut_query(request.uri(), name)
            {
                handshake.token.get_or_insert(token);
                *request.uri_mut() = rest;
            }
        }
        Some(handshake)
    }

    /// Takes a token of ours out of a request that is no handshake: a client's mistake, which is no reason
    /// for a service to see it.
    pub fn forget_token<B>(request: &mut Request<B>, places: &[TokenPlace]) {
        for place in places {
            match place {
                TokenPlace::Query(name) => {
                    if let Some((_, rest)) = cut_query(request.uri(), name) {
                        *request.uri_mut() = rest;
                    }
                }
                TokenPlace::Protocol => {
                    let offered = listed(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
                    if offered.iter().any(|name| name.starts_with(BEARER)) {
                        request.headers_mut().remove(header::SEC_WEBSOCKET_PROTOCOL);
                    }
                }
            }
        }
    }

    /// The token that came in it.
    pub fn token(&self) -> Option<&[u8]> {
        self.token.as_deref().map(str::as_bytes)
    }

    /// Writes what was meant for one hop, for the next one.
    pub fn write(&self, headers: &mut HeaderMap) {
        write_upgrade(headers);
        headers.insert(header::SEC_WEBSOCKET_KEY, self.key.clone());
    }

    /// Whether the server's 101 is the answer to this handshake. If so, whether they agreed on an
    /// extension.
    pub fn check(&self, answer: &HeaderMap) -> Result<bool, Mismatch> {
        let accept = only(answer, &header::SEC_WEBSOCKET_ACCEPT).ok_or(Mismatch)?;
        let digest = crypto::sha1(&[self.key.as_bytes(), GUID]);
        let fits = accept.as_bytes() == crypto::base64(&digest).as_bytes();
        let chosen = listed(answer, &header::SEC_WEBSOCKET_PROTOCOL);
        let chose = match &*chosen {
            [] => true,
            [one] => self.offered.contains(one),
            _ => false,
        };
        let agreed = extensions(answer);
        let known = agreed.iter().all(|name| self.extensions.contains(name));
        if !(fits && is_upgrade(answer) && self.is_known_version && chose && known) {
            return Err(Mismatch);
        }
        Ok(!agreed.is_empty())
    }

    /// Writes what the client must have of the answer, once what was meant for one hop is out.
    pub fn answer(&self, headers: &mut HeaderMap) {
        write_upgrade(headers);
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::TRANSFER_ENCODING);
        if self.chooses_ours && !headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
            let ours = HeaderValue::from_static(OURS);
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, ours);
        }
    }

    /// Takes what is ours out of the subprotocols.
    fn take_protocols(&mut self, headers: &mut HeaderMap, reads_token: bool) {
        let is_token = |name: &String| name.starts_with(BEARER);
        let Some(token) = self.offered.iter().find(|name| is_token(name)) else {
            return;
        };
        if reads_token {
            self.token = token.strip_prefix(BEARER).map(str::to_owned);
            self.chooses_ours = self.offered.iter().any(|name| name == OURS);
        }
        self.offered
            .retain(|name| !(is_token(name) || reads_token && name == OURS));
        headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
        if let Ok(rest) = HeaderValue::from_str(&self.offered.join(", "))
            && !rest.is_empty()
        {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, rest);
        }
    }
}

/// Whether `origin` (RFC 6454 §7) is a page of `host`, which has no `:80`.
pub fn is_own_origin(origin: &HeaderValue, host: &str) -> bool {
    let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else {
        return false;
    };
    let bare = |text: &str, port| text.strip_suffix(port).unwrap_or(text).to_owned();
    match (
        origin.strip_prefix("https://"),
        origin.strip_prefix("http://"),
    ) {
        (Some(page), _) => bare(page, ":443") == bare(host, ":443"),
        (None, Some(page)) => bare(page, ":80") == host,
        (None, None) => false,
    }
}

fn write_upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Whether a head asks for WebSocket and nothing else, or grants it.
fn is_upgrade(headers: &HeaderMap) -> bool {
    let to = only(headers, &header::UPGRADE).map(HeaderValue::as_bytes);
    to.is_some_and(|to| to.trim_ascii().eq_ignore_ascii_case(b"websocket"))
        && headers
            .get_all(header::CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// The items of all lines of a header, in their order.
fn listed(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|item| String::from_utf8_lossy(item.trim_ascii()).into_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

/// The names of the extensions in a head, without their parameters (RFC 6455 §9.1).
fn extensions(headers: &HeaderMap) -> Vec<String> {
    let name = |item: &String| item.split(';').next().unwrap_or_default().trim().to_owned();
    let all = listed(headers, &header::SEC_WEBSOCKET_EXTENSIONS);
    all.iter().map(name).collect()
}

/// Cuts every parameter called `name` that holds a token of ours: the first token, and what is left.
fn cut_query(uri: &Uri, name: &str) -> Option<(String, Uri)> {
    let is_it = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let value = value.replace('+', " ");
        let value = decoded(&value);
        let token = str::from_utf8(credential::bare(value.as_bytes())).unwrap_or_default();
        (decoded(key) == name && token.as_bytes().starts_with(credential::PREFIX))
            .then(|| token.to_owned())
    };
    let query = uri.query()?;
    let token = query.split('&').find_map(is_it)?;
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| is_it(pair).is_none())
        .collect();
    let rest = rest.join("&");
    let text = match &*rest {
        "" => uri.path().to_owned(),
        rest => format!("{}?{rest}", uri.path()),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Some((token, Uri::from_parts(parts).ok()?))
}

/// A name or a value of a query as services read it: `%XX` decoded.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
            [b'%', high, low, tail @ ..] if digit(high).is_some() && digit(low).is_some() => {
                let code = digit(high).unwrap_or(0) * 16 + digit(low).unwrap_or(0);
                bytes.push(u8::try_from(code).unwrap_or(0));
                tail
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                tail
            }
        }
    }
}

#[cfg(test)]
mod tests;
