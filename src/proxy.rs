//! route → authenticate → authorize → inject → forward → respond

mod assertion;
mod authenticate;
pub mod body;
pub mod client_address;
mod context;
pub mod cors;
mod forward;
pub mod handshake;
pub mod headers;
pub mod hops;
pub mod host;
mod limits;
mod lines;
pub mod path;
pub mod prefix;
mod request;
pub mod retry;
pub mod route;
pub mod trace;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};

pub use self::assertion::Assertions;
pub use self::context::{Context, Trail};
pub use self::limits::HeadLimits;
pub use self::lines::Lines;
use self::websocket::Call;
pub use self::websocket::Opening;
use crate::auth::assertion::Unsigned;
use crate::auth::policy::Caller;
use crate::auth::{Carrier, Denial, Permit, UnixSeconds};
use crate::deadline::Wheel;
use crate::listener::RequestBody;
use crate::proxy::body::{Bounds, Fault, Outgoing, Returning};
use crate::proxy::client_address::Trust;
use crate::proxy::headers::{Field, Forwarded, Rules};
use crate::proxy::retry::Budget;
use crate::proxy::route::{Miss, Route, Table};
use crate::rate::{Exceeded, Limits};
use crate::session::{self, Near, Sessions};
use crate::telemetry::metrics::Tally;
use crate::upstream::{self, GroupId, Upstreams};

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
    /// It has come through this gateway again and again.
    #[error(transparent)]
    Circle(#[from] hops::Circle),
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
    /// A page of another origin asks for a WebSocket or a change, with a cookie that its visitor's browser
    /// added.
    #[error("a page of another origin asks for this, which the cookie does not allow")]
    ForeignOrigin,
    /// The route is asked too often.
    #[error(transparent)]
    TooOften(#[from] Exceeded),
    /// The request's body is not taken; nothing was forwarded.
    #[error(transparent)]
    Body(#[from] Fault),
    /// The request's body did not come whole, and a part of it was forwarded.
    #[error("{0}, in the middle of being forwarded")]
    BodyUnderway(Fault),
    /// Who calls cannot be signed, and the service wants it signed.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// Sessions cannot be read.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The upstream has no answer.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
}

impl From<Miss> for Error {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::NoRoute => Self::NoRoute,
            Miss::UnknownHost => Self::UnknownHost,
            Miss::MethodNotAllowed(allow) => Self::MethodNotAllowed(allow),
            Miss::Parameter => Self::Path(path::Refused::Parameter),
        }
    }
}

/// Limits and deadlines of a request.
#[derive(Debug, Clone, Copy)]
pub struct Bearing {
    /// `timeouts.body`
    pub silence: Duration,
    /// The time, for what outlives a request.
    pub clock: fn() -> UnixSeconds,
}

/// What comes back of a request.
pub enum Returned {
    /// An answer's body.
    Body(Returning),
    /// A WebSocket.
    Opening(Box<Opening>),
}

/// Forwards the requests of one worker.
pub struct Proxy {
    /// The routes.
    pub table: Arc<Table>,
    /// For each route, where it leads.
    pub leads: Arc<[Option<GroupId>]>,
    /// The rules for header lines.
    pub rules: Arc<Rules>,
    /// Signs who calls, where that is wanted.
    pub assertions: Option<Assertions>,
    /// Where credentials stand.
    pub carrier: Carrier,
    /// All sessions.
    pub sessions: Sessions,
    /// The sessions that this worker saw last.
    pub near: Near,
    /// This worker's connections.
    pub upstreams: Upstreams<Outgoing>,
    /// Whose word on client addresses counts.
    pub trust: Trust,
    /// Deadlines.
    pub bearing: Bearing,
    /// How often routes may be asked.
    pub limits: Arc<Limits>,
    /// How often requests may be repeated.
    pub budget: Budget,
    /// This worker's deadlines.
    pub wheel: Wheel,
    /// This worker's counts.
    pub tally: Arc<Tally>,
}

impl Proxy {
    /// Serves one request.
    pub async fn serve(
        &self,
        mut request: Box<Request<RequestBody>>,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Response<Returned>, Error> {
        let route = self.route(request.method(), context, trail)?;
        if route.rate.is_some() {
            self.count_address(request.headers(), route, context)?;
        }
        if let Some(call) = Call::of(&mut request, route) {
            return Box::pin(self.open(request, call, route, context, trail)).await;
        }
        let caller = self.authenticate(&request, route, context, trail).await?;
        let permit = self.authorize(caller, route)?;
        if route.rate.is_some() {
            self.count_user(&permit, request.headers(), route, context)?;
        }
        let request = self.inject(request, route, &permit, context, trail)?;
        let answer = self.forward(request, route, permit, trail).await?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(upstream::Error::Switched.into());
        }
        Ok(self.respond(answer, route).map(Returned::Body))
    }

