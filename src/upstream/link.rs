//! One connection to an upstream, and the one exchange that may be under way on it.
//!
//! It goes back to the pool when the answer has been read to its end and the request was sent
//! whole, and is dropped in every other case.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::deadline::Timer;
use crate::upstream::{Error, Patience, ServerId, Upstreams};

/// A connection to an upstream with nothing under way.
pub struct Link<B>
where
    B: Body + 'static,
{
    send: SendRequest<B>,
    connection: Pin<Box<Connection<TokioIo<Io>, B>>>,
    heard: Rc<Cell<bool>>,
    timer: Rc<Timer>,
    server: ServerId,
    address: SocketAddr,
    patience: Patience,
    /// Where it rests; a pool owns its idle links, so a link does not own its pool.
    pool: Weak<Upstreams<B>>,
    reused: bool,
}

/// A request that got no answer.
pub struct Failure<B> {
    /// Why.
    pub error: Error,
    /// The request, where not a byte of it was sent.
    pub unsent: Option<Request<B>>,
    /// Whether any byte of an answer had come.
    pub heard: bool,
}

impl<B> Link<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) async fn new(
        stream: TcpStream,
        address: SocketAddr,
        server: ServerId,
        pool: &Rc<Upstreams<B>>,
    ) -> Result<Self, Error> {
        let heard = Rc::new(Cell::new(false));
        let io = TokioIo::new(Io {
            stream,
            heard: Rc::clone(&heard),
        });
        let (send, connection) = http1::handshake(io).await?;
        Ok(Self {
            send,
            connection: Box::pin(connection),
            heard,
            timer: Rc::new(pool.wheel().timer()),
            server,
            address,
            patience: *pool.patience(),
            pool: Rc::downgrade(pool),
            reused: false,
        })
    }

    /// The address that it leads to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it carried a request before, and may have been closed since.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// The deadline of the answer's head. A body that is still being sent moves it on.
    pub fn deadline(&self) -> Rc<Timer> {
        Rc::clone(&self.timer)
    }

    /// Sends `request` and waits for the head of the answer.
    pub async fn send(mut self, request: Request<B>) -> Result<Response<Answer<B>>, Failure<B>> {
        self.heard.set(false);
        self.timer.set(self.patience.response);
        let mut ended = false;
        let result = {
            let mut answer = pin!(self.send.try_send_request(request));
            std::future::poll_fn(|cx| {
                ended = ended || self.connection.as_mut().poll(cx).is_ready();
                // Only the connection, polled above, can bring the answer on: no waker is needed.
                if let Poll::Ready(result) = answer
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                {
                    return Poll::Ready(Some(result));
                }
                self.timer.poll(cx).map(|()| None)
            })
            .await
        };
        self.timer.clear();
        let heard = self.heard.get();
        match result {
            Some(Ok(response)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Err(Failure {
                    error: Error::Switched,
                    unsent: None,
                    heard,
                })
            }
            Some(Ok(response)) => Ok(response.map(|incoming| Answer {
                incoming,
                link: Some(self),
                ended,
                failed: None,
            })),
            Some(Err(mut failed)) => {
                let unsent = failed.take_message();
                Err(Failure {
                    error: failed.into_error().into(),
                    unsent,
                    heard,
                })
            }
            None => Err(Failure {
                error: Error::Late,
                unsent: None,
                heard,
            }),
        }
    }

    /// Puts the connection back if it can carry another request.
    fn rest(mut self) {
        // The waker of the task that ends here must not be left behind in an idle connection.
        let ended = self
            .connection
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready();
        if !ended
            && self.send.is_ready()
            && let Some(pool) = self.pool.upgrade()
        {
            self.reused = true;
            pool.keep(self.server, self);
        }
    }
}

/// The body of an upstream's answer, streamed. It brings its connection on as it is read; dropped
/// before its end, it closes the connection.
pub struct Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    incoming: Incoming,
    link: Option<Link<B>>,
    /// The connection has ended; what it brought may still be unread.
    ended: bool,
    /// Told at the next poll, so that what came before it is flushed to the client first.
    failed: Option<Error>,
}

impl<B> Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut idle = Context::from_waker(Waker::noop());
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(&mut idle) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let Some(link) = &mut self.link else {
            return Poll::Ready(None);
        };
        if !self.ended {
            self.ended = link.connection.as_mut().poll(cx).is_ready();
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(&mut idle) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        if !link.timer.is_set() {
            link.timer.set(link.patience.stream);
        }
        link.timer.poll(cx).map(|()| Some(Err(Error::Silent)))
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let answer = self.get_mut();
        if let Some(error) = answer.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = ready!(answer.next(cx));
        if let Some(link) = &answer.link {
            link.timer.clear();
        }
        match frame {
            Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Err(error)) => {
                answer.link = None;
                answer.failed = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                if let Some(link) = answer.link.take().filter(|_| !answer.ended) {
                    link.rest();
                }
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl<B> Drop for Answer<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn drop(&mut self) {
        // hyper asks for no further frame once it knows that the last one has come.
        if self.incoming.is_end_stream()
            && !self.ended
            && let Some(link) = self.link.take()
        {
            link.rest();
        }
    }
}

/// The bytes between hyper and the upstream; knows whether any byte of an answer has come.
struct Io {
    stream: TcpStream,
    heard: Rc<Cell<bool>>,
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let io = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut io.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            io.heard.set(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
