//! Access tokens as `stable_token` gives them: one for everybody, replaced in its last five minutes.

use std::collections::HashMap;

use crate::auth::UnixSeconds;

/// Seconds before its end in which a token is replaced, and seconds that the old one lives on.
pub(super) const OVERLAP: u64 = 300;

/// Forced refreshes a day, and the seconds between two.
const FORCED_A_DAY: usize = 20;
const FORCED_APART: u64 = 30;

/// `invalid credential`: WeChat never gave this token, or took it back.
const UNKNOWN: i64 = 40001;
/// `access_token expired`.
const EXPIRED: i64 = 42001;
/// The day's quota is used up.
const DAY_QUOTA: i64 = 45009;
/// Too many calls just now.
const TOO_OFTEN: i64 = 45011;

struct Token {
    appid: String,
    expires: UnixSeconds,
}

/// All tokens, expired ones too.
pub(super) struct Tokens {
    given: HashMap<String, Token>,
    current: HashMap<String, String>,
    forced: HashMap<String, Vec<UnixSeconds>>,
    life: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            given: HashMap::new(),
            current: HashMap::new(),
            forced: HashMap::new(),
            life: 7200,
        }
    }
}

impl Tokens {
    /// The token of `appid` and the seconds that remain: the one given before, or `fresh`.
    pub(super) fn stable(&mut self, appid: &str, fresh: String, now: UnixSeconds) -> (String, u64) {
        if let Some(text) = self.current.get(appid)
            && let Some(token) = self.given.get(text)
            && token.expires > now + OVERLAP
        {
            return (text.clone(), token.expires - now);
        }
        self.rotate(appid, fresh, now)
    }

    /// Gives `fresh` and ends the old token at once, within WeChat's quota for that.
    pub(super) fn forced(
        &mut self,
        appid: &str,
        fresh: String,
        now: UnixSeconds,
    ) -> Result<(String, u64), i64> {
        let before = self.forced.entry(appid.to_owned()).or_default();
        before.retain(|at| at + 86_400 > now);
        if before.len() >= FORCED_A_DAY {
            return Err(DAY_QUOTA);
        }
        if before.last().is_some_and(|at| at + FORCED_APART > now) {
            return Err(TOO_OFTEN);
        }
        before.push(now);
        self.revoke(appid);
        Ok(self.rotate(appid, fresh, now))
    }

    /// Gives `fresh`; the old token works five minutes more.
    pub(super) fn rotate(&mut self, appid: &str, fresh: String, now: UnixSeconds) -> (String, u64) {
        let old = self.current.insert(appid.to_owned(), fresh.clone());
        if let Some(token) = old.and_then(|text| self.given.get_mut(&text))
            && token.expires > now
        {
            token.expires = now + OVERLAP;
        }
        let token = Token {
            appid: appid.to_owned(),
            expires: now + self.life,
        };
        self.given.insert(fresh.clone(), token);
        (fresh, self.life)
    }

    /// Whose token `text` is, or WeChat's errcode.
    pub(super) fn check(&self, text: &str, now: UnixSeconds) -> Result<&str, i64> {
        let token = self.given.get(text).ok_or(UNKNOWN)?;
        if token.expires <= now {
            return Err(EXPIRED);
        }
        Ok(&token.appid)
    }

    /// Makes all tokens of `appid` expired: 42001.
    pub(super) fn expire(&mut self, appid: &str) {
        self.current.remove(appid);
        for token in self.given.values_mut() {
            if token.appid == appid {
                token.expires = 0;
            }
        }
    }

    /// Forgets all tokens of `appid`: 40001.
    pub(super) fn revoke(&mut self, appid: &str) {
        self.current.remove(appid);
        self.given.retain(|_, token| token.appid != appid);
    }

    /// Seconds that tokens live from now on.
    pub(super) fn live(&mut self, seconds: u64) {
        self.life = seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "wx0123456789abcdef";

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn everybody_gets_the_same_token_until_its_last_five_minutes() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.stable(APP, text("a"), 0), (text("a"), 7200));
        assert_eq!(tokens.stable(APP, text("b"), 6899), (text("a"), 301));
        assert_eq!(tokens.stable(APP, text("c"), 6900), (text("c"), 7200));
        assert_eq!(tokens.check("a", 7199), Ok(APP));
        assert_eq!(tokens.check("c", 7199), Ok(APP));
        assert_eq!(tokens.check("a", 7200), Err(EXPIRED));
        assert_eq!(tokens.check("never", 0), Err(UNKNOWN));
    }

    #[test]
    fn a_forced_refresh_ends_the_old_token_and_is_rationed() {
        let mut tokens = Tokens::default();
        tokens.stable(APP, text("a"), 0);
        assert!(tokens.forced(APP, text("b"), 0).is_ok());
        assert_eq!(tokens.check("a", 0), Err(UNKNOWN));
        assert_eq!(tokens.forced(APP, text("c"), 29), Err(TOO_OFTEN));
        for n in 1..20 {
            assert!(tokens.forced(APP, n.to_string(), n * 30).is_ok(), "{n}");
        }
        assert_eq!(tokens.forced(APP, text("d"), 4000), Err(DAY_QUOTA));
        assert!(tokens.forced(APP, text("e"), 90_000).is_ok());
    }

    #[test]
    fn tokens_are_expired_and_revoked_by_app() {
        let mut tokens = Tokens::default();
        tokens.stable(APP, text("a"), 0);
        tokens.stable("wx1", text("b"), 0);
        tokens.expire(APP);
        assert_eq!(tokens.check("a", 0), Err(EXPIRED));
        tokens.revoke(APP);
        assert_eq!(tokens.check("a", 0), Err(UNKNOWN));
        assert_eq!(tokens.check("b", 0), Ok("wx1"));
        tokens.live(400);
        assert_eq!(tokens.stable(APP, text("c"), 0), (text("c"), 400));
    }
}
