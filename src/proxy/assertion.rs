//! The assertions that a worker made last, so that most requests sign nothing.
//!
//! One is good for one person as they are now (a new phone number makes another), one audience and the
//! fields that it may hear. It is made anew at half its life.

use std::cell::RefCell;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use http::HeaderValue;

use crate::auth::assertion::{Claims, Signer, Unsigned};
use crate::auth::{AppId, Identity, OpenId, Phone, UnionId, UnixSeconds};
use crate::proxy::headers::{Field, Fields};

/// Assertions that one worker remembers: as many as sessions, of some 500 bytes each.
const SLOTS: usize = 4096;

/// Makes and remembers assertions.
pub struct Assertions {
    signer: Arc<Signer>,
    made: RefCell<Box<[Option<Made>]>>,
}

struct Made {
    identity: Arc<Identity>,
    audience: Arc<str>,
    fields: Fields,
    at: UnixSeconds,
    value: HeaderValue,
}

impl Assertions {
    /// None made yet.
    pub fn new(signer: Arc<Signer>) -> Self {
        let made = std::iter::repeat_with(|| None).take(SLOTS).collect();
        Self {
            signer,
            made: RefCell::new(made),
        }
    }

    /// The assertion for `audience` of who somebody is, as far as it gets `fields`.
    pub fn of(
        &self,
        identity: &Arc<Identity>,
        audience: &Arc<str>,
        fields: Fields,
        now: UnixSeconds,
    ) -> Result<HeaderValue, Unsigned> {
        let mut slots = self.made.borrow_mut();
        let Some(slot) = slots.get_mut(slot(identity, audience, fields)) else {
            return Err(Unsigned);
        };
        if let Some(made) = slot
            && made.is_of(identity, audience, fields)
            && now
                .checked_sub(made.at)
                .is_some_and(|age| age < self.signer.ttl().div_ceil(2))
        {
            return Ok(made.value.clone());
        }
        let claims = claims(identity, audience, fields);
        let value = self.signer.sign(&claims, now)?;
        *slot = Some(Made {
            identity: Arc::clone(identity),
            audience: Arc::clone(audience),
            fields,
            at: now,
            value: value.clone(),
        });
        Ok(value)
    }
}

impl Made {
    fn is_of(&self, identity: &Arc<Identity>, audience: &Arc<str>, fields: Fields) -> bool {
        let same = Arc::ptr_eq(&self.identity, identity) || *self.identity == **identity;
        same && self.fields == fields && *self.audience == **audience
    }
}

fn claims<'a>(identity: &'a Identity, audience: &'a str, fields: Fields) -> Claims<'a> {
    let phone = identity.phone.as_ref();
    Claims {
        sub: identity.openid.as_str(),
        aud: audience,
        appid: fields.pick(Field::AppId, Some(AppId::as_str(&identity.appid))),
        unionid: fields.pick(
            Field::UnionId,
            identity.unionid.as_ref().map(UnionId::as_str),
        ),
        phone: fields.pick(Field::Phone, phone.map(Phone::pure)),
        phone_country: fields.pick(Field::PhoneCountry, phone.map(Phone::country)),
    }
}

fn slot(identity: &Identity, audience: &str, fields: Fields) -> usize {
    let mut hasher = DefaultHasher::new();
    OpenId::as_str(&identity.openid).hash(&mut hasher);
    (audience, fields).hash(&mut hasher);
    usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{assertion, crypto};
    use crate::setting::Secret;

    const KEY: &str = include_str!("../../tests/fixtures/assertion/p256.pem");

    fn assertions() -> Assertions {
        let config = assertion::Config {
            keys: vec![Secret::new(KEY)],
            ..assertion::Config::default()
        };
        Assertions::new(Arc::new(Signer::new(&config).unwrap().unwrap()))
    }

    fn alice(phone: Option<&str>) -> Arc<Identity> {
        Arc::new(Identity {
            appid: AppId::new("wx0123456789abcdef").unwrap(),
            openid: OpenId::new("oAlice").unwrap(),
            unionid: Some(UnionId::new("uAlice").unwrap()),
            phone: phone.map(|phone| Phone::new(phone, phone, "86").unwrap()),
        })
    }

    fn said(value: &HeaderValue) -> serde_json::Value {
        let claims = value.to_str().unwrap().split('.').nth(1).unwrap();
        serde_json::from_slice(&crypto::from_base64url(claims.as_bytes()).unwrap()).unwrap()
    }

    // Signatures of ES256 are never the same twice: equal texts were signed once.

    #[test]
    fn one_is_made_for_half_its_life() {
        let (assertions, all) = (assertions(), Fields::default());
        let (alice, service) = (alice(None), Arc::from("a"));
        let at = |now| assertions.of(&alice, &service, all, now).unwrap();
        let first = at(1000);
        assert_eq!(at(1029), first);
        let second = at(1030);
        assert_ne!(second, first);
        assert_eq!(said(&second)["exp"], 1090);
        // A clock that was put back must not make it last.
        assert_ne!(at(999), second);
    }

    #[test]
    fn another_phone_makes_another_and_the_same_person_read_anew_does_not() {
        let (assertions, all) = (assertions(), Fields::default());
        let service = Arc::from("a");
        let of = |who: &Arc<Identity>| assertions.of(who, &service, all, 1000).unwrap();
        let before = of(&alice(None));
        assert_eq!(of(&alice(None)), before);
        let after = of(&alice(Some("13800138000")));
        assert_eq!(said(&after)["phone"], "13800138000");
        assert_eq!(of(&alice(Some("13800138000"))), after);
        let changed = of(&alice(Some("13900139000")));
        assert_eq!(said(&changed)["phone"], "13900139000");
    }

    #[test]
    fn each_audience_has_its_own_with_what_it_may_hear() {
        let assertions = assertions();
        let alice = alice(Some("13800138000"));
        let few = Fields::of(&[Field::OpenId, Field::Assertion]);
        for (service, fields) in [
            ("a", Fields::default()),
            ("b", Fields::default()),
            ("a", few),
        ] {
            let said = said(
                &assertions
                    .of(&alice, &Arc::from(service), fields, 1)
                    .unwrap(),
            );
            assert_eq!(
                (&said["aud"], &said["sub"]),
                (&service.into(), &"oAlice".into())
            );
            for name in ["appid", "unionid", "phone", "phone_country"] {
                assert_eq!(said.get(name).is_some(), fields != few, "{name}: {said}");
            }
        }
    }
}
