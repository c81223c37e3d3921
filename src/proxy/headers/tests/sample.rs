//! Heads, callers and ways to test the rules with.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::policy::Caller;
use crate::auth::{AppId, Identity, OpenId, Permit, Phone, Policy, Require, UnionId};
use crate::proxy::headers::Forwarded;

pub(super) fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

pub(super) fn permit(phone: bool) -> Permit {
    let identity = Identity {
        appid: AppId::new("wx0123456789abcdef").unwrap(),
        openid: OpenId::new("oTRUE").unwrap(),
        unionid: phone.then(|| UnionId::new("uTRUE").unwrap()),
        phone: phone.then(|| Phone::new("+85251230000", "51230000", "852").unwrap()),
    };
    let caller = Caller::Known(Arc::new(identity));
    Policy::default().authorize(caller).unwrap()
}

pub(super) fn nobody() -> Permit {
    let policy = Policy {
        require: Require::None,
        ..Policy::default()
    };
    policy.authorize(Caller::Anonymous).unwrap()
}

pub(super) fn forwarded() -> Forwarded {
    Forwarded {
        chain: HeaderValue::from_static("192.0.2.1"),
        client: HeaderValue::from_static("192.0.2.1"),
        proto: HeaderValue::from_static("http"),
        host: HeaderValue::from_static("example.com"),
        prefix: None,
        request_id: HeaderValue::from_static("id"),
        random: [0xab; 24],
    }
}
