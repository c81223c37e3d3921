//! What a request's and an answer's header lines may hold, and what we write into them.
//!
//! No header that a reader could take for one of ours reaches an upstream unless [`Rules::inject`]
//! wrote it (R1–R4, R24), and none of an upstream's reaches a client (R21). Left to the caller:
//! `Host`, `Content-Length` and the framing; [`Rules::request`] removes `Transfer-Encoding`.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::auth::assertion;
use crate::auth::{Carrier, Permit, Phone, UnionId, credential};
use crate::proxy::trace;
use crate::setting;

mod cookie;
mod fault;
mod field;
mod name;

pub use fault::Fault;
pub use field::{Field, Fields};
pub use name::unsettable;

setting::section! {
    /// `[identity]`: the names of the headers that say who calls; `""` leaves one out.
    pub struct Names {
        /// Who they are in their app.
        openid: Option<HeaderName> = Some(HeaderName::from_static("x-wx-openid")),
        /// The app they signed in with.
        appid: Option<HeaderName> = Some(HeaderName::from_static("x-wx-appid")),
        /// Who they are in all apps of the company.
        unionid: Option<HeaderName> = Some(HeaderName::from_static("x-wx-unionid")),
        /// Always `wx_client`, with a session.
        source: Option<HeaderName> = Some(HeaderName::from_static("x-wx-source")),
        /// The phone number without the country code.
        phone: Option<HeaderName> = Some(HeaderName::from_static("x-wx-phone")),
        /// The country code in digits.
        phone_country: Option<HeaderName> = Some(HeaderName::from_static("x-wx-phone-country")),
        /// All of it, signed.
        assertion: assertion::Config = assertion::Config::default(),
    }
}

impl Names {
    fn reserved(&self) -> name::Reserved {
        let all = self.all();
        name::Reserved::new(all.iter().filter_map(|(_, name)| *name))
    }

    /// The header of `field`, if it has one.
    pub fn of(&self, field: Field) -> Option<&HeaderName> {
        match field {
            Field::OpenId => self.openid.as_ref(),
            Field::AppId => self.appid.as_ref(),
            Field::UnionId => self.unionid.as_ref(),
            Field::Source => self.source.as_ref(),
            Field::Phone => self.phone.as_ref(),
            Field::PhoneCountry => self.phone_country.as_ref(),
            Field::Assertion => Some(&self.assertion.header),
        }
    }

    /// The key in `[identity]` of the header that services read as `name`.
    pub fn key_of(&self, name: &HeaderName) -> Option<&'static str> {
        let folded = |name: &HeaderName| name::fold(name.as_str().as_bytes());
        let mut all = self.all().into_iter();
        let found = all.find(|(_, other)| other.is_some_and(|other| folded(other) == folded(name)));
        found.map(|(key, _)| key)
    }

    /// Each by its key in `[identity]`.
    pub fn all(&self) -> [(&'static str, Option<&HeaderName>); 7] {
        [
            ("openid", self.openid.as_ref()),
            ("appid", self.appid.as_ref()),
            ("unionid", self.unionid.as_ref()),
            ("source", self.source.as_ref()),
            ("phone", self.phone.as_ref()),
            ("phone_country", self.phone_country.as_ref()),
            ("assertion.header", Some(&self.assertion.header)),
        ]
    }
}

/// What no honest client sends: 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A `Connection` line names an identity header (R3).
    #[error("a Connection header names an identity header")]
    Connection,
    /// In HTTP/2 nothing is trimmed, and no intermediary hands it on (RFC 9113 §8.2.1).
    #[error("a header's value begins or ends with a space")]
    Space,
}

/// What a request carried that it must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// A header that says who somebody is: a mistake of a client, or a try.
    pub forged: bool,
}

/// What we tell the upstream of the way that a request came.
#[derive(Debug, Clone)]
pub struct Forwarded {
    /// `X-Forwarded-For`: the verified chain.
    pub chain: HeaderValue,
    /// `X-Real-IP`: the client.
    pub client: HeaderValue,
    /// `X-Forwarded-Proto`
    pub proto: HeaderValue,
    /// `X-Forwarded-Host`
    pub host: HeaderValue,
    /// `X-Forwarded-Prefix`: what `strip` took.
    pub prefix: Option<HeaderValue>,
    /// `X-Request-Id`
    pub request_id: HeaderValue,
    /// For a `traceparent` where the client sent no sound one.
    pub random: [u8; 24],
}

