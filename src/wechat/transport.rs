//! One question to `WeChat` over HTTP, and its answer.
//!
//! A question that could not be sent goes to the next host; an answer of -1 is asked for once more,
//! at the next host; a question that was sent and not answered is never repeated, because it may
//! have used up a code. No error or log line holds a URL: it carries the app's secret.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;
use zeroize::Zeroizing;

use crate::wechat::address;
use crate::wechat::errcode::{Api, Error};

/// Bytes of the longest answer that is read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Between an answer of -1 and the second try.
const BREATH: Duration = Duration::from_millis(100);

/// How long a host that could not be reached is asked last.
const AVOID: Duration = Duration::from_secs(30);

/// How long a connection is kept for the next question.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// The way to `WeChat`'s hosts.
pub(super) struct Transport {
    http: reqwest::Client,
    hosts: Vec<Url>,
    timeout: Duration,
    /// The host to begin with, and until when; the first otherwise.
    detour: Mutex<Option<(usize, Instant)>>,
}

/// A question.
pub(super) struct Request<'a> {
    /// What is asked.
    pub(super) api: Api,
    /// Its query.
    pub(super) query: Vec<(&'static str, &'a str)>,
    /// Its JSON body; with one the method is POST, without GET.
    pub(super) body: Option<Zeroizing<String>>,
}

impl<'a> Request<'a> {
    /// The same question with an access token.
    pub(super) fn with_token(&self, token: &'a str) -> Self {
        let mut query = vec![("access_token", token)];
        query.extend_from_slice(&self.query);
        Self {
            api: self.api,
            query,
            body: self.body.clone(),
        }
    }
}

/// Why there is no answer.
enum Unanswered {
    /// Nothing was sent.
    NotSent,
    /// It was sent, or may have been.
    Sent,
}

impl Transport {
    /// A way to `hosts` (at least one), by `proxy` unless that is empty. The system's proxy
    /// settings count for nothing. Says what is wrong with the configuration.
    pub(super) fn new(
        hosts: &[String],
        proxy: &str,
        timeout: Duration,
    ) -> Result<Self, &'static str> {
        let hosts = hosts
            .iter()
            .map(|host| address::server(host))
            .collect::<Option<Vec<Url>>>()
            .ok_or("`wechat.api` holds something that is not the address of a server")?;
        if hosts.is_empty() {
            return Err("`wechat.api` names no address");
        }
        let connect = timeout / u32::try_from(hosts.len().max(2)).unwrap_or(u32::MAX);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("wxgate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(connect)
            .pool_idle_timeout(KEEP_IDLE)
            .tcp_nodelay(true);
        if !proxy.is_empty() {
            let proxy =
                address::proxy(proxy).ok_or("`wechat.proxy` is not the address of a proxy")?;
            builder = builder.proxy(proxy);
        }
        if proxy.is_empty() && hosts.iter().all(|host| host.scheme() == "http") {
            // No TLS will be spoken, so a machine without certificate authorities will do.
            builder = builder.tls_certs_only([]);
        }
        let http = builder
            .build()
            .map_err(|_| "no HTTP client can be made: are the system's CA certificates there?")?;
        Ok(Self {
            http,
            hosts,
            timeout,
            detour: Mutex::new(None),
        })
    }

