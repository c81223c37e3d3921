//! The servers asked how they are, again and again, by the control runtime.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
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
    let good = match tokio::time::timeout(health.timeout, ask(&group, &server)).await {
        Ok(Ok(status)) => (200..400).contains(&status),
        Ok(Err(error)) => {
            tracing::debug!(server = %server.address, %error, "a check failed");
            false
        }
        Err(_) => false,
    };
    server.checked(good, health);
}

/// The status that `server` answers to a check.
async fn ask(group: &Group, server: &Server) -> io::Result<u16> {
    let stream = Stream::connect(group, server).await?;
    let (mut send, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let mut connection = pin!(connection);
    let mut answer = pin!(send.send_request(request(group, &server.origin)?));
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    };
    Ok(answer.map_err(io::Error::other)?.status().as_u16())
}

fn request(group: &Group, origin: &Origin) -> io::Result<Request<Empty<Bytes>>> {
    let host = match group.host() {
        Some(host) => host.clone(),
        None => own_host(origin),
    };
    Request::get(&group.health().path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, AGENT)
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(io::Error::other)
}

/// What `Host` is where no client says it.
fn own_host(origin: &Origin) -> HeaderValue {
    let text = origin.to_string();
    let authority = text.split_once("://").map(|(_, authority)| authority);
    authority
        .and_then(|authority| HeaderValue::from_str(authority).ok())
        .unwrap_or(HeaderValue::from_static("localhost"))
}
