//! What our client shows us: a token, where it stands in a request, and how it is taken apart.
//!
//! A token is `wxg_` and base64url of a 16-byte locator and 32 random bytes. The locator says whose
//! record to open; the SHA-256 of the token says whether it is one of that record's sessions.

use std::fmt;

use http::{HeaderMap, HeaderName};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::auth::{AppId, OpenId, crypto};

/// Begins every token of ours and nothing else's.
pub const PREFIX: &[u8] = b"wxg_";

/// Characters of a token.
pub const TOKEN_LENGTH: usize = 68;

/// Where a user's record is found: a keyed hash of app and openid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator(pub [u8; 16]);

impl Locator {
    /// The locator of (`appid`, `openid`) under `secret` (`session.secret`).
    pub fn of(secret: &[u8], appid: &AppId, openid: &OpenId) -> Self {
        let mut message = Vec::with_capacity(96);
        message.extend_from_slice(b"wxgate locator\0");
        message.extend_from_slice(appid.as_str().as_bytes());
        message.push(0);
        message.extend_from_slice(openid.as_str().as_bytes());
        let mut locator = [0; 16];
        for (to, from) in locator
            .iter_mut()
            .zip(crypto::hmac_sha256(secret, &message))
        {
            *to = from;
        }
        Self(locator)
    }
}

/// SHA-256 of a token: all that stores, snapshots and logs ever hold of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// A well-formed token. Its text is wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; TOKEN_LENGTH]);

impl Token {
    /// A new token for the user at `locator`; `random` must come from the system's generator.
    pub fn mint(locator: Locator, random: &[u8; 32]) -> Self {
        let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(48));
        bytes.extend_from_slice(&locator.0);
        bytes.extend_from_slice(random);
        let body = zeroize::Zeroizing::new(crypto::base64url(&bytes));
        let mut text = [0; TOKEN_LENGTH];
        for (to, from) in text.iter_mut().zip(PREFIX.iter().chain(body.as_bytes())) {
            *to = *from;
        }
        Self(text)
    }

    /// Reads a token; `None` if `text` does not have a token's form.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = <[u8; TOKEN_LENGTH]>::try_from(text).ok()?;
        let body = text.strip_prefix(PREFIX)?;
        body.iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
            .then_some(Self(text))
    }

    /// The text that the client keeps.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text as bytes.
    pub fn as_bytes(&self) -> &[u8; TOKEN_LENGTH] {
        &self.0
    }

    /// Whose record to open.
    pub fn locator(&self) -> Locator {
        // 22 characters carry the 16 bytes and four bits of what follows.
        let mut head = [0; 16];
        let decoded = self
            .0
            .get(4..28)
            .and_then(crypto::from_base64url)
            .unwrap_or_default();
        for (to, from) in head.iter_mut().zip(decoded) {
            *to = from;
        }
        Locator(head)
    }

    /// What is compared and kept in its place.
    pub fn digest(&self) -> Digest {
        Digest(crypto::sha256(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What a request shows of ours.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Nothing that begins like ours.
    Missing,
    /// Something that begins like ours and is not a token.
    Malformed,
    /// A well-formed token; whether it is good, the session store says.
    Token(Token),
}

impl Credential {
    /// Reads a bare token.
    pub fn from_text(text: &[u8]) -> Self {
        if !text.starts_with(PREFIX) {
            return Self::Missing;
        }
        Token::parse(text).map_or(Self::Malformed, Self::Token)
    }
}

/// What stands in a header's value without `Bearer` (any case; RFC 9110 §11.1) before it. A client that
/// keeps its token with the scheme sends the scheme twice: that is ours as well, and not forwarded.
pub fn bare(value: &[u8]) -> &[u8] {
    let mut value = value.trim_ascii();
    while let Some((scheme, rest @ [b' ' | b'\t', ..])) = value.split_at_checked(6)
        && scheme.eq_ignore_ascii_case(b"bearer")
    {
        value = rest.trim_ascii_start();
    }
    value
}

/// Where in a request our credential stands (`session.header`, `session.cookie`).
#[derive(Debug, Clone)]
pub struct Carrier {
    header: HeaderName,
    cookie: Option<String>,
}

/// A credential's text in a request. It begins like ours; more is not known of it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The text: `wxg_` and what follows.
    pub text: &'a [u8],
    /// It came in the cookie, which browsers send by themselves.
    pub by_cookie: bool,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(…)")
    }
}

