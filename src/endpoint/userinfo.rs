//! `POST …/userinfo`: a profile that WeChat signed, encrypted, or both.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::auth::{Identity, SessionKey};
use crate::endpoint::call::{Call, Reply};
use crate::endpoint::error::Error;
use crate::endpoint::login::Exposed;
use crate::endpoint::open_data::{self, Kind};
use crate::rate::Limits;
use crate::session::Sessions;
use crate::wechat::decrypt;

/// Verifies profiles.
pub(super) struct Profiles {
    pub(super) exposed: Exposed,
    pub(super) sessions: Sessions,
    pub(super) limits: Arc<Limits>,
}

/// What a call shows.
#[derive(Clone, Copy)]
struct Shown<'a> {
    /// `rawData` and `signature`.
    signed: Option<(&'a str, &'a str)>,
    /// `encryptedData` and `iv`.
    sealed: Option<(&'a str, &'a str)>,
}

impl Profiles {
    pub(super) async fn answer(&self, call: &Call) -> Result<Reply, Error> {
        let session = call.session(&self.sessions).await?;
        self.limits.decrypt.count_user(&session.identity)?;
        let fields = call.fields()?;
        let shown = Shown {
            signed: fields.pair("rawData", "signature")?,
            sealed: fields.pair("encryptedData", "iv")?,
        };
        let keys = self.sessions.keys(&session, call.now).await?;
        let profile = shown.verify(&keys, &session.identity)?;
        Ok(Reply::json(open_data::shown(profile, self.exposed)))
    }
}

impl Shown<'_> {
    /// The profile, if it is this user's. What was encrypted says more than what was only signed.
    fn verify(self, keys: &[SessionKey], whose: &Identity) -> Result<Map<String, Value>, Error> {
        let fits = |(raw, signature): (&str, &str)| {
            keys.iter()
                .any(|key| decrypt::signature_fits(raw, signature, key))
        };
        match (self.sealed, self.signed) {
            (Some((data, iv)), signed) => {
                let (data, kind) = open_data::open(keys, data, iv, whose)?;
                if signed.is_some_and(|signed| !fits(signed)) {
                    return Err(Error::WrongSignature);
                }
                if kind != Kind::Profile {
                    return Err(Error::bad_request(
                        "this data holds no profile: a phone number goes to phone, all else to decrypt",
                    ));
                }
                Ok(data.into_fields())
            }
            (None, Some(signed)) if fits(signed) => signed_profile(signed.0, whose),
            (None, Some(_)) => Err(Error::KeyStale),
            (None, None) => Err(Error::bad_request(
                "`rawData` and `signature` are missing: send what wx.getUserInfo gave (or its encryptedData and iv)",
            )),
        }
    }
}

fn signed_profile(raw: &str, whose: &Identity) -> Result<Map<String, Value>, Error> {
    let Ok(Value::Object(fields)) = serde_json::from_str(raw) else {
        return Err(Error::bad_request(
            "`rawData` is signed, but is not a JSON object",
        ));
    };
    open_data::check_user(&fields, whose)?;
    Ok(fields)
}

#[cfg(test)]
mod tests;
