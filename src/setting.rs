//! The words a config is made of: duration, size, secret, address.

use std::fmt;
use std::net::SocketAddr;

use zeroize::Zeroizing;

/// Declares a section of `gateway.toml`: the struct, its defaults, and how it is read.
///
/// ```text
/// setting::section! {
///     /// `[session]`: what is remembered between requests.
///     pub struct Config {
///         /// Life of a session from its login.
///         ttl: Duration = Duration::from_secs(30 * 86_400),   // optional key, with its default
///         appid: AppId,                                       // key that must be there
///     }
///     later { "redis": "sessions in Redis" }                  // names of the design not built yet
/// }
/// ```
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $field:ident : $kind:ty $(= $default:expr)? ),* $(,)? }
        $(later { $($key:literal : $why:literal),* $(,)? })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name { $( $(#[$doc])* pub $field: $kind, )* }
        $crate::setting::defaults!($name { $( $field $(= $default)? ),* });
    };
}

/// `Default` for a section in which every key has one.
macro_rules! defaults {
    ($name:ident { $($field:ident = $default:expr),* }) => {
        impl Default for $name {
            fn default() -> Self { Self { $($field: $default,)* } }
        }
    };
    ($name:ident { $($rest:tt)* }) => {};
}

pub(crate) use {defaults, section};

/// A number of bytes, written `"16MiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A text that is never printed: redacted in `Debug`, no `Display`, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that must send or use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a listener is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
}
