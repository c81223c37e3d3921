//! The mock's sockets: accept, read a request, let it be answered, write, or break off.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::mock::Api;
use crate::mock::answer::{self, Answer};
use crate::mock::control::{Control, http as control_http};
use crate::mock::endpoint::{self, Request};
use crate::mock::traffic::{Fault, Instead};

/// The longest body taken, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// How long nobody is accepted after that failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts for ever. Connections end when the returned future is dropped.
pub(super) async fn serve(listener: TcpListener, control: Control) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, control.clone()));
                }
                // Out of file descriptors, most likely: let others close some.
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, control: Control) {
    // An answer is small: waiting for more to fill the packet only delays it.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, peer, &control));
    // A client that breaks off is its own affair.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    control: &Control,
) -> Result<Response<Text>, io::Error> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(respond(Answer::new(413, "text/plain", "too large"), false));
    };
    let body = body.to_bytes();
    let path = head.uri.path();
    if path == "/mock" || path.starts_with("/mock/") {
        return Ok(respond(
            control_http::answer(control, &head, &body, peer),
            false,
        ));
    }
    let Some(api) = Api::at(path) else {
        let nonce = control.world().nonce();
        let failure = answer::failure(40066, control.now(), nonce);
        return Ok(respond(Answer::json(&failure), false));
    };
    let call = Request {
        method: head.method.as_str().to_owned(),
        query: pairs(head.uri.query().unwrap_or_default()),
        body: body.to_vec(),
    };
    let chunked = head.headers.contains_key(TRANSFER_ENCODING);
    call_api(control, api, &call, chunked).await
}

/// Lets the API do its work, then lets go wrong what should.
async fn call_api(
    control: &Control,
    api: Api,
    call: &Request,
    chunked: bool,
) -> Result<Response<Text>, io::Error> {
    let (fault, latency, answer) = work(control, api, call, chunked);
    let in_flight = InFlight { control, api };
    control.notify();

    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    control.while_held(api).await;
    drop(in_flight);

    match fault.map(|fault| fault.instead) {
        None => Ok(respond(answer, false)),
        Some(Instead::Errcode(errcode)) => {
            let nonce = control.world().nonce();
            let failure = answer::failure(errcode, control.now(), nonce);
            Ok(respond(api.labelled(Answer::json(&failure)), false))
        }
        Some(Instead::Reply {
            status,
            content_type,
            body,
        }) => Ok(respond(Answer::new(status, &content_type, body), false)),
        Some(Instead::Close) => Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Instead::CutShort) => Ok(respond(answer, true)),
    }
}

/// Counts the call, and lets the API do its work unless something is to go wrong instead. Who sees that
/// a call came sees what it did, too.
fn work(
    control: &Control,
    api: Api,
    call: &Request,
    chunked: bool,
) -> (Option<Fault>, Duration, Answer) {
    let mut traffic = control.traffic();
    let lane = traffic.lane(api);
    let (fault, latency) = (lane.begin(call.record()), lane.latency);
    let works = fault.as_ref().is_none_or(|fault| fault.consumes);
    let answer = if chunked {
        // What stands before WeChat's APIs wants a Content-Length.
        Answer::new(412, "text/plain", "")
    } else if works {
        endpoint::handle(&mut control.world(), api, call, control.now())
    } else {
        Answer::new(200, "text/plain", "")
    };
    (fault, latency, answer)
}

/// A call that is not answered yet, also when its client hangs up meanwhile.
struct InFlight<'a> {
    control: &'a Control,
    api: Api,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.control.traffic().lane(self.api).end();
    }
}

/// The decoded parameters of a query; `+` is a space.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let Ok(url) = reqwest::Url::parse(&format!("http://mock/?{query}")) else {
        return Vec::new();
    };
    let pairs = url.query_pairs();
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn respond(answer: Answer, cut_short: bool) -> Response<Text> {
    let mut response = Response::new(Text::new(answer.body, cut_short));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&answer.content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// A body that may break off in the middle.
struct Text {
    left: Bytes,
    /// What the head announces.
    length: u64,
    cut: Cut,
}

enum Cut {
    Never,
    /// After half; the other half never comes.
    AfterHalf,
    /// Half was handed over: let it be written.
    Flushing,
    Now,
}

impl Text {
    fn new(body: Vec<u8>, cut_short: bool) -> Self {
        let length = body.len() as u64;
        let mut left = Bytes::from(body);
        if cut_short {
            left.truncate(left.len() / 2);
        }
        let cut = if cut_short {
            Cut::AfterHalf
        } else {
            Cut::Never
        };
        Self { left, length, cut }
    }
}

impl Body for Text {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let cut = std::mem::replace(&mut self.cut, Cut::Now);
        match cut {
            Cut::Never => {
                self.cut = Cut::Never;
                let left = std::mem::take(&mut self.left);
                Poll::Ready((!left.is_empty()).then(|| Ok(Frame::data(left))))
            }
            Cut::AfterHalf => {
                self.cut = Cut::Flushing;
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.left)))))
            }
            Cut::Flushing => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Cut::Now => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.cut, Cut::Never) && self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
