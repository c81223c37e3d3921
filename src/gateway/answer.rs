//! What leaves the gateway: an answer of its own, or an upstream's on its way through; and the line
//! in the access log, which is written when the answer has left.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};

use crate::proxy::Trail;
use crate::proxy::body::Returning;
use crate::telemetry::access_log::{Entry, Record};
use crate::upstream;

/// The status in the log of a request whose client hung up before there was an answer, as nginx has it.
const CLIENT_GONE: u16 = 499;

/// The body of an answer.
#[expect(
    clippy::large_enum_variant,
    reason = "almost all are an upstream's, and none is kept"
)]
pub(super) enum Content {
    /// Ours, whole; `None` once it was taken.
    Own(Option<Bytes>),
    /// An upstream's, streamed.
    Upstream(Returning),
}

impl Content {
    pub(super) fn own(bytes: Bytes) -> Self {
        Self::Own((!bytes.is_empty()).then_some(bytes))
    }
}

/// The body of an answer, with what is still to be told of it.
pub(super) struct Leaving {
    content: Content,
    line: Option<Box<Line>>,
}

/// A line of the access log to be. It is put into the log when the answer has left, or never will.
pub(super) struct Line {
    /// Taken when it is put into the log.
    record: Option<Record>,
    received: Option<Rc<Cell<u64>>>,
    started: Instant,
    entry: Entry,
}

impl Line {
    pub(super) fn new(record: Record, entry: Entry) -> Self {
        Self {
            record: Some(record),
            received: None,
            started: Instant::now(),
            entry,
        }
    }

    /// Adds what became of the request.
    pub(super) fn fill(&mut self, trail: Trail, status: StatusCode) {
        self.received = trail.received;
        if let Some(record) = &mut self.record {
            record.status = status.as_u16();
            record.route = trail.route;
            record.upstream = trail.upstream;
            record.code = trail.code;
            record.forged = trail.forged;
            record.openid = trail.openid.map(|openid| openid.header());
            record.client = trail.client.unwrap_or(record.client);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else {
            return;
        };
        if record.status == 0 {
            record.status = CLIENT_GONE;
        }
        record.took = self.started.elapsed();
        record.received = self.received.as_ref().map_or(0, |received| received.get());
        self.entry.put(record);
    }
}

impl Leaving {
    pub(super) fn new(content: Content, line: Option<Box<Line>>) -> Self {
        Self { content, line }
    }
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = upstream::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, upstream::Error>>> {
        let leaving = self.get_mut();
        let frame = ready!(Pin::new(&mut leaving.content).poll_frame(cx));
        if let Some(line) = &mut leaving.line
            && let Some(record) = &mut line.record
            && let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            record.sent += u64::try_from(data.len()).unwrap_or(0);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
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
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_none(),
            Self::Upstream(returning) => returning.is_end_stream(),
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
        }
    }
}
