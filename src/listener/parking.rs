//! An idle connection without hyper: a socket and a deadline.
//!
//! hyper and our handler keep 15 KiB or so for a connection. Before its first byte, and while nothing
//! is under way, none of it is needed.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use crate::listener::connection::io::Io;
use crate::listener::connection::state::State;

/// Waits for the next bytes on `io`, which has them then. `false`: the wait is over, because it was too
/// long, the peer has gone, or we are draining.
pub(super) async fn wait(io: &mut Io, state: &State, draining: &Cell<bool>) -> bool {
    state.timer().set(state.timeouts().idle);
    poll_fn(|cx| {
        if draining.get() || state.timer().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        io.fetch(cx).map(|came| came.is_ok() && io.has_prefix())
    })
    .await
}
