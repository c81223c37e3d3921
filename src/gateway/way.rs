//! Where a request goes by its head alone: the same for one that came in and for `wxgate explain`.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header};

use crate::config::Config;
use crate::endpoint::{self, Endpoint};
use crate::error::{Code, Problem};
use crate::proxy::host::{self, Host};
use crate::proxy::{self, HeadLimits, path};

/// The methods that a route can answer: what `Allow` says to CONNECT and TRACE.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

/// What a request came by, and with it the port that a client leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http = 80,
    /// Over TLS.
    Https = 443,
}

/// What decides between our own endpoints, the routes, and a refusal.
#[derive(Debug, Clone)]
pub struct Crossing {
    head: HeadLimits,
    prefix: String,
}

/// Where a request goes.
#[derive(Debug)]
pub enum Way<'a> {
    /// To an endpoint of ours; the host is missing where a probe may leave it out.
    Own(Endpoint, Option<Host<'a>>),
    /// To the routes, for this host and normal path.
    Routes(Host<'a>, Cow<'a, str>),
}

/// The parts of a head that a [`Way`] points into. They are copies, so that the request can go on.
#[derive(Debug)]
pub struct Sign {
    uri: Uri,
    line: Result<HeaderValue, host::Refused>,
}

impl Sign {
    /// The parts of `request`.
    pub fn of<B>(request: &Request<B>) -> Self {
        let uri = request.uri();
        let line = match host::line(request.headers()) {
            Ok(line) => Ok(line.clone()),
            // HTTP/2 names the host in a pseudo-header (RFC 9113 §8.3.1).
            Err(host::Refused::Missing) if request.version() == Version::HTTP_2 => uri
                .authority()
                .and_then(|host| HeaderValue::from_str(host.as_str()).ok())
                .ok_or(host::Refused::Missing),
            Err(refused) => Err(refused),
        };
        Self {
            uri: uri.clone(),
            line,
        }
    }

    /// The host that it names.
    pub fn host(&self, scheme: Scheme) -> Result<Host<'_>, host::Refused> {
        let line = self.line.as_ref().map_err(|refused| *refused)?;
        host::of(&self.uri, line, scheme as u16)
    }
}

impl Crossing {
    /// The crossing of a config that was loaded.
    pub fn new(config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            head: HeadLimits {
                uri: limits.uri,
                headers: limits.headers,
                count: limits.header_count,
            },
            prefix: config.endpoints.prefix.clone(),
        }
    }

    /// The way of `request`, which came by `scheme` and whose `sign` was taken before, or why it has none.
    pub fn way<'a, B>(
        &self,
        request: &Request<B>,
        sign: &'a Sign,
        scheme: Scheme,
    ) -> Result<Way<'a>, Problem> {
        let refuse = |error: proxy::Error| Problem::from(&error);
        let method = request.method();
        if matches!(*method, Method::CONNECT | Method::TRACE) {
            let allow = HeaderValue::from_static(METHODS);
            let detail = "this method is never forwarded";
            return Err(Problem::new(Code::MethodNotAllowed, detail).allow(allow));
        }
        if is_coded_oddly(request.headers()) {
            let detail = "the only transfer coding that is taken is one `chunked`";
            return Err(Problem::new(Code::BadRequest, detail).closing());
        }
        self.head.check(request).map_err(refuse)?;
        let path = path::normalise(sign.uri.path()).map_err(|refused| refuse(refused.into()))?;
        let endpoint = endpoint::route(&self.prefix, method, &path)
            .transpose()
            .map_err(|error| Problem::from(&error))?;
        if let Some(endpoint) = endpoint
            && needs_no_host(request.version(), request.headers(), endpoint)
        {
            return Ok(Way::Own(endpoint, None));
        }
        let host = sign
            .host(scheme)
            .map_err(|refused| refuse(refused.into()))?;
        Ok(match endpoint {
            Some(endpoint) => Way::Own(endpoint, Some(host)),
            None => Way::Routes(host, path),
        })
    }
}

/// Whether two readers may see different ends of this message, or something else in it (R5). hyper
/// closes after lengths beside a coding, and lets us see no second length.
fn is_coded_oddly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let odd = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(odd) || codings.next().is_some()
}

/// Whether a request may come without `Host`: cloud load balancers probe like that.
fn needs_no_host(version: Version, headers: &HeaderMap, endpoint: Endpoint) -> bool {
    endpoint == Endpoint::Health
        && version == Version::HTTP_10
        && !headers.contains_key(header::HOST)
}
