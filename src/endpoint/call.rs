//! One call of an endpoint and what it answers: the shapes that all endpoints share.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::auth::{Carrier, Credential, OpenId, Token, UnixSeconds};
use crate::endpoint::error::Error;
use crate::endpoint::path::Endpoint;
use crate::session::{Session, Sessions};

/// One call, with its body read.
#[derive(Clone)]
pub struct Call {
    pub(super) endpoint: Endpoint,
    pub(super) now: UnixSeconds,
    query: Option<String>,
    credential: Credential,
    /// The credential, if one came, is one that browsers send by themselves: another site may be asking.
    guarded: bool,
    media: Media,
    origin: Option<HeaderValue>,
    /// `cors` names the page that asks.
    listed: bool,
    host: String,
    body: Bytes,
    caller: Caller,
}

/// Who calls, once that is known. Clones share it: who handed the call over can see it, too.
#[derive(Clone, Default)]
pub struct Caller(Arc<OnceLock<OpenId>>);

impl Caller {
    /// Who it is, if that was found out.
    pub fn openid(&self) -> Option<OpenId> {
        self.0.get().cloned()
    }

    /// It is `who`.
    pub(super) fn is(&self, who: &OpenId) {
        // One call is one person's: what was said first stays.
        let _ = self.0.set(who.clone());
    }
}

/// What a body says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Unsaid,
    Other,
}

impl Call {
    pub(super) fn new(
        endpoint: Endpoint,
        parts: &Parts,
        carrier: &Carrier,
        host: &str,
        body: Bytes,
        now: UnixSeconds,
    ) -> Self {
        let shown = carrier.find(&parts.headers);
        Self {
            endpoint,
            now,
            query: parts.uri.query().map(str::to_owned),
            credential: shown.map_or(Credential::Missing, |shown| {
                Credential::from_text(shown.text)
            }),
            // Without any credential too: a stranger's page could sign its visitor in as somebody else.
            guarded: carrier.cookie().is_some() && shown.is_none_or(|shown| shown.by_cookie),
            media: media(&parts.headers),
            origin: parts.headers.get(header::ORIGIN).cloned(),
            listed: false,
            host: host.to_ascii_lowercase(),
            body,
            caller: Caller::default(),
        }
    }

    /// Takes the page that asks for one of ours: `cors` names it.
    pub fn admit_page(&mut self) {
        self.listed = true;
    }

    /// Who calls: known once the call was answered, if ever.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Refuses what a page of another origin asks with a credential that its visitor's browser added.
    pub(super) fn check_origin(&self) -> Result<(), Error> {
        let Some(origin) = self.origin.as_ref().filter(|_| self.guarded) else {
            return Ok(());
        };
        let own = self.listed
            || origin
                .to_str()
                .is_ok_and(|origin| is_own(origin, &self.host));
        own.then_some(()).ok_or(Error::ForeignOrigin)
    }

    /// The token that came, good or not.
    pub(super) fn token(&self) -> Option<&Token> {
        match &self.credential {
            Credential::Token(token) => Some(token),
            Credential::Missing | Credential::Malformed => None,
        }
    }

    /// The session of the credential.
    pub(super) async fn session(&self, sessions: &Sessions) -> Result<Arc<Session>, Error> {
        let token = match &self.credential {
            Credential::Token(token) => token,
            Credential::Malformed => return Err(Error::SessionExpired),
            Credential::Missing => return Err(Error::SessionMissing),
        };
        let found = sessions.look_up(token, self.now).await?;
        let session = found.ok_or(Error::SessionExpired)?;
        self.caller.is(&session.identity.openid);
        Ok(session)
    }

