//! One request's way to a server: chosen, connected to, and, where nothing can have happened, another.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::Body;

use crate::deadline::TICK;
use crate::setting::ServerAddress;
use crate::upstream::answer::Answer;
use crate::upstream::channel::Channel;
use crate::upstream::dial::dial;
use crate::upstream::group::GroupId;
use crate::upstream::link::{Deadline, Failure};
use crate::upstream::pool::Lease;
use crate::upstream::server::Tally;
use crate::upstream::share::{Choice, Share, Upstreams};
use crate::upstream::{Error, Patience};

/// How long a request waits for room.
const WAIT: Duration = Duration::from_secs(1);

/// What comes of a request that was sent.
pub type Sent<B> = Result<Response<Answer<B>>, (Box<Failure<B>>, Failed<B>)>;

/// Looks for a server for one request.
pub struct Search<'a, B>
where
    B: Body + 'static,
{
    share: &'a Share<B>,
    /// Whose request it is.
    key: Option<u64>,
    /// A place that was found, without an idle connection.
    found: Option<Lease<B>>,
    /// Ids of servers that were tried in vain.
    tried: Vec<u64>,
    /// It is the second try.
    again: bool,
    /// By HTTP/2.
    http2: bool,
}

/// A connection to a server, and the request's place there.
pub struct Trip<B>
where
    B: Body + 'static,
{
    link: Channel<B>,
    lease: Lease<B>,
}

impl<B> Upstreams<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Begins to look for a server of `group`. `user` is asked for a number of theirs where that decides.
    pub fn search(
        &self,
        group: GroupId,
        user: impl FnOnce() -> Option<u64>,
    ) -> Option<Search<'_, B>> {
        let share = self.share(group)?;
        Some(Search {
            key: if share.group.is_sticky() {
                user()
            } else {
                None
            },
            http2: share.group.config().http2,
            share,
            found: None,
            tried: Vec::new(),
            again: false,
        })
    }
}

