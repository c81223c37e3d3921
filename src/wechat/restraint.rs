//! How much one app asks of `WeChat`: so many calls at once, a queue with an end, and silence for a
//! while after an error that only the operator can mend.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::wechat::errcode::{Api, Error};

/// The restraint of one app.
pub(super) struct Restraint {
    /// Calls under way and waiting.
    places: Semaphore,
    /// Calls under way.
    running: Semaphore,
    pauses: Mutex<HashMap<Api, Pause>>,
}

/// Leave to call, given back on drop.
pub(super) struct Pass<'a> {
    _running: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

struct Pause {
    errcode: i64,
    error: Error,
    period: Duration,
    /// Until then nobody asks.
    until: Instant,
    /// Until then the log has said enough.
    quiet: Instant,
}

impl Restraint {
    /// Lets `concurrency` calls run at once, and as many again wait.
    pub(super) fn new(concurrency: u32) -> Self {
        let running = usize::try_from(concurrency.max(1)).unwrap_or(1);
        let running = running.min(Semaphore::MAX_PERMITS / 2);
        Self {
            places: Semaphore::new(running * 2),
            running: Semaphore::new(running),
            pauses: Mutex::new(HashMap::new()),
        }
    }

    /// Waits for a turn; [`Error::Overloaded`] if the queue is full or the turn does not come by
    /// `deadline`.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<Pass<'_>, Error> {
        let place = self.places.try_acquire().map_err(|_| Error::Overloaded)?;
        let running = timeout_at(deadline, self.running.acquire())
            .await
            .map_err(|_| Error::Overloaded)?
            .map_err(|_| Error::Overloaded)?;
        Ok(Pass {
            _running: running,
            _place: place,
        })
    }

    /// The error to answer with instead of asking. When a pause is over, one caller is let
    /// through to find out, and the others are answered for another period.
    pub(super) fn paused(&self, api: Api, now: Instant) -> Option<Error> {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = pauses.get_mut(&api)?;
        if now < pause.until {
            return Some(pause.error);
        }
        pause.until = now + pause.period;
        None
    }

    /// Begins or prolongs a pause of `seconds`. Whether the log should hear of it: once a period,
    /// and when the error is another one.
    pub(super) fn pause(
        &self,
        api: Api,
        errcode: i64,
        error: Error,
        seconds: u64,
        now: Instant,
    ) -> bool {
        let period = Duration::from_secs(seconds);
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let before = pauses.get(&api);
        let known = before.filter(|pause| pause.errcode == errcode && now < pause.quiet);
        let quiet = known.map_or(now + period, |pause| pause.quiet);
        let news = known.is_none();
        let pause = Pause {
            errcode,
            error,
            period,
            until: now + period,
            quiet,
        };
        pauses.insert(api, pause);
        news
    }

    /// Ends a pause: `WeChat` has taken a call.
    pub(super) fn resume(&self, api: Api) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.remove(&api);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: Api = Api::CodeToSession;

    #[test]
    fn after_an_operators_error_one_caller_a_period_asks() {
        let restraint = Restraint::new(1);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(restraint.paused(API, at(0)), None);
        assert!(restraint.pause(API, 40125, Error::Misconfigured, 10, at(0)));
        assert!(!restraint.pause(API, 40125, Error::Misconfigured, 10, at(1)));
        assert!(restraint.pause(API, 40164, Error::Misconfigured, 10, at(1)));
        assert_eq!(restraint.paused(API, at(10)), Some(Error::Misconfigured));
        assert_eq!(restraint.paused(Api::StableToken, at(10)), None);
        assert_eq!(restraint.paused(API, at(11)), None);
        assert_eq!(restraint.paused(API, at(11)), Some(Error::Misconfigured));
        assert!(restraint.pause(API, 40164, Error::Misconfigured, 10, at(11)));
        restraint.resume(API);
        assert_eq!(restraint.paused(API, at(12)), None);
    }

    #[tokio::test]
    async fn the_queue_has_an_end_and_places_come_back() {
        let restraint = Restraint::new(1);
        let soon = Instant::now() + Duration::from_millis(10);
        let first = restraint.enter(soon).await.ok();
        assert!(first.is_some());
        let late = restraint.enter(soon);
        let waiting = tokio::join!(late, restraint.enter(soon));
        assert!(matches!(waiting.0, Err(Error::Overloaded)));
        assert!(matches!(waiting.1, Err(Error::Overloaded)));
        drop(first);
        assert!(restraint.enter(soon).await.is_ok());
    }
}
