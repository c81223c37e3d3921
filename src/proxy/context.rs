//! What goes with a request through the six steps, and what is left of it for the log.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;

use crate::auth::{OpenId, UnixSeconds};
use crate::proxy::client_address::Peer;
use crate::proxy::host::Host;
use crate::proxy::trace::RequestId;
use crate::session::Remembered;
use crate::setting::ServerAddress;

/// What a log line tells of a request beside its head.
#[derive(Debug, Default)]
pub struct Trail {
    /// The route's place in the config.
    pub route: Option<usize>,
    /// Which endpoint of ours was called instead, by its place among all.
    pub own: Option<usize>,
    /// Who called, if anybody known.
    pub openid: Option<OpenId>,
    /// Whose request it is, where a proxy that we trust says more than the connection does.
    pub client: Option<IpAddr>,
    /// The server that it was sent to.
    pub upstream: Option<ServerAddress>,
    /// Counts the bytes of the request's body, where there is one.
    pub received: Option<Rc<Cell<u64>>>,
    /// Whether the client sent headers that only we write.
    pub forged: bool,
}

/// What is known of a request beside its lines.
pub struct Context<'a> {
    /// The peer.
    pub peer: &'a Peer,
    /// The last credential of the connection.
    pub remembered: &'a Remembered,
    /// The id of the request.
    pub request_id: RequestId,
    /// For a trace that starts here.
    pub random: [u8; 24],
    /// Its host.
    pub host: &'a Host<'a>,
    /// Its path, normal.
    pub path: &'a str,
    /// The time.
    pub now: UnixSeconds,
}
