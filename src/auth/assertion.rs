//! The signed statement of who calls: a JWT (RFC 7519) that a service can check by itself (R23).
//!
//! ES256 or `EdDSA`, as the key is (RFC 7518 §3.4, RFC 8037 §3.1). Each key has a name of its own, its
//! thumbprint (RFC 7638), so that a service finds it among those that are published.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use http::{HeaderName, HeaderValue};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::auth::{UnixSeconds, crypto};
use crate::setting::{self, Secret};

/// Who says it.
pub const ISSUER: &str = "wxgate";

setting::section! {
    /// `[identity.assertion]`: the header with a signed statement of who calls.
    pub struct Config {
        /// The header.
        header: HeaderName = HeaderName::from_static("x-wx-assertion"),
        /// Private keys, in PEM. The first signs, all are published; without any there are no assertions.
        keys: Vec<Secret> = Vec::new(),
        /// Life of an assertion. It is made anew at half of it.
        ttl: Duration = Duration::from_secs(60),
    }
}

/// What is wrong with a key of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a private key for P-256 or Ed25519.
    #[error("holds no private key for P-256 or Ed25519 in PEM")]
    Unreadable,
    /// One that came before.
    #[error("is the same key as one before it")]
    Twice,
}

/// Nothing could be signed: the system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an assertion could not be signed")]
pub struct Unsigned;

/// What an assertion says, beside when.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Claims<'a> {
    /// The user in the app.
    pub sub: &'a str,
    /// The upstream that it is for: others must not take it.
    pub aud: &'a str,
    /// The app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appid: Option<&'a str>,
    /// The user in all apps of the company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unionid: Option<&'a str>,
    /// The phone number, without the country code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<&'a str>,
    /// The country code in digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_country: Option<&'a str>,
}

#[derive(Serialize)]
struct Dated<'a> {
    iss: &'static str,
    #[serde(flatten)]
    claims: &'a Claims<'a>,
    iat: UnixSeconds,
    exp: UnixSeconds,
}

/// Signs assertions. Its keys are never printed.
pub struct Signer {
    first: Key,
    others: Vec<Key>,
    ttl: UnixSeconds,
}

struct Key {
    pair: Pair,
    /// The JWT's header, encoded.
    head: String,
    jwk: Value,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// A signer with the keys of `config`, or which of them are wrong; `None` where it has none.
    pub fn new(config: &Config) -> Result<Option<Self>, Vec<(usize, Fault)>> {
        let mut keys: Vec<Key> = Vec::with_capacity(config.keys.len());
        let mut faults = Vec::new();
        for (index, secret) in config.keys.iter().enumerate() {
            match Key::read(secret.expose()) {
                None => faults.push((index, Fault::Unreadable)),
                Some(key) if keys.iter().any(|other| other.jwk == key.jwk) => {
                    faults.push((index, Fault::Twice));
                }
                Some(key) => keys.push(key),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut keys = keys.into_iter();
        Ok(keys.next().map(|first| Self {
            first,
            others: keys.collect(),
            ttl: config.ttl.as_secs().max(1),
        }))
    }

    /// The assertion of `claims`, made `now`. It is good for [`Self::ttl`] seconds.
    pub fn sign(&self, claims: &Claims<'_>, now: UnixSeconds) -> Result<HeaderValue, Unsigned> {
        let dated = Dated {
            iss: ISSUER,
            claims,
            iat: now,
            exp: now.saturating_add(self.ttl),
        };
        let claims = serde_json::to_vec(&dated).map_err(|_| Unsigned)?;
        let key = &self.first;
        let mut text = format!("{}.{}", key.head, crypto::base64url(&claims));
        let signature = key.pair.sign(text.as_bytes())?;
        text.push('.');
        text.push_str(&signature);
        let mut value = HeaderValue::try_from(text).map_err(|_| Unsigned)?;
        // Whoever has it may pass for the user, for as long as it lasts.
        value.set_sensitive(true);
        Ok(value)
    }

    /// Seconds for which an assertion is good.
    pub fn ttl(&self) -> UnixSeconds {
        self.ttl
    }

    /// The public keys (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        let keys = std::iter::once(&self.first).chain(&self.others);
        json!({ "keys": keys.map(|key| &key.jwk).collect::<Vec<_>>() })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Key {
    fn read(pem: &str) -> Option<Self> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let pair = Pair::read(der.secret_der())?;
        let public = pair.public();
        // The members in this order, and nothing else, are what the thumbprint is of (RFC 7638 §3.2).
        let members = public
            .iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""));
        let members = members.collect::<Vec<_>>().join(",");
        let kid = crypto::base64url(&crypto::sha256(format!("{{{members}}}").as_bytes()));
        let alg = pair.algorithm();
        let head = json!({ "alg": alg, "typ": "JWT", "kid": kid }).to_string();
        let about = [
            ("kid", kid),
            ("alg", alg.to_owned()),
            ("use", "sig".to_owned()),
        ];
        let members = public.into_iter().chain(about);
        let jwk = members.map(|(name, value)| (name.to_owned(), value.into()));
        Some(Self {
            pair,
            head: crypto::base64url(head.as_bytes()),
            jwk: Value::Object(jwk.collect()),
        })
    }
}

