//! Remember, find, renew, forget: what is kept of a person between requests.
//!
//! One record a user, found by the locator in the token; a session is good if the token's SHA-256 is among
//! the record's. No token is kept here, and a change of a record is seen by every worker at once.

mod config;
pub mod memory;
pub mod near;
pub mod packed;
pub mod snapshot;
pub mod user;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use crate::auth::{
    AppId, Digest, Identity, Locator, OpenId, Phone, SessionKey, Token, UnionId, UnixSeconds,
};
use crate::session::memory::Memory;
use crate::session::near::{Changes, Watch};
use crate::session::user::{Found, Terms, User};

pub use config::{Config, Store};
pub use near::{Near, Remembered, Session};

/// How long a worker believes what the store said, in seconds. It bounds how stale the store's own idea of
/// who was used last can be.
const BELIEVED: UnixSeconds = 60;

/// Why a session could not be asked for or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store does not answer. Nothing is known of the session, and nothing was forgotten.
    #[error("the session store is unavailable")]
    Unavailable,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// What a login brings from WeChat: `code2Session`.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The app that the code was for.
    pub appid: AppId,
    /// Who it is.
    pub openid: OpenId,
    /// Who it is in all apps of the company, where WeChat says.
    pub unionid: Option<UnionId>,
    /// The key that data is encrypted with from now on.
    pub key: SessionKey,
}

/// A session just opened.
#[derive(Debug)]
pub struct SignedIn {
    /// What the client shows from now on. This is the only copy.
    pub token: Token,
    /// The session.
    pub session: Arc<Session>,
    /// Seconds to its end.
    pub expires_in: u64,
}

/// All that is remembered of persons. Clones share it.
///
/// The calls wait for nothing as long as sessions are kept in this process.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

struct Shared {
    secret: Zeroizing<Vec<u8>>,
    terms: ArcSwap<Terms>,
    memory: Memory,
    changes: Arc<Changes>,
}

#[expect(
    clippy::unused_async,
    reason = "callers must be ready to wait: a store may be another machine"
)]
impl Sessions {
    /// An empty store.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let secret = match &config.secret {
            Some(secret) => Zeroizing::new(secret.expose().as_bytes().to_vec()),
            None => Zeroizing::new(random()?.to_vec()),
        };
        let Store::Memory = config.store;
        Ok(Self(Arc::new(Shared {
            secret,
            terms: ArcSwap::from_pointee(config.terms()),
            memory: Memory::new(config.capacity),
            changes: Changes::new(),
        })))
    }

    /// From now on sessions last as long as `config` says, also those that are open.
    pub fn renew_terms(&self, config: &Config) {
        self.0.terms.store(Arc::new(config.terms()));
    }

    /// A worker's own memory of the sessions that it saw last.
    pub fn near(&self) -> Near {
        Near::new()
    }

    /// Users remembered now.
    pub fn users(&self) -> u64 {
        self.0.memory.count()
    }

    /// The session of a token, as a worker asks: from `near` if it is there.
    ///
    /// `None` for a token that is unknown, has expired or was revoked; one cannot tell which.
    pub async fn find(
        &self,
        near: &Near,
        token: &Token,
        now: UnixSeconds,
    ) -> Result<Option<Arc<Session>>, Error> {
        let digest = token.digest();
        if let Some(session) = near.find(&digest, now) {
            return Ok(Some(session));
        }
        let found = self.0.read(token.locator(), digest, now);
        if let Some(session) = &found {
            near.keep(session);
        }
        Ok(found)
    }

    /// The session of a token, asked of the store.
    pub async fn look_up(
        &self,
        token: &Token,
        now: UnixSeconds,
    ) -> Result<Option<Arc<Session>>, Error> {
        Ok(self.0.read(token.locator(), token.digest(), now))
    }

    /// A session that may not be believed any more, asked of the store again. `None`: it has ended.
    pub async fn renew(
        &self,
        session: &Session,
        now: UnixSeconds,
    ) -> Result<Option<Arc<Session>>, Error> {
        Ok(self.0.read(session.locator, session.digest, now))
    }

    /// Opens a session. A still-valid one of `previous`, the same person's in the same app, is replaced: its
    /// token works 30 seconds more.
    pub async fn sign_in(
        &self,
        sign_in: SignIn,
        previous: Option<&Token>,
        now: UnixSeconds,
    ) -> Result<SignedIn, Error> {
        let SignIn {
            appid,
            openid,
            unionid,
            key,
        } = sign_in;
        let shared = &*self.0;
        let terms = shared.terms();
        let locator = Locator::of(&shared.secret, &appid, &openid);
        let token = Token::mint(locator, &*random()?);
        let digest = token.digest();
        let previous = previous
            .filter(|token| token.locator() == locator)
            .map(Token::digest);
        let ((found, identity), watch) = shared.change(locator, |user| {
            let mut user = user
                .filter(|user| !user.is_over(&terms, now))
                .unwrap_or_else(|| User::new(appid, openid, now));
            let found = user.sign_in(unionid, key, digest, previous.as_ref(), &terms, now);
            let identity = user.identity().clone();
            (Some(user), (found, identity))
        })?;
        // A newcomer may have pushed somebody out.
        shared.memory.settle();
        let session = shared.session(identity, locator, digest, found, watch, now);
        Ok(SignedIn {
            token,
            expires_in: session.expires_in(now),
            session,
        })
    }

    /// Remembers a verified phone number with its person: all their sessions see it.
    pub async fn set_phone(
        &self,
        session: &Session,
        phone: Phone,
        now: UnixSeconds,
    ) -> Result<(), Error> {
        self.0
            .change_known(session, now, |user| user.set_phone(phone))
    }

    /// The person's session keys, newest first; none when their record is gone.
    pub async fn keys(
        &self,
        session: &Session,
        now: UnixSeconds,
    ) -> Result<Vec<SessionKey>, Error> {
        let shared = &*self.0;
        let terms = shared.terms();
        Ok(shared
            .memory
            .read(&session.locator)
            .filter(|user| !user.is_over(&terms, now))
            .map(|user| user.keys().cloned().collect())
            .unwrap_or_default())
    }

    /// Ends a session and those whose place it took, or all sessions of the person. Every worker sees it at once.
    pub async fn sign_out(
        &self,
        session: &Session,
        everywhere: bool,
        now: UnixSeconds,
    ) -> Result<(), Error> {
        self.0.change_known(session, now, |user| {
            if everywhere {
                user.sign_out_everywhere();
            } else {
                user.sign_out(&session.digest);
            }
        })
    }

    /// Writes all that is remembered to the file at `path`, sealed under `session.secret`; how many users.
    pub fn write_snapshot(&self, path: &Path, now: UnixSeconds) -> Result<u64, snapshot::Error> {
        let shared = &*self.0;
        let records = shared.memory.records(shared.terms(), now);
        snapshot::write(path, &shared.secret, records)
    }

    /// Remembers what the file at `path` holds, and removes the file; how many users. `None`: there is no
    /// file. After an error nothing is remembered. For a start, before the first request.
    pub fn take_snapshot(&self, path: &Path) -> Result<Option<u64>, snapshot::Error> {
        let shared = &*self.0;
        let taken = snapshot::take(path, &shared.secret, |locator, packed| {
            shared.memory.put(locator, packed);
        });
        if taken.is_err() {
            shared.memory.clear();
        }
        shared.memory.settle();
        taken
    }

    /// Removes some of the records that are over: one step of a few milliseconds at most.
    pub fn sweep(&self, now: UnixSeconds) {
        self.0.memory.sweep(self.0.terms(), now);
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions(…)")
    }
}

