//! The operator's listener: probes and metrics.
//!
//! It is bound to loopback unless the operator says otherwise, and a page in a browser can reach
//! loopback under any name: so the `Host` of a request must be loopback's or the listener's own (R27).

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::setting;
use crate::telemetry::metrics::Metrics;

setting::section! {
    /// `[admin]`: the operator's listener.
    pub struct Config {
        /// Where it is bound; empty: nowhere.
        listen: Option<SocketAddr> = Some(SocketAddr::from(([127, 0, 0, 1], 9180))),
    }
    later { "token": "the operators' page" }
}

/// The longest wait for a head.
const HEADER: Duration = Duration::from_secs(5);

/// How long a connection may last: probes are short.
const LIFE: Duration = Duration::from_secs(60);

/// Connections at once.
const CONNECTIONS: usize = 64;

/// How long to wait after the system refused a connection.
const RESPITE: Duration = Duration::from_millis(100);

/// Binds the listener of `config` and serves it on `runtime` until that ends. `ready` says whether
/// new requests are welcome; `warnings` are shown beside it, and `metrics` on a page of their own. The address has the port that the system
/// chose; `None` where nothing is to be bound.
///
/// # Errors
///
/// The address cannot be bound.
pub fn start(
    config: &Config,
    ready: watch::Receiver<bool>,
    warnings: Vec<String>,
    metrics: Arc<Metrics>,
    runtime: &Handle,
) -> io::Result<Option<SocketAddr>> {
    let Some(address) = config.listen else {
        return Ok(None);
    };
    let named = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {address} (admin.listen): {error}"),
        )
    };
    let listener = TcpListener::bind(address).map_err(named)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let desk = Arc::new(Desk {
        address,
        ready,
        warnings,
        metrics,
    });
    runtime.spawn(accept(listener, desk));
    Ok(Some(address))
}

/// What there is to answer from.
#[derive(Debug)]
struct Desk {
    address: SocketAddr,
    ready: watch::Receiver<bool>,
    warnings: Vec<String>,
    metrics: Arc<Metrics>,
}

async fn accept(listener: tokio::net::TcpListener, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RESPITE).await;
            continue;
        };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(|request: Request<Incoming>| {
                let answer = desk.answer(request.method(), request.uri().path(), request.headers());
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER)
                .serve_connection(TokioIo::new(stream), service);
            // A probe that hangs up is nobody's loss.
            let _ = tokio::time::timeout(LIFE, connection).await;
        });
    }
}

impl Desk {
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if !self.is_meant(headers) {
            return json(
                StatusCode::MISDIRECTED_REQUEST,
                &serde_json::json!({ "error": "this Host is not the admin listener's" }),
            );
        }
        let known = matches!(path, "/livez" | "/readyz" | "/metrics");
        if known && !matches!(*method, Method::GET | Method::HEAD) {
            let mut answer = json(
                StatusCode::METHOD_NOT_ALLOWED,
                &serde_json::json!({ "error": "this is asked by GET" }),
            );
            let allow = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(header::ALLOW, allow);
            return answer;
        }
        match path {
            "/livez" => json(StatusCode::OK, &serde_json::json!({ "live": true })),
            "/readyz" => {
                let ready = *self.ready.borrow();
                let status = if ready {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                let body = serde_json::json!({ "ready": ready, "warnings": self.warnings });
                json(status, &body)
            }
            "/metrics" => {
                let mut answer = Response::new(Full::new(Bytes::from(self.metrics.page())));
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                answer.headers_mut().insert(header::CONTENT_TYPE, kind);
                answer
            }
            _ => json(
                StatusCode::NOT_FOUND,
                &serde_json::json!({ "error": "there is nothing here" }),
            ),
        }
    }

    /// Whether the one `Host` is loopback's or the listener's own. A listener on all addresses takes
    /// every address, and no name but `localhost`.
    fn is_meant(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(header::HOST).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return false;
        };
        let Some(name) = line.to_str().ok().and_then(without_port) else {
            return false;
        };
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .unwrap_or(name);
        bare.parse::<IpAddr>().is_ok_and(|host| {
            let own = self.address.ip();
            host.to_canonical().is_loopback()
                || own.is_unspecified()
                || host.to_canonical() == own.to_canonical()
        })
    }
}