    /// The one route that is meant.
    fn route(
        &self,
        method: &Method,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<&Route, Error> {
        let route = self.table.find(context.host.name(), context.path, method)?;
        trail.route = Some(route.index);
        Ok(route)
    }

    /// Counts the request, where the route's rate goes by address: before anything is looked up, so
    /// that a guess at a token counts too.
    fn count_address(
        &self,
        headers: &HeaderMap,
        route: &Route,
        context: &Context<'_>,
    ) -> Result<(), Exceeded> {
        match self.limits.routes.get(route.index) {
            Some(Some(limiter)) => limiter.count_address(self.trust.address(context.peer, headers)),
            _ => Ok(()),
        }
    }

    /// Counts the request, where the route's rate goes by user.
    fn count_user(
        &self,
        permit: &Permit,
        headers: &HeaderMap,
        route: &Route,
        context: &Context<'_>,
    ) -> Result<(), Exceeded> {
        match (self.limits.routes.get(route.index), permit.identity()) {
            (Some(Some(limiter)), Some(identity)) => limiter.count_user(identity),
            (Some(Some(limiter)), None) => {
                limiter.count_stranger(self.trust.address(context.peer, headers))
            }
            _ => Ok(()),
        }
    }

    /// The permit of a caller who meets the route's policy.
    #[expect(clippy::unused_self, reason = "one of the six steps")]
    fn authorize(&self, caller: Caller, route: &Route) -> Result<Permit, Error> {
        route.policy.authorize(caller).map_err(Error::Denied)
    }

    /// The request as the upstream gets it: its path and framing written by us, its headers
    /// cleansed, and who calls in them.
    fn inject(
        &self,
        request: Box<Request<RequestBody>>,
        route: &Route,
        permit: &Permit,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Box<Request<Outgoing>>, Error> {
        let bounds = Bounds {
            most: route.body.0,
            silence: self.bearing.silence,
        };
        let (mut head, body) = request.into_parts();
        let body = Outgoing::new(body, bounds, &self.wheel, Some(Arc::clone(&self.rules)))?;
        trail.received = body.taken();
        let client = self.trust.client(context.peer, &head.headers);
        trail.client = Some(client.address);
        trail.forged = self.rules.request(&mut head.headers)?.forged;
        request::frame(&mut head.headers, &head.method, &body);
        let host = self.lead(route).and_then(|lead| self.upstreams.host(lead));
        let host = host.map_or_else(|| context.host.header(), HeaderValue::clone);
        head.headers.insert(header::HOST, host);
        let forwarded = Forwarded {
            chain: client.chain,
            client: client.text,
            proto: HeaderValue::from_static(if client.https { "https" } else { "http" }),
            host: context.host.header(),
            prefix: route.forwarded_prefix(),
            request_id: context.request_id.header(),
            random: context.random,
        };
        hops::count(&mut head.headers)?;
        route.set.write(&mut head.headers);
        // After what the route sets: nothing stands over who calls.
        let (headers, assertion) = (&mut head.headers, self.assert(route, permit, context)?);
        self.rules
            .inject(headers, permit, route.fields, assertion, forwarded);
        head.uri = request::target(&head.uri, &route.forward_path(context.path))?;
        head.version = Version::HTTP_11;
        Ok(Box::new(Request::from_parts(head, body)))
    }

    /// The signed statement of who calls, if there is one for the route's upstream.
    fn assert(
        &self,
        route: &Route,
        permit: &Permit,
        context: &Context<'_>,
    ) -> Result<Option<HeaderValue>, Unsigned> {
        let Some(assertions) = &self.assertions else {
            return Ok(None);
        };
        let who = permit.shared_identity();
        let audience = route.audience.as_ref();
        match (who, audience) {
            (Some(who), Some(audience)) if route.fields.has(Field::Assertion) => assertions
                .of(who, audience, route.fields, context.now)
                .map(Some),
            _ => Ok(None),
        }
    }

    /// Where `route` leads.
    fn lead(&self, route: &Route) -> Option<GroupId> {
        self.leads.get(route.index).copied().flatten()
    }

    /// What the route and the upstream of a request are called, as in metrics.
    pub fn names(&self, trail: &Trail) -> (Option<String>, Option<&str>) {
        let route = trail.route.and_then(|at| self.table.routes().get(at));
        let lead = route.and_then(|route| self.lead(route));
        let upstream = lead.and_then(|lead| self.upstreams.label(lead));
        (route.map(Route::name), upstream)
    }

    /// The answer as the client gets it.
    fn respond(
        &self,
        answer: Response<upstream::Answer<Outgoing>>,
        route: &Route,
    ) -> Response<Returning> {
        let mut answer = answer.map(|body| Returning::new(body, Arc::clone(&self.rules)));
        unframe(answer.headers_mut());
        self.rules.response(answer.headers_mut());
        route.response_set.write(answer.headers_mut());
        *answer.version_mut() = Version::HTTP_11;
        answer
    }
}

/// Removes from an answer's head each length that is not the only word on where its body ends: the one that
/// it was read by is written (RFC 9112 §6.3).
fn unframe(headers: &mut HeaderMap) {
    let coded = headers.contains_key(header::TRANSFER_ENCODING);
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let plain =
        |value: &HeaderValue| value.len() < 20 && value.as_bytes().iter().all(u8::is_ascii_digit);
    let sound = lengths.next().is_none_or(plain) && lengths.next().is_none();
    if coded || !sound {
        headers.remove(header::CONTENT_LENGTH);
    }
}