impl Shared {
    fn terms(&self) -> Terms {
        **self.terms.load()
    }

    fn read(&self, locator: Locator, digest: Digest, now: UnixSeconds) -> Option<Arc<Session>> {
        // Before the record: see `Changes`.
        let watch = self.changes.watch(&locator);
        let user = self.memory.read(&locator)?;
        let terms = self.terms();
        let mut found = user.find(&digest, &terms, now)?;
        if now >= terms.stale(found.seen) {
            found.seen = now;
            // Nobody needs to be told: this takes nothing away from anyone.
            self.memory.change(locator, |user| {
                let touched = user.and_then(|mut user| user.touch(&digest, now).then_some(user));
                (touched, ())
            });
        }
        let identity = user.identity().clone();
        Some(self.session(identity, locator, digest, found, watch, now))
    }

    /// Changes a record and lets everybody know. The watch trips with the next change after this one.
    fn change<T>(
        &self,
        locator: Locator,
        change: impl FnOnce(Option<User>) -> (Option<User>, T),
    ) -> Result<(T, Watch), Error> {
        let watch = self.changes.watch(&locator);
        let answer = self.memory.change(locator, change);
        // After the record: see `Changes`.
        self.changes.report(&locator);
        let answer = answer.ok_or(Error::Unavailable)?;
        Ok((answer, watch.past_own_report()))
    }

    /// Changes the record of a session's person, if it is still there.
    fn change_known(
        &self,
        session: &Session,
        now: UnixSeconds,
        change: impl FnOnce(&mut User),
    ) -> Result<(), Error> {
        let terms = self.terms();
        self.change(session.locator, |user| {
            let mut user = user.filter(|user| !user.is_over(&terms, now));
            if let Some(user) = &mut user {
                change(user);
            }
            (user, ())
        })?;
        Ok(())
    }

    fn session(
        &self,
        identity: Identity,
        locator: Locator,
        digest: Digest,
        found: Found,
        watch: Watch,
        now: UnixSeconds,
    ) -> Arc<Session> {
        let believed = now.saturating_add(BELIEVED);
        Arc::new(Session {
            identity: Arc::new(identity),
            locator,
            digest,
            ends: found.ends,
            fresh: self.terms().stale(found.seen).min(believed),
            watch,
        })
    }
}

fn random() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
