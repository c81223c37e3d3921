//! The route table: host, path and method to the one route that is meant.
//!
//! The most specific route wins, wherever it stands: a host named over `*.` over any host, then the
//! longer path, then methods given over none given. The path decides before the method does: where
//! the most specific path leaves a method out, no shorter one is asked.

use http::Method;

use crate::auth::{AppId, Require};
use crate::proxy::handshake::TokenPlace;
use crate::rate::Rule;
use crate::setting::{self, Size};

mod build;
mod explain;
mod fault;
mod table;
mod target;

pub use explain::Explanation;
pub use fault::{Fault, Wrong};
pub use table::{Miss, Route, Table};
pub use target::{Target, To, is_name};

setting::section! {
    /// One `[[route]]`.
    pub struct Config {
        /// Hosts it answers for, `*.` for every name below one; empty: any.
        host: Vec<String> = Vec::new(),
        /// The path prefix, in whole segments.
        path: String,
        /// Methods it answers; empty: all.
        methods: Vec<Method> = Vec::new(),
        /// How much must be known of the caller.
        require: Require = Require::Login,
        /// Refuse everybody.
        deny: bool = false,
        /// Where requests go: a server's URL, with a path that is put first; or the name of an `[[upstream]]`.
        /// Needed unless `deny`.
        to: Option<String> = None,
        /// A path prefix that is taken off before forwarding; `path` begins with it.
        strip: String = String::new(),
        /// The apps whose users may pass; empty: all.
        apps: Vec<AppId> = Vec::new(),
        /// The largest request body here; `limits.body` where absent.
        body: Option<Size> = None,
        /// How often it may be asked; absent: as often as anybody likes.
        rate: Option<Rule> = None,
        /// Whether a WebSocket may pass; a handshake is a plain request otherwise.
        websocket: bool = true,
        /// Where in a handshake a token may stand beside header and cookie.
        websocket_token: Vec<TokenPlace> = Vec::new(),
    }
    later {
        "response": "a time-out of its own per route",
        "cors": "CORS",
        "identity": "identity fields per route", "set": "request headers per route", "response_set": "response headers per route",
    }
}

#[cfg(test)]
mod tests;
