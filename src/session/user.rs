//! One person's record: who they are, their session keys, and the sessions that are open.
//!
//! Pure: the time and the random parts are arguments. Deadlines are worked out from the times kept here
//! whenever they are asked for, so a record that nobody sweeps is still never good for too long.

use crate::auth::{
    AppId, Digest, Identity, OpenId, Phone, SessionKey, UnionId, UnixSeconds, crypto,
};

/// How long a token works on after another took its place, in seconds: for requests in flight.
pub const GRACE: UnixSeconds = 30;

/// Session keys remembered: data may have been encrypted before the last change of key.
const KEYS: usize = 3;

/// Tokens in their grace that are remembered: a client that logs in again and again fills no memory.
const GRACES: usize = 16;

/// How long things last, in seconds, and how many sessions a person may have.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Life of the record from the last login, and of a session from its own.
    pub ttl: UnixSeconds,
    /// The longest silence of a session.
    pub idle: UnixSeconds,
    /// Sessions at once; at least one.
    pub per_user: usize,
}

/// What is remembered of one person in one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub(super) identity: Identity,
    /// The last login.
    pub(super) login: UnixSeconds,
    /// Newest first, each with the time of the login that brought it.
    pub(super) keys: Vec<(SessionKey, UnixSeconds)>,
    /// Oldest first.
    pub(super) open: Vec<Open>,
}

/// One open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) digest: Digest,
    pub(super) created: UnixSeconds,
    pub(super) seen: UnixSeconds,
    /// Shared by the sessions that continue one another; less than 2^15.
    pub(super) line: u16,
    /// The end of the grace, once another session took this one's place.
    pub(super) grace: Option<UnixSeconds>,
}

/// A session that is good now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// When it ends whatever happens.
    pub ends: UnixSeconds,
    /// When it was last seen, as far as the record knows.
    pub seen: UnixSeconds,
}

impl Terms {
    /// When a session's use is to be written back: a tenth of `idle` after it was last seen.
    pub fn stale(&self, seen: UnixSeconds) -> UnixSeconds {
        seen.saturating_add((self.idle / 10).max(1))
    }
}

impl Open {
    fn ends(&self, terms: &Terms) -> UnixSeconds {
        let absolute = self.created.saturating_add(terms.ttl);
        self.grace.map_or(absolute, |grace| grace.min(absolute))
    }

    fn is_good(&self, terms: &Terms, now: UnixSeconds) -> bool {
        now < self.ends(terms) && now < self.seen.saturating_add(terms.idle)
    }

    fn found(&self, terms: &Terms) -> Found {
        Found {
            ends: self.ends(terms),
            seen: self.seen,
        }
    }
}

