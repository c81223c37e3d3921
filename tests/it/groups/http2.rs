//! Servers by HTTP/2: many requests on one connection, each with its own answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::leading_to;
use super::secure::{Authority, config, pem};
use crate::harness::{Bed, Folder, find, until};

/// What came of one request.
#[derive(Debug, Clone)]
struct Seen {
    uri: String,
    version: Version,
    headers: HeaderMap,
    body: Bytes,
}

/// A server by HTTP/2 on port 0. `/slow` waits for a permit; `/fall` ends its connection; `/broken` and
/// `/cancelled` break off.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
    falls: watch::Sender<u32>,
    runtime: Runtime,
    scheme: &'static str,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Fault = dyn std::error::Error + Send + Sync;

type Answer = Response<UnsyncBoxBody<Bytes, Box<Fault>>>;

impl Server {
    fn new() -> Self {
        Self::over(None)
    }

    fn over(tls: Option<Arc<ServerConfig>>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
            permits: Arc::new(Semaphore::new(0)),
            falls: watch::Sender::new(0),
            runtime,
            scheme: if tls.is_some() { "https" } else { "http" },
        };
        let (seen, count) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        let (permits, falls) = (Arc::clone(&server.permits), server.falls.clone());
        server.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (seen, permits) = (Arc::clone(&seen), Arc::clone(&permits));
                let (mut fallen, falls) = (falls.subscribe(), falls.clone());
                let service = service_fn(move |request| {
                    let (seen, permits) = (Arc::clone(&seen), Arc::clone(&permits));
                    let falls = falls.clone();
                    async move { Ok::<_, Infallible>(answer(request, &seen, &permits, &falls).await) }
                });
                let tls = tls.clone();
                tokio::spawn(async move {
                    let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                    };
                    tokio::select! {
                        _ = http2.serve_connection(TokioIo::new(stream), service) => {}
                        _ = fallen.changed() => {}
                    }
                });
            }
        });
        server
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A gateway in front of it.
    fn bed(&self, more: &str) -> Bed {
        let (scheme, port) = (self.scheme, self.address.port());
        let list = format!("[\"{scheme}://localhost:{port}\"]");
        let more = format!("http2 = true\n{more}");
        Bed::with(super::ALONE, &leading_to(&list, &more))
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: &Mutex<Vec<Seen>>,
    permits: &Arc<Semaphore>,
    falls: &watch::Sender<u32>,
) -> Answer {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body.collect().await;
    let trailers = body.as_ref().ok().and_then(|body| body.trailers().cloned());
    let body = body.map(http_body_util::Collected::to_bytes);
    seen.lock().unwrap().push(Seen {
        uri: head.uri.to_string(),
        version: head.version,
        headers: head.headers,
        body: body.unwrap_or_default(),
    });
    match path.as_str() {
        "/slow" => permits.acquire().await.unwrap().forget(),
        "/fall" => {
            falls.send_modify(|falls| *falls += 1);
            std::future::pending::<()>().await;
        }
        "/broken" | "/cancelled" => {
            let reason = match path.as_str() {
                "/broken" => h2::Reason::INTERNAL_ERROR,
                _ => h2::Reason::CANCEL,
            };
            let half = Frame::data(Bytes::from_static(b"half"));
            let permits = Arc::clone(permits);
            let rest = async move {
                permits.acquire().await.unwrap().forget();
                Err(Box::<Fault>::from(h2::Error::from(reason)))
            };
            let parts = futures_util::stream::iter([Ok(half)]);
            let parts = parts.chain(futures_util::stream::once(rest));
            return Response::new(StreamBody::new(parts).boxed_unsync());
        }
        "/trailers" => {
            let mut trailers = trailers.unwrap_or_default();
            trailers.insert("x-sum", HeaderValue::from_static("42"));
            let parts: [Result<_, Box<Fault>>; 2] = [
                Ok(Frame::data(Bytes::from_static(b"all"))),
                Ok(Frame::trailers(trailers)),
            ];
            let body = StreamBody::new(futures_util::stream::iter(parts));
            return Response::new(body.boxed_unsync());
        }
        _ => {}
    }
    Response::new(
        Full::from(path)
            .map_err(|never| match never {})
            .boxed_unsync(),
    )
}

