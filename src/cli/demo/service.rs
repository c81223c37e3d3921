//! The service behind the gateway: it knows nothing of WeChat and answers with what it received.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::cli::demo::socket;

/// How much of a body is kept, in bytes.
const BODY_KEPT: usize = 64 * 1024;

/// A request as the service received it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Seen {
    /// All values of the header `name`.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter();
        lines
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The lines that some server could take for an identity, in any spelling.
    pub(super) fn identity(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.headers.iter();
        lines
            .filter(|(name, _)| {
                let folded = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                folded.to_ascii_lowercase().starts_with("x-wx-")
            })
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The running service; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Service {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Service {
    /// Binds a free port on loopback and serves on the current runtime.
    pub(super) async fn start() -> Result<Self, io::Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let service = Self {
            address: listener.local_addr()?,
            seen: Arc::default(),
        };
        tokio::spawn(service.clone().serve(listener));
        Ok(service)
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it received since it was last asked.
    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen())
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let this = self.clone();
            tokio::spawn(async move {
                let echo = service_fn(|request| this.answer(request));
                // A client that breaks off is its own affair.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), echo)
                    .with_upgrades()
                    .await;
            });
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (head, body) = request.into_parts();
        let headers = head.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        });
        let seen = Seen {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: headers.collect(),
        };
        let (body, length) = read(body).await;
        let echo = echo(&seen, &body, length);
        let greeting = greeting(&seen);
        // What stays up must not remember all that anybody ever sent.
        let mut all = self.seen();
        all.truncate(99);
        all.push(seen);
        drop(all);
        if let Some(switch) = socket::switch(&head.headers) {
            tokio::spawn(socket::talk(upgrade, greeting));
            return Ok(switch);
        }
        let mut response = Response::new(Full::from(echo));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        Ok(response)
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of a body's bytes, and how many there are.
async fn read(mut body: Incoming) -> (Vec<u8>, usize) {
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.into_data().unwrap_or_default();
        length += bytes.len();
        kept.extend(bytes.iter().take(BODY_KEPT - kept.len()));
    }
    (kept, length)
}

/// What a WebSocket says first.
fn greeting(seen: &Seen) -> String {
    match seen.values("x-wx-openid").first() {
        Some(openid) => format!("you are {openid}"),
        None => "you are nobody".to_owned(),
    }
}

fn echo(seen: &Seen, body: &[u8], length: usize) -> String {
    let mut headers = Map::new();
    for (name, _) in &seen.headers {
        headers.insert(name.clone(), json!(seen.values(name).join(", ")));
    }
    let echo = json!({
        "service": "saw this",
        "request": format!("{} {}", seen.method, seen.path),
        "headers": headers,
        "body": str::from_utf8(body).unwrap_or("(no text)"),
        "bytes": length,
    });
    let text = serde_json::to_string_pretty::<Value>(&echo);
    text.unwrap_or_default() + "\n"
}
