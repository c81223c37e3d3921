//! `POST …/phone`: a verified phone number, by the button's code or by encrypted data.
//!
//! A code costs money. One that was sent to WeChat is never lost: equal calls share one flight, which
//! outlives the client, and its result is kept for five minutes.

use std::sync::Arc;

use serde_json::json;

use crate::auth::{Phone, UnixSeconds, crypto};
use crate::endpoint::call::{Call, Reply};
use crate::endpoint::error::Error;
use crate::endpoint::flight::{Flights, Key};
use crate::endpoint::open_data::{self, Kind, PhoneTerms};
use crate::rate::Limits;
use crate::session::{Session, Sessions};
use crate::wechat;

/// Seconds for which a number is kept for a client that lost the answer: a code lives no longer.
const KEPT: UnixSeconds = 300;

/// Results kept at once.
const MOST: usize = 20_000;

/// Takes phone numbers.
pub(super) struct Phones {
    /// Whether codes are taken.
    pub(super) by_code: bool,
    pub(super) encrypted: PhoneTerms,
    pub(super) sessions: Sessions,
    pub(super) limits: Arc<Limits>,
    pub(super) wechat: wechat::Client,
    pub(super) flights: Flights<Landing>,
}

/// What a code turned out to be: the number, and whether the user's record has it.
pub(super) type Landing = Result<(Phone, bool), wechat::Error>;

/// Room for the results of codes.
pub(super) fn flights() -> Flights<Landing> {
    Flights::new(KEPT, MOST)
}

impl Phones {
    pub(super) async fn answer(&self, call: &Call) -> Result<Reply, Error> {
        let session = call.session(&self.sessions).await?;
        self.limits.phone.count_user(&session.identity)?;
        let fields = call.fields()?;
        // The button gives both; a code needs no session key that fits.
        let phone = match fields.text("code")? {
            Some(code) if self.by_code => self.by_code(&session, code, call.now).await?,
            code => match fields.pair("encryptedData", "iv")? {
                Some((data, iv)) => self.by_data(&session, data, iv, call.now).await?,
                None => return Err(nothing_to_take(code.is_some())),
            },
        };
        Ok(Reply::json(json!({
            "phoneNumber": phone.number(),
            "purePhoneNumber": phone.pure(),
            "countryCode": phone.country(),
        })))
    }

    async fn by_code(
        &self,
        session: &Arc<Session>,
        code: &str,
        now: UnixSeconds,
    ) -> Result<Phone, Error> {
        let (sessions, wechat) = (self.sessions.clone(), self.wechat.clone());
        let (owner, sent) = (Arc::clone(session), code.to_owned());
        let work = async move {
            let who = &owner.identity;
            let phone = wechat.phone_number(&who.appid, &who.openid, &sent).await?;
            let stored = sessions.set_phone(&owner, phone.clone(), now).await;
            Ok((phone, stored.is_ok()))
        };
        let landing = self
            .flights
            .fly(key(session, code), now, is_final, work)
            .await;
        let (phone, stored) = landing.ok_or(Error::Panicked)??;
        if !stored {
            // The number is paid for and kept; only the record could not be written then.
            self.sessions.set_phone(session, phone.clone(), now).await?;
        }
        Ok(phone)
    }

    async fn by_data(
        &self,
        session: &Session,
        data: &str,
        iv: &str,
        now: UnixSeconds,
    ) -> Result<Phone, Error> {
        self.encrypted.check_taken()?;
        let keys = self.sessions.keys(session, now).await?;
        let (data, kind) = open_data::open(&keys, data, iv, &session.identity)?;
        let Kind::Phone(phone) = kind else {
            return Err(Error::bad_request(
                "this data holds no phone number: a profile goes to userinfo, all else to decrypt",
            ));
        };
        self.encrypted.check(&data, now)?;
        self.sessions.set_phone(session, phone.clone(), now).await?;
        Ok(phone)
    }
}

fn nothing_to_take(has_code: bool) -> Error {
    Error::bad_request(if has_code {
        "this gateway takes no phone codes (endpoints.phone_by): send `encryptedData` and `iv`"
    } else {
        "`code` is missing: send the phone button's e.detail.code (or its encryptedData and iv)"
    })
}

/// Equal for the same code of the same user in the same app, and for nothing else.
fn key(session: &Session, code: &str) -> Key {
    let who = &session.identity;
    let text = format!("phone code\0{}\0{}\0{code}", who.appid, who.openid);
    crypto::sha256(text.as_bytes())
}

/// Whether asking again with the same code can only come to the same: the number, or that `WeChat` does
/// not take this code.
fn is_final(landing: &Landing) -> bool {
    matches!(
        landing,
        Ok(_) | Err(wechat::Error::PhoneCodeRejected | wechat::Error::WrongApp)
    )
}