/// The rules for header lines, made once from the config.
#[derive(Debug)]
pub struct Rules {
    names: Names,
    reserved: name::Reserved,
    /// Whether upstreams get assertions.
    asserts: bool,
    /// Odd names to let through (R2); none of them looks like a reserved one.
    odd: Vec<HeaderName>,
    carrier: Carrier,
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the header lines of a request in HTTP/2 into the form that they have in HTTP/1.
///
/// # Errors
///
/// [`Refused::Space`]: they would be read otherwise there.
pub fn from_http2(headers: &mut HeaderMap) -> Result<(), Refused> {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let is_odd = |value: &[u8]| is_space(value.first()) || is_space(value.last());
    if headers.values().any(|value| is_odd(value.as_bytes())) {
        return Err(Refused::Space);
    }
    cookie::join(headers);
    Ok(())
}

impl Rules {
    /// Rules for the identity headers `names`, with `odd_names` (`limits.header_names`) let through,
    /// where a credential comes as `carrier` says.
    pub fn new(names: &Names, odd_names: &[HeaderName], carrier: &Carrier) -> Self {
        let reserved = names.reserved();
        // SECURITY: an odd name that an upstream may read as one of ours is never let through.
        let odd = odd_names
            .iter()
            .filter(|name| !reserved.forbids_odd(&name::fold(name.as_str().as_bytes())));
        Self {
            names: names.clone(),
            odd: odd.cloned().collect(),
            asserts: !names.assertion.keys.is_empty(),
            reserved,
            carrier: carrier.clone(),
        }
    }

    /// Takes out of a request's head what an upstream must not see: reserved and odd names, what is
    /// meant for one hop, and our own credential. Read the credential before.
    pub fn request(&self, headers: &mut HeaderMap) -> Result<Removed, Refused> {
        let mut doomed = Vec::new();
        let mut removed = Removed::default();
        let (mut authorization, mut carried, mut cookie) = (false, false, false);
        for (name, value) in &*headers {
            match self.reserved.kind(name) {
                name::Kind::Plain => {
                    if *name == header::AUTHORIZATION {
                        authorization |= is_own(value);
                    } else if name == self.carrier.header() {
                        carried |= is_own(value);
                    }
                    cookie |= *name == header::COOKIE;
                    continue;
                }
                name::Kind::Odd if self.odd.contains(name) => continue,
                name::Kind::Odd => {
                    let folded = name::fold(name.as_str().as_bytes());
                    removed.forged |= self.reserved.has_identity(&folded);
                }
                name::Kind::Identity => removed.forged = true,
                name::Kind::OneHop if *name == header::CONNECTION => {
                    self.read_connection(value, &mut doomed)?;
                }
                name::Kind::Reserved | name::Kind::OneHop => {}
            }
            doomed.push(name.clone());
        }
        // All lines were read before the first is removed (R3).
        for name in doomed {
            headers.remove(name);
        }
        if authorization {
            remove_own(headers, &header::AUTHORIZATION);
        }
        if carried {
            remove_own(headers, self.carrier.header());
        }
        if cookie && let Some(name) = self.carrier.cookie() {
            cookie::cut(headers, name);
        }
        Ok(removed)
    }