    /// Asks. An answer may still be -1: then `WeChat` said so twice.
    pub(super) async fn ask(
        &self,
        request: &Request<'_>,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let first = self.first_host();
        let mut unsent = 0;
        let mut repeated = false;
        for turn in first.. {
            let at = turn % self.hosts.len();
            let Some(host) = self.hosts.get(at) else {
                break;
            };
            let patience = deadline.min(Instant::now() + self.timeout);
            match timeout_at(patience, self.exchange(host, request)).await {
                Ok(Ok(answer)) if answer.errcode() == -1 && !repeated => {
                    repeated = true;
                    sleep(BREATH).await;
                }
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Unanswered::NotSent)) => {
                    unsent += 1;
                    self.avoid(at);
                    if unsent >= self.hosts.len() {
                        break;
                    }
                }
                Ok(Err(Unanswered::Sent)) => return Err(Error::Timeout),
                Err(_) => {
                    let (api, host) = (request.api.name(), name(host));
                    warn!(api, host, "WeChat did not answer in time");
                    return Err(Error::Timeout);
                }
            }
        }
        Err(Error::Failed)
    }

    async fn exchange(&self, host: &Url, request: &Request<'_>) -> Result<Answer, Unanswered> {
        let call = self.call(host, request).ok_or(Unanswered::NotSent)?;
        let mut response = call.send().await.map_err(|e| explain(request, host, e))?;
        let status = response.status();
        let mut body = Zeroizing::new(Vec::with_capacity(2048));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| explain(request, host, e))?
        {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                let (api, host) = (request.api.name(), name(host));
                warn!(api, host, "WeChat's answer is longer than 64 KiB");
                return Ok(Answer::busy());
            }
            body.extend_from_slice(&chunk);
        }
        let answer = serde_json::from_slice(&body).ok().map(Answer);
        match answer {
            Some(answer) if status == 200 => Ok(answer),
            _ => {
                let (api, host, status) = (request.api.name(), name(host), status.as_u16());
                warn!(
                    api,
                    host, status, "WeChat's answer is not HTTP 200 with JSON"
                );
                Ok(Answer::busy())
            }
        }
    }

    fn call(&self, host: &Url, request: &Request<'_>) -> Option<reqwest::RequestBuilder> {
        let base = host.as_str().trim_end_matches('/');
        let target = format!("{base}{}", request.api.path());
        let mut url = target.parse::<Url>().ok()?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Some(match &request.body {
            None => self.http.get(url),
            // A body that is whole has a Content-Length; WeChat answers chunked ones with 412.
            Some(body) => self
                .http
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string()),
        })
    }

    fn first_host(&self) -> usize {
        let detour = *self.detour.lock().unwrap_or_else(PoisonError::into_inner);
        match detour {
            Some((at, until)) if Instant::now() < until => at,
            _ => 0,
        }
    }

    fn avoid(&self, at: usize) {
        let mut detour = self.detour.lock().unwrap_or_else(PoisonError::into_inner);
        *detour = Some(((at + 1) % self.hosts.len(), Instant::now() + AVOID));
    }
}

/// Logs why there is no answer, and tells whether the question may have left.
fn explain(request: &Request<'_>, host: &Url, error: reqwest::Error) -> Unanswered {
    // SECURITY: the URL carries the app's secret and the user's code.
    let error = error.without_url();
    let mut reason = String::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(
            reason,
            "{}{inner}",
            if reason.is_empty() { "" } else { ": " }
        );
        cause = inner.source();
    }
    let (api, host) = (request.api.name(), name(host));
    if error.is_connect() {
        warn!(api, host, reason, "WeChat could not be reached");
        return Unanswered::NotSent;
    }
    warn!(
        api,
        host, reason, "the connection to WeChat broke before the answer"
    );
    Unanswered::Sent
}

fn name(host: &Url) -> &str {
    host.host_str().unwrap_or_default()
}

/// A JSON object from `WeChat`. It may hold secrets, so it is not printed.
pub(super) struct Answer(Map<String, Value>);

impl Answer {
    /// What is not HTTP 200 with a JSON object counts as this.
    fn busy() -> Self {
        Self(Map::from_iter([("errcode".to_owned(), Value::from(-1))]))
    }

    /// `errcode`; 0 where there is none. It has been seen as a string.
    pub(super) fn errcode(&self) -> i64 {
        match self.0.get("errcode") {
            None | Some(Value::Null) => 0,
            Some(Value::String(text)) => text.trim().parse().unwrap_or(-1),
            Some(value) => value.as_i64().unwrap_or(-1),
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A text that is wiped when it is dropped.
    pub(super) fn take_secret(&mut self, name: &str) -> Option<Zeroizing<String>> {
        match self.0.get_mut(name).map(Value::take) {
            Some(Value::String(text)) => Some(Zeroizing::new(text)),
            _ => None,
        }
    }

    /// A number of seconds or the like.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        }
    }

    /// An object in it.
    pub(super) fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.0.get(name).and_then(Value::as_object)
    }
}
