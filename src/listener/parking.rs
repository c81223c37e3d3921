//! A connection without hyper, until there is a head for it: a socket and a deadline.
//!
//! hyper and our handler keep 15 KiB or so for a connection. Before its first byte, and while nothing
//! is under way, none of it is needed.

use std::future::poll_fn;
use std::task::Poll;

use crate::listener::Refusal;
use crate::listener::connection::io::Io;
use crate::listener::connection::state::{Phase, State};
use crate::listener::drain::Drain;

/// How the wait ends.
pub(super) enum Wait {
    /// A whole head has come.
    Head,
    /// It was too long, the peer has gone, or the drain lets it go.
    Over,
    /// What came is no head, or too slow to become one.
    Refused(Refusal),
}

/// Waits for the next head on `io`, which has it then. What comes in pieces is held without hyper, too.
pub(super) async fn wait(io: &mut Io, state: &State, drain: &Drain) -> Wait {
    state.timer().set(state.timeouts().idle);
    poll_fn(|cx| {
        let head = io.poll_free(cx);
        if let Poll::Ready(head) = head {
            return Poll::Ready(if matches!(head, Ok(true)) {
                Wait::Head
            } else {
                Wait::Over
            });
        }
        if let Some(refusal) = state.refused() {
            return Poll::Ready(Wait::Refused(refusal));
        }
        let is_silent = state.phase() == Phase::Idle;
        if is_silent && drain.lets_go() {
            return Poll::Ready(Wait::Over);
        }
        state.timer().poll(cx).map(|()| {
            if is_silent {
                Wait::Over
            } else {
                Wait::Refused(Refusal::RequestTimeout)
            }
        })
    })
    .await
}
