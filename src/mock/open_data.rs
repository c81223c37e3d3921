//! Open data as the client gets it: `encryptedData` and `iv`, or `rawData` and `signature`.

use serde_json::{Map, Value, json};

use crate::auth::{SessionKey, UnixSeconds, crypto};
use crate::mock::User;
use crate::wechat::decrypt;

/// Why something could not be encrypted or signed as ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The user had fewer session keys than that.
    #[error("the user had no session key so many changes ago")]
    NoSuchKey,
    /// The session key is no base64 of 16 bytes, so that AES-128 cannot use it.
    #[error("the session key is not base64 of 16 bytes")]
    NotAKey,
}

/// What is encrypted.
#[derive(Clone)]
pub enum Kind {
    /// What the phone button gives: the user's number.
    Phone,
    /// What `wx.getUserInfo` gives: the profile with openId and, where known, unionId.
    Profile,
    /// What `wx.getUserProfile` gives: the profile alone.
    ProfileAlone,
    /// What `wx.getWeRunData` gives: steps of the last days.
    Steps,
    /// What `wx.getGroupEnterInfo` gives: `openGId`.
    Group,
    /// Any other object.
    Json(Map<String, Value>),
}

/// The session key that something is encrypted or signed under.
#[derive(Clone, Default)]
pub enum Under {
    /// The user's current one.
    #[default]
    Current,
    /// The one before so many changes; `Former(1)` is the last that was replaced.
    Former(usize),
    /// This one, as base64 text.
    Key(String),
}

/// An order for `encryptedData`: `Order { under: Under::Former(1), ..Order::new("oAlice", Kind::Phone) }`.
#[derive(Clone)]
pub struct Order {
    /// Whose data; a user not known yet is made up.
    pub openid: String,
    /// What is encrypted.
    pub kind: Kind,
    /// Under which key.
    pub under: Under,
    /// The watermark's app; `None`: the one of the user's last login, or the first known.
    pub appid: Option<String>,
    /// The watermark's time; `None`: now, by the mock's clock.
    pub timestamp: Option<UnixSeconds>,
    /// Whether there is a watermark at all.
    pub watermark: bool,
}

impl Order {
    /// An order with everything as it should be.
    pub fn new(openid: impl Into<String>, kind: Kind) -> Self {
        Self {
            openid: openid.into(),
            kind,
            under: Under::Current,
            appid: None,
            timestamp: None,
            watermark: true,
        }
    }
}

/// `encryptedData` and `iv`, as base64 texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealed {
    /// AES-128-CBC ciphertext.
    pub encrypted_data: String,
    /// Its initial vector.
    pub iv: String,
}

/// `rawData` and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The exact text that was signed.
    pub raw_data: String,
    /// Hexadecimal SHA-1 of the text and the key's base64 text.
    pub signature: String,
}

/// The JSON of `kind` for `user`; `watermark` is its app and time.
pub(super) fn plaintext(
    kind: &Kind,
    user: &User,
    watermark: Option<(&str, UnixSeconds)>,
    now: UnixSeconds,
) -> String {
    let mut object = match kind {
        Kind::Phone => object(json!({
            "phoneNumber": user.dialled(),
            "purePhoneNumber": user.phone,
            "countryCode": user.country,
        })),
        Kind::Profile => with_ids(user),
        Kind::ProfileAlone => user.profile.clone(),
        Kind::Steps => object(json!({"stepInfoList": [
            {"timestamp": now.saturating_sub(86_400), "step": 6021},
            {"timestamp": now, "step": 1543},
        ]})),
        Kind::Group => object(json!({"openGId": "tGMockGroup00000000000000001"})),
        Kind::Json(object) => object.clone(),
    };
    if let Some((appid, timestamp)) = watermark {
        object.insert(
            "watermark".to_owned(),
            json!({"timestamp": timestamp, "appid": appid}),
        );
    }
    Value::Object(object).to_string()
}

fn with_ids(user: &User) -> Map<String, Value> {
    let mut object = user.profile.clone();
    object.insert("openId".to_owned(), json!(user.openid));
    if let Some(unionid) = &user.unionid {
        object.insert("unionId".to_owned(), json!(unionid));
    }
    object
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// Encrypts `plaintext` under the key whose base64 text is `key`.
pub(super) fn seal(key: &str, iv: [u8; 16], plaintext: &str) -> Result<Sealed, Error> {
    let key = SessionKey::from_text(key).map_err(|_| Error::NotAKey)?;
    Ok(Sealed {
        encrypted_data: decrypt::seal(&key, &iv, plaintext.as_bytes()),
        iv: crypto::base64(&iv),
    })
}

/// Signs `raw_data` with the key's base64 text.
pub(super) fn sign(key: &str, raw_data: String) -> Signed {
    let digest = crypto::sha1(&[raw_data.as_bytes(), key.as_bytes()]);
    Signed {
        raw_data,
        signature: crypto::hex(&digest),
    }
}
