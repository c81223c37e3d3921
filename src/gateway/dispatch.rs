//! One request or refusal, from its head to its answer: to an endpoint of ours, or through the proxy.

use std::rc::Rc;
use std::time::SystemTime;

use http::{Request, Response, Version};

use crate::auth::UnixSeconds;
use crate::error::{self, Code, Problem};
use crate::gateway::answer::{Content, Leaving, Visit};
use crate::gateway::clock::seconds;
use crate::gateway::guard;
use crate::gateway::site::Site;
use crate::gateway::way::{Sign, Way};
use crate::listener::{Arrival, Peer, RequestBody};
use crate::proxy::client_address::{self, Trust};
use crate::proxy::headers;
use crate::proxy::host::Host;
use crate::proxy::trace::RequestId;
use crate::proxy::{Context, Trail};
use crate::session::Remembered;
use crate::telemetry::access_log::Record;

/// What a client is told of a bug of ours.
const PANICKED: &str = "the gateway failed; the log has more";

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
    pub(super) async fn answer(
        self: &Rc<Self>,
        arrival: Arrival,
        client: &Client,
    ) -> Response<Leaving> {
        let id = RequestId::new(&self.lots.draw());
        let at = SystemTime::now();
        let mut visit = Visit::begin(self, self.begin_record(&arrival, client, id, at));
        let answer = match arrival {
            Arrival::Request(request) => {
                let work = self.handle(request, client, id, seconds(at), &mut visit.trail);
                guard::unpanicking(work)
                    .await
                    .unwrap_or_else(|| Err(Problem::new(Code::Internal, PANICKED)))
            }
            Arrival::Refusal(refusal) => Err(refusal.into()),
        };
        let (answer, refusal) = match answer {
            Ok(answer) => (answer, None),
            Err(problem) => {
                let answer = error::answer(&problem, id.as_str()).map(Content::own);
                (answer, Some(problem.code()))
            }
        };
        visit.answered = Some((answer.status(), refusal));
        answer.map(|content| Leaving::new(content, visit))
    }

    fn begin_record(
        &self,
        arrival: &Arrival,
        client: &Client,
        id: RequestId,
        at: SystemTime,
    ) -> Option<Record> {
        self.log.as_ref()?;
        let address = client.peer.address();
        Some(match arrival {
            Arrival::Request(request) => Record::begin(
                at,
                address,
                request.method(),
                request.uri(),
                request.headers(),
                id.as_str(),
            ),
            Arrival::Refusal(_) => Record::without_head(at, address, id.as_str()),
        })
    }

    async fn handle(
        &self,
        mut request: Request<RequestBody>,
        client: &Client,
        id: RequestId,
        now: UnixSeconds,
        trail: &mut Trail,
    ) -> Result<Response<Content>, Problem> {
        let sign = Sign::of(&request);
        if request.version() == Version::HTTP_2 {
            headers::from_http2(request.headers_mut());
        }
        let (host, path) = match self.crossing.way(&request, &sign)? {
            Way::Own(endpoint, host) => {
                let host = host.as_ref().map_or("", Host::as_str);
                let address = self.proxy.trust.address(&client.peer, request.headers());
                trail.client = Some(address);
                trail.own = Some(endpoint.place());
                return Box::pin(self.answer_own(request, endpoint, host, address)).await;
            }
            Way::Routes(host, path) => (host, path),
        };
        let context = Context {
            peer: &client.peer,
            remembered: &client.remembered,
            request_id: id,
            random: self.lots.draw(),
            host: &host,
            path: &path,
            now,
        };
        let answer = self.proxy.serve(request, &context, trail).await;
        answer
            .map(|answer| answer.map(Content::Upstream))
            .map_err(|error| problem(&error, id, trail))
    }
}

fn problem(error: &crate::proxy::Error, id: RequestId, trail: &Trail) -> Problem {
    if let crate::proxy::Error::Upstream(error) = error {
        let request_id = id.as_str();
        tracing::warn!(request_id, route = trail.route, %error, "an upstream failed");
    }
    error.into()
}
