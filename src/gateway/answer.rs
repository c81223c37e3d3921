//! What leaves the gateway: an answer of its own, or an upstream's on its way through; and what is told of
//! it, in the counts and in the access log, when it has left.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};

use crate::error::Code;
use crate::gateway::site::{FIRST_OWN, Site};
use crate::proxy::body::Returning;
use crate::proxy::{Opening, Returned, Trail};
use crate::telemetry::access_log::Record;
use crate::telemetry::metrics::Outcome;
use crate::upstream::{self, Close, Passed};

/// The status in the log of a request whose client hung up before there was an answer, as nginx has it.
const CLIENT_GONE: u16 = 499;

/// The body of an answer.
pub(super) enum Content {
    /// Ours, whole; `None` once it was taken.
    Own(Option<Bytes>),
    /// An upstream's, streamed.
    Upstream(Returning),
    /// None: a WebSocket comes after it.
    Opening(Box<Opening>),
}

impl From<Returned> for Content {
    fn from(returned: Returned) -> Self {
        match returned {
            Returned::Body(body) => Self::Upstream(body),
            Returned::Opening(opening) => Self::Opening(opening),
        }
    }
}

impl Content {
    pub(super) fn own(bytes: Bytes) -> Self {
        Self::Own((!bytes.is_empty()).then_some(bytes))
    }
}

/// The body of an answer, with what is still to be told of it; none where a WebSocket comes after it.
pub(super) struct Leaving(Option<Box<Visit>>);

/// A request, or what never became one, until its answer has left or never will: then it is counted, and
/// its line put into the access log.
pub(super) struct Visit {
    site: Rc<Site>,
    started: Instant,
    /// What became of it on its way.
    pub(super) trail: Trail,
    /// What was answered: the status, and the word of a refusal or failure.
    pub(super) answered: Option<(StatusCode, Option<Code>)>,
    /// What passed a WebSocket.
    passed: Option<Rc<Passed>>,
    record: Option<Record>,
    /// What leaves, once it is there. It is here so that one allocation has all of it, and nothing large
    /// is moved through hyper.
    content: Content,
}

impl Visit {
    /// Begins with what the head says, where there is a log.
    pub(super) fn begin(site: &Rc<Site>, record: Option<Record>) -> Box<Self> {
        Box::new(Self {
            site: Rc::clone(site),
            started: Instant::now(),
            trail: Trail::default(),
            answered: None,
            passed: None,
            record,
            content: Content::Own(None),
        })
    }

    /// The answer's body as it leaves. A WebSocket is counted, and its line written, at its end.
    pub(super) fn leave(mut self: Box<Self>, content: Content) -> Leaving {
        let Content::Opening(opening) = content else {
            self.content = content;
            return Leaving(Some(self));
        };
        self.passed = Some(opening.passed());
        opening.begin(self);
        Leaving(None)
    }

    fn count(&self, took: Duration) {
        let tally = &self.site.proxy.tally;
        let place = match (self.trail.route, self.trail.own) {
            (Some(route), _) => tally.place(route),
            (None, Some(own)) => own + FIRST_OWN,
            (None, None) => 0,
        };
        let outcome = match self.answered {
            None => Outcome::GONE,
            Some((_, Some(code))) => Outcome::refused(code.place()),
            Some((status, None)) => Outcome::answered(status.as_u16()),
        };
        tally.done(place, outcome, took);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        self.count(took);
        let (Some(mut record), Some(entry)) = (self.record.take(), &self.site.log) else {
            return;
        };
        let trail = std::mem::take(&mut self.trail);
        let answered = self.answered;
        record.status = answered.map_or(CLIENT_GONE, |(status, _)| status.as_u16());
        record.code = answered.and_then(|(_, code)| code).map(Code::word);
        record.took = took;
        record.route = trail.route;
        record.upstream = trail.upstream;
        record.forged = trail.forged;
        record.openid = trail.openid.map(|openid| openid.header());
        record.client = trail.client.unwrap_or(record.client);
        record.received = trail.received.map_or(0, |received| received.get());
        if let Some(passed) = &self.passed {
            record.received = passed.to_server.get();
            record.sent = passed.to_client.get();
            record.code = passed.closed.get().and_then(word);
        }
        entry.put(record);
    }
}

/// The word of what made us close a WebSocket, where that was a fault of its client's.
fn word(close: Close) -> Option<&'static str> {
    match close {
        Close::SESSION => Some(Code::SessionExpired.word()),
        Close::PROTOCOL => Some(Code::BadRequest.word()),
        _ => None,
    }
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = upstream::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, upstream::Error>>> {
        let Some(visit) = &mut self.get_mut().0 else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut visit.content).poll_frame(cx));
        if let Some(record) = &mut visit.record
            && let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            record.sent += u64::try_from(data.len()).unwrap_or(0);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let visit = self.0.as_ref();
        visit.is_none_or(|visit| visit.content.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let visit = self.0.as_ref();
        visit.map_or(SizeHint::with_exact(0), |visit| visit.content.size_hint())
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = upstream::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, upstream::Error>>> {
        match self.get_mut() {
            Self::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Upstream(returning) => Pin::new(returning).poll_frame(cx),
            Self::Opening(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Upstream(returning) => returning.is_end_stream(),
            Self::Opening(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => SizeHint::with_exact(
                bytes
                    .as_ref()
                    .map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(0)),
            ),
            Self::Upstream(returning) => returning.size_hint(),
            Self::Opening(_) => SizeHint::with_exact(0),
        }
    }
}