impl Pair {
    /// Reads PKCS#8, or SEC1 as `openssl ecparam` writes it.
    fn read(der: &[u8]) -> Option<Self> {
        let p256 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
        let ed25519 = || Ed25519KeyPair::from_pkcs8(der);
        p256.map(Self::P256)
            .or_else(|_| ed25519().map(Self::Ed25519))
            .ok()
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// The members of the public key, sorted by name.
    fn public(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::P256(pair) => {
                // An uncompressed point: a byte 4, then both coordinates (SEC1 §2.3.3).
                let point = pair.public_key().as_ref();
                let part = |range| crypto::base64url(point.get(range).unwrap_or_default());
                vec![
                    ("crv", "P-256".to_owned()),
                    ("kty", "EC".to_owned()),
                    ("x", part(1..33)),
                    ("y", part(33..65)),
                ]
            }
            Self::Ed25519(pair) => vec![
                ("crv", "Ed25519".to_owned()),
                ("kty", "OKP".to_owned()),
                ("x", crypto::base64url(pair.public_key().as_ref())),
            ],
        }
    }

    fn sign(&self, message: &[u8]) -> Result<String, Unsigned> {
        match self {
            // The library takes the random number of the signature from the system itself.
            Self::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| crypto::base64url(signature.as_ref()))
                .map_err(|_| Unsigned),
            Self::Ed25519(pair) => Ok(crypto::base64url(pair.sign(message).as_ref())),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

    use super::*;

    const P256: &str = include_str!("../../tests/fixtures/assertion/p256.pem");
    const SEC1: &str = include_str!("../../tests/fixtures/assertion/p256-sec1.pem");
    const ED: &str = include_str!("../../tests/fixtures/assertion/ed25519.pem");
    const RSA: &str = include_str!("../../tests/fixtures/assertion/rsa.pem");

    const CLAIMS: Claims<'static> = Claims {
        sub: "oAlice",
        aud: "http://a:1",
        appid: Some("wx0123456789abcdef"),
        unionid: None,
        phone: Some("51230000"),
        phone_country: Some("852"),
    };

    fn signer(keys: &[&str]) -> Result<Option<Signer>, Vec<(usize, Fault)>> {
        Signer::new(&Config {
            keys: keys.iter().copied().map(Secret::new).collect(),
            ..Config::default()
        })
    }

    fn json(part: &str) -> Value {
        serde_json::from_slice(&crypto::from_base64url(part.as_bytes()).unwrap()).unwrap()
    }

    /// Header and claims of an assertion whose signature fits a key of `jwks`.
    fn verified(assertion: &HeaderValue, jwks: &Value) -> (Value, Value) {
        let text = assertion.to_str().unwrap();
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let (head, claims) = signed.split_once('.').unwrap();
        let (head, claims) = (json(head), json(claims));
        let mut keys = jwks["keys"].as_array().unwrap().iter();
        let key = keys.find(|key| key["kid"] == head["kid"]).unwrap();
        let part = |name: &str| {
            let text = key[name].as_str().unwrap();
            crypto::from_base64url(text.as_bytes()).unwrap()
        };
        let signature = crypto::from_base64url(signature.as_bytes()).unwrap();
        let fits = match head["alg"].as_str().unwrap() {
            "ES256" => {
                let point = [vec![4], part("x"), part("y")].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(signed.as_bytes(), &signature)
            }
            "EdDSA" => {
                UnparsedPublicKey::new(&ED25519, part("x")).verify(signed.as_bytes(), &signature)
            }
            other => panic!("{other}"),
        };
        fits.unwrap();
        (head, claims)
    }

    #[test]
    fn each_kind_of_key_signs_what_its_public_half_verifies() {
        for (pem, alg, kty) in [
            (P256, "ES256", "EC"),
            (SEC1, "ES256", "EC"),
            (ED, "EdDSA", "OKP"),
        ] {
            let signer = signer(&[pem]).unwrap().unwrap();
            let assertion = signer.sign(&CLAIMS, 1000).unwrap();
            let jwks = signer.jwks();
            assert_eq!(jwks["keys"][0]["kty"], kty);
            assert!(jwks["keys"][0].get("d").is_none(), "{jwks}");
            let (head, claims) = verified(&assertion, &jwks);
            assert_eq!((&head["alg"], &head["typ"]), (&alg.into(), &"JWT".into()));
            let expected = json!({
                "iss": "wxgate", "sub": "oAlice", "aud": "http://a:1", "iat": 1000, "exp": 1060,
                "appid": "wx0123456789abcdef", "phone": "51230000", "phone_country": "852",
            });
            assert_eq!(claims, expected);
            assert!(assertion.is_sensitive());
        }
    }

    #[test]
    fn the_first_key_signs_and_all_are_published() {
        let old = signer(&[P256]).unwrap().unwrap();
        let both = signer(&[ED, P256]).unwrap().unwrap();
        assert_eq!(both.jwks()["keys"].as_array().unwrap().len(), 2);
        let (head, _) = verified(&both.sign(&CLAIMS, 0).unwrap(), &both.jwks());
        assert_eq!(head["alg"], "EdDSA");
        // What was signed before the keys changed places is still good.
        verified(&old.sign(&CLAIMS, 0).unwrap(), &both.jwks());
    }

    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        // RFC 8037 appendix A.3: the thumbprint of the key of its appendix A.1.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        let jwks = signer(&[pem]).unwrap().unwrap().jwks();
        let key = &jwks["keys"][0];
        assert_eq!(key["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn keys_that_cannot_sign_are_told() {
        assert!(signer(&[]).unwrap().is_none());
        let wrong = [P256, "no key", RSA, SEC1, P256, ""];
        let expected = [
            (1, Fault::Unreadable),
            (2, Fault::Unreadable),
            (4, Fault::Twice),
            (5, Fault::Unreadable),
        ];
        assert_eq!(signer(&wrong).unwrap_err(), expected);
    }

    #[test]
    fn no_key_is_printed() {
        let signer = signer(&[ED]).unwrap().unwrap();
        assert_eq!(format!("{signer:?}"), "Signer(…)");
    }
}
