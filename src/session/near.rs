//! What a worker remembers of sessions, so that most requests hash nothing and ask no store.
//!
//! Nothing here outlives a change: every [`Session`] carries a [`Watch`] on its user, which trips as soon
//! as the record has been changed, and a deadline after which the store is asked again.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::auth::{Digest, Identity, Locator, Token, UnixSeconds, crypto};

/// Sessions that one worker remembers: 32 KiB of slots, and at most some 4 MiB of sessions.
const SLOTS: usize = 4096;

/// Users share this many counters of changes. Two users on one counter cost each other a look-up
/// when the other's record changes, nothing else.
const COUNTERS: usize = 1 << 15;

/// Counts the changes of users' records.
///
/// Who reads a record takes a [`Watch`] first and reads then; who changes one writes first and reports the
/// change then. So whoever still got the old record took the watch before the report and sees it trip,
/// and whoever took the watch after the report reads the new record: the report is a release of the
/// write, the watch an acquire. There is no third case, and so a log-out is seen by every worker at once.
pub struct Changes(Box<[AtomicU64]>);

/// Trips when the user's record changes.
#[derive(Clone)]
pub struct Watch {
    changes: Arc<Changes>,
    at: usize,
    count: u64,
}

impl Changes {
    /// Nothing has changed yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect()))
    }

    /// A watch on the user at `locator`; to be taken before the record is read.
    pub fn watch(self: &Arc<Self>, locator: &Locator) -> Watch {
        let at = slot(&locator.0, COUNTERS);
        Watch {
            changes: Arc::clone(self),
            at,
            count: self.count(at),
        }
    }

    /// Trips the watches on the user at `locator`; to be called after the record was written.
    pub fn report(&self, locator: &Locator) {
        if let Some(counter) = self.0.get(slot(&locator.0, COUNTERS)) {
            counter.fetch_add(1, Ordering::Release);
        }
    }

    fn count(&self, at: usize) -> u64 {
        self.0
            .get(at)
            .map_or(0, |counter| counter.load(Ordering::Acquire))
    }
}

impl Watch {
    /// The watch of who took it, changed the record and reported that: only what others report trips it.
    #[must_use]
    pub fn past_own_report(self) -> Self {
        Self {
            count: self.count.wrapping_add(1),
            ..self
        }
    }

    fn is_quiet(&self) -> bool {
        self.changes.count(self.at) == self.count
    }
}

/// The first bytes of a keyed hash or a digest, as a place among `count` (a power of two).
fn slot(hash: &[u8], count: usize) -> usize {
    let first = hash.first_chunk().copied().unwrap_or_default();
    usize::try_from(u32::from_le_bytes(first)).unwrap_or_default() & (count - 1)
}

/// A session that was good when the store was asked.
pub struct Session {
    /// Who it is.
    pub identity: Arc<Identity>,
    pub(super) locator: Locator,
    pub(super) digest: Digest,
    pub(super) ends: UnixSeconds,
    pub(super) fresh: UnixSeconds,
    pub(super) watch: Watch,
}

impl Session {
    /// Whether this may still be believed. If not, ask the store again: the session may have ended, or
    /// the person's record only have changed.
    pub fn is_alive(&self, now: UnixSeconds) -> bool {
        now < self.fresh && now < self.ends && self.watch.is_quiet()
    }

    /// Seconds to the end that no use puts off.
    pub fn expires_in(&self, now: UnixSeconds) -> u64 {
        self.ends.saturating_sub(now)
    }

    /// What tells this session from every other, in every app: for limits and caches.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("identity", &self.identity)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// The sessions that one worker saw last. A newer one takes the place of an older one on its slot.
pub struct Near(RefCell<Box<[Option<Arc<Session>>]>>);

impl Near {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self(RefCell::new(vec![None; SLOTS].into()))
    }

