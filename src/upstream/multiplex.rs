//! HTTP/2 connections to a server: many exchanges at once on each.
//!
//! Unlike a [`Link`](crate::upstream::link::Link) they run in tasks of their own, on the same worker.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::deadline::Wheel;
use crate::upstream::http1;
use crate::upstream::link::{Deadline, Failure, Open};
use crate::upstream::stream;
use crate::upstream::{Error, Patience};

/// The most exchanges at once on one connection, whatever the server would take.
const MOST: u32 = 100;

/// The most bytes of one answer that wait for its client.
const WINDOW: u32 = 64 << 10;

/// The largest head of an answer.
const HEAD: u32 = 64 << 10;

/// How often a connection that is silent is asked whether it lives, and how long it may think about it.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// Runs hyper's tasks on this worker.
#[derive(Clone)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, work: F) {
        tokio::task::spawn_local(async move {
            work.await;
        });
    }
}

/// An open connection. It ends with the last who holds it.
pub(super) struct Shared<B> {
    send: SendRequest<B>,
    streams: Cell<u32>,
    /// The tick at which its last exchange ended.
    idle_since: Cell<u64>,
    tls: bool,
    patience: Patience,
    wheel: Wheel,
    _open: Open,
}

/// One exchange on a connection.
pub(super) struct Stream<B> {
    shared: Rc<Shared<B>>,
    deadline: Rc<Deadline>,
    patience: Patience,
    /// The connection has carried others before.
    reused: bool,
    /// The body of the answer, once its head is there.
    incoming: Option<Incoming>,
}

impl<B> Shared<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Begins to speak HTTP/2 on `stream`.
    pub(super) async fn new(
        stream: stream::Stream,
        open: Open,
        patience: Patience,
        wheel: &Wheel,
    ) -> Result<Rc<Self>, Error> {
        let tls = stream.is_tls();
        let (send, connection) = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .initial_stream_window_size(WINDOW)
            // A client that does not take its answer must not hold up the others'.
            .initial_connection_window_size(WINDOW * MOST)
            .max_send_buf_size(64 << 10)
            .max_header_list_size(HEAD)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to an upstream broke");
            }
        });
        Ok(Rc::new(Self {
            send,
            streams: Cell::new(0),
            idle_since: Cell::new(wheel.now()),
            tls,
            patience,
            wheel: wheel.clone(),
            _open: open,
        }))
    }
}

impl<B> Shared<B> {
    /// Whether it can carry one more exchange.
    pub(super) fn has_room(&self) -> bool {
        !self.is_closed() && self.streams.get() < MOST
    }

    pub(super) fn is_closed(&self) -> bool {
        self.send.is_closed()
    }

    /// Whether nothing has been on it since tick `oldest`.
    pub(super) fn is_idle_since(&self, oldest: u64) -> bool {
        self.streams.get() == 0 && self.idle_since.get() < oldest
    }

    /// An exchange to be; `reused` unless it is the first.
    pub(super) fn stream(self: &Rc<Self>, reused: bool) -> Stream<B> {
        self.streams.set(self.streams.get() + 1);
        Stream {
            shared: Rc::clone(self),
            deadline: Rc::new(Deadline::new(&self.wheel, self.patience.response)),
            patience: self.patience,
            reused,
            incoming: None,
        }
    }
}

impl<B> Drop for Stream<B> {
    fn drop(&mut self) {
        self.shared.streams.set(self.shared.streams.get() - 1);
        self.shared.idle_since.set(self.shared.wheel.now());
    }
}

impl<B> Stream<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The exchange waits as long as `patience` says.
    pub(super) fn belongs(&mut self, patience: Patience) {
        self.patience = patience;
    }

    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    pub(super) fn deadline(&self) -> &Rc<Deadline> {
        &self.deadline
    }

    /// Sends `request` and waits for the head of the answer. `keeps` asks for it as HTTP/1.1 would write
    /// it, for a failure.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: Box<Request<B>>,
        keeps: bool,
    ) -> Result<(Box<Self>, Response<()>), Box<Failure<B>>> {
        let written = if keeps {
            let mut head = Vec::new();
            http1::write_head(&request, &mut head);
            head
        } else {
            Vec::new()
        };
        let request = self.translate(*request);
        self.deadline.patience.set(self.patience.response);
        self.deadline.renew();
        let mut send = self.shared.send.clone();
        let mut answer = pin!(send.try_send_request(request));
        let result = std::future::poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => self.deadline.timer.poll(cx).map(|()| None),
        })
        .await;
        self.deadline.timer.clear();
        self.deadline.patience.set(self.patience.stream);
        let (error, unsent) = match result {
            Some(Ok(answer)) => {
                let (head, incoming) = answer.into_parts();
                self.incoming = Some(incoming);
                return Ok((self, Response::from_parts(head, ())));
            }
            Some(Err(mut failed)) => {
                let unsent = failed.take_message().map(Box::new);
                (Error::from(failed.into_error()), unsent)
            }
            None => (Error::Late, None),
        };
        let late = matches!(error, Error::Late);
        Err(Box::new(Failure {
            error,
            unsent,
            heard: false,
            written,
            // A stream may end for reasons of its own, such as its body's.
            is_servers: late || self.shared.is_closed(),
        }))
    }

    /// The next part of the answer's body.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(Pin::new(&mut *incoming).poll_frame(cx)) {
            // hyper takes a stream that the server cancelled for one that ended.
            None if !incoming.is_end_stream() => Some(Err(Error::Cut)),
            frame => frame.map(|frame| frame.map_err(Error::from)),
        })
    }

    /// Whether the answer was read to its end.
    pub(super) fn is_over(&self) -> bool {
        self.incoming.as_ref().is_some_and(Body::is_end_stream)
    }

    /// How much of the answer's body is still to come, as far as that is known.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }

    /// The request as HTTP/2 has it (RFC 9113 §8.2.2, §8.3.1).
    fn translate(&self, mut request: Request<B>) -> Request<B> {
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        headers.remove(header::TRANSFER_ENCODING);
        let Some(host) = headers.remove(header::HOST) else {
            // It was translated for the first try.
            return request;
        };
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(if self.shared.tls {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Authority::try_from(host.as_bytes()).ok();
        // A host and a path that were checked make a URI.
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        request
    }
}
