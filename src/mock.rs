//! A WeChat to develop against: same endpoints, same errors, real encryption.
//!
//! It listens on loopback unless told otherwise, and its control API answers loopback alone. What it
//! knows lives in memory and ends with it. [`Mock`] is for tests, `wxgate mock` for everybody else;
//! `docs/mock.md` describes both.
//!
//! Two calls never share a lock across a wait: what is slow or held is waited for with nothing held.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::auth::AppId;
use crate::setting::Secret;

mod access_token;
mod answer;
mod api;
mod code;
mod control;
mod dice;
mod endpoint;
mod open_data;
mod serve;
mod traffic;
mod user;
mod world;

#[cfg(test)]
mod tests;

pub use api::Api;
pub use control::{Control, LoginCode, PhoneCode};
pub use open_data::{Error as DataError, Kind, Order, Sealed, Signed, Under};
pub use traffic::{Call, Fault, Instead};
pub use user::User;

/// The app that the mock names where nobody named one.
pub const DEFAULT_APPID: &str = "wx0123456789abcdef";

/// The openid of the user whom unknown codes belong to with [`Options::any_code`].
pub const DEFAULT_OPENID: &str = "oMockUser-0000000000000000001";

/// A mini-program that the mock knows.
#[derive(Debug, Clone)]
pub struct App {
    /// Its id.
    pub appid: AppId,
    /// Its secret.
    pub secret: Secret,
}

/// What becomes of a user's session key at a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// Every login replaces it: the worst that WeChat does.
    #[default]
    OnLogin,
    /// It stays until it is rotated by hand.
    Keep,
}

/// How a mock starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The apps that it knows; none: any appid with any secret of 32 characters.
    pub apps: Vec<App>,
    /// Whether a code that it never minted is taken too, once, for the default user.
    pub any_code: bool,
    /// What becomes of a session key at a login.
    pub rotation: Rotation,
    /// Whether `countryCode` is sent as a number instead of a string. WeChat has been seen to do both.
    pub numeric_country: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            apps: Vec::new(),
            any_code: false,
            rotation: Rotation::default(),
            numeric_country: false,
        }
    }
}

/// A running mock. It stops, and its connections end, when this is dropped.
///
/// Dereferences to its [`Control`]: `mock.login_code("oAlice")`.
#[derive(Debug)]
pub struct Mock {
    address: SocketAddr,
    control: Control,
    server: JoinHandle<()>,
}

impl Mock {
    /// Binds and serves on the current tokio runtime. Fails if the address cannot be bound.
    pub async fn start(options: Options) -> Result<Self, io::Error> {
        let named = |error: io::Error| {
            let told = format!("cannot listen on {}: {error}", options.listen);
            io::Error::new(error.kind(), told)
        };
        let listener = TcpListener::bind(options.listen).await.map_err(named)?;
        let address = listener.local_addr()?;
        let control = Control::new(options)?;
        let server = tokio::spawn(serve::serve(listener, control.clone()));
        Ok(Self {
            address,
            control,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `wechat.api` of a gateway, or the host in a service's own code, is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What steers it; clones steer the same mock.
    pub fn control(&self) -> &Control {
        &self.control
    }
}

impl Deref for Mock {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.server.abort();
    }
}
