//! Open data: what `WeChat` encrypts or signs under a user's session key.
//!
//! Lengths are checked first; whatever does not come out whole is one error, [`Error::WrongKey`],
//! because padding alone proves nothing: every 255th wrong key gives a valid one. There is no MAC:
//! who knows the session key can forge all of this. Pure.

use std::borrow::Cow;
use std::fmt;

use aes::Aes128;
use aes::cipher::{Block, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::auth::{AppId, Phone, SessionKey, UnixSeconds, crypto};

/// Bytes of an AES block, of an AES-128 key and of an `iv`.
const BLOCK: usize = 16;

/// Why open data could not be opened. Holds nothing of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The input itself is wrong; no key would help.
    #[error("{0}")]
    Damaged(Damage),
    /// This key does not open it. All wrong keys end here, and nothing tells them apart.
    #[error("this session key does not open the data")]
    WrongKey,
}

/// What is wrong with the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {fault}")]
pub struct Damage {
    /// Where.
    pub field: Field,
    /// What.
    pub fault: Fault,
}

/// A part of open data, by the name that the mini-program gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `encryptedData`
    EncryptedData,
    /// `iv`
    Iv,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EncryptedData => "encryptedData",
            Self::Iv => "iv",
        })
    }
}

/// What can be wrong with a part of open data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not standard base64, from the character `at` (counted from 0) on.
    #[error("is not base64 (character {})", at + 1)]
    NotBase64 {
        /// The first character that does not belong there.
        at: usize,
    },
    /// Base64 of a wrong number of bytes.
    #[error("has {bytes} bytes, which cannot be")]
    Length {
        /// How many there are.
        bytes: usize,
    },
}

/// One decrypted JSON object. Not printed, for it may hold a phone number.
#[derive(Clone, PartialEq)]
pub struct OpenData(Map<String, Value>);

/// For which app, and when, `WeChat` made open data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The app's id as written; empty if the watermark has none.
    pub appid: String,
    /// The time of the user's action; 0 if the watermark has none.
    pub timestamp: UnixSeconds,
}

impl Watermark {
    /// Whether the data was made for `appid`.
    pub fn is_for(&self, appid: &AppId) -> bool {
        self.appid == appid.as_str()
    }
}

impl OpenData {
    /// The watermark; `None` only where there is none at all. One with parts missing fits no app
    /// and is as old as can be.
    pub fn watermark(&self) -> Option<Watermark> {
        watermark(&self.0)
    }

    /// The user's id, which a profile may name.
    pub fn openid(&self) -> Option<&str> {
        self.0.get("openId").and_then(Value::as_str)
    }

    /// The phone number, if this is one.
    pub fn phone(&self) -> Option<Phone> {
        phone(&self.0)
    }

    /// All of it.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All of it, to be changed.
    pub fn into_fields(self) -> Map<String, Value> {
        self.0
    }
}

impl fmt::Debug for OpenData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenData(…)")
    }
}

/// Decrypts open data (AES-128-CBC, PKCS#7 with blocks of 16). A space is read as `+`, because
/// decoders of forms and queries turn one into the other.
pub fn open(key: &SessionKey, encrypted_data: &str, iv: &str) -> Result<OpenData, Error> {
    let damaged = |field, fault| Error::Damaged(Damage { field, fault });
    let iv = decode(iv).map_err(|fault| damaged(Field::Iv, fault))?;
    let iv: [u8; BLOCK] = iv.as_slice().try_into().map_err(|_| {
        let bytes = iv.len();
        damaged(Field::Iv, Fault::Length { bytes })
    })?;
    let mut text = decode(encrypted_data).map_err(|fault| damaged(Field::EncryptedData, fault))?;
    if text.is_empty() || !text.len().is_multiple_of(BLOCK) {
        let bytes = text.len();
        return Err(damaged(Field::EncryptedData, Fault::Length { bytes }));
    }
    let mut cipher = cbc::Decryptor::<Aes128>::new(key.bytes().into(), &iv.into());
    for chunk in text.as_chunks_mut::<BLOCK>().0 {
        let mut block = Block::<Aes128>::from(*chunk);
        cipher.decrypt_block(&mut block);
        *chunk = block.into();
    }
    let text = without_padding(&text).ok_or(Error::WrongKey)?;
    let text = str::from_utf8(text).map_err(|_| Error::WrongKey)?;
    serde_json::from_str(text)
        .map(OpenData)
        .map_err(|_| Error::WrongKey)
}

