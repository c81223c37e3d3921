//! Own paths: JSON in, JSON out.
//!
//! Nothing here reads a body or writes an answer: the gateway brings a [`Call`] and renders the [`Reply`] or
//! [`Error`]. Calls run on the control runtime, for some wait for WeChat.

mod call;
mod error;
mod flight;
mod health;
mod jwks;
mod login;
mod open_data;
mod path;
mod phone;
mod session;
mod userinfo;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;

use crate::auth::{AppId, Carrier, UnixSeconds};
use crate::rate::Limits;
use crate::session::Sessions;
use crate::{setting, wechat};
use health::Health;
use jwks::Keys;
use login::{Exposed, Login};
use open_data::{Decrypt, PhoneTerms};
use phone::Phones;
use session::Desk;
use userinfo::Profiles;

pub use call::{Call, Caller, Reply};
pub use error::Error;
pub use path::{Endpoint, route};

/// The largest body that an endpoint takes, in bytes: a profile with its longest texts has a few thousand.
pub const BODY_MOST: u64 = 64 * 1024;

setting::section! {
    /// `[endpoints]`: the paths that the gateway answers itself.
    pub struct Config {
        /// Where they begin. A config that was loaded has the normal form.
        prefix: String = "/wxgate".to_owned(),
        /// What of the identity a client may see.
        expose: Vec<Expose> = Vec::new(),
        /// The ways a phone number may come.
        phone_by: Vec<PhoneBy> = vec![PhoneBy::Code, PhoneBy::Encrypted],
        /// The oldest encrypted phone data taken; zero: any.
        phone_age: Duration = Duration::from_secs(3600),
    }
    later { "wafer": "wafer clients" }
}

/// A field of the identity that a client may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expose {
    /// `openid`
    OpenId,
    /// `unionid`
    UnionId,
}

setting::choice! { Expose, "a field of the identity" { "openid" => Self::OpenId, "unionid" => Self::UnionId } }

/// A way for a phone number to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneBy {
    /// By the button's `code`, which WeChat turns into a number.
    Code,
    /// By `encryptedData` and `iv`, opened here.
    Encrypted,
}

setting::choice! { PhoneBy, "a way for a phone number to come" { "code" => Self::Code, "encrypted" => Self::Encrypted } }

/// All endpoints, with what they need.
pub struct Endpoints {
    carrier: Carrier,
    login: Login,
    phones: Phones,
    profiles: Profiles,
    decrypt: Decrypt,
    desk: Desk,
    health: Health,
    keys: Keys,
    limits: Arc<Limits>,
}

impl Endpoints {
    /// The endpoints for the users of `apps`. `keys` are the public keys of assertions, where there are any.
    pub fn new(
        config: &Config,
        apps: Vec<AppId>,
        sessions: Sessions,
        wechat: wechat::Client,
        carrier: Carrier,
        keys: Option<serde_json::Value>,
        limits: Arc<Limits>,
    ) -> Self {
        let exposed = Exposed {
            openid: config.expose.contains(&Expose::OpenId),
            unionid: config.expose.contains(&Expose::UnionId),
        };
        let encrypted = PhoneTerms {
            taken: config.phone_by.contains(&PhoneBy::Encrypted),
            age: config.phone_age.as_secs(),
        };
        let cookie = carrier.cookie().map(str::to_owned);
        Self {
            carrier,
            login: Login {
                apps,
                exposed,
                cookie: cookie.clone(),
                sessions: sessions.clone(),
                wechat: wechat.clone(),
            },
            phones: Phones {
                by_code: config.phone_by.contains(&PhoneBy::Code),
                encrypted,
                sessions: sessions.clone(),
                wechat: wechat.clone(),
                flights: phone::flights(),
                limits: Arc::clone(&limits),
            },
            profiles: Profiles {
                exposed,
                sessions: sessions.clone(),
                limits: Arc::clone(&limits),
            },
            decrypt: Decrypt {
                exposed,
                phones: encrypted,
                sessions: sessions.clone(),
                limits: Arc::clone(&limits),
            },
            desk: Desk {
                cookie,
                sessions,
                wechat,
                checks: session::checks(),
            },
            health: Health::default(),
            keys: Keys(keys),
            limits,
        }
    }

    /// These endpoints with what those of `before` have under way and remember: a client that lost the
    /// answer to a code that was used up can still ask again.
    #[must_use]
    pub fn inheriting(mut self, before: &Self) -> Self {
        self.phones.flights = before.phones.flights.clone();
        self.desk.checks = before.desk.checks.clone();
        self
    }

    /// Counts a call of `endpoint` from `address`, where its rate goes by that. To be asked before its body
    /// is read.
    pub fn admit(&self, endpoint: Endpoint, address: IpAddr) -> Result<(), Error> {
        let limiter = match endpoint {
            Endpoint::Login => &self.limits.login,
            Endpoint::Phone => &self.limits.phone,
            Endpoint::UserInfo | Endpoint::Decrypt => &self.limits.decrypt,
            Endpoint::Session | Endpoint::Logout | Endpoint::Health | Endpoint::Jwks => {
                return Ok(());
            }
        };
        Ok(limiter.count_address(address)?)
    }

    /// A call of `endpoint` with the head `parts` and the whole `body`. `host` is the request's own, with its
    /// port unless that is the default one; empty if it has none.
    pub fn call(
        &self,
        endpoint: Endpoint,
        parts: &Parts,
        host: &str,
        body: Bytes,
        now: UnixSeconds,
    ) -> Call {
        Call::new(endpoint, parts, &self.carrier, host, body, now)
    }

    /// Answers a call. Needs a tokio runtime that waits on the network; dropping the answer ends no call that
    /// uses up a code.
    pub async fn answer(&self, call: &Call) -> Result<Reply, Error> {
        call.check_origin()?;
        match call.endpoint {
            Endpoint::Login => self.login.answer(call).await,
            Endpoint::Phone => self.phones.answer(call).await,
            Endpoint::UserInfo => self.profiles.answer(call).await,
            Endpoint::Decrypt => self.decrypt.answer(call).await,
            Endpoint::Session => self.desk.show(call).await,
            Endpoint::Logout => self.desk.end(call).await,
            Endpoint::Health => self.health.answer(),
            Endpoint::Jwks => self.keys.answer(),
        }
    }

    /// Tells load balancers, through the health endpoint, to send no more requests.
    pub fn leave(&self) {
        self.health.leave();
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoints(…)")
    }
}
