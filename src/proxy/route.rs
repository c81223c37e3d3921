//! The route table: host, path and method to the one route that is meant.
//!
//! The most specific route wins, wherever it stands: a host named over `*.` over any host, then the
//! longer path, then methods given over none given. The path decides before the method does: where
//! the most specific path leaves a method out, no shorter one is asked.

use std::time::Duration;

use http::Method;

use crate::auth::{AppId, Require};
use crate::proxy::cors::Page;
use crate::proxy::handshake::TokenPlace;
use crate::proxy::headers::Field;
use crate::rate::Rule;
use crate::setting::{self, HeaderLines, Size};

mod build;
mod explain;
mod extras;
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
        /// From a request to the head of the answer; `timeouts.response` where absent.
        response: Option<Duration> = None,
        /// What of the identity the service gets; the rest is removed all the same.
        identity: Vec<Field> = Field::ALL.to_vec(),
        /// Header lines of requests; an empty one is taken out.
        set: HeaderLines = HeaderLines::default(),
        /// Header lines of answers; an empty one is taken out.
        response_set: HeaderLines = HeaderLines::default(),
        /// The origins whose pages may ask here.
        cors: Vec<Page> = Vec::new(),
        /// How often it may be asked; absent: as often as anybody likes.
        rate: Option<Rule> = None,
        /// Whether a WebSocket may pass; a handshake is a plain request otherwise.
        websocket: bool = true,
        /// Where in a handshake a token may stand beside header and cookie.
        websocket_token: Vec<TokenPlace> = Vec::new(),
    }
}

#[cfg(test)]
mod tests;