/// Encrypts as `WeChat` does; base64. For the mock and for tests.
pub fn seal(key: &SessionKey, iv: &[u8; 16], plaintext: &[u8]) -> String {
    let pad = BLOCK - plaintext.len() % BLOCK;
    let mut text = Zeroizing::new(plaintext.to_vec());
    text.resize(plaintext.len() + pad, u8::try_from(pad).unwrap_or_default());
    let mut cipher = cbc::Encryptor::<Aes128>::new(key.bytes().into(), iv.into());
    for chunk in text.as_chunks_mut::<BLOCK>().0 {
        let mut block = Block::<Aes128>::from(*chunk);
        cipher.encrypt_block(&mut block);
        *chunk = block.into();
    }
    crypto::base64(&text)
}

/// `signature` as `wx.getUserInfo` gives it: hex SHA-1 of `raw_data` and the key's base64 text.
pub fn signature(raw_data: &str, key: &SessionKey) -> String {
    crypto::hex(&crypto::sha1(&[raw_data.as_bytes(), key.text().as_bytes()]))
}

/// Whether `signature` is the one of `raw_data` under `key`; hex in any case.
pub fn signature_fits(raw_data: &str, signature: &str, key: &SessionKey) -> bool {
    let expected = self::signature(raw_data, key);
    crypto::same(
        expected.as_bytes(),
        signature.to_ascii_lowercase().as_bytes(),
    )
}

/// The user's login state signature: hex HMAC-SHA256 of `message` under the key's base64 **text**.
pub fn user_signature(message: &[u8], key: &SessionKey) -> String {
    crypto::hex(&crypto::hmac_sha256(key.text().as_bytes(), message))
}

/// The watermark of `fields`, as [`OpenData::watermark`] has it.
pub fn watermark(fields: &Map<String, Value>) -> Option<Watermark> {
    let watermark = fields.get("watermark")?;
    let timestamp = watermark.get("timestamp").and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    });
    let appid = watermark.get("appid").and_then(Value::as_str);
    Some(Watermark {
        appid: appid.unwrap_or_default().to_owned(),
        timestamp: timestamp.unwrap_or_default(),
    })
}

/// The phone number that `fields` hold, be it open data or `phone_info` of `getuserphonenumber`;
/// there `countryCode` may be a number.
pub fn phone(fields: &Map<String, Value>) -> Option<Phone> {
    let text = |name| fields.get(name).and_then(Value::as_str);
    let country = match fields.get("countryCode")? {
        Value::String(text) => Cow::Borrowed(text.trim_start_matches('+')),
        Value::Number(number) => Cow::Owned(number.to_string()),
        _ => return None,
    };
    Phone::new(text("phoneNumber")?, text("purePhoneNumber")?, &country).ok()
}

/// The bytes of base64 that may have lost its `+`. Wiped on drop, for they will be decrypted in place.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mended = if text.contains(' ') {
        Cow::Owned(text.replace(' ', "+"))
    } else {
        Cow::Borrowed(text)
    };
    match STANDARD.decode(mended.as_bytes()) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(_) => Err(Fault::NotBase64 {
            at: first_foreign(&mended),
        }),
    }
}

/// Where base64 stops being base64, in characters; its end, if something is missing there.
fn first_foreign(text: &str) -> usize {
    let data = text.trim_end_matches('=');
    data.chars()
        .position(|c| !(c.is_ascii_alphanumeric() || c == '+' || c == '/'))
        .unwrap_or_else(|| text.chars().count())
}

/// `text` without its PKCS#7 padding, every byte of which must be right.
fn without_padding(text: &[u8]) -> Option<&[u8]> {
    let pad = usize::from(*text.last()?);
    if pad == 0 || pad > BLOCK {
        return None;
    }
    let (text, padding) = text.split_at_checked(text.len().checked_sub(pad)?)?;
    padding
        .iter()
        .all(|byte| usize::from(*byte) == pad)
        .then_some(text)
}

#[cfg(test)]
mod tests;
