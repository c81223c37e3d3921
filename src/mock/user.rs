//! The people the mock knows, and the session keys that WeChat gave them.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::auth::crypto;

/// Session keys kept for data that was encrypted before a change.
const KEYS_KEPT: usize = 16;

/// A WeChat user, as a test or a developer wishes them to be.
#[derive(Clone)]
pub struct User {
    /// Who they are in one app.
    pub openid: String,
    /// Who they are in all apps of the company, if the app is bound to an Open Platform account.
    pub unionid: Option<String>,
    /// What their next login answers as `session_key`, unchecked; `None`: 16 random bytes.
    pub session_key: Option<String>,
    /// `purePhoneNumber`: their number without the country code.
    pub phone: String,
    /// `countryCode`: digits, without `+`.
    pub country: String,
    /// `nickName`, `gender` and so on: what `rawData` holds.
    pub profile: Map<String, Value>,
}

impl User {
    /// A user without unionid, with a Chinese number that follows from `openid` and the profile that
    /// WeChat gives everybody since 2022.
    pub fn new(openid: impl Into<String>) -> Self {
        let openid = openid.into();
        let digits: String = crypto::sha256(openid.as_bytes())
            .iter()
            .take(8)
            .map(|byte| char::from(b'0' + byte % 10))
            .collect();
        let mut profile = Map::new();
        for (name, value) in [
            ("nickName", json!("微信用户")),
            ("gender", json!(0)),
            ("language", json!("zh_CN")),
            ("city", json!("")),
            ("province", json!("")),
            ("country", json!("")),
            (
                "avatarUrl",
                json!(
                    "https://thirdwx.qlogo.cn/mmopen/vi_32/POgEwh4mIHO4nibH0KlMECNjjGxQUq24ZEaGT4poC6icRiccVGKSyXwibcPq4BWmiaIGuG1icwxaQX6grC9VemZoJ8rg/132"
                ),
            ),
        ] {
            profile.insert(name.to_owned(), value);
        }
        Self {
            openid,
            unionid: None,
            session_key: None,
            phone: format!("138{digits}"),
            country: "86".to_owned(),
            profile,
        }
    }

    /// `phoneNumber`: foreign numbers carry `+` and the country code.
    pub fn dialled(&self) -> String {
        if self.country == "86" {
            self.phone.clone()
        } else {
            format!("+{}{}", self.country, self.phone)
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(…)")
    }
}

/// A user's session keys, newest first, as base64 texts.
#[derive(Default)]
pub(super) struct Keys {
    texts: Vec<String>,
    /// Whether a login has answered the newest one.
    handed_out: bool,
}

impl Keys {
    /// Makes `text` the current key; the next login answers it.
    pub(super) fn replace(&mut self, text: String) {
        self.handed_out = false;
        if self.texts.first() != Some(&text) {
            self.texts.insert(0, text);
            self.texts.truncate(KEYS_KEPT);
        }
    }

    /// Whether a login should get a new key, if logins rotate.
    pub(super) fn was_handed_out(&self) -> bool {
        self.handed_out
    }

    /// Notes that a login answered the current key.
    pub(super) fn hand_out(&mut self) {
        self.handed_out = true;
    }

    /// The key that was current `back` changes ago.
    pub(super) fn back(&self, back: usize) -> Option<&str> {
        self.texts.get(back).map(String::as_str)
    }
}

/// A user and what WeChat remembers of them.
pub(super) struct Person {
    pub(super) user: User,
    pub(super) keys: Keys,
    /// The app of the last login.
    pub(super) appid: Option<String>,
}

impl Person {
    pub(super) fn new(user: User) -> Self {
        let mut keys = Keys::default();
        if let Some(key) = &user.session_key {
            keys.replace(key.clone());
        }
        Self {
            user,
            keys,
            appid: None,
        }
    }

    /// Takes over what `user` says; the keys so far become former ones if it names another.
    pub(super) fn become_user(&mut self, user: User) {
        if let Some(key) = &user.session_key {
            self.keys.replace(key.clone());
        }
        self.user = user;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_numbers_are_dialled_with_their_country() {
        let mut user = User::new("oAlice");
        assert_eq!(user.dialled(), user.phone);
        user.phone = "51230000".to_owned();
        user.country = "852".to_owned();
        assert_eq!(user.dialled(), "+85251230000");
        assert_ne!(User::new("oAlice").phone, User::new("oBob").phone);
    }

    #[test]
    fn a_replaced_key_becomes_a_former_one_and_is_handed_out_next() {
        let mut keys = Keys::default();
        keys.replace("one".to_owned());
        keys.hand_out();
        keys.replace("two".to_owned());
        assert!(!keys.was_handed_out());
        assert_eq!((keys.back(0), keys.back(1)), (Some("two"), Some("one")));
        assert_eq!(keys.back(2), None);
    }
}