    /// The session of a token, if it is here and may be believed.
    pub fn find(&self, digest: &Digest, now: UnixSeconds) -> Option<Arc<Session>> {
        let slots = self.0.borrow();
        let session = slots.get(slot(&digest.0, SLOTS))?.as_ref()?;
        let is_it = crypto::same(&session.digest.0, &digest.0) && session.is_alive(now);
        is_it.then(|| Arc::clone(session))
    }

    /// Remembers a session.
    pub fn keep(&self, session: &Arc<Session>) {
        if let Some(place) = self.0.borrow_mut().get_mut(slot(&session.digest.0, SLOTS)) {
            *place = Some(Arc::clone(session));
        }
    }
}

impl Default for Near {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Near(…)")
    }
}

/// The credential that a connection showed last, with its session. The token is wiped on drop.
#[derive(Default)]
pub struct Remembered(RefCell<Option<(Token, Arc<Session>)>>);

impl Remembered {
    /// Nothing shown yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The session, if `token_text` is what was shown last and the session may still be believed.
    /// The text is compared in constant time.
    pub fn recall(&self, token_text: &[u8], now: UnixSeconds) -> Option<Arc<Session>> {
        let last = self.0.borrow();
        let (token, session) = last.as_ref()?;
        let is_it = crypto::same(token.as_bytes(), token_text) && session.is_alive(now);
        is_it.then(|| Arc::clone(session))
    }

    /// Remembers what was just found good.
    pub fn remember(&self, token: &Token, session: Arc<Session>) {
        *self.0.borrow_mut() = Some((token.clone(), session));
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AppId, OpenId};

    fn session(changes: &Arc<Changes>, digest: Digest) -> Arc<Session> {
        let locator = Locator([3; 16]);
        Arc::new(Session {
            identity: Arc::new(Identity {
                appid: AppId::new("wx0123456789abcdef").unwrap(),
                openid: OpenId::new("o1").unwrap(),
                unionid: None,
                phone: None,
            }),
            locator,
            digest,
            ends: 100,
            fresh: 60,
            watch: changes.watch(&locator),
        })
    }

    #[test]
    fn a_near_session_ends_with_its_deadline_and_with_any_change() {
        let changes = Changes::new();
        let near = Near::new();
        let digest = Digest([1; 32]);
        assert!(near.find(&digest, 0).is_none());
        near.keep(&session(&changes, digest));
        assert!(near.find(&digest, 59).is_some());
        assert!(near.find(&digest, 60).is_none());
        assert!(near.find(&Digest([2; 32]), 0).is_none());
        changes.report(&Locator([4; 16]));
        assert!(near.find(&digest, 0).is_some());
        changes.report(&Locator([3; 16]));
        assert!(near.find(&digest, 0).is_none());
    }

    #[test]
    fn two_tokens_on_one_slot_are_never_taken_for_each_other() {
        let changes = Changes::new();
        let near = Near::new();
        let (one, mut two) = (Digest([1; 32]), Digest([1; 32]));
        two.0[31] = 2;
        near.keep(&session(&changes, one));
        assert!(near.find(&two, 0).is_none());
        near.keep(&session(&changes, two));
        assert!(near.find(&one, 0).is_none());
        assert_eq!(near.find(&two, 0).unwrap().digest(), two);
    }

    #[test]
    fn a_connection_recalls_its_last_credential_and_no_other() {
        let changes = Changes::new();
        let last = Remembered::new();
        let token = Token::mint(Locator([3; 16]), &[5; 32]);
        let other = Token::mint(Locator([3; 16]), &[6; 32]);
        assert!(last.recall(token.as_bytes(), 0).is_none());
        last.remember(&token, session(&changes, token.digest()));
        assert!(last.recall(token.as_bytes(), 0).is_some());
        assert!(last.recall(other.as_bytes(), 0).is_none());
        assert!(last.recall(&token.as_bytes()[..67], 0).is_none());
        assert!(last.recall(token.as_bytes(), 60).is_none());
        changes.report(&Locator([3; 16]));
        assert!(last.recall(token.as_bytes(), 0).is_none());
        assert!(!format!("{last:?}").contains("wxg_"));
    }
}