impl Carrier {
    /// A credential comes in `header`, or in `cookie` where that has a name.
    pub fn new(header: HeaderName, cookie: Option<String>) -> Self {
        Self { header, cookie }
    }

    /// The header.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The cookie's whole name.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Finds what a request shows of ours; the header goes before the cookie.
    pub fn find<'a>(&self, headers: &'a HeaderMap) -> Option<Shown<'a>> {
        let in_header = headers
            .get_all(&self.header)
            .iter()
            .map(|value| bare(value.as_bytes()));
        if let Some(text) = in_header.into_iter().find(|text| text.starts_with(PREFIX)) {
            return Some(Shown {
                text,
                by_cookie: false,
            });
        }
        let name = self.cookie.as_deref()?;
        headers
            .get_all(http::header::COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|crumb| {
                crumb
                    .trim_ascii()
                    .strip_prefix(name.as_bytes())?
                    .strip_prefix(b"=")
            })
            .find(|text| text.starts_with(PREFIX))
            .map(|text| Shown {
                text,
                by_cookie: true,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_found_where_it_may_stand() {
        let ours = token();
        let both = Carrier::new(
            http::header::AUTHORIZATION,
            Some("__Host-wxgate".to_owned()),
        );
        let mut headers = HeaderMap::new();
        assert!(both.find(&headers).is_none());
        headers.append(
            "cookie",
            format!("a=b; __Host-wxgate={}; c=d", ours.as_str())
                .parse()
                .unwrap(),
        );
        let shown = both.find(&headers).unwrap();
        assert_eq!((shown.text, shown.by_cookie), (&ours.as_bytes()[..], true));
        headers.append("authorization", "Basic abc".parse().unwrap());
        headers.append(
            "authorization",
            format!("bearer {}", ours.as_str()).parse().unwrap(),
        );
        assert!(!both.find(&headers).unwrap().by_cookie);
        headers.remove("authorization");
        assert!(
            Carrier::new(http::header::AUTHORIZATION, None)
                .find(&headers)
                .is_none()
        );
    }

    fn token() -> Token {
        Token::mint(Locator([9; 16]), &[5; 32])
    }

    #[test]
    fn a_token_leads_back_to_its_record() {
        let minted = token();
        assert_eq!(minted.as_str().len(), TOKEN_LENGTH);
        let read = Token::parse(minted.as_bytes()).unwrap();
        assert_eq!(read.locator(), Locator([9; 16]));
        assert_eq!(read.digest(), minted.digest());
    }

    #[test]
    fn only_what_begins_like_ours_is_ours() {
        let ours = token();
        for scheme in ["Bearer ", "bearer ", "BEARER  ", "", "Bearer Bearer "] {
            let value = format!("{scheme}{}", ours.as_str());
            assert!(
                matches!(
                    Credential::from_text(bare(value.as_bytes())),
                    Credential::Token(_)
                ),
                "{scheme}"
            );
        }
        for foreign in [
            "Bearer eyJhbGciOi",
            "Basic d3hnXw==",
            "",
            "Bearer",
            "Wxg_x",
            "Bearer Bearer",
        ] {
            let read = Credential::from_text(bare(foreign.as_bytes()));
            assert!(matches!(read, Credential::Missing), "{foreign}");
        }
        for damaged in [
            "Bearer wxg_",
            "wxg_short",
            &format!("Bearer {}x", ours.as_str()),
        ] {
            assert!(
                matches!(
                    Credential::from_text(bare(damaged.as_bytes())),
                    Credential::Malformed
                ),
                "{damaged}"
            );
        }
    }

    #[test]
    fn a_locator_depends_on_secret_app_and_user() {
        let app = |text| AppId::new(text).unwrap();
        let user = |text| OpenId::new(text).unwrap();
        let one = Locator::of(b"s", &app("wx0123456789abcdef"), &user("o1"));
        assert_eq!(
            one,
            Locator::of(b"s", &app("wx0123456789abcdef"), &user("o1"))
        );
        assert_ne!(
            one,
            Locator::of(b"t", &app("wx0123456789abcdef"), &user("o1"))
        );
        assert_ne!(
            one,
            Locator::of(b"s", &app("wx0123456789abcdee"), &user("o1"))
        );
        assert_ne!(
            one,
            Locator::of(b"s", &app("wx0123456789abcdef"), &user("o2"))
        );
    }
}
