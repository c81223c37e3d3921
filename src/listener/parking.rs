//! An idle connection without hyper: a socket and a deadline.
//!
//! hyper keeps 10 to 18 KiB for a connection. While nothing is under way none of it is needed.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use tokio::net::TcpStream;

use crate::listener::connection::state::State;

/// Waits for the next byte on `stream`. `false`: the wait is over, because it was too long, the peer
/// has gone, or we are draining.
pub(super) async fn wait(stream: &TcpStream, state: &State, draining: &Cell<bool>) -> bool {
    state.timer().set(state.timeouts().idle);
    let came = poll_fn(|cx| {
        if draining.get() || state.timer().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        stream.poll_read_ready(cx).map(|ready| ready.is_ok())
    })
    .await;
    if came {
        // The first byte starts the head's own deadline; until it is read, this one holds.
        state.timer().set(state.timeouts().header);
    }
    came
}
