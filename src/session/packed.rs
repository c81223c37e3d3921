//! A user's record as bytes: what stores hold.
//!
//! One allocation a user, wiped on drop, because it holds session keys. Times are seconds in 32 bits
//! (until 2106). The first byte is the version of the form; a record of another form is not read. An
//! openid is base64url in all but name and an appid hexadecimal, so both are kept as the bytes they spell.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use crate::auth::crypto::{base64url, from_base64url};
use crate::auth::{AppId, Digest, Identity, OpenId, Phone, SessionKey, UnionId, UnixSeconds};
use crate::session::user::{Open, User};

/// The version of the form that is written.
const VERSION: u8 = 1;

/// Most bytes of an open session.
const OPEN: usize = 46;

/// Says that a text is kept as the bytes that it spells in base64url; the other bits are their number.
const SPELT: u8 = 0x80;

/// Says that a session is in its grace and its end follows; the other bits are the line.
const IN_GRACE: u16 = 0x8000;

/// A record as bytes, shared and wiped with its last owner.
#[derive(Clone)]
pub struct Packed(Arc<Wiped<[u8]>>);

impl Packed {
    /// The record's bytes; zeros may follow.
    pub fn bytes(&self) -> &[u8] {
        &self.0.0
    }

    /// The time of the last login, without reading the rest. `None`: these bytes are no record.
    pub fn login(&self) -> Option<UnixSeconds> {
        let mut input = Input(self.bytes());
        (input.byte()? == VERSION).then(|| input.time())?
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Packed(…)")
    }
}

/// Bytes that are wiped on drop, in the allocation of the `Arc` around them.
struct Wiped<T: Zeroize + ?Sized>(T);

impl<T: Zeroize + ?Sized> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Copies `bytes` into the smallest of some sizes: a type of its own that is wiped can only be made from
/// an array. With the counters of the `Arc` (16 bytes) these are sizes in which allocators deal.
fn fit(bytes: &[u8]) -> Option<Packed> {
    macro_rules! sizes {
        ($($size:literal)*) => {
            $(if bytes.len() <= $size {
                let mut array = Wiped([0_u8; $size]);
                for (to, from) in array.0.iter_mut().zip(bytes) {
                    *to = *from;
                }
                return Some(Packed(Arc::new(array)));
            })*
        };
    }
    sizes!(112 144 176 208 240 304 368 432 496 624 752 880 1008 2032 4080 8176 16_368);
    None
}

impl User {
    /// The record as bytes. `None`: it is larger than any record can be.
    pub fn pack(&self) -> Option<Packed> {
        let mut out = Zeroizing::new(Vec::with_capacity(256 + OPEN * self.open.len()));
        out.push(VERSION);
        time(&mut out, self.login);
        let appid = self.identity.appid.as_str().strip_prefix("wx")?;
        out.extend_from_slice(&u64::from_str_radix(appid, 16).ok()?.to_le_bytes());
        id(&mut out, self.identity.openid.as_str());
        let unionid = self.identity.unionid.as_ref();
        id(&mut out, unionid.map_or("", UnionId::as_str));
        phone(&mut out, self.identity.phone.as_ref());
        out.push(u8::try_from(self.keys.len()).ok()?);
        for (key, at) in &self.keys {
            out.extend_from_slice(key.bytes());
            time(&mut out, *at);
        }
        out.extend_from_slice(&u16::try_from(self.open.len()).ok()?.to_le_bytes());
        for open in &self.open {
            out.extend_from_slice(&open.digest.0);
            time(&mut out, open.created);
            time(&mut out, open.seen);
            let flag = open.grace.map_or(0, |_| IN_GRACE);
            out.extend_from_slice(&(open.line & !IN_GRACE | flag).to_le_bytes());
            if let Some(end) = open.grace {
                time(&mut out, end);
            }
        }
        fit(&out)
    }

    /// Reads a record. `None`: these bytes are not one.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        if input.byte()? != VERSION {
            return None;
        }
        let login = input.time()?;
        let identity = Identity {
            appid: AppId::new(&format!("wx{:016x}", u64::from_le_bytes(input.array()?))).ok()?,
            openid: OpenId::new(&input.id()?).ok()?,
            unionid: match &*input.id()? {
                "" => None,
                text => Some(UnionId::new(text).ok()?),
            },
            phone: input.phone()?,
        };
        let mut keys = Vec::new();
        for _ in 0..input.byte()? {
            let key = SessionKey::from_bytes(input.array()?);
            keys.push((key, input.time()?));
        }
        let mut open = Vec::new();
        for _ in 0..u16::from_le_bytes(input.array()?) {
            open.push(input.open()?);
        }
        Some(Self {
            identity,
            login,
            keys,
            open,
        })
    }
}

