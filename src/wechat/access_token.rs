//! An app's access token: fetched once for all who need it, early, and kept while it is good.
//!
//! `WeChat` gives every caller of `stable_token` the same token and rotates it in its last five
//! minutes, in which old and new both work; so replicas need not agree on anything.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::auth::crypto;
use crate::wechat::errcode::Error;

/// The longest life that `WeChat` gives.
const LONGEST_LIFE: Duration = Duration::from_secs(7200);

/// Seconds before its end when a token is fetched again at the latest …
const LEAD: u64 = 60;

/// … and how many more there may be, so that many gateways do not ask at once.
const JITTER: u64 = 180;

/// After an early fetch that failed.
const AGAIN: Duration = Duration::from_secs(10);

/// Characters of the longest token that is taken.
const LONGEST: usize = 2048;

/// What is shown to `WeChat`. Not printed, wiped on drop.
#[derive(Clone)]
pub(super) struct Token(Arc<Zeroizing<String>>);

impl Token {
    /// Takes a text that is fit for a query.
    pub(super) fn new(text: Zeroizing<String>) -> Option<Self> {
        let fit = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fit.then(|| Self(Arc::new(text)))
    }

    /// The text itself.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        crypto::same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token as it was fetched.
pub(super) struct Fresh {
    /// The token.
    pub(super) token: Token,
    /// When it was asked for.
    pub(super) asked: Instant,
    /// How long it lives from then.
    pub(super) life: Duration,
}

/// The token of one app.
pub(super) struct AccessToken {
    state: Mutex<State>,
    /// Held by whoever fetches.
    turn: Semaphore,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Fetches that have ended, well or not.
    ended: u64,
    /// How the last one failed.
    failure: Option<Error>,
}

struct Held {
    token: Token,
    refresh: Instant,
    end: Instant,
}

/// What is at hand.
#[derive(Debug, PartialEq)]
pub(super) enum Stock {
    /// A good token.
    Good(Token),
    /// A good token, and who hears this must fetch the next one, on the side.
    Ageing(Token),
    /// Nothing that is good.
    Empty,
}

impl AccessToken {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    /// What is at hand, other than a token that `WeChat` `refused`.
    pub(super) fn stock(&self, refused: Option<&Token>, now: Instant) -> Stock {
        let mut state = self.state();
        let Some(held) = state.held.as_mut() else {
            return Stock::Empty;
        };
        if now >= held.end || refused == Some(&held.token) {
            return Stock::Empty;
        }
        if now < held.refresh {
            return Stock::Good(held.token.clone());
        }
        held.refresh = now + AGAIN;
        Stock::Ageing(held.token.clone())
    }

    /// Fetches, or waits for the fetch that is under way and shares what it brings, be it an
    /// error. `seen` is [`Self::ended`] from before the need was found.
    pub(super) async fn obtain(
        &self,
        seen: u64,
        deadline: Instant,
        fetch: impl Future<Output = Result<Fresh, Error>>,
    ) -> Result<Token, Error> {
        let turn = timeout_at(deadline, self.turn.acquire())
            .await
            .map_err(|_| Error::Timeout)?
            .map_err(|_| Error::Failed)?;
        if let Some(shared) = self.since(seen) {
            return shared;
        }
        self.run(turn, fetch).await
    }

    /// Fetches unless somebody does. A failure leaves the token at hand as it is.
    pub(super) async fn renew(&self, fetch: impl Future<Output = Result<Fresh, Error>>) {
        if let Ok(turn) = self.turn.try_acquire() {
            let _ = self.run(turn, fetch).await;
        }
    }

    /// Counts the fetches that have ended.
    pub(super) fn ended(&self) -> u64 {
        self.state().ended
    }

    async fn run(
        &self,
        _turn: SemaphorePermit<'_>,
        fetch: impl Future<Output = Result<Fresh, Error>>,
    ) -> Result<Token, Error> {
        let fetched = fetch.await;
        let mut state = self.state();
        state.ended += 1;
        match fetched {
            Ok(fresh) => {
                let token = fresh.token.clone();
                state.held = Some(Held::from(fresh));
                state.failure = None;
                Ok(token)
            }
            Err(error) => {
                state.failure = Some(error);
                Err(error)
            }
        }
    }

    /// What the last fetch brought, if one has ended since `seen`.
    fn since(&self, seen: u64) -> Option<Result<Token, Error>> {
        let state = self.state();
        if state.ended == seen {
            return None;
        }
        match (state.failure, &state.held) {
            (Some(error), _) => Some(Err(error)),
            (None, held) => held.as_ref().map(|held| Ok(held.token.clone())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Fresh> for Held {
    fn from(fresh: Fresh) -> Self {
        let life = fresh.life.min(LONGEST_LIFE);
        let jitter = u64::from(getrandom::u32().unwrap_or_default()) % JITTER;
        let lead = Duration::from_secs(LEAD + jitter).min(life / 2);
        Self {
            token: fresh.token,
            refresh: fresh.asked + life.saturating_sub(lead),
            end: fresh.asked + life,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    fn fresh(text: &str, asked: Instant, seconds: u64) -> Fresh {
        Fresh {
            token: token(text),
            asked,
            life: Duration::from_secs(seconds),
        }
    }

    async fn holding(life: u64, start: Instant) -> AccessToken {
        let access = AccessToken::new();
        let later = Instant::now() + Duration::from_secs(5);
        let first = async { Ok(fresh("one", start, life)) };
        assert_eq!(access.obtain(0, later, first).await, Ok(token("one")));
        access
    }

    #[tokio::test]
    async fn a_token_is_fetched_again_in_its_last_minutes_and_by_one_caller() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let access = holding(7200, start).await;
        assert_eq!(access.stock(None, at(6959)), Stock::Good(token("one")));
        assert_eq!(access.stock(None, at(7140)), Stock::Ageing(token("one")));
        assert_eq!(access.stock(None, at(7141)), Stock::Good(token("one")));
        assert_eq!(access.stock(None, at(7150)), Stock::Ageing(token("one")));
        assert_eq!(access.stock(None, at(7200)), Stock::Empty);
    }

    #[tokio::test]
    async fn an_early_fetch_that_fails_leaves_the_token_in_use() {
        let start = Instant::now();
        let access = holding(7200, start).await;
        access.renew(async { Err(Error::Timeout) }).await;
        assert_eq!(access.stock(None, start), Stock::Good(token("one")));
        access.renew(async { Ok(fresh("two", start, 300)) }).await;
        assert_eq!(access.stock(None, start), Stock::Good(token("two")));
    }

    #[tokio::test]
    async fn a_refused_token_is_not_at_hand_and_another_one_is() {
        let start = Instant::now();
        let access = holding(7200, start).await;
        assert_eq!(access.stock(Some(&token("one")), start), Stock::Empty);
        assert_eq!(
            access.stock(Some(&token("nil")), start),
            Stock::Good(token("one"))
        );
    }

    #[test]
    fn tokens_are_fit_for_a_query_and_never_printed() {
        assert_eq!(format!("{:?}", token("secret")), "Token(…)");
        for wrong in ["", "a b", "a\n", "é", &"a".repeat(LONGEST + 1)] {
            assert!(Token::new(Zeroizing::new(wrong.to_owned())).is_none());
        }
    }
}