/// The name of `name:port`, where an IPv6 address stands in brackets; `None` if the port is none.
fn without_port(host: &str) -> Option<&str> {
    let Some((name, port)) = host.rsplit_once(':').filter(|_| !host.ends_with(']')) else {
        return Some(host);
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(name)
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, kind);
    let fresh = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, fresh);
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn desk(address: &str, ready: bool) -> (Desk, watch::Sender<bool>) {
        let (says, ready) = watch::channel(ready);
        let desk = Desk {
            address: address.parse().unwrap(),
            ready,
            metrics: Metrics::new(Vec::new()),
            warnings: vec!["the WeChat of this gateway is not Tencent's".to_owned()],
        };
        (desk, says)
    }

    fn status(desk: &Desk, method: &Method, path: &str, hosts: &[&str]) -> u16 {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        desk.answer(method, path, &headers).status().as_u16()
    }

    #[test]
    fn probes_answer_and_nothing_else_does() {
        let (desk, says) = desk("127.0.0.1:9180", true);
        let own = &["127.0.0.1:9180"];
        assert_eq!(status(&desk, &Method::GET, "/livez", own), 200);
        assert_eq!(status(&desk, &Method::GET, "/readyz", own), 200);
        assert_eq!(status(&desk, &Method::HEAD, "/readyz", own), 200);
        assert_eq!(status(&desk, &Method::POST, "/readyz", own), 405);
        assert_eq!(status(&desk, &Method::GET, "/metrics", own), 200);
        assert_eq!(status(&desk, &Method::POST, "/metrics", own), 405);
        for path in ["/", "/livez/", "/metrics/", "/page"] {
            assert_eq!(status(&desk, &Method::GET, path, own), 404, "{path}");
        }
        says.send_replace(false);
        assert_eq!(status(&desk, &Method::GET, "/readyz", own), 503);
        assert_eq!(status(&desk, &Method::GET, "/livez", own), 200);
    }

    #[test]
    fn a_host_that_does_not_fit_is_turned_away() {
        let rows: &[(&str, &[&str], bool)] = &[
            ("127.0.0.1:9180", &["localhost"], true),
            ("127.0.0.1:9180", &["LOCALHOST:80"], true),
            ("127.0.0.1:9180", &["127.0.0.1"], true),
            ("127.0.0.1:9180", &["[::1]:9180"], true),
            ("127.0.0.1:9180", &["[::1]"], true),
            ("127.0.0.1:9180", &["evil.example:9180"], false),
            ("127.0.0.1:9180", &["localhost.evil.example"], false),
            ("127.0.0.1:9180", &["192.0.2.1:9180"], false),
            ("127.0.0.1:9180", &["localhost:evil"], false),
            ("127.0.0.1:9180", &["localhost", "localhost"], false),
            ("127.0.0.1:9180", &[], false),
            ("127.0.0.1:9180", &[""], false),
            ("192.0.2.1:9180", &["192.0.2.1:9180"], true),
            ("192.0.2.1:9180", &["evil.example"], false),
            ("192.0.2.1:9180", &["192.0.2.2"], false),
            ("0.0.0.0:9180", &["10.1.2.3:9180"], true),
            ("[::]:9180", &["[fd00::1]:9180"], true),
            ("0.0.0.0:9180", &["evil.example"], false),
        ];
        for (address, hosts, fits) in rows {
            let (desk, _says) = desk(address, true);
            let expected = if *fits { 200 } else { 421 };
            let found = status(&desk, &Method::GET, "/livez", hosts);
            assert_eq!(found, expected, "{address} {hosts:?}");
        }
    }

    #[tokio::test]
    async fn readiness_shows_the_warnings() {
        let (desk, _says) = desk("127.0.0.1:9180", true);
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        let answer = desk.answer(&Method::GET, "/readyz", &headers);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["ready"], true);
        assert!(body["warnings"][0].as_str().unwrap().contains("Tencent"));
    }

    #[tokio::test]
    async fn it_answers_on_a_socket() {
        let config = Config {
            listen: Some(([127, 0, 0, 1], 0).into()),
        };
        let (_says, ready) = watch::channel(true);
        let address = start(
            &config,
            ready,
            Vec::new(),
            Metrics::new(Vec::new()),
            &Handle::current(),
        );
        let address = address.unwrap().unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n{\"live\":true}"), "{answer}");
        assert!(
            start(
                &Config {
                    listen: Some(address)
                },
                watch::channel(true).1,
                Vec::new(),
                Metrics::new(Vec::new()),
                &Handle::current()
            )
            .is_err()
        );
        assert!(
            start(
                &Config { listen: None },
                watch::channel(true).1,
                Vec::new(),
                Metrics::new(Vec::new()),
                &Handle::current()
            )
            .unwrap()
            .is_none()
        );
    }
}