fn time(out: &mut Vec<u8>, at: UnixSeconds) {
    out.extend_from_slice(&u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
}

/// An openid or unionid. Those of real users have 28 characters, which are 21 bytes.
fn id(out: &mut Vec<u8>, id: &str) {
    let spelt = (id.len() == 28).then(|| from_base64url(id.as_bytes()));
    match spelt.flatten() {
        Some(bytes) => {
            out.push(SPELT | u8::try_from(bytes.len()).unwrap_or(0));
            out.extend_from_slice(&bytes);
        }
        None => text(out, id),
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    // All texts here are shorter than 65 bytes by their types.
    out.push(u8::try_from(text.len()).unwrap_or(0));
    out.extend_from_slice(text.as_bytes());
}

/// Number, pure number (empty when it is the same) and country; no phone is one empty text.
fn phone(out: &mut Vec<u8>, phone: Option<&Phone>) {
    let Some(phone) = phone else {
        return text(out, "");
    };
    text(out, phone.number());
    let pure = phone.pure();
    text(out, if pure == phone.number() { "" } else { pure });
    text(out, phone.country());
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn time(&mut self) -> Option<UnixSeconds> {
        self.array().map(|bytes| u32::from_le_bytes(bytes).into())
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.byte()?;
        str::from_utf8(self.take(length.into())?).ok()
    }

    fn id(&mut self) -> Option<Cow<'a, str>> {
        match self.0.first()? {
            length if length & SPELT == 0 => self.text().map(Cow::Borrowed),
            length => {
                let length = length & !SPELT;
                self.byte()?;
                self.take(length.into()).map(|b| Cow::Owned(base64url(b)))
            }
        }
    }

    fn open(&mut self) -> Option<Open> {
        let digest = Digest(self.array()?);
        let created = self.time()?;
        let seen = self.time()?;
        let line = u16::from_le_bytes(self.array()?);
        let grace = if line & IN_GRACE == 0 {
            None
        } else {
            Some(self.time()?)
        };
        Some(Open {
            digest,
            created,
            seen,
            line: line & !IN_GRACE,
            grace,
        })
    }

    /// The outer `None`: not a record.
    #[expect(
        clippy::option_option,
        reason = "one says damaged, the other says none"
    )]
    fn phone(&mut self) -> Option<Option<Phone>> {
        let number = self.text()?;
        if number.is_empty() {
            return Some(None);
        }
        let pure = match self.text()? {
            "" => number,
            pure => pure,
        };
        Phone::new(number, pure, self.text()?).ok().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(sessions: usize) -> User {
        let mut user = User::new(
            AppId::new("wx0123456789abcdef").unwrap(),
            OpenId::new("oGZUI0egBJY1zhBYw2KhdUfwVJJE").unwrap(),
            5,
        );
        user.identity.unionid = UnionId::new("ocMvos6NjeKLIBqg5Mr9QjxrP1FA").ok();
        user.keys = vec![(SessionKey::from_bytes([7; 16]), 5)];
        user.open = (0..sessions)
            .map(|n| Open {
                digest: Digest([u8::try_from(n % 256).unwrap(); 32]),
                created: 5,
                seen: 6,
                line: u16::try_from(n).unwrap(),
                grace: (n % 2 == 1).then_some(40),
            })
            .collect();
        user
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for phone in [
            None,
            Some(("13580006666", "13580006666", "86")),
            Some(("+85251230000", "51230000", "852")),
        ] {
            for sessions in [0, 1, 2, 271] {
                let mut user = user(sessions);
                if sessions == 2 {
                    // Not as long as real ones are.
                    user.identity.openid = OpenId::new("o1").unwrap();
                    user.identity.unionid = None;
                }
                user.identity.phone = phone.map(|(n, p, c)| Phone::new(n, p, c).unwrap());
                let packed = user.pack().unwrap();
                assert_eq!(User::unpack(packed.bytes()), Some(user));
            }
        }
    }

    #[test]
    fn a_usual_record_takes_160_bytes() {
        let mut user = user(1);
        user.identity.phone = Phone::new("13580006666", "13580006666", "86").ok();
        assert!(user.pack().unwrap().bytes().len() <= 160 - 16);
    }

    #[test]
    fn what_is_cut_short_is_no_record() {
        let packed = user(2).pack().unwrap();
        let whole = packed.bytes();
        let mut shortest = 0;
        for length in 0..whole.len() {
            if User::unpack(&whole[..length]).is_some() {
                shortest = length;
                break;
            }
        }
        // Only the zeros after the record may be missing.
        assert!(shortest > 150, "{shortest}");
        assert!(whole[shortest..].iter().all(|byte| *byte == 0));
        let mut other = whole.to_vec();
        other[0] = VERSION + 1;
        assert_eq!(User::unpack(&other), None);
    }

    #[test]
    fn a_record_never_prints_its_keys() {
        assert_eq!(format!("{:?}", user(1).pack().unwrap()), "Packed(…)");
    }
}
