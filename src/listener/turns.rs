//! Work that takes turns: one piece of it for each round of the worker's event loop.
//!
//! A handshake costs as much as many requests. A thousand of them that come at once would keep every
//! other connection of the worker waiting until all are done; so between two pieces everybody else
//! gets what is theirs.

use std::rc::Rc;

use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;

/// The turns of one worker.
pub(super) struct Turns {
    free: Rc<Semaphore>,
    spent: Rc<Notify>,
    round: AbortHandle,
}

impl Turns {
    /// Begins, inside a worker's runtime.
    pub(super) fn begin() -> Self {
        let (free, spent) = (Rc::new(Semaphore::new(1)), Rc::new(Notify::new()));
        let round = tokio::task::spawn_local({
            let (free, spent) = (Rc::clone(&free), Rc::clone(&spent));
            async move {
                loop {
                    spent.notified().await;
                    // Comes back when whoever else could go on has done so.
                    tokio::task::yield_now().await;
                    free.add_permits(1);
                }
            }
        });
        Self {
            free,
            spent,
            round: round.abort_handle(),
        }
    }

    /// Waits for a turn, first come, first served: the work is what is done until the next wait.
    pub(super) async fn next(&self) {
        // It is never closed.
        if let Ok(turn) = self.free.acquire().await {
            turn.forget();
            self.spent.notify_one();
        }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.round.abort();
    }
}
