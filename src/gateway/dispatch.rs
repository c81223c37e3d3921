//! One request or refusal, from its head to its answer: to an endpoint of ours, or through the proxy.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};

use crate::error::{self, Code, Problem};
use crate::gateway::answer::{Content, Leaving, Line};
use crate::gateway::clock::now;
use crate::gateway::guard;
use crate::gateway::own::needs_no_host;
use crate::gateway::site::Site;
use crate::listener::{Arrival, Peer, RequestBody};
use crate::proxy::client_address::{self, Trust};
use crate::proxy::{Context, Trail, host, path, trace};
use crate::session::Remembered;
use crate::telemetry::access_log::Record;

/// The methods that a route can answer: what `Allow` says to CONNECT and TRACE.
const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";

/// The port that a client leaves out.
const DEFAULT_PORT: u16 = 80;

/// What is kept for all requests of one connection.
pub(super) struct Client {
    peer: client_address::Peer,
    remembered: Remembered,
}

impl Client {
    pub(super) fn new(peer: Peer, trust: &Trust) -> Self {
        Self {
            peer: trust.peer(peer.address.ip()),
            remembered: Remembered::new(),
        }
    }
}

impl Site {
    /// The answer to what came in.
    pub(super) async fn answer(&self, arrival: Arrival, client: &Client) -> Response<Leaving> {
        let id = trace::request_id(&self.lots.draw());
        let mut line = self.begin_line(&arrival, client, &id);
        let mut trail = Trail::default();
        let answer = match arrival {
            Arrival::Request(request) => {
                self.answer_request(request, client, &id, &mut trail).await
            }
            Arrival::Refusal(refusal) => refuse(&refusal.into(), &id, &mut trail),
        };
        if let Some(line) = &mut line {
            line.fill(trail, answer.status());
        }
        answer.map(|content| Leaving::new(content, line))
    }

    fn begin_line(
        &self,
        arrival: &Arrival,
        client: &Client,
        id: &HeaderValue,
    ) -> Option<Box<Line>> {
        let entry = self.log.as_ref()?.clone();
        let (at, address) = (SystemTime::now(), client.peer.address());
        let record = match arrival {
            Arrival::Request(request) => Record::begin(
                at,
                address,
                request.method(),
                request.uri(),
                request.headers(),
                id,
            ),
            Arrival::Refusal(_) => Record::without_head(at, address, id),
        };
        Some(Box::new(Line::new(record, entry)))
    }

    async fn answer_request(
        &self,
        request: Request<RequestBody>,
        client: &Client,
        id: &HeaderValue,
        trail: &mut Trail,
    ) -> Response<Content> {
        match guard::unpanicking(self.handle(request, client, id, trail)).await {
            Some(Ok(answer)) => answer,
            Some(Err(problem)) => refuse(&problem, id, trail),
            None => refuse(
                &Problem::new(Code::Internal, "the gateway failed; the log has more"),
                id,
                trail,
            ),
        }
    }

    async fn handle(
        &self,
        request: Request<RequestBody>,
        client: &Client,
        id: &HeaderValue,
        trail: &mut Trail,
    ) -> Result<Response<Content>, Problem> {
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            return Err(
                Problem::new(Code::MethodNotAllowed, "this method is never forwarded")
                    .allow(HeaderValue::from_static(METHODS)),
            );
        }
        if is_coded_oddly(request.headers()) {
            let detail = "the only transfer coding that is taken is one `chunked`";
            return Err(Problem::new(Code::BadRequest, detail).closing());
        }
        self.head.check(&request).map_err(|error| problem(&error))?;
        let uri = request.uri().clone();
        let path = path::normalise(uri.path()).map_err(|refused| problem(&refused.into()))?;
        let endpoint = match self.endpoints.route(request.method(), &path) {
            None => None,
            Some(Ok(endpoint)) => Some(endpoint),
            Some(Err(error)) => return Err((&error).into()),
        };
        if let Some(endpoint) = endpoint
            && needs_no_host(request.version(), request.headers(), endpoint)
        {
            return self.answer_own(request, endpoint, "").await;
        }
        let line = host::line(request.headers())
            .map_err(|refused| problem(&refused.into()))?
            .clone();
        let host =
            host::of(&uri, &line, DEFAULT_PORT).map_err(|refused| problem(&refused.into()))?;
        if let Some(endpoint) = endpoint {
            return self.answer_own(request, endpoint, host.as_str()).await;
        }
        let context = Context {
            peer: &client.peer,
            remembered: &client.remembered,
            request_id: id,
            random: self.lots.draw(),
            host: &host,
            path: &path,
            now: now(),
        };
        let answer = self.proxy.serve(request, &context, trail).await;
        answer
            .map(|answer| answer.map(Content::Upstream))
            .map_err(|error| problem(&error))
    }
}

fn problem(error: &crate::proxy::Error) -> Problem {
    if let crate::proxy::Error::Upstream(error) = error {
        tracing::warn!(%error, "an upstream failed");
    }
    error.into()
}

fn refuse(problem: &Problem, id: &HeaderValue, trail: &mut Trail) -> Response<Content> {
    trail.code = Some(problem.code().word());
    error::answer(problem, id.to_str().unwrap_or_default()).map(Content::own)
}

/// Whether two readers may see different ends of this message, or something else in it (R5). hyper
/// closes after lengths beside a coding, and lets us see no second length.
fn is_coded_oddly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let odd = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_some_and(odd) || codings.next().is_some()
}
