//! How many requests of a worker are under way in a group, and a short wait for those that find no room.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;

/// The requests of one worker in one group.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// The most at once; 0: no limit.
    most: Cell<u32>,
    inside: Cell<u32>,
    waiting: Cell<u32>,
    freed: Notify,
}

/// One that waits is counted.
struct Waiting<'a>(&'a Gate);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl Gate {
    /// `most` may be inside at once; 0: no limit.
    pub(super) fn lets_in(&self, most: u32) {
        self.most.set(most);
        // There may be room now.
        self.freed.notify_waiters();
    }

    /// Whether one more may come in. Nobody goes past those that wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.get() == 0 && self.is_below()
    }

    fn is_below(&self) -> bool {
        self.most.get() == 0 || self.inside.get() < self.most.get()
    }

    pub(super) fn enter(&self) {
        self.inside.set(self.inside.get() + 1);
    }

    pub(super) fn leave(&self) {
        self.inside.set(self.inside.get() - 1);
        if self.waiting.get() > 0 {
            self.freed.notify_one();
        }
    }

    /// Waits until `enter` comes to something; it is asked whenever somebody has left and there is room. At
    /// most as many wait as are inside, and none longer than `patience`: `None` is the answer to the others.
    pub(super) async fn wait<T>(
        &self,
        patience: Duration,
        mut enter: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if self.waiting.get() >= self.inside.get().max(1) {
            return None;
        }
        self.waiting.set(self.waiting.get() + 1);
        let _counted = Waiting(self);
        let entering = async {
            loop {
                if self.is_below()
                    && let Some(entered) = enter()
                {
                    return entered;
                }
                self.freed.notified().await;
            }
        };
        tokio::time::timeout(patience, entering).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn gate(most: u32) -> Gate {
        let gate = Gate::default();
        gate.lets_in(most);
        gate
    }

    /// Enters where there is room for one.
    fn enter(gate: &Gate) -> Option<u32> {
        gate.is_below().then(|| {
            gate.enter();
            1
        })
    }

    fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn whoever_finds_no_room_waits_for_it_and_nobody_goes_past() {
        let gate = gate(1);
        assert!(gate.has_room());
        gate.enter();
        assert!(!gate.has_room());
        let mut waits = pin!(gate.wait(LONG, || enter(&gate)));
        assert!(poll(waits.as_mut()).is_pending());
        gate.leave();
        assert!(!gate.has_room(), "it is the turn of the one that waits");
        assert_eq!(poll(waits.as_mut()), Poll::Ready(Some(1)));
        assert_eq!((gate.inside.get(), gate.waiting.get()), (1, 0));
    }

    #[tokio::test]
    async fn as_many_wait_as_are_inside_and_one_that_gives_up_is_not_waited_for() {
        let gate = gate(2);
        gate.enter();
        gate.enter();
        let mut first = Box::pin(gate.wait(LONG, || enter(&gate)));
        let mut second = pin!(gate.wait(LONG, || enter(&gate)));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        assert_eq!(
            poll(pin!(gate.wait(LONG, || enter(&gate)))),
            Poll::Ready(None)
        );
        gate.leave();
        // The first was told, and goes: the second is told instead.
        drop(first);
        assert_eq!(poll(second.as_mut()), Poll::Ready(Some(1)));
    }

    #[tokio::test]
    async fn a_wait_in_vain_ends() {
        let gate = gate(1);
        gate.enter();
        let moment = Duration::from_millis(1);
        assert_eq!(gate.wait(moment, || enter(&gate)).await, None);
        assert_eq!((gate.inside.get(), gate.waiting.get()), (1, 0));
    }
}