impl<B> Search<'_, B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Whether the request goes by HTTP/2.
    pub fn is_by_http2(&self) -> bool {
        self.http2
    }

    /// Has the request go by HTTP/1.1, whatever the others do: a WebSocket needs a connection of its own.
    pub fn go_by_http1(&mut self) {
        self.http2 = false;
    }

    /// An idle connection to the server whose turn it is, if there is one and there is room.
    pub fn idle(&mut self) -> Option<Trip<B>> {
        if !self.share.gate.has_room() {
            return None;
        }
        let Choice::Lease(lease) = self.share.choose(self.key, &self.tried, self.http2) else {
            return None;
        };
        if let Some(link) = lease.near.take(self.http2) {
            return Some(Trip { link, lease });
        }
        self.found = Some(lease);
        None
    }

    /// A connection to a server, where none was idle. It may have to wait for room, for a second at most.
    /// Servers that take no connection are passed over; the search ends after twice `timeouts.connect`.
    pub async fn connect(&mut self) -> Result<Trip<B>, Error> {
        let wheel = &self.share.pool.wheel;
        let patience = self.share.patience.connect;
        let ticks = u64::try_from(patience.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX / 4);
        let (patient, end) = (wheel.now() + ticks, wheel.now() + 2 * ticks);
        let mut failure = None;
        while failure.is_none() || wheel.now() <= end {
            let Some(lease) = self.place().await? else {
                break;
            };
            if !self.again
                && let Some(link) = lease.near.take(self.http2)
            {
                return Ok(Trip { link, lease });
            }
            // One connection is for many; those for whom it has no room wait for the next.
            let waits = self.http2 && !self.again && wheel.now() <= patient;
            if waits && lease.near.is_dialing() {
                lease.near.wait_for_dial(patience).await;
                self.found = Some(lease);
                continue;
            }
            match dial(self.share, &lease, self.http2).await {
                Ok(link) => return Ok(Trip { link, lease }),
                Err(error) => {
                    self.tried.push(lease.near.server.id);
                    failure = Some(error);
                }
            }
        }
        let name = self.share.group.name().to_owned();
        Err(match failure {
            Some(error) => Error::Unreachable(name, error),
            None => Error::Unresolved(name),
        })
    }

    /// A new connection for a second try, after `failed`. Where a used connection had died, as they do, the
    /// server is still good; but it may be going, so another one that is up is asked rather. Users that
    /// have a server of their own stay with it.
    pub async fn again(&mut self, failed: Failed<B>) -> Result<Trip<B>, Error> {
        self.again = true;
        if failed.same {
            // Those that were idle for longer have died with it, and may stand in the way.
            failed.lease.near.forget_idle();
            let another = self.another(&failed.lease);
            self.found = Some(another.unwrap_or(failed.lease));
        } else {
            self.tried.push(failed.lease.near.server.id);
            drop(failed);
        }
        let trip = self.connect().await?;
        Tally::count(&trip.lease.near.tally.retries);
        Ok(trip)
    }

    /// Whether a request that was sent on `trip` may be sent once more, if it gets no answer: elsewhere, or
    /// because a used connection may have been closed at that moment.
    pub fn may_repeat(&self, trip: &Trip<B>) -> bool {
        self.share.group.config().retry && (trip.link.is_reused() || self.share.servers() > 1)
    }

    /// Sends `request` and waits for the head of the answer: for as long as `wait` says, or else
    /// `timeouts.response`. `keeps` asks for [`Failure::written`].
    pub fn send(
        &self,
        trip: Trip<B>,
        request: Box<Request<B>>,
        wait: Option<Duration>,
        keeps: bool,
    ) -> impl Future<Output = Sent<B>> {
        let (Trip { mut link, lease }, share) = (trip, self.share);
        // It may have been made under another config.
        let patience = share.patience;
        link.belongs(Patience {
            response: wait.unwrap_or(patience.response),
            ..patience
        });
        Tally::count(&lease.near.tally.requests);
        let reused = link.is_reused();
        link.exchange(request, keeps).map(move |done| match done {
            Ok((link, answer)) => {
                lease.near.server.answered(lease.desperate);
                Ok(answer.map(|()| Answer::new(link, lease)))
            }
            Err(failure) => {
                let stale = reused && !failure.heard && failure.is_broken();
                if !stale && failure.is_servers {
                    Tally::count(&lease.near.tally.failures);
                    lease.near.server.failed(&failure.error, share.health());
                }
                let same = stale || failure.unsent.is_some();
                Err((failure, Failed { lease, same }))
            }
        })
    }

    /// A place at a server that is up and is not that of `lease`.
    fn another(&self, lease: &Lease<B>) -> Option<Lease<B>> {
        if self.key.is_some() {
            return None;
        }
        let not = [lease.near.server.id];
        match self.share.choose(None, &not, self.http2) {
            Choice::Lease(another) if !another.desperate => Some(another),
            _ => None,
        }
    }

    async fn place(&mut self) -> Result<Option<Lease<B>>, Error> {
        if let Some(lease) = self.found.take() {
            return Ok(Some(lease));
        }
        let (share, key, tried, http2) = (self.share, self.key, &self.tried, self.http2);
        // Who is inside already makes way for nobody.
        if self.again || share.gate.has_room() {
            match share.choose(key, tried, http2) {
                Choice::Lease(lease) => return Ok(Some(lease)),
                Choice::Nobody => return Ok(None),
                Choice::Full => {}
            }
        }
        let entered = share
            .gate
            .wait(WAIT, || match share.choose(key, tried, http2) {
                Choice::Lease(lease) => Some(Some(lease)),
                Choice::Nobody => Some(None),
                Choice::Full => None,
            });
        let busy = || Error::Busy {
            upstream: share.group.name().to_owned(),
            untold: share.group.turned_away(),
        };
        entered.await.ok_or_else(busy)
    }
}

/// Where a request failed.
pub struct Failed<B>
where
    B: Body + 'static,
{
    lease: Lease<B>,
    /// It was the connection that had died, not the server that failed.
    same: bool,
}

impl<B> Trip<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Where it leads.
    pub fn address(&self) -> &ServerAddress {
        &self.lease.near.server.address
    }

    /// Whether its connection carried a request before.
    pub fn is_reused(&self) -> bool {
        self.link.is_reused()
    }

    /// The deadline of the answer. A body that is still being sent moves it on.
    pub fn deadline(&self) -> Rc<Deadline> {
        self.link.deadline()
    }
}
