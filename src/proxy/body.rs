//! A request's body on its way to the upstream: counted, and never silent for too long.
//!
//! An answer's body on its way back: its trailers are cleansed like its headers.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;

use crate::deadline::{Timer, Wheel};
use crate::listener::RequestBody;
use crate::proxy::headers::Rules;
use crate::upstream::{self, Deadline};

/// Why a request's body did not come whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is larger than the route takes.
    #[error("the body is too large")]
    TooLarge,
    /// Nothing came for `timeouts.body`.
    #[error("the body stopped")]
    Silent,
    /// The client broke off, or its framing is wrong.
    #[error("the body broke off")]
    Broken,
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most bytes.
    pub most: u64,
    /// The longest silence.
    pub silence: Duration,
}

/// A request's body as it is forwarded.
pub enum Outgoing {
    /// None.
    Empty,
    /// One that is still coming in.
    Streamed(Box<Streamed>),
}

/// A body that is still coming in.
pub struct Streamed {
    body: RequestBody,
    left: u64,
    silence: Duration,
    timer: Timer,
    rules: Option<Arc<Rules>>,
    /// The deadline of the answer, which does not run while the body makes progress.
    answer: Option<Rc<Deadline>>,
    fault: Rc<Cell<Option<Fault>>>,
    taken: Rc<Cell<u64>>,
}

impl Outgoing {
    /// Takes a request's body. Its trailers are dropped where no `rules` cleanse them.
    ///
    /// # Errors
    ///
    /// [`Fault::TooLarge`] where the length is known beforehand.
    pub fn new(
        body: RequestBody,
        bounds: Bounds,
        wheel: &Wheel,
        rules: Option<Arc<Rules>>,
    ) -> Result<Self, Fault> {
        if body.is_end_stream() {
            return Ok(Self::Empty);
        }
        if body.size_hint().lower() > bounds.most {
            return Err(Fault::TooLarge);
        }
        Ok(Self::Streamed(Box::new(Streamed {
            body,
            left: bounds.most,
            silence: bounds.silence,
            timer: wheel.timer(),
            rules,
            answer: None,
            fault: Rc::default(),
            taken: Rc::default(),
        })))
    }

    /// Whether there is no body.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Where the reason is found, should the body not come whole.
    pub fn fault(&self) -> Option<Rc<Cell<Option<Fault>>>> {
        match self {
            Self::Empty => None,
            Self::Streamed(streamed) => Some(Rc::clone(&streamed.fault)),
        }
    }

    /// Counts the bytes that have come.
    pub fn taken(&self) -> Option<Rc<Cell<u64>>> {
        match self {
            Self::Empty => None,
            Self::Streamed(streamed) => Some(Rc::clone(&streamed.taken)),
        }
    }

    /// The deadline that begins anew with each part of the body.
    pub fn postpones(&mut self, answer: Rc<Deadline>) {
        if let Self::Streamed(streamed) = self {
            streamed.answer = Some(answer);
        }
    }

    /// Reads all of it: for the gateway's own endpoints.
    pub async fn read(self) -> Result<Bytes, Fault> {
        self.collect()
            .await
            .map(http_body_util::Collected::to_bytes)
    }
}

impl Streamed {
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            if !self.timer.is_set() {
                self.timer.set(self.silence);
            }
            return self.timer.poll(cx).map(|()| Some(Err(Fault::Silent)));
        };
        self.timer.clear();
        if let Some(answer) = &self.answer {
            answer.renew();
        }
        Poll::Ready(frame.map(|frame| self.check(frame.map_err(|_| Fault::Broken)?)))
    }

    fn check(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Fault> {
        match frame.into_data() {
            Ok(data) => {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                self.left = self.left.checked_sub(length).ok_or(Fault::TooLarge)?;
                self.taken.set(self.taken.get() + length);
                Ok(Frame::data(data))
            }
            Err(other) => {
                let mut trailers = other.into_trailers().unwrap_or_default();
                match &self.rules {
                    Some(rules) => rules.trailers(&mut trailers),
                    None => trailers.clear(),
                }
                Ok(Frame::trailers(trailers))
            }
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let Self::Streamed(streamed) = self.get_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(streamed.next(cx));
        if let Some(Err(fault)) = &frame {
            streamed.fault.set(Some(*fault));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streamed(streamed) => streamed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streamed(streamed) => streamed.body.size_hint(),
        }
    }
}

/// An upstream's answer as it goes back to the client.
pub struct Returning {
    answer: upstream::Answer<Outgoing>,
    rules: Arc<Rules>,
}

impl Returning {
    /// Cleanses the trailers of `answer` by `rules`.
    pub fn new(answer: upstream::Answer<Outgoing>, rules: Arc<Rules>) -> Self {
        Self { answer, rules }
    }
}

impl Body for Returning {
    type Data = Bytes;
    type Error = upstream::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, upstream::Error>>> {
        let returning = self.get_mut();
        let mut frame = ready!(Pin::new(&mut returning.answer).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            returning.rules.response(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