#[test]
fn a_request_is_one_of_http2_and_its_answer_one_of_http1() {
    let server = Server::new();
    let bed = server.bed("");
    let mut client = bed.client();
    let reply = client.send("GET", "/a%20b?c=d", &[("TE", "trailers")], b"");
    assert_eq!((reply.status, reply.text().as_str()), (200, "/a%20b"));
    client.write(b"POST /chunks HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
    assert_eq!(client.reply(false).text(), "/chunks");
    assert_eq!(client.send("POST", "/length", &[], b"body").status, 200);
    let seen = server.seen();
    assert_eq!(seen[0].uri, "http://gateway.test/a%20b?c=d");
    for (seen, body) in seen.iter().zip(["", "body", "body"]) {
        assert_eq!(
            (seen.version, &seen.body[..]),
            (Version::HTTP_2, body.as_bytes())
        );
        for name in ["host", "connection", "transfer-encoding", "keep-alive"] {
            assert!(!seen.headers.contains_key(name), "{name}: {seen:?}");
        }
        assert_eq!(seen.headers["x-forwarded-host"], "gateway.test");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn many_requests_share_a_connection_and_none_waits_for_another() {
    let server = Server::new();
    let bed = server.bed("");
    let mut slow: Vec<_> = (0..20)
        .map(|_| {
            let mut client = bed.client();
            client.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    until("all are there", || server.seen().len() == 20);
    assert_eq!(bed.send("GET", "/quick", &[], b"").text(), "/quick");
    server.permits.add_permits(20);
    for client in &mut slow {
        assert_eq!(client.reply(false).text(), "/slow");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn more_than_a_hundred_at_once_take_a_second_connection() {
    let server = Server::new();
    let bed = server.bed("");
    let mut slow: Vec<_> = (0..130)
        .map(|_| {
            let mut client = bed.client();
            client.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    until("all are there", || server.seen().len() == 130);
    server.permits.add_permits(130);
    for client in &mut slow {
        assert_eq!(client.reply(false).text(), "/slow");
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_connection_that_ends_is_replaced_and_a_get_on_it_is_sent_again() {
    let server = Server::new();
    let bed = server.bed("");
    assert_eq!(bed.send("GET", "/first", &[], b"").status, 200);
    let mut waiting = bed.client();
    waiting.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    until("it is there", || server.seen().len() == 2);
    let reply = bed.send("POST", "/fall", &[], b"body");
    assert_eq!(reply.row(), (502, "upstream_failed".into(), "retry".into()));
    assert_eq!(reply.header("x-wxgate-refusal"), None, "it was forwarded");
    server.permits.add_permits(1);
    assert_eq!(waiting.reply(false).text(), "/slow");
    let seen = server.seen();
    let paths: Vec<_> = seen.iter().map(|seen| seen.uri.as_str()).collect();
    assert_eq!(
        paths,
        [
            "http://gateway.test/first",
            "http://a/slow",
            "http://gateway.test/fall",
            "http://a/slow"
        ]
    );
    assert_eq!(seen[1].headers, seen[3].headers, "the same request");
    assert_eq!(server.connections(), 2);
}

#[test]
fn an_answer_that_breaks_off_is_not_whole_and_trailers_come_through() {
    let server = Server::new();
    let bed = server.bed("");
    for path in ["/broken", "/cancelled"] {
        let mut client = bed.client();
        client.write(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        until("half of it has come", || {
            let mut room = [0; 4096];
            let length = client.stream.peek(&mut room).unwrap();
            find(&room[..length], b"half").is_some()
        });
        server.permits.add_permits(1);
        assert!(!client.reply(false).whole, "{path}");
    }
    let reply = bed.send("GET", "/trailers", &[("TE", "trailers")], b"");
    assert!(reply.whole && reply.text() == "all");
    assert_eq!(
        server.connections(),
        1,
        "a stream that broke is no connection that broke"
    );
}

#[test]
fn servers_are_asked_how_they_are_by_http2_too() {
    let server = Server::new();
    let more = "host = \"app.internal\"\n[upstream.health]\npath = \"/well\"\ninterval = \"20ms\"";
    let _bed = server.bed(more);
    until("it is asked", || server.seen().len() > 2);
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.version == Version::HTTP_2));
    assert_eq!(seen[0].uri, "http://app.internal/well");
    assert_eq!(seen[0].headers["user-agent"], "wxgate-health");
}

#[test]
fn by_https_both_sides_agree_on_http2_or_nothing_is_said() {
    let (folder, authority) = (Folder::new("agreed"), Authority::new());
    let ca = format!("ca = \"{}\"", pem(&folder, &authority));
    let pair = authority.sign("localhost", |_| {});
    for (protocols, agreed) in [(["h2", "http/1.1"], true), (["http/1.1", "spdy"], false)] {
        let config = config(&pair, None, &protocols);
        let server = Server::over(Some(Arc::new(config)));
        let bed = server.bed(&ca);
        let reply = bed.send("GET", "/", &[], b"");
        if agreed {
            assert_eq!((reply.status, reply.text().as_str()), (200, "/"));
            assert_eq!(server.seen()[0].uri, "https://gateway.test/");
        } else {
            assert_eq!(reply.row(), (503, "no_upstream".into(), "retry".into()));
            assert!(server.seen().is_empty());
        }
    }
}
