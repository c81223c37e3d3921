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

/// The body of an answer.
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
    record: Record,
    received: Option<Rc<Cell<u64>>>,
    started: Instant,
    entry: Entry,
}

impl Line {
    pub(super) fn new(record: Record, entry: Entry) -> Self {
        Self {
            record,
            received: None,
            started: Instant::now(),
            entry,
        }
    }
}

impl Line {
    /// Adds what became of the request.
    pub(super) fn fill(&mut self, trail: Trail, status: StatusCode) {
        self.record.status = status.as_u16();
        self.record.route = trail.route;
        self.record.upstream = trail.upstream;
        self.record.code = trail.code;
        self.record.openid = trail.openid.map(|openid| openid.header());
        self.record.client = trail.client.unwrap_or(self.record.client);
        self.received = trail.received;
    }
}

impl Leaving {
    pub(super) fn new(content: Content, line: Option<Box<Line>>) -> Self {
        Self { content, line }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            let Line {
                mut record,
                received,
                started,
                entry,
            } = *line;
            record.took = started.elapsed();
            record.received = received.map_or(0, |received| received.get());
            entry.put(record);
        }
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
            && let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            line.record.sent += u64::try_from(data.len()).unwrap_or(0);
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
