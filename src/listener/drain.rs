//! How far the drain of a worker has come, as its connections see it.
//!
//! A client that keeps its connection may have sent a request that is still on its way when the drain
//! begins, and would not know whether it was served. So an idle connection is kept for a while: a request
//! that it brings is answered, and the answer says that it is the last.

use std::cell::Cell;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};

/// So long idle connections are kept at least: what was sent before its sender could hear of the drain is
/// here by then.
const GRACE: Duration = Duration::from_secs(2);

/// How far a drain has come.
#[derive(Debug, Default)]
pub(super) struct Drain(Cell<Stage>);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is none.
    #[default]
    None,
    /// What is under way ends, and each answer is the last of its connection.
    Begun,
    /// Nothing is under way any more: idle connections end.
    Last,
}

impl Drain {
    pub(super) fn begin(&self) {
        self.0.set(Stage::Begun);
    }

    /// Lets idle connections go.
    pub(super) fn let_go(&self) {
        self.0.set(Stage::Last);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.get() != Stage::None
    }

    /// Whether an idle connection is to end.
    pub(super) fn lets_go(&self) -> bool {
        self.0.get() == Stage::Last
    }

    /// Says in an answer of HTTP/1 that it is the last, if it is. Of a connection that leaves HTTP its
    /// successor says so.
    pub(super) fn tell(&self, status: StatusCode, headers: &mut HeaderMap) {
        if self.has_begun() && status != StatusCode::SWITCHING_PROTOCOLS {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// How long idle connections are kept where all may last no longer than `patience`.
pub(super) fn grace(patience: Duration) -> Duration {
    GRACE.min(patience / 2)
}
