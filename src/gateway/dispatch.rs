//! One request or refusal, from its head to its answer: to an endpoint of ours, or through the proxy.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::SystemTime;

use http::{Request, Response, Version};

use crate::error::{self, Code, Problem};
use crate::gateway::answer::{Content, Leaving, Line};
use crate::gateway::clock::now;
use crate::gateway::guard;
use crate::gateway::own::Own;
use crate::gateway::page::Page;
use crate::gateway::site::Site;
use crate::gateway::way::{Sign, Way};
use crate::listener::{Arrival, Peer, RequestBody};
use crate::proxy::client_address;
use crate::proxy::headers;
use crate::proxy::trace::RequestId;
use crate::proxy::{Context, Trail};
use crate::session::Remembered;
use crate::telemetry::access_log::Record;

/// What a client is told of a bug of ours.
const PANICKED: &str = "the gateway failed; the log has more";

/// What to do where requests go round in a circle.
const CIRCLE_CURE: &str = "`to` of the route leads to this gateway, or to what sends everything here: write where the service listens";

/// What is kept for all requests of one connection, as long as one plan is in force.
pub(super) struct Client {
    /// The number of the plan that it was made by.
    number: u32,
    peer: client_address::Peer,
    remembered: Remembered,
}

impl Client {
    pub(super) fn new(peer: Peer, site: &Site) -> Self {
        Self::at(peer.address.ip(), site)
    }

    fn at(address: IpAddr, site: &Site) -> Self {
        Self {
            number: site.number,
            peer: site.proxy.trust.peer(address),
            remembered: Remembered::new(),
        }
    }

    /// What `client` is by the plan of `site`: itself, unless another plan came into force.
    pub(super) fn by(client: &RefCell<Rc<Self>>, site: &Site) -> Rc<Self> {
        let mut client = client.borrow_mut();
        if client.number != site.number {
            *client = Rc::new(Self::at(client.peer.address(), site));
        }
        Rc::clone(&client)
    }
}

impl Site {
    /// The answer to what came in.
    pub(super) async fn answer(&self, arrival: Arrival, client: &Client) -> Response<Leaving> {
        let id = RequestId::new(&self.lots.draw());
        let mut line = self.begin_line(&arrival, client, id);
        let mut trail = Trail::default();
        let answer = match arrival {
            Arrival::Request(request) => {
                let page = self.page(&request);
                let asker = page.as_deref();
                let work = self.handle(request, asker, client, id, &mut trail);
                let mut answer = match guard::unpanicking(work).await {
                    Some(Ok(answer)) => answer,
                    Some(Err(problem)) => refuse(&problem, id, &mut trail),
                    None => refuse(&Problem::new(Code::Internal, PANICKED), id, &mut trail),
                };
                self.show(&mut answer, page.as_deref(), &trail);
                answer
            }
            Arrival::Refusal(refusal) => refuse(&refusal.into(), id, &mut trail),
        };
        if let Some(line) = &mut line {
            line.fill(trail, answer.status());
        }
        answer.map(|content| Leaving::new(content, line))
    }

    fn begin_line(&self, arrival: &Arrival, client: &Client, id: RequestId) -> Option<Box<Line>> {
        let entry = self.log.as_ref()?.clone();
        let (at, address) = (SystemTime::now(), client.peer.address());
        let record = match arrival {
            Arrival::Request(request) => Record::begin(
                at,
                address,
                request.method(),
                request.uri(),
                request.headers(),
                id.as_str(),
            ),
            Arrival::Refusal(_) => Record::without_head(at, address, id.as_str()),
        };
        Some(Box::new(Line::new(record, entry)))
    }

    async fn handle(
        &self,
        mut request: Request<RequestBody>,
        page: Option<&Page>,
        client: &Client,
        id: RequestId,
        trail: &mut Trail,
    ) -> Result<Response<Content>, Problem> {
        let sign = Sign::of(&request);
        if request.version() == Version::HTTP_2 {
            headers::from_http2(request.headers_mut());
        }
        if let Some(page) = page
            && let Some(answer) = self.preflight(&mut request, &sign, page, trail)?
        {
            return Ok(answer);
        }
        let (host, path) = match self.crossing.way(&request, &sign)? {
            Way::Own(endpoint, host) => {
                let address = self.proxy.trust.address(&client.peer, request.headers());
                trail.client = Some(address);
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
            now: now(),
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
    if let crate::proxy::Error::Circle(_) = error {
        let (request_id, cure) = (id.as_str(), CIRCLE_CURE);
        tracing::error!(
            request_id,
            route = trail.route,
            cure,
            "a route leads back here"
        );
    }
    error.into()
}

fn refuse(problem: &Problem, id: RequestId, trail: &mut Trail) -> Response<Content> {
    trail.code = Some(problem.code().word());
    error::answer(problem, id.as_str()).map(Content::own)
}
