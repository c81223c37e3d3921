//! What a route asks of a caller, and the proof that it was met.
//!
//! Only [`Policy::authorize`] makes a [`Permit`], and nothing is forwarded without one.

use std::sync::Arc;

use crate::auth::{AppId, Identity};
use crate::setting;

/// How much a route must know of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Require {
    /// Nothing: a credential is never read.
    None,
    /// Whoever is signed in is named; nobody is refused.
    Optional,
    /// Signed in.
    #[default]
    Login,
    /// Signed in, and a phone number shared.
    Phone,
}

setting::choice! {
    Require, "a policy" {
        "login" => Self::Login, "phone" => Self::Phone, "optional" => Self::Optional, "none" => Self::None,
    }
}

/// What one route asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// How much we must know of the caller.
    pub require: Require,
    /// Refuse everybody.
    pub deny: bool,
    /// The apps whose users may pass; empty: all of the gateway's.
    pub apps: Vec<AppId>,
}

/// Who calls, as far as authentication could tell.
#[derive(Debug, Clone)]
pub enum Caller {
    /// No credential of ours came along, or none is read on this route.
    Anonymous,
    /// A credential came and is not good, whatever the reason.
    Expired,
    /// Somebody whom we know.
    Known(Arc<Identity>),
}

/// Proof that a policy was met, with the identity that may be injected.
#[derive(Debug)]
#[must_use = "a permit that is not used forwards nothing"]
pub struct Permit {
    identity: Option<Arc<Identity>>,
}

impl Permit {
    /// Whom the request is from, if the route is told.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// The same, to be kept.
    pub fn shared_identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }
}

/// Why a policy was not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// Nobody may pass here.
    Denied,
    /// The caller signed in with an app that this route does not serve.
    WrongApp,
    /// No credential was sent.
    SignedOut,
    /// One was sent and is not good.
    SessionExpired,
    /// Signed in, but no phone number shared.
    PhoneRequired,
}

impl Policy {
    /// Whether a credential must be read at all.
    pub fn reads_credential(&self) -> bool {
        !self.deny && self.require != Require::None
    }

    /// Lets `caller` pass, or says why not.
    pub fn authorize(&self, caller: Caller) -> Result<Permit, Denial> {
        if self.deny {
            return Err(Denial::Denied);
        }
        let identity = match (self.require, caller) {
            (Require::None, _) | (Require::Optional, Caller::Anonymous | Caller::Expired) => None,
            (_, Caller::Anonymous) => return Err(Denial::SignedOut),
            (_, Caller::Expired) => return Err(Denial::SessionExpired),
            (_, Caller::Known(identity)) => Some(identity),
        };
        if let Some(identity) = &identity {
            if !self.apps.is_empty() && !self.apps.contains(&identity.appid) {
                // An optional route lets strangers pass, and another app's user is one here.
                return match self.require {
                    Require::Optional => Ok(Permit { identity: None }),
                    _ => Err(Denial::WrongApp),
                };
            }
            if self.require == Require::Phone && identity.phone.is_none() {
                return Err(Denial::PhoneRequired);
            }
        }
        Ok(Permit { identity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{OpenId, Phone};

    fn known(phone: bool) -> Caller {
        Caller::Known(Arc::new(Identity {
            appid: AppId::new("wx0123456789abcdef").unwrap(),
            openid: OpenId::new("o1").unwrap(),
            unionid: None,
            phone: phone.then(|| Phone::new("13580006666", "13580006666", "86").unwrap()),
        }))
    }

    #[test]
    fn each_requirement_meets_each_caller() {
        use Denial::{PhoneRequired, SessionExpired, SignedOut};
        use Require::{Login, None as Nothing, Optional, Phone as PhoneNumber};
        type Row = (Require, Caller, Result<bool, Denial>);
        let rows: Vec<Row> = vec![
            (Nothing, Caller::Anonymous, Ok(false)),
            (Nothing, Caller::Expired, Ok(false)),
            (Nothing, known(true), Ok(false)),
            (Optional, Caller::Anonymous, Ok(false)),
            (Optional, Caller::Expired, Ok(false)),
            (Optional, known(false), Ok(true)),
            (Login, Caller::Anonymous, Err(SignedOut)),
            (Login, Caller::Expired, Err(SessionExpired)),
            (Login, known(false), Ok(true)),
            (PhoneNumber, Caller::Anonymous, Err(SignedOut)),
            (PhoneNumber, Caller::Expired, Err(SessionExpired)),
            (PhoneNumber, known(false), Err(PhoneRequired)),
            (PhoneNumber, known(true), Ok(true)),
        ];
        for (require, caller, expected) in rows {
            let policy = Policy {
                require,
                ..Policy::default()
            };
            let named = policy
                .authorize(caller.clone())
                .map(|permit| permit.identity().is_some());
            assert_eq!(named, expected, "{require:?} {caller:?}");
        }
    }

    #[test]
    fn a_denied_route_lets_nobody_pass() {
        let policy = Policy {
            deny: true,
            require: Require::None,
            ..Policy::default()
        };
        assert_eq!(policy.authorize(known(true)).err(), Some(Denial::Denied));
    }

    #[test]
    fn users_of_another_app_do_not_pass() {
        let other = AppId::new("wxffffffffffffffff").unwrap();
        let mut policy = Policy {
            apps: vec![other],
            ..Policy::default()
        };
        assert_eq!(policy.authorize(known(true)).err(), Some(Denial::WrongApp));
        policy.require = Require::Optional;
        assert!(policy.authorize(known(true)).unwrap().identity().is_none());
    }
}
