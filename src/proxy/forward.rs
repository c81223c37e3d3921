//! The fifth step: a request sent to a server of the group that its route leads to, and once more where
//! nothing can have happened.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use http::{Request, Response, header};

use crate::auth::Permit;
use crate::proxy::body::{Fault, Outgoing};
use crate::proxy::request;
use crate::proxy::route::Route;
use crate::proxy::{Error, Proxy, Trail};
use crate::upstream::{self, Failed, Failure, Search, Sent, Trip};

impl Proxy {
    /// Sends the request and waits for the head of the answer. A reused connection may die at that
    /// very moment: then one more try is made, if nothing can have happened.
    pub(super) async fn forward(
        &self,
        request: Box<Request<Outgoing>>,
        route: &Route,
        permit: Permit,
        trail: &mut Trail,
    ) -> Result<Response<upstream::Answer<Outgoing>>, Error> {
        self.budget.earn();
        let group = self.lead(route).ok_or(Error::NoRoute)?;
        let user = || {
            Some(upstream::digest(
                permit.identity()?.openid.as_str().as_bytes(),
            ))
        };
        let search = self.upstreams.search(group, user);
        // The permit ends here: it was good for this one request.
        drop(permit);
        let mut search = search.ok_or(Error::NoRoute)?;
        if search.is_by_http2() && request.headers().contains_key(header::UPGRADE) {
            search.go_by_http1();
        }
        let trip = match search.idle() {
            Some(trip) => trip,
            None => Box::pin(search.connect()).await?,
        };
        trail.upstream = Some(trip.address().clone());
        let fault = request.body().fault();
        let counts = self.tally.route(route.index);
        counts.inspect(|counts| counts.sent(trip.is_reused()));
        let keeps = search.may_repeat(&trip) && request::may_be_repeated(&request);
        let asked = Instant::now();
        match send(&search, trip, route, request, keeps).await {
            Ok(answer) => {
                counts.inspect(|counts| counts.answered(asked.elapsed()));
                Ok(answer)
            }
            Err(failed) => Box::pin(self.repeat(failed, fault, search, route, trail)).await,
        }
    }

    /// Makes the second try of a request that failed, or says why it failed.
    async fn repeat(
        &self,
        (failure, failed): (Box<Failure<Outgoing>>, Failed<Outgoing>),
        fault: Option<Rc<Cell<Option<Fault>>>>,
        mut search: Search<'_, Outgoing>,
        route: &Route,
        trail: &mut Trail,
    ) -> Result<Response<upstream::Answer<Outgoing>>, Error> {
        // A body that did not come whole is no fault of the upstream's.
        let told = |error| match fault.as_ref().and_then(|fault| fault.get()) {
            Some(fault) => Error::BodyUnderway(fault),
            None => Error::Upstream(error),
        };
        let (broken, unsent) = (failure.is_broken(), failure.unsent.is_some());
        let again = match failure.unsent {
            // Nothing reached the upstream: it was the connection that had died.
            Some(unsent) => Some(unsent),
            None if broken && !failure.heard => request::reread(&failure.written)
                .map(Box::new)
                .filter(|_| self.budget.spend()),
            None => None,
        };
        let Some(request) = again else {
            return Err(told(failure.error));
        };
        let counts = self.tally.route(route.index);
        counts.inspect(|counts| counts.retried());
        let trip = match search.again(failed).await {
            Ok(trip) => trip,
            Err(error) if unsent => return Err(error.into()),
            // The first try may have been heard: that is what counts.
            Err(_) => return Err(told(failure.error)),
        };
        trail.upstream = Some(trip.address().clone());
        counts.inspect(|counts| counts.sent(trip.is_reused()));
        let asked = Instant::now();
        let answer = send(&search, trip, route, request, false).await;
        let answer = answer.map_err(|(failure, _)| told(failure.error))?;
        counts.inspect(|counts| counts.answered(asked.elapsed()));
        Ok(answer)
    }
}

fn send(
    search: &Search<'_, Outgoing>,
    trip: Trip<Outgoing>,
    route: &Route,
    mut request: Box<Request<Outgoing>>,
    keeps: bool,
) -> impl Future<Output = Sent<Outgoing>> {
    request.body_mut().postpones(trip.deadline());
    search.send(trip, request, route.response, keeps)
}
