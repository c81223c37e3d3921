//! A call of one of the gateway's own endpoints: its body read here, the rest done on the control runtime.

use std::net::IpAddr;
use std::sync::Arc;

use http::{Request, Response};

use crate::endpoint::{BODY_MOST, Endpoint};
use crate::error::{Code, Problem};
use crate::gateway::answer::Content;
use crate::gateway::clock::now;
use crate::gateway::site::Site;
use crate::listener::RequestBody;
use crate::proxy::Trail;
use crate::proxy::body::{Bounds, Outgoing};
use crate::proxy::host::Host;

/// What the head of a call says.
pub(super) struct Own<'a> {
    /// The endpoint.
    pub(super) endpoint: Endpoint,
    /// The host, where there is one.
    pub(super) host: Option<&'a Host<'a>>,
    /// The client's.
    pub(super) address: IpAddr,
    /// Whether `cors` names the page that asks.
    pub(super) listed: bool,
}

impl Site {
    /// Answers a call. The work goes on when the client is gone: a code that was used up is not lost.
    pub(super) async fn answer_own(
        &self,
        request: Box<Request<RequestBody>>,
        own: Own<'_>,
        trail: &mut Trail,
    ) -> Result<Response<Content>, Problem> {
        (self.endpoints.admit(own.endpoint, own.address)).map_err(|error| Problem::from(&error))?;
        let (head, body) = request.into_parts();
        let bounds = Bounds {
            most: BODY_MOST,
            silence: self.proxy.bearing.silence,
        };
        let body = Outgoing::new(body, bounds, &self.proxy.wheel, None)?;
        trail.received = body.taken();
        let body = body.read().await?;
        let host = own.host.map_or("", Host::as_str);
        let mut call = self.endpoints.call(own.endpoint, &head, host, body, now());
        if own.listed {
            call.admit_page();
        }
        let caller = call.caller();
        let endpoints = Arc::clone(&self.endpoints);
        let work = self
            .control
            .spawn(async move { endpoints.answer(&call).await });
        let answer = work.await;
        trail.openid = caller.openid();
        match answer {
            Ok(Ok(reply)) => Ok(reply.into_response().map(Content::own)),
            Ok(Err(error)) => Err((&error).into()),
            // It panicked: the panic hook has logged it.
            Err(_) => Err(Problem::new(
                Code::Internal,
                "the gateway failed; the log has more",
            )),
        }
    }
}
