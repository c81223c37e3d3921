//! One call for all who ask the same, and its result for those who ask again.
//!
//! A call runs to its end in a task of its own, whoever has hung up meanwhile. What is kept is bounded in
//! time and number; what is under way is bounded by whoever does the work.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::auth::UnixSeconds;

/// What makes two calls the same: a digest over what they ask, and of which kind they are.
pub(super) type Key = [u8; 32];

/// Calls under way and results kept. Clones share them.
#[derive(Clone)]
pub(super) struct Flights<V> {
    state: Arc<Mutex<State<V>>>,
    /// Seconds for which a result is kept.
    kept: UnixSeconds,
    /// Results kept at most.
    most: usize,
}

struct State<V> {
    flights: HashMap<Key, Flight<V>>,
    /// Those that landed, in that order, with the time when they are forgotten.
    landed: VecDeque<(UnixSeconds, Key)>,
}

enum Flight<V> {
    Aloft(watch::Receiver<Option<V>>),
    Landed(V),
}

impl<V: Clone + Send + Sync + 'static> Flights<V> {
    pub(super) fn new(kept: UnixSeconds, most: usize) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                flights: HashMap::new(),
                landed: VecDeque::new(),
            })),
            kept,
            most,
        }
    }

    /// What `work` comes to, or came to for somebody who asked the same. A result that `keeps` says no to is
    /// told to those who wait and not kept. `None`: the work panicked. Needs a tokio runtime.
    pub(super) async fn fly(
        &self,
        key: Key,
        now: UnixSeconds,
        keeps: fn(&V) -> bool,
        work: impl Future<Output = V> + Send + 'static,
    ) -> Option<V> {
        let mut result = {
            let mut state = lock(&self.state);
            state.forget(now, self.most);
            match state.flights.get(&key) {
                Some(Flight::Landed(value)) => return Some(value.clone()),
                Some(Flight::Aloft(result)) => result.clone(),
                None => {
                    let (tell, result) = watch::channel(None);
                    state.flights.insert(key, Flight::Aloft(result.clone()));
                    let runway = Runway {
                        state: Arc::clone(&self.state),
                        key,
                    };
                    let until = now.saturating_add(self.kept);
                    tokio::spawn(async move {
                        let value = work.await;
                        runway.land(&value, keeps(&value).then_some(until));
                        tell.send_replace(Some(value));
                    });
                    result
                }
            }
        };
        let landed = result.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

impl<V> State<V> {
    fn forget(&mut self, now: UnixSeconds, most: usize) {
        while let Some((until, key)) = self.landed.front().copied() {
            if until > now && self.landed.len() < most {
                return;
            }
            self.landed.pop_front();
            self.flights.remove(&key);
        }
    }
}

/// Where a flight comes down; if it crashes, nobody waits for it.
struct Runway<V> {
    state: Arc<Mutex<State<V>>>,
    key: Key,
}

impl<V: Clone> Runway<V> {
    fn land(&self, value: &V, until: Option<UnixSeconds>) {
        let mut state = lock(&self.state);
        if let Some(until) = until {
            state
                .flights
                .insert(self.key, Flight::Landed(value.clone()));
            state.landed.push_back((until, self.key));
        }
    }
}

impl<V> Drop for Runway<V> {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(Flight::Aloft(_)) = state.flights.get(&self.key) {
            state.flights.remove(&self.key);
        }
    }
}

fn lock<V>(state: &Mutex<State<V>>) -> MutexGuard<'_, State<V>> {
    // Nothing that can panic happens in mid-change.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    type Word = Result<u32, &'static str>;

    fn counted(count: &Arc<AtomicU32>, word: Word) -> impl Future<Output = Word> + Send + 'static {
        let count = Arc::clone(count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            word
        }
    }

    #[tokio::test]
    async fn equal_calls_share_one_flight_and_its_result_is_kept() {
        let flights = Flights::new(300, 10);
        let count = Arc::new(AtomicU32::new(0));
        let ask = |key, now| flights.fly([key; 32], now, Result::is_ok, counted(&count, Ok(7)));
        let (one, two, other) = tokio::join!(ask(1, 0), ask(1, 0), ask(2, 0));
        assert_eq!((one, two, other), (Some(Ok(7)), Some(Ok(7)), Some(Ok(7))));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert_eq!(ask(1, 299).await, Some(Ok(7)));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        ask(1, 300).await;
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn who_hangs_up_loses_nothing() {
        let flights = Flights::new(300, 10);
        let count = Arc::new(AtomicU32::new(0));
        let ask = || flights.fly([1; 32], 0, Result::is_ok, counted(&count, Ok(7)));
        {
            let mut gone = Box::pin(ask());
            let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(gone.as_mut().poll(cx)));
            assert!(poll.await.is_pending());
        }
        assert_eq!(ask().await, Some(Ok(7)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_error_is_told_and_not_kept() {
        let flights = Flights::new(300, 10);
        let count = Arc::new(AtomicU32::new(0));
        let ask = |word| flights.fly([1; 32], 0, Result::is_ok, counted(&count, word));
        assert_eq!(ask(Err("busy")).await, Some(Err("busy")));
        assert_eq!(ask(Ok(7)).await, Some(Ok(7)));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_crash_leaves_nobody_waiting() {
        let flights = Flights::<Word>::new(300, 10);
        let crash = async { panic!("on purpose") };
        assert_eq!(flights.fly([1; 32], 0, Result::is_ok, crash).await, None);
        let again = flights.fly([1; 32], 0, Result::is_ok, async { Ok(7) });
        assert_eq!(again.await, Some(Ok(7)));
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let flights = Flights::<Word>::new(300, 10);
        for key in 0..100 {
            flights
                .fly([key; 32], 0, Result::is_ok, async { Ok(7) })
                .await;
        }
        let state = lock(&flights.state);
        assert!(state.flights.len() <= 10 && state.landed.len() <= 10);
    }
}