impl User {
    /// Somebody who was not known before.
    pub fn new(appid: AppId, openid: OpenId, now: UnixSeconds) -> Self {
        Self {
            identity: Identity {
                appid,
                openid,
                unionid: None,
                phone: None,
            },
            login: now,
            keys: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Whether the record itself is over: `ttl` after the last login.
    pub fn is_over(&self, terms: &Terms, now: UnixSeconds) -> bool {
        now >= self.login.saturating_add(terms.ttl)
    }

    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Session keys, newest first.
    pub fn keys(&self) -> impl Iterator<Item = &SessionKey> {
        self.keys.iter().map(|(key, _)| key)
    }

    /// Opens a session.
    ///
    /// A still-valid session of `previous` is replaced by the new one and works [`GRACE`] on. Beyond
    /// `per_user` the least recently used session goes, with the same grace.
    pub fn sign_in(
        &mut self,
        unionid: Option<UnionId>,
        key: SessionKey,
        digest: Digest,
        previous: Option<&Digest>,
        terms: &Terms,
        now: UnixSeconds,
    ) -> Found {
        self.forget_dead(terms, now);
        self.login = self.login.max(now);
        if unionid.is_some() {
            self.identity.unionid = unionid;
        }
        self.learn(key, now);
        let line = self.replace(previous, now);
        self.make_room(terms, now);
        let open = Open {
            digest,
            created: now,
            seen: now,
            line: line.unwrap_or_else(|| self.new_line()),
            grace: None,
        };
        let found = open.found(terms);
        self.open.push(open);
        self.forget_graces();
        found
    }

    /// The session of a token. Every digest is compared, each in constant time.
    pub fn find(&self, digest: &Digest, terms: &Terms, now: UnixSeconds) -> Option<Found> {
        let at = self.position(digest)?;
        let open = self.open.get(at)?;
        (!self.is_over(terms, now) && open.is_good(terms, now)).then(|| open.found(terms))
    }

    /// Notes that the session of a token is in use. `false`: there is none.
    pub fn touch(&mut self, digest: &Digest, now: UnixSeconds) -> bool {
        let open = self.position(digest).and_then(|at| self.open.get_mut(at));
        open.is_some_and(|open| {
            open.seen = open.seen.max(now);
            true
        })
    }

    /// Ends the session of a token, and those in their grace whose place it took.
    pub fn sign_out(&mut self, digest: &Digest) {
        if let Some(at) = self.position(digest) {
            self.end_predecessors(at);
            // Those were before it, so look again.
            if let Some(at) = self.position(digest) {
                self.open.remove(at);
            }
        }
    }

    /// Ends all sessions.
    pub fn sign_out_everywhere(&mut self) {
        self.open.clear();
    }

    /// Takes the phone number that was verified last.
    pub fn set_phone(&mut self, phone: Phone) {
        self.identity.phone = Some(phone);
    }

    fn position(&self, digest: &Digest) -> Option<usize> {
        let mut at = None;
        for (n, open) in self.open.iter().enumerate() {
            if crypto::same(&open.digest.0, &digest.0) {
                at = Some(n);
            }
        }
        at
    }

    fn learn(&mut self, key: SessionKey, now: UnixSeconds) {
        // WeChat often answers the key it gave before; pushing that again would lose an older one.
        self.keys.retain(|(known, _)| *known != key);
        self.keys.insert(0, (key, now));
        self.keys.truncate(KEYS);
    }

    /// Sends the session of `previous` into its grace; the answer is the line to continue.
    fn replace(&mut self, previous: Option<&Digest>, now: UnixSeconds) -> Option<u16> {
        let at = self.position(previous?)?;
        let open = self.open.get_mut(at)?;
        // One in its grace already keeps the end it has.
        open.grace.get_or_insert(now.saturating_add(GRACE));
        Some(open.line)
    }

    /// Sends the least recently used sessions into their grace until one more may be opened.
    fn make_room(&mut self, terms: &Terms, now: UnixSeconds) {
        loop {
            let current = || {
                self.open
                    .iter()
                    .enumerate()
                    .filter(|(_, open)| open.grace.is_none())
            };
            if current().count() < terms.per_user {
                return;
            }
            let Some((at, _)) = current().min_by_key(|(at, open)| (open.seen, *at)) else {
                return;
            };
            if let Some(open) = self.open.get_mut(at) {
                open.grace = Some(now.saturating_add(GRACE));
            }
            self.end_predecessors(at);
        }
    }

    /// Ends the sessions in their grace whose place the one at `at` took.
    fn end_predecessors(&mut self, at: usize) {
        let Some(line) = self.open.get(at).map(|open| open.line) else {
            return;
        };
        let mut n = 0;
        self.open.retain(|open| {
            let goes = n < at && open.line == line && open.grace.is_some();
            n += 1;
            !goes
        });
    }

    fn forget_dead(&mut self, terms: &Terms, now: UnixSeconds) {
        self.open.retain(|open| open.is_good(terms, now));
    }

    fn forget_graces(&mut self) {
        let mut extra = self
            .open
            .iter()
            .filter(|open| open.grace.is_some())
            .count()
            .saturating_sub(GRACES);
        self.open.retain(|open| {
            let goes = extra > 0 && open.grace.is_some();
            extra -= usize::from(goes);
            !goes
        });
    }

    fn new_line(&self) -> u16 {
        (0..u16::MAX)
            .find(|line| self.open.iter().all(|open| open.line != *line))
            .unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests;
