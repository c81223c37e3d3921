//! One request or refusal, from its head to its answer: to an endpoint of ours, or through the proxy.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::SystemTime;

use http::{Request, Response, Version};

use crate::auth::UnixSeconds;
use crate::error::{self, Code, Problem};
use crate::gateway::answer::{Content, Leaving, Visit};
use crate::gateway::clock::seconds;
use crate::gateway::guard;
use crate::gateway::own::Own;
use crate::gateway::page::Page;
use crate::gateway::site::Site;
use crate::gateway::way::{Scheme, Sign, Way};
use crate::listener::{Arrival, Door, Peer, RequestBody};
use crate::proxy::client_address;
use crate::proxy::headers;
use crate::proxy::trace::RequestId;
use crate::proxy::{self, Context, Trail};
use crate::session::Remembered;
use crate::telemetry::access_log::Record;
use crate::upstream;

/// What a client is told of a bug of ours.
const PANICKED: &str = "the gateway failed; the log has more";

/// What to do where requests go round in a circle.
const CIRCLE_CURE: &str = "`to` of the route leads to this gateway, or to what sends everything here: write where the service listens";

/// What to do where a group is asked for more than it takes.
const BUSY_CURE: &str =
    "`max_in_flight` or `max_connections` is reached: raise it, or add servers that answer sooner";

/// What is kept for all requests of one connection, as long as one plan is in force.
pub(super) struct Client {
    /// The number of the plan that it was made by.
    number: u32,
    peer: client_address::Peer,
    /// Who is at the other end of the connection.
    end: Peer,
    remembered: Remembered,
}

impl Client {
    pub(super) fn new(peer: Peer, site: &Site) -> Self {
        Self {
            number: site.number,
            peer: site.proxy.trust.peer(&peer),
            end: peer,
            remembered: Remembered::new(),
        }
    }

    /// What its requests come by.
    fn scheme(&self) -> Scheme {
        match self.end.door {
            Door::Tls => Scheme::Https,
            Door::Plain | Door::Redirect => Scheme::Http,
        }
    }

    /// What `client` is by the plan of `site`: itself, unless another plan came into force.
    pub(super) fn by(client: &RefCell<Rc<Self>>, site: &Site) -> Rc<Self> {
        let mut client = client.borrow_mut();
        if client.number != site.number {
            *client = Rc::new(Self::new(client.end, site));
        }
        Rc::clone(&client)
    }
}

impl Site {
    /// The answer to what came in.
    pub(super) async fn answer(
        self: Rc<Self>,
        arrival: Arrival,
        client: Rc<Client>,
    ) -> Response<Leaving> {
        let id = RequestId::new(&self.lots.draw());
        let at = SystemTime::now();
        let mut visit = Visit::begin(&self, self.begin_record(&arrival, &client, id, at));
        let mut page = None;
        let answer = match arrival {
            Arrival::Request(request) => {
                page = self.page(&request, client.scheme());
                let asker = page.as_deref();
                let now = seconds(at);
                let work = self.handle(request, asker, &client, id, now, &mut visit.trail);
                guard::unpanicking(work)
                    .await
                    .unwrap_or_else(|| Err(Problem::new(Code::Internal, PANICKED)))
            }
            Arrival::Refusal(refusal) => Err(refusal.into()),
        };
        let (mut answer, refusal) = match answer {
            Ok(answer) => (answer, None),
            Err(problem) => {
                let answer = error::answer(&problem, id.as_str()).map(Content::own);
                (answer, Some(problem.code()))
            }
        };
        self.show(&mut answer, page.as_deref(), &visit.trail);
        visit.answered = Some((answer.status(), refusal));
        answer.map(|content| visit.leave(content))
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
        mut request: Box<Request<RequestBody>>,
        page: Option<&Page>,
        client: &Client,
        id: RequestId,
        now: UnixSeconds,
        trail: &mut Trail,
    ) -> Result<Response<Content>, Problem> {
        if client.end.door == Door::Redirect {
            return self.send_to_https(&request);
        }
        let scheme = client.scheme();
        let sign = Sign::of(&request);
        if request.version() == Version::HTTP_2 {
            let read = headers::from_http2(request.headers_mut());
            read.map_err(|refused| Problem::from(&proxy::Error::from(refused)))?;
        }
        if let Some(page) = page
            && let Some(answer) = self.preflight(&mut request, &sign, page, trail)?
        {
            return Ok(answer);
        }
        let (host, path) = match self.crossing.way(&request, &sign, scheme)? {
            Way::Own(endpoint, host) => {
                let address = self.proxy.trust.address(&client.peer, request.headers());
                trail.client = Some(address);
                trail.own = Some(endpoint.place());
                let own = Own {
                    endpoint,
                    host: host.as_ref(),
                    address,
                    listed: self.lists(page, host.as_ref()),
                };
                let mut answer = Box::pin(self.answer_own(request, own, trail)).await?;
                answer.headers_mut().insert(error::REQUEST_ID, id.header());
                return Ok(answer);
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
            .map(|answer| answer.map(Content::from))
            .map_err(|error| self.problem(&error, id, trail))
    }

    /// What the client is told, and the log where it is for somebody to mend.
    fn problem(&self, error: &proxy::Error, id: RequestId, trail: &Trail) -> Problem {
        match error {
            proxy::Error::Upstream(error) => self.tell(error, id, trail),
            proxy::Error::Circle(_) => {
                let (request_id, cure) = (id.as_str(), CIRCLE_CURE);
                let (route, _) = self.proxy.names(trail);
                tracing::error!(request_id, route, cure, "a route leads back here");
            }
            _ => {}
        }
        error.into()
    }

    /// A group that has as much as it may has not failed, and there may be thousands of requests too many.
    fn tell(&self, error: &upstream::Error, id: RequestId, trail: &Trail) {
        let request_id = id.as_str();
        let (route, upstream) = self.proxy.names(trail);
        let upstream::Error::Busy { untold, .. } = error else {
            tracing::warn!(request_id, route, upstream, %error, "an upstream failed");
            return;
        };
        tracing::debug!(request_id, route, upstream, "a request was turned away");
        if let Some(requests) = untold {
            let cure = BUSY_CURE;
            tracing::warn!(route, upstream, requests, cure, "requests are turned away");
        }
    }
}
