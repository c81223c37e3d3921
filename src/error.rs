//! Every refusal and failure of the rooms below → HTTP: `application/problem+json` (RFC 9457).
//!
//! Nothing secret is in an answer: the client gets a stable word, a sentence and a request id.

mod code;
mod endpoint;
mod room;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};

pub use self::code::Code;

/// Says that nothing was forwarded, and why.
pub const REFUSAL: HeaderName = HeaderName::from_static("x-wxgate-refusal");

/// What a request is called in our logs and in the service's.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Seconds after which to try again, where nothing better is known.
const SOON: u64 = 1;

/// A refusal or failure, ready to be told to a client.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    retry_after: Option<u64>,
    allow: Option<HeaderValue>,
    close: bool,
    forwarded: bool,
}

impl Problem {
    /// A problem known by `code`; `detail` says what happened and what to do, for people.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
            allow: None,
            close: false,
            forwarded: code.is_forwarded(),
        }
    }

    /// Says when to try again, in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// Says which methods are allowed.
    #[must_use]
    pub fn allow(self, methods: HeaderValue) -> Self {
        Self {
            allow: Some(methods),
            ..self
        }
    }

    /// Says that the connection ends with this answer.
    #[must_use]
    pub fn closing(self) -> Self {
        Self {
            close: true,
            ..self
        }
    }

    /// Says that the request, or a part of it, may have reached the upstream.
    #[must_use]
    pub fn forwarded(self) -> Self {
        Self {
            forwarded: true,
            ..self
        }
    }

    /// The stable word.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// "405 `method_not_allowed` (GET, HEAD): the route leaves this method out"
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.code.row();
        write!(f, "{} {}", row.status.as_u16(), row.word)?;
        if let Some(Ok(methods)) = self.allow.as_ref().map(HeaderValue::to_str) {
            write!(f, " ({methods})")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// The answer that tells `problem` to a client.
pub fn answer(problem: &Problem, request_id: &str) -> Response<Bytes> {
    let row = problem.code.row();
    let body = serde_json::json!({
        "type": "about:blank",
        "title": row.title,
        "status": row.status.as_u16(),
        "detail": problem.detail,
        "code": row.word,
        "action": row.action,
        "request_id": request_id,
    });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = row.status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if !problem.forwarded {
        headers.insert(REFUSAL, HeaderValue::from_static(row.word));
    }
    if let Some(challenge) = challenge(problem.code) {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        );
    }
    if matches!(row.status.as_u16(), 429 | 503) {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(problem.retry_after.unwrap_or(SOON)),
        );
    }
    if let Some(methods) = &problem.allow {
        headers.insert(header::ALLOW, methods.clone());
    }
    if problem.close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What every 401 of ours carries (RFC 6750 §3).
fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::SessionExpired => Some(r#"Bearer realm="wxgate", error="invalid_token""#),
        Code::SessionMissing | Code::CodeRejected | Code::CodeUsed => {
            Some(r#"Bearer realm="wxgate""#)
        }
        _ => None,
    }
}
