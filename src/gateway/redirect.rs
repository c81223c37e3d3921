//! The one redirect there is (R11): from plain HTTP to https, on hosts that we are for.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::error::{Code, Problem};
use crate::gateway::answer::Content;
use crate::gateway::front::Front;
use crate::gateway::site::Site;
use crate::gateway::way::{Scheme, Sign, Way};
use crate::proxy::host::Host;
use crate::proxy::{self, path};

impl Site {
    /// Sends a client to https, if the host is one of ours.
    pub(super) fn send_to_https<B>(
        &self,
        request: &Request<B>,
    ) -> Result<Response<Content>, Problem> {
        let sign = Sign::of(request);
        let host = match self.crossing.way(request, &sign, Scheme::Http)? {
            Way::Own(_, host) => host,
            Way::Routes(host, _) => Some(host),
        };
        let known = |host: &Host<'_>| {
            let shown = |front: &Arc<Front>| front.tls.knows(host.name());
            self.proxy.table.names(host.name()) || self.front.as_ref().is_some_and(shown)
        };
        let Some(host) = host.filter(known) else {
            let detail = "no route and no certificate is for this host; come by https";
            return Err(Problem::new(Code::UnknownHost, detail));
        };
        let path = path::normalise(request.uri().path());
        let path = path.map_err(|refused| Problem::from(&proxy::Error::from(refused)))?;
        let port = self.front.as_ref().and_then(|front| front.port(&host));
        let port = port.map_or(Cow::Borrowed(""), |port| format!(":{port}").into());
        let query = request.uri().query();
        let query = query.map_or(Cow::Borrowed(""), |query| format!("?{query}").into());
        let location = format!("https://{}{port}{path}{query}", host.name());
        let location = HeaderValue::try_from(location)
            .map_err(|_| Problem::new(Code::BadRequest, "the query has bytes that no URL has"))?;
        let mut answer = Response::new(Content::own(Bytes::new()));
        // Old clients know the one, and only the other keeps the method (RFC 9110 §15.4.9).
        *answer.status_mut() = match *request.method() {
            Method::GET | Method::HEAD => StatusCode::MOVED_PERMANENTLY,
            _ => StatusCode::PERMANENT_REDIRECT,
        };
        answer.headers_mut().insert(header::LOCATION, location);
        Ok(answer)
    }
}
