//! What we know of a person: app, openid, unionid, phone.
//!
//! Every value here is fit for a header line: a wrong one cannot be built. Clones share their bytes.

use std::fmt;

use http::HeaderValue;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::auth::crypto;
use crate::setting;

/// What is wrong with a text that should have been one of the values of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not `wx` and 16 hexadecimal digits.
    #[error("an appid is `wx` and 16 hexadecimal digits")]
    AppId,
    /// Empty, longer than 64 characters, or with characters other than letters, digits, `_`, `-`.
    #[error("an openid or unionid has 1 to 64 letters, digits, `_` or `-`")]
    UserId,
    /// Not a phone number as WeChat writes it.
    #[error(
        "a phone number has 1 to 32 digits, with a `+` or `-` at most, and a country code of digits"
    )]
    Phone,
    /// Not base64 of 16 bytes.
    #[error("a session key is base64 of 16 bytes")]
    SessionKey,
}

macro_rules! header_text {
    ($(#[$meta:meta])* $name:ident, $fault:expr, $valid:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(HeaderValue);

        impl $name {
            /// Takes `text` if it has the right form.
            pub fn new(text: &str) -> Result<Self, Malformed> {
                let valid: fn(&str) -> bool = $valid;
                if !valid(text) {
                    return Err($fault);
                }
                HeaderValue::from_str(text).map(Self).map_err(|_| $fault)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                self.0.to_str().unwrap_or_default()
            }

            /// The text as the value of a header; the bytes are shared.
            pub fn header(&self) -> HeaderValue {
                self.0.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

header_text! {
    /// A mini-program's id: `wx` and 16 hexadecimal digits.
    AppId, Malformed::AppId, |text| {
        text.strip_prefix("wx").is_some_and(|rest| {
            rest.len() == 16 && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    }
}

setting::text!(
    AppId,
    "an appid",
    "wx0123456789abcdef",
    |text| AppId::new(text).map_err(|_| {
        "write `wx` and 16 digits or letters a to f, as the mini-program's console shows it"
            .to_owned()
    }),
    AppId::to_string,
    stand_in: AppId::new("wx0000000000000000").ok()
);

header_text! {
    /// One user in one app, as WeChat's `code2Session` names them.
    OpenId, Malformed::UserId, is_user_id
}

header_text! {
    /// One user over all apps of one company.
    UnionId, Malformed::UserId, is_user_id
}

impl fmt::Debug for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person's id is not a secret, but a log is no place for it unless the operator asked.
impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenId(…)")
    }
}

impl fmt::Debug for UnionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnionId(…)")
    }
}

fn is_user_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// A verified phone number, in the three parts that WeChat gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    number: HeaderValue,
    pure: HeaderValue,
    country: HeaderValue,
}

impl Phone {
    /// Takes `phoneNumber`, `purePhoneNumber` and `countryCode` (digits, without `+`).
    pub fn new(number: &str, pure: &str, country: &str) -> Result<Self, Malformed> {
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        let dialled = |text: &str| {
            (1..=32).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b == b'+' || b == b'-')
        };
        if !dialled(number) || !dialled(pure) || !digits(country, 6) {
            return Err(Malformed::Phone);
        }
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Malformed::Phone);
        Ok(Self {
            number: value(number)?,
            pure: value(pure)?,
            country: value(country)?,
        })
    }

    /// As dialled: foreign numbers carry `+` and the country code.
    pub fn number(&self) -> &str {
        self.number.to_str().unwrap_or_default()
    }

    /// Without the country code.
    pub fn pure(&self) -> &str {
        self.pure.to_str().unwrap_or_default()
    }

    /// The country code in digits, without `+`.
    pub fn country(&self) -> &str {
        self.country.to_str().unwrap_or_default()
    }

    /// [`Self::pure`] as the value of a header.
    pub fn pure_header(&self) -> HeaderValue {
        self.pure.clone()
    }

    /// [`Self::country`] as the value of a header.
    pub fn country_header(&self) -> HeaderValue {
        self.country.clone()
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}

/// A person, as far as WeChat has vouched for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The app they signed in with.
    pub appid: AppId,
    /// Who they are in that app.
    pub openid: OpenId,
    /// Who they are in all apps of the company, where WeChat says.
    pub unionid: Option<UnionId>,
    /// Their phone number, once they shared it.
    pub phone: Option<Phone>,
}

/// `WeChat`'s AES key for one user. It never leaves the gateway and is never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SessionKey([u8; 16]);

impl SessionKey {
    /// Takes the base64 text of `code2Session`; anything but 16 bytes is refused, so that no
    /// other AES is ever chosen by length.
    pub fn from_text(text: &str) -> Result<Self, Malformed> {
        let mut bytes = crypto::from_base64(text).ok_or(Malformed::SessionKey)?;
        let key = <[u8; 16]>::try_from(bytes.as_slice()).map_err(|_| Malformed::SessionKey);
        bytes.zeroize();
        key.map(Self)
    }

    /// Takes the 16 bytes themselves.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes: AES's key.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The base64 text: the key of WeChat's signatures. Wiped on drop.
    pub fn text(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(crypto::base64(&self.0))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_ids_cannot_be_built() {
        assert!(AppId::new("wx0123456789abcdef").is_ok());
        for wrong in [
            "",
            "wx",
            "wx0123456789ABCDEF",
            "wx0123456789abcde",
            "qq0123456789abcdef",
        ] {
            assert_eq!(AppId::new(wrong), Err(Malformed::AppId), "{wrong}");
        }
        assert!(OpenId::new("oGZUI0egBJY1zhBYw2KhdUfwVJJE").is_ok());
        for wrong in ["", "a b", "a\r\nb", "é", &"a".repeat(65)] {
            assert_eq!(OpenId::new(wrong), Err(Malformed::UserId), "{wrong}");
        }
    }

    #[test]
    fn a_key_of_24_bytes_is_not_a_session_key() {
        assert!(SessionKey::from_text("tiihtNczf5v6AKRyjwEUhQ==").is_ok());
        for wrong in [
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "",
            "tiihtNczf5v6AKRyjwEUhQ",
        ] {
            assert_eq!(SessionKey::from_text(wrong), Err(Malformed::SessionKey));
        }
    }

    #[test]
    fn nothing_personal_is_printed() {
        let phone = Phone::new("+85251230000", "51230000", "852").unwrap();
        let key = SessionKey::from_bytes([7; 16]);
        let printed = format!("{phone:?} {key:?} {:?}", OpenId::new("oSECRET").unwrap());
        assert_eq!(printed, "Phone(…) SessionKey(…) OpenId(…)");
        assert!(Phone::new("1\r\n2", "1", "86").is_err());
        assert!(Phone::new("1", "1", "+86").is_err());
    }
}