    /// The value of `name` in the query.
    pub(super) fn asks(&self, name: &str) -> Option<&str> {
        self.query
            .as_deref()?
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The body's fields.
    pub(super) fn fields(&self) -> Result<Fields, Error> {
        if self.media == Media::Other || (self.guarded && self.media == Media::Unsaid) {
            return Err(Error::NotJson);
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(fields)) => Ok(Fields(fields)),
            Ok(_) => Err(Error::bad_request(
                "the body is JSON, but not an object: send {…}",
            )),
            Err(_) if self.body.is_empty() => {
                Err(Error::bad_request("there is no body: send a JSON object"))
            }
            // The place says enough; the text around it may hold a code.
            Err(error) => Err(Error::bad_request(format!(
                "the body is not JSON (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }

    /// The body's fields, where there need not be a body.
    pub(super) fn optional_fields(&self) -> Result<Fields, Error> {
        if self.body.is_empty() && (!self.guarded || self.media == Media::Json) {
            return Ok(Fields(Map::new()));
        }
        self.fields()
    }
}

/// Query and body may hold a code, which is not to be seen.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({:?}, …)", self.endpoint)
    }
}

fn media(headers: &HeaderMap) -> Media {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = types.next() else {
        return Media::Unsaid;
    };
    // RFC 9110 §8.3.1: the type in any case, parameters after it.
    let essence = value.as_bytes().split(|byte| *byte == b';').next();
    let is_json = essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    });
    if is_json && types.next().is_none() {
        Media::Json
    } else {
        Media::Other
    }
}

/// Whether the origin (RFC 6454 §7) is a page of `host`.
fn is_own(origin: &str, host: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let (page, port) = match (
        origin.strip_prefix("https://"),
        origin.strip_prefix("http://"),
    ) {
        (Some(page), _) => (page, ":443"),
        (None, Some(page)) => (page, ":80"),
        (None, None) => return false,
    };
    let bare = |text: &'_ str| text.strip_suffix(port).unwrap_or(text).to_owned();
    !page.is_empty() && bare(page) == bare(host)
}

/// The fields of a body.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The text at `name`; nothing, `null` and an empty text are one.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Error> {
        Ok(self.raw(name)?.filter(|text| !text.is_empty()))
    }

    /// Two texts that belong together: both, or neither. One that is empty beside one that is not counts as
    /// there: it was lost on the way, not left out.
    pub(super) fn pair(
        &self,
        one: &'static str,
        other: &'static str,
    ) -> Result<Option<(&str, &str)>, Error> {
        match (self.raw(one)?, self.raw(other)?) {
            (None | Some(""), None | Some("")) => Ok(None),
            (Some(one), Some(other)) => Ok(Some((one, other))),
            (Some(_), None) => Err(missing(other, one)),
            (None, Some(_)) => Err(missing(one, other)),
        }
    }

    fn raw(&self, name: &'static str) -> Result<Option<&str>, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::bad_request(format!("`{name}` must be a text"))),
        }
    }

    /// The truth of `name`; nothing and `null` are false.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Error::bad_request(format!(
                "`{name}` must be true or false"
            ))),
        }
    }
}

fn missing(name: &str, beside: &str) -> Error {
    Error::bad_request(format!(
        "`{name}` is missing: send it together with `{beside}`"
    ))
}

/// What an endpoint answers when all went well.
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub json: Option<Value>,
    /// The value of `Set-Cookie`.
    pub cookie: Option<HeaderValue>,
}

impl Reply {
    pub(super) fn json(json: Value) -> Self {
        Self {
            status: StatusCode::OK,
            json: Some(json),
            cookie: None,
        }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            json: None,
            cookie: None,
        }
    }

    /// This as an answer that nobody stores (R15).
    pub fn into_response(self) -> Response<Bytes> {
        let body = self.json.as_ref().map(Value::to_string);
        let mut response = Response::new(Bytes::from(body.unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.json.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        if let Some(mut cookie) = self.cookie {
            cookie.set_sensitive(true);
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The body may hold a token or a phone number, which are not to be seen.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, …)", self.status)
    }
}

#[cfg(test)]
mod tests;
