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
use crate::proxy::body::{Bounds, Outgoing};

impl Site {
    /// Answers a call of `endpoint`. The work goes on when the client is gone: a code that was used up is
    /// not lost.
    pub(super) async fn answer_own(
        &self,
        request: Request<RequestBody>,
        endpoint: Endpoint,
        host: &str,
        address: IpAddr,
    ) -> Result<Response<Content>, Problem> {
        (self.endpoints.admit(endpoint, address)).map_err(|error| Problem::from(&error))?;
        let (head, body) = request.into_parts();
        let bounds = Bounds {
            most: BODY_MOST,
            silence: self.proxy.bearing.silence,
        };
        let body = Outgoing::new(body, bounds, &self.proxy.wheel, None)?;
        let body = body.read().await?;
        let call = self.endpoints.call(endpoint, &head, host, body, now());
        let endpoints = Arc::clone(&self.endpoints);
        let work = self
            .control
            .spawn(async move { endpoints.answer(&call).await });
        match work.await {
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
