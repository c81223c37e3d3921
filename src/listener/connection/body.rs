//! The two bodies of an exchange, which tell the connection when each has ended.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use crate::listener::connection::state::State;

/// The body of a request as it comes in, streamed.
pub struct RequestBody {
    incoming: Incoming,
    /// Where the connection has nothing else to read meanwhile.
    state: Option<Rc<State>>,
}

impl RequestBody {
    pub(in crate::listener) fn new(incoming: Incoming, state: Rc<State>) -> Self {
        Self {
            incoming,
            state: Some(state),
        }
    }

    /// One of many that come in on a connection.
    pub(in crate::listener) fn multiplexed(incoming: Incoming) -> Self {
        Self {
            incoming,
            state: None,
        }
    }

    fn has_ended(&self) {
        if let Some(state) = &self.state {
            state.has_read_whole();
        }
    }
}

impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RequestBody(…)")
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let body = self.get_mut();
        let frame = ready!(Pin::new(&mut body.incoming).poll_frame(cx));
        // Nothing comes after trailers, and nobody asks again.
        if frame
            .as_ref()
            .is_none_or(|frame| frame.as_ref().is_ok_and(Frame::is_trailers))
        {
            body.has_ended();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.incoming.is_end_stream() {
            self.has_ended();
        }
    }
}

/// The body of an answer; when hyper lets go of it, the exchange has ended.
pub(in crate::listener) struct ResponseBody<B> {
    body: B,
    _exchange: Exchange,
}

/// One exchange under way on a connection; it ends when this is dropped.
pub(in crate::listener) struct Exchange(Rc<State>);

impl Exchange {
    pub(in crate::listener) fn begin(state: &Rc<State>, bodiless: bool) -> Self {
        state.begin(bodiless);
        Self(Rc::clone(state))
    }

    pub(in crate::listener) fn carry<B>(self, body: B) -> ResponseBody<B> {
        ResponseBody {
            body,
            _exchange: self,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
