//! `POST …/decrypt`, and what all open data must pass: keys newest first, its app, its user, its age.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::auth::{Identity, Phone, SessionKey, UnixSeconds};
use crate::endpoint::call::{Call, Reply};
use crate::endpoint::error::Error;
use crate::endpoint::login::Exposed;
use crate::rate::Limits;
use crate::session::Sessions;
use crate::wechat::decrypt::{self, OpenData};

/// Opens open data.
pub(super) struct Decrypt {
    pub(super) exposed: Exposed,
    pub(super) phones: PhoneTerms,
    pub(super) sessions: Sessions,
    pub(super) limits: Arc<Limits>,
}

/// What encrypted phone numbers must fulfil.
#[derive(Debug, Clone, Copy)]
pub(super) struct PhoneTerms {
    /// Whether they are taken at all.
    pub(super) taken: bool,
    /// The greatest age in seconds; 0: any.
    pub(super) age: UnixSeconds,
}

/// What some open data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Phone(Phone),
    Profile,
    Other,
}

impl Decrypt {
    pub(super) async fn answer(&self, call: &Call) -> Result<Reply, Error> {
        let session = call.session(&self.sessions).await?;
        self.limits.decrypt.count_user(&session.identity)?;
        let fields = call.fields()?;
        let Some((data, iv)) = fields.pair("encryptedData", "iv")? else {
            return Err(Error::bad_request(
                "`encryptedData` and `iv` are missing: send what the mini-program's call gave",
            ));
        };
        let keys = self.sessions.keys(&session, call.now).await?;
        let (data, kind) = open(&keys, data, iv, &session.identity)?;
        if let Kind::Phone(_) = kind {
            self.phones.check(&data, call.now)?;
        }
        Ok(Reply::json(shown(data.into_fields(), self.exposed)))
    }
}

/// Opens `data` with the first key that fits, and checks whose it is.
pub(super) fn open(
    keys: &[SessionKey],
    data: &str,
    iv: &str,
    whose: &Identity,
) -> Result<(OpenData, Kind), Error> {
    let data = open_with_any(keys, data, iv)?;
    let kind = kind(&data);
    match data.watermark() {
        Some(mark) if !mark.is_for(&whose.appid) => return Err(Error::WrongApp),
        // Without one, anybody's phone number could be passed off as this user's.
        None if kind != Kind::Other => return Err(Error::WrongApp),
        _ => {}
    }
    check_user(data.fields(), whose)?;
    Ok((data, kind))
}

fn open_with_any(keys: &[SessionKey], data: &str, iv: &str) -> Result<OpenData, Error> {
    for key in keys {
        match decrypt::open(key, data, iv) {
            Ok(data) => return Ok(data),
            Err(decrypt::Error::Damaged(damage)) => return Err(damage.into()),
            Err(decrypt::Error::WrongKey) => {}
        }
    }
    Err(Error::KeyStale)
}

fn kind(data: &OpenData) -> Kind {
    if let Some(phone) = data.phone() {
        return Kind::Phone(phone);
    }
    if data.fields().contains_key("nickName") {
        return Kind::Profile;
    }
    Kind::Other
}

/// An `openId`, where there is one, must be the session's.
pub(super) fn check_user(fields: &Map<String, Value>, whose: &Identity) -> Result<(), Error> {
    match fields.get("openId") {
        None => Ok(()),
        Some(Value::String(openid)) if openid == whose.openid.as_str() => Ok(()),
        Some(_) => Err(Error::WrongUser),
    }
}

/// What a client gets to see of open data.
pub(super) fn shown(mut fields: Map<String, Value>, exposed: Exposed) -> Value {
    fields.remove("watermark");
    if !exposed.openid {
        fields.remove("openId");
    }
    if !exposed.unionid {
        fields.remove("unionId");
    }
    Value::Object(fields)
}

impl PhoneTerms {
    /// Whether encrypted phone numbers are taken at all.
    pub(super) fn check_taken(self) -> Result<(), Error> {
        self.taken.then_some(()).ok_or_else(|| {
            Error::bad_request(
                "this gateway takes no encrypted phone numbers (endpoints.phone_by): send `code`",
            )
        })
    }

    /// Whether the encrypted phone number in `data` may be taken now.
    pub(super) fn check(self, data: &OpenData, now: UnixSeconds) -> Result<(), Error> {
        self.check_taken()?;
        let made = data.watermark().map_or(0, |mark| mark.timestamp);
        if self.age != 0 && made.saturating_add(self.age) < now {
            return Err(Error::DataExpired);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
