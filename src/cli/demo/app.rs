//! The mini-program: what `wx.request` does, and what came of it.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::cli::demo::service::{Seen, Service};

/// The longest that a call may take, as in a mini-program.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a call had no answer.
pub(super) type Error = reqwest::Error;

/// A mini-program that talks to the gateway alone.
pub(super) struct App {
    client: reqwest::Client,
    base: String,
    service: Service,
}

/// A request as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) method: reqwest::Method,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Map<String, Value>>,
}

/// A request, its answer, and what the service saw of it.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) sent: Sent,
    pub(super) status: u16,
    /// The answer's body; `null` if it is no JSON.
    pub(super) answer: Value,
    pub(super) seen: Vec<Seen>,
}

impl Sent {
    /// `GET path`
    pub(super) fn get(path: &str) -> Self {
        Self {
            method: reqwest::Method::GET,
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// `POST path`
    pub(super) fn post(path: &str) -> Self {
        Self {
            method: reqwest::Method::POST,
            ..Self::get(path)
        }
    }

    /// With a JSON object of these texts as body.
    pub(super) fn json(mut self, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter();
        let body = fields.map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
        self.body = Some(body.collect());
        self
    }

    /// With the token.
    pub(super) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// With a header line more.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Exchange {
    /// A text of the answer; empty if there is none of that name.
    pub(super) fn text_of(&self, field: &str) -> String {
        let text = self.answer.get(field).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }

    /// Whether it was refused with this status, word and action, and the service saw nothing.
    pub(super) fn is_refusal(&self, status: u16, code: &str, action: &str) -> bool {
        self.status == status
            && self.text_of("code") == code
            && self.text_of("action") == action
            && self.seen.is_empty()
    }

    /// Whether the service saw exactly one request, with exactly these identity headers.
    pub(super) fn service_saw(&self, identity: &[(&str, &str)]) -> bool {
        let [seen] = self.seen.as_slice() else {
            return false;
        };
        seen.identity().count() == identity.len()
            && identity
                .iter()
                .all(|(name, value)| seen.values(name) == [*value])
    }
}

impl App {
    /// An app of the gateway at `base`, in front of `service`.
    pub(super) fn new(base: &str, service: Service) -> Result<Self, Error> {
        // A proxy of the environment would not find this process.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            client,
            base: base.to_owned(),
            service,
        })
    }

    /// Sends `sent` and waits for all that comes of it.
    pub(super) async fn send(&self, sent: Sent) -> Result<Exchange, Error> {
        let url = format!("{}{}", self.base, sent.path);
        let mut request = self.client.request(sent.method.clone(), url);
        for (name, value) in &sent.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &sent.body {
            let text = Value::Object(body.clone()).to_string();
            request = request
                .header("Content-Type", "application/json")
                .body(text);
        }
        self.service.take();
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.bytes().await?;
        Ok(Exchange {
            sent,
            status,
            answer: serde_json::from_slice(&text).unwrap_or_default(),
            seen: self.service.take(),
        })
    }
}
