//! The codes that `wx.login` and the phone button hand out: each works once, for five minutes.

use std::collections::HashMap;

use crate::auth::UnixSeconds;

/// Seconds that a code lives.
pub(super) const CODE_LIFE: u64 = 300;

/// What a code is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Login,
    Phone,
}

/// A code that was handed out.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) purpose: Purpose,
    pub(super) openid: String,
    /// The only app that it works for; `None`: any.
    pub(super) appid: Option<String>,
    /// What the login with it answers as `session_key`.
    pub(super) session_key: Option<String>,
    pub(super) born: UnixSeconds,
}

/// Why a code was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// Nobody minted it.
    Unknown,
    /// Expired, or made for something else.
    Bad,
    /// Another app's.
    OtherApp,
    /// It worked once.
    Used,
}

/// All codes, used ones too.
#[derive(Default)]
pub(super) struct Codes(HashMap<String, (Code, bool)>);

impl Codes {
    /// Keeps `code` under `text`.
    pub(super) fn mint(&mut self, text: String, code: Code) {
        self.0.insert(text, (code, false));
    }

    /// Looks at a code without using it up.
    pub(super) fn look(
        &self,
        text: &str,
        purpose: Purpose,
        appid: &str,
        now: UnixSeconds,
    ) -> Result<&Code, Rejected> {
        let (code, used) = self.0.get(text).ok_or(Rejected::Unknown)?;
        if code.purpose != purpose || now >= code.born + CODE_LIFE {
            return Err(Rejected::Bad);
        }
        if code.appid.as_deref().is_some_and(|only| only != appid) {
            return Err(Rejected::OtherApp);
        }
        if *used {
            return Err(Rejected::Used);
        }
        Ok(code)
    }

    /// Uses a code up.
    pub(super) fn spend(&mut self, text: &str) {
        if let Some((_, used)) = self.0.get_mut(text) {
            *used = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "wx0123456789abcdef";

    #[test]
    fn a_code_works_once_for_its_purpose_its_app_and_five_minutes() {
        let mut codes = Codes::default();
        let code = Code {
            purpose: Purpose::Login,
            openid: "oAlice".to_owned(),
            appid: Some(APP.to_owned()),
            session_key: None,
            born: 1000,
        };
        codes.mint("c".to_owned(), code);
        let look =
            |codes: &Codes, text, purpose, app, now| codes.look(text, purpose, app, now).err();

        assert_eq!(look(&codes, "c", Purpose::Login, APP, 1299), None);
        for (text, purpose, app, now, why) in [
            ("d", Purpose::Login, APP, 1000, Rejected::Unknown),
            ("c", Purpose::Phone, APP, 1000, Rejected::Bad),
            ("c", Purpose::Login, APP, 1300, Rejected::Bad),
            ("c", Purpose::Login, "wx", 1000, Rejected::OtherApp),
        ] {
            assert_eq!(look(&codes, text, purpose, app, now), Some(why));
        }
        codes.spend("c");
        assert_eq!(
            look(&codes, "c", Purpose::Login, APP, 1000),
            Some(Rejected::Used)
        );
    }
}
