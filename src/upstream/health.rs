//! The servers asked how they are, again and again, by the control runtime.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;

use crate::setting::Origin;
use crate::upstream::group::{Group, Groups};
use crate::upstream::server::Server;
use crate::upstream::stream::Stream;

/// Who asks.
const AGENT: HeaderValue = HeaderValue::from_static("wxgate-health");

impl Groups {
    /// Looks names up and asks servers how they are, for ever. Whoever drops it ends all of that.
    pub fn tend(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let groups = Arc::clone(self);
        async move {
            groups.forget_checks();
            let mut checks = JoinSet::new();
            for group in groups.all().iter().filter(|group| group.is_checked()) {
                checks.spawn(keep_checking(Arc::clone(group)));
            }
            groups.keep_looking_up().await;
        }
    }
}

async fn keep_checking(group: Arc<Group>) {
    loop {
        let mut checks: JoinSet<_> = group
            .servers()
            .into_iter()
            .map(|server| check(Arc::clone(&group), server))
            .collect();
        while checks.join_next().await.is_some() {}
        tokio::time::sleep(group.health().interval).await;
    }
}

async fn check(group: Arc<Group>, server: Arc<Server>) {
    let health = group.health();
    let found = match tokio::time::timeout(health.timeout, ask(&group, &server)).await {
        Ok(Ok(200..400)) => Ok(()),
        Ok(Ok(status)) => Err(format!("status {status}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    };
    if let Err(reason) = &found {
        let upstream = group.label();
        tracing::debug!(upstream, server = %server.address, reason, "a check failed");
    }
    server.checked(found, health);
}

/// The status that `server` answers to a check.
async fn ask(group: &Group, server: &Server) -> io::Result<u16> {
    let http2 = group.config().http2;
    let io = TokioIo::new(Stream::connect(group, server, http2).await?);
    if http2 {
        let (mut send, connection) = http2::handshake(TokioExecutor::new(), io)
            .await
            .map_err(io::Error::other)?;
        return status(send.send_request(by_http2(group, server)?), connection).await;
    }
    let (mut send, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
    status(send.send_request(request(group, server)?), connection).await
}

/// The status of `answer`, which `connection` brings.
async fn status(
    answer: impl Future<Output = hyper::Result<Response<Incoming>>>,
    connection: impl Future,
) -> io::Result<u16> {
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    };
    Ok(answer.map_err(io::Error::other)?.status().as_u16())
}

fn request(group: &Group, server: &Server) -> io::Result<Request<Empty<Bytes>>> {
    Request::get(&group.health().path)
        .header(header::HOST, host(group, &server.origin))
        .header(header::USER_AGENT, AGENT)
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(io::Error::other)
}

fn by_http2(group: &Group, server: &Server) -> io::Result<Request<Empty<Bytes>>> {
    let scheme = if server.origin.is_tls() {
        "https"
    } else {
        "http"
    };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(host(group, &server.origin).as_bytes())
        .path_and_query(&group.health().path)
        .build()
        .map_err(io::Error::other)?;
    Request::get(uri)
        .header(header::USER_AGENT, AGENT)
        .body(Empty::new())
        .map_err(io::Error::other)
}

/// What `Host` is where no client says it: what is set, or the server's own.
fn host(group: &Group, origin: &Origin) -> HeaderValue {
    if let Some(host) = group.host() {
        return host.clone();
    }
    let text = origin.to_string();
    let authority = text.split_once("://").map(|(_, authority)| authority);
    authority
        .and_then(|authority| HeaderValue::from_str(authority).ok())
        .unwrap_or(HeaderValue::from_static("localhost"))
}