    /// Writes who calls and how the request came. Each identity header is set or removed (R4).
    /// Of the identity only `fields` are set; `assertion` is the one for this upstream, if it gets one.
    pub fn inject(
        &self,
        headers: &mut HeaderMap,
        permit: &Permit,
        fields: Fields,
        assertion: Option<HeaderValue>,
        forwarded: Forwarded,
    ) {
        headers.reserve(16);
        let who = permit.identity();
        let phone = who.and_then(|who| who.phone.as_ref());
        let mut put = |name: &Option<HeaderName>, value: Option<HeaderValue>| match (name, value) {
            (Some(name), Some(value)) => drop(headers.insert(name, value)),
            (Some(name), None) => drop(headers.remove(name)),
            (None, _) => {}
        };
        let names = &self.names;
        let openid = fields.pick(Field::OpenId, who);
        put(&names.openid, openid.map(|who| who.openid.header()));
        let appid = fields.pick(Field::AppId, who);
        put(&names.appid, appid.map(|who| who.appid.header()));
        let unionid = fields.pick(Field::UnionId, who.and_then(|who| who.unionid.as_ref()));
        put(&names.unionid, unionid.map(UnionId::header));
        // SECURITY: services take `wx_devtools` for an administrator. Nothing a client says is here (R24).
        let source = fields.pick(Field::Source, who);
        put(
            &names.source,
            source.map(|_| HeaderValue::from_static("wx_client")),
        );
        let number = fields.pick(Field::Phone, phone);
        put(&names.phone, number.map(Phone::pure_header));
        let country = fields.pick(Field::PhoneCountry, phone);
        put(&names.phone_country, country.map(Phone::country_header));
        match assertion {
            Some(assertion) => drop(headers.insert(&names.assertion.header, assertion)),
            // Without any assertions it was removed with all other names of identity.
            None if self.asserts => drop(headers.remove(&names.assertion.header)),
            None => {}
        }
        headers.insert(&X_FORWARDED_FOR, forwarded.chain);
        headers.insert(&X_REAL_IP, forwarded.client);
        headers.insert(&X_FORWARDED_PROTO, forwarded.proto);
        headers.insert(&X_FORWARDED_HOST, forwarded.host);
        if let Some(prefix) = forwarded.prefix {
            headers.insert(&X_FORWARDED_PREFIX, prefix);
        }
        headers.insert(&X_REQUEST_ID, forwarded.request_id);
        trace::join_or_start(headers, &forwarded.random);
    }

    /// Takes out of an upstream's answer what a client must not see: identity headers, the mark of
    /// our own refusals, and what is meant for one hop.
    pub fn response(&self, headers: &mut HeaderMap) {
        let mut doomed = Vec::new();
        for (name, value) in &*headers {
            if self.is_not_for_clients(name) {
                doomed.push(name.clone());
            }
            if *name == header::CONNECTION {
                let named = name::listed(value.as_bytes());
                doomed.extend(named.filter_map(|name| HeaderName::from_bytes(name).ok()));
            }
        }
        for name in doomed {
            headers.remove(name);
        }
    }

    /// Takes out of the trailers of a request or an answer all that a head may not carry on, and
    /// what never stands in trailers: framing, routing, credentials (RFC 9110 §6.5.1).
    pub fn trailers(&self, trailers: &mut HeaderMap) {
        let doomed: Vec<HeaderName> = trailers
            .keys()
            .filter(|name| {
                let odd = self.reserved.kind(name) == name::Kind::Odd && !self.odd.contains(name);
                let folded = name::fold(name.as_str().as_bytes());
                odd || self.reserved.has(&folded)
                    || self.is_not_for_clients(name)
                    || name::other_meaning(&folded).is_some()
                    || *name == self.carrier.header()
            })
            .cloned()
            .collect();
        for name in doomed {
            trailers.remove(name);
        }
    }

    /// Adds what a `Connection` line names to `doomed`.
    fn read_connection(
        &self,
        line: &HeaderValue,
        doomed: &mut Vec<HeaderName>,
    ) -> Result<(), Refused> {
        for token in name::listed(line.as_bytes()) {
            if self.reserved.has_identity(&name::fold(token)) {
                return Err(Refused::Connection);
            }
            doomed.extend(HeaderName::from_bytes(token).ok());
        }
        Ok(())
    }

    fn is_not_for_clients(&self, name: &HeaderName) -> bool {
        match self.reserved.kind(name) {
            name::Kind::Plain => name.as_str() == name::REFUSAL,
            name::Kind::Identity | name::Kind::OneHop => true,
            name::Kind::Reserved => false,
            name::Kind::Odd => {
                let folded = name::fold(name.as_str().as_bytes());
                *folded == *name::REFUSAL || self.reserved.has_identity(&folded)
            }
        }
    }
}

/// Whether a line begins like a credential of ours.
fn is_own(value: &HeaderValue) -> bool {
    credential::bare(value.as_bytes()).starts_with(credential::PREFIX)
}

/// Removes the lines of `name` that are our own, of which there is one at least; others are the
/// service's.
fn remove_own(headers: &mut HeaderMap, name: &HeaderName) {
    let lines = headers.get_all(name).iter();
    let foreign: Vec<_> = lines.filter(|line| !is_own(line)).cloned().collect();
    headers.remove(name);
    for value in foreign {
        headers.append(name.clone(), value);
    }
}

#[cfg(test)]
mod tests;
