//! route → authenticate → authorize → inject → forward → respond

pub mod body;
pub mod client_address;
pub mod headers;
pub mod host;
pub mod path;
pub mod retry;
pub mod route;
pub mod trace;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, header};

use crate::auth::policy::Caller;
use crate::auth::{Carrier, Denial, OpenId, Permit, Token, UnixSeconds};
use crate::deadline::Wheel;
use crate::listener::RequestBody;
use crate::proxy::body::{Bounds, Fault, Outgoing, Returning};
use crate::proxy::client_address::Trust;
use crate::proxy::headers::{Forwarded, Rules};
use crate::proxy::host::Host;
use crate::proxy::retry::{Attempt, Budget, Progress};
use crate::proxy::route::{Miss, Route, Table};
use crate::session::{Near, Remembered, Session, Sessions};
use crate::upstream::{self, ServerId, Upstreams};
use crate::{session, setting};

/// Why a request was not forwarded, or has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path can be read two ways.
    #[error(transparent)]
    Path(#[from] path::Refused),
    /// The host is missing or can be read two ways.
    #[error(transparent)]
    Host(#[from] host::Refused),
    /// The headers ask for what no honest client asks.
    #[error(transparent)]
    Headers(#[from] headers::Refused),
    /// The target is longer than `limits.uri`.
    #[error("the request target is too long")]
    UriTooLong,
    /// More header lines, or longer ones, than `limits` take.
    #[error("the head is too large")]
    HeadTooLarge,
    /// No route has this path.
    #[error("no route")]
    NoRoute,
    /// No route has this host.
    #[error("unknown host")]
    UnknownHost,
    /// The route leaves this method out; these are allowed.
    #[error("method not allowed")]
    MethodNotAllowed(HeaderValue),
    /// The route's policy was not met.
    #[error("denied: {0:?}")]
    Denied(Denial),
    /// The request's body did not come whole.
    #[error(transparent)]
    Body(#[from] Fault),
    /// Sessions cannot be read.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The upstream has no answer.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
}

/// What a log line tells of a request beside its head.
#[derive(Debug, Default)]
pub struct Trail {
    /// The route's place in the config.
    pub route: Option<usize>,
    /// Who called, if anybody known.
    pub openid: Option<OpenId>,
}

/// What is known of a request beside its lines.
pub struct Context<'a> {
    /// The peer.
    pub peer: &'a client_address::Peer,
    /// The last credential of the connection.
    pub remembered: &'a Remembered,
    /// The id of the request.
    pub request_id: &'a HeaderValue,
    /// For a trace that starts here.
    pub random: [u8; 24],
    /// The time.
    pub now: UnixSeconds,
}

/// Limits and deadlines of a request.
#[derive(Debug, Clone, Copy)]
pub struct Bearing {
    /// `timeouts.body`
    pub silence: Duration,
    /// `timeouts.response`
    pub response: Duration,
}

/// Forwards the requests of one worker.
pub struct Proxy {
    /// The routes.
    pub table: Arc<Table>,
    /// For each route, where it leads.
    pub servers: Arc<[Option<ServerId>]>,
    /// The rules for header lines.
    pub rules: Arc<Rules>,
    /// Where credentials stand.
    pub carrier: Carrier,
    /// All sessions.
    pub sessions: Sessions,
    /// The sessions that this worker saw last.
    pub near: Near,
    /// This worker's connections.
    pub upstreams: Rc<Upstreams<Outgoing>>,
    /// Whose word on client addresses counts.
    pub trust: Trust,
    /// Deadlines.
    pub bearing: Bearing,
    /// How often requests may be repeated.
    pub budget: Budget,
    /// This worker's deadlines.
    pub wheel: Wheel,
}

impl Proxy {
    /// Serves one request whose `path` was normalised.
    pub async fn serve(
        &self,
        request: Request<RequestBody>,
        host: &Host<'_>,
        path: &str,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Response<Returning>, Error> {
        let route = self.route(&request, host, path, trail)?;
        let caller = self
            .authenticate(route, request.headers(), context, trail)
            .await?;
        let permit = route.policy.authorize(caller).map_err(Error::Denied)?;
        let request = self.inject(request, route, &permit, host, path, context)?;
        let answer = self.forward(request, route, permit).await?;
        Ok(self.respond(answer))
    }

    /// The one route that is meant.
    fn route(
        &self,
        request: &Request<RequestBody>,
        host: &Host<'_>,
        path: &str,
        trail: &mut Trail,
    ) -> Result<&Route, Error> {
        let route = self
            .table
            .find(host.name(), path, request.method())
            .map_err(|miss| match miss {
                Miss::NoRoute => Error::NoRoute,
                Miss::UnknownHost => Error::UnknownHost,
                Miss::MethodNotAllowed(allow) => Error::MethodNotAllowed(allow),
            })?;
        trail.route = Some(route.index);
        Ok(route)
    }

    /// Who calls, as far as the route wants to know.
    async fn authenticate(
        &self,
        route: &Route,
        headers: &HeaderMap,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Caller, Error> {
        if !route.policy.reads_credential() {
            return Ok(Caller::Anonymous);
        }
        let Some(shown) = self.carrier.find(headers) else {
            return Ok(Caller::Anonymous);
        };
        let Some(session) = self.session(shown.text, context).await? else {
            return Ok(Caller::Expired);
        };
        trail.openid = Some(session.identity.openid.clone());
        Ok(Caller::Known(Arc::clone(&session.identity)))
    }

    /// The session of a credential: the connection's last one, or the one that the store knows.
    async fn session(
        &self,
        credential: &[u8],
        context: &Context<'_>,
    ) -> Result<Option<Arc<Session>>, Error> {
        if let Some(session) = context.remembered.recall(credential, context.now) {
            return Ok(Some(session));
        }
        let Some(token) = Token::parse(credential) else {
            return Ok(None);
        };
        let found = self.sessions.find(&self.near, &token, context.now).await?;
        if let Some(session) = &found {
            context.remembered.remember(&token, Arc::clone(session));
        }
        Ok(found)
    }

    /// The request as the upstream gets it: its path and framing written by us, its headers
    /// cleansed, and who calls in them.
    fn inject(
        &self,
        request: Request<RequestBody>,
        route: &Route,
        permit: &Permit,
        host: &Host<'_>,
        path: &str,
        context: &Context<'_>,
    ) -> Result<Request<Outgoing>, Error> {
        let bounds = Bounds {
            most: route.body.0,
            silence: self.bearing.silence,
        };
        let (mut head, body) = request.into_parts();
        let body = Outgoing::new(body, bounds, &self.wheel, Some(Arc::clone(&self.rules)))?;
        let client = self.trust.client(context.peer, &head.headers);
        self.rules.request(&mut head.headers)?;
        frame(&mut head.headers, &head.method, &body);
        head.headers.insert(header::HOST, host.header());
        let forwarded = Forwarded {
            chain: client.chain,
            client: client.text,
            proto: HeaderValue::from_static(if client.https == Some(true) {
                "https"
            } else {
                "http"
            }),
            host: host.header(),
            prefix: route.forwarded_prefix(path),
            request_id: context.request_id.clone(),
            random: context.random,
        };
        self.rules.inject(&mut head.headers, permit, forwarded);
        head.uri = target(&head.uri, &route.forward_path(path))?;
        head.version = Version::HTTP_11;
        Ok(Request::from_parts(head, body))
    }

    /// Sends the request and waits for the head of the answer. A reused connection may die at that
    /// very moment: then one more try is made, if nothing can have happened.
    async fn forward(
        &self,
        request: Request<Outgoing>,
        route: &Route,
        permit: Permit,
    ) -> Result<Response<upstream::Answer<Outgoing>>, Error> {
        // The permit ends here: it was good for this one request.
        drop(permit);
        let server = self
            .servers
            .get(route.index)
            .copied()
            .flatten()
            .ok_or(Error::NoRoute)?;
        self.budget.earn();
        let link = self.upstreams.link(server).await?;
        let spare = link.is_reused().then(|| spare(&request)).flatten();
        let fault = request.body().fault();
        let failure = match self.send(link, request).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        if let Some(fault) = fault.and_then(|fault| fault.get()) {
            return Err(Error::Body(fault));
        }
        let broken = matches!(failure.error, upstream::Error::Broken(_));
        let again = match (failure.unsent, spare) {
            // Nothing reached the upstream: it was the connection that had died.
            (Some(unsent), _) => Some(unsent),
            (None, Some(spare)) if broken && !failure.heard && self.budget.spend() => Some(spare),
            _ => None,
        };
        let Some(request) = again else {
            return Err(Error::Upstream(failure.error));
        };
        let link = self.upstreams.connect(server).await?;
        self.send(link, request)
            .await
            .map_err(|failure| Error::Upstream(failure.error))
    }

    async fn send(
        &self,
        link: upstream::Link<Outgoing>,
        mut request: Request<Outgoing>,
    ) -> Result<Response<upstream::Answer<Outgoing>>, upstream::Failure<Outgoing>> {
        request
            .body_mut()
            .postpones(link.deadline(), self.bearing.response);
        link.send(request).await
    }

    /// The answer as the client gets it.
    fn respond(&self, answer: Response<upstream::Answer<Outgoing>>) -> Response<Returning> {
        let mut answer = answer.map(|body| Returning::new(body, Arc::clone(&self.rules)));
        self.rules.response(answer.headers_mut());
        *answer.version_mut() = Version::HTTP_11;
        answer
    }
}

/// Writes the one framing of a forwarded request: hyper adds `Transfer-Encoding` where no length is
/// known (RFC 9112 §6).
fn frame(headers: &mut HeaderMap, method: &Method, body: &Outgoing) {
    use http_body::Body as _;
    let had_length = headers.remove(header::CONTENT_LENGTH).is_some();
    match body.size_hint().exact() {
        Some(0) if !had_length || *method == Method::GET || *method == Method::HEAD => {}
        Some(length) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        None => {}
    }
}

/// A second copy of `request`, if it may be repeated.
fn spare(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let attempt = Attempt {
        method: request.method(),
        empty: request.body().is_empty(),
        whole: true,
        reused: true,
        progress: Progress::Sent,
    };
    attempt.may_be_repeated().then(|| {
        let mut copy = Request::new(Outgoing::Empty);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        copy
    })
}

/// The target in origin form: `path` and the query of `uri`, which takes no part in routing.
fn target(uri: &Uri, path: &str) -> Result<Uri, Error> {
    if uri.path() == path
        && uri.authority().is_none()
        && let Some(same) = uri.path_and_query()
    {
        return Ok(Uri::from(same.clone()));
    }
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    PathAndQuery::from_maybe_shared(Bytes::from(text))
        .map(Uri::from)
        .map_err(|_| Error::Path(path::Refused::Character))
}

/// `limits.uri`, `limits.headers` and `limits.header_count`, beyond which hyper would refuse without
/// a word.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Bytes of the target.
    pub uri: setting::Size,
    /// Bytes of the whole head.
    pub headers: setting::Size,
    /// Header lines.
    pub count: u32,
}

impl HeadLimits {
    /// Whether `request`'s head keeps within the limits.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), Error> {
        let size = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let target = request
            .uri()
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        if size(target) > self.uri.0 {
            return Err(Error::UriTooLong);
        }
        if request.headers().len() > usize::try_from(self.count).unwrap_or(usize::MAX) {
            return Err(Error::HeadTooLarge);
        }
        let lines: usize = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        if size(lines + target) > self.headers.0 {
            return Err(Error::HeadTooLarge);
        }
        Ok(())
    }
}
