//! One request's panic is a 500 and a log line; the worker and its other connections live on (R28).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// What `work` comes to, or `None` where it panicked. The panic itself is logged by the process's
/// panic hook.
pub(super) async fn unpanicking<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|cx| {
        // SECURITY: the future is never polled again after a panic, so nothing half-done is seen.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
