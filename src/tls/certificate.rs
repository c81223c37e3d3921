//! A certificate with its private key: read, checked as a pair, and what it says of itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::tls::Error;
use crate::tls::names;
use crate::tls::pem;
use crate::tls::provider::provider;

/// A certificate, its chain and its private key.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Where it was read from.
    pub path: PathBuf,
    /// The names that it is for, in [`names::normal`] form.
    pub names: Vec<String>,
    /// From when it is good, in seconds since 1970.
    pub not_before: u64,
    /// Until when it is good, in seconds since 1970.
    pub not_after: u64,
    pair: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads both files. The private key is the first certificate's, or this is an error.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, Error> {
        let chain = pem::certificates(cert)?;
        let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
        let bad = || Error::BadCertificate(cert.to_owned());
        let said = x509_cert::Certificate::from_der(first).map_err(|_| bad())?;
        let said = said.tbs_certificate();
        let names = match said.get_extension::<SubjectAltName>().map_err(|_| bad())? {
            Some((_, names)) => names.0.iter().filter_map(name).collect(),
            None => Vec::new(),
        };
        let validity = said.validity();
        let pair = CertifiedKey::from_der(chain.clone(), pem::private_key(key)?, &provider());
        let pair = pair.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => Error::Mismatch {
                cert: cert.to_owned(),
                key: key.to_owned(),
            },
            rustls::Error::InvalidCertificate(_) => bad(),
            _ => Error::BadKey(key.to_owned()),
        })?;
        Ok(Self {
            path: cert.to_owned(),
            names,
            not_before: validity.not_before.to_unix_duration().as_secs(),
            not_after: validity.not_after.to_unix_duration().as_secs(),
            pair: Arc::new(pair),
        })
    }

    /// Whether it is for `host`, a name in [`names::normal`] form; `*.` for all that a star stands for.
    pub fn is_for(&self, host: &str) -> bool {
        let mut own = names::Names::default();
        for name in &self.names {
            own.insert(name, ());
        }
        self.names.iter().any(|name| name == host) || own.find(host).is_some()
    }

    /// Whether it is good at `now`, in seconds since 1970.
    pub fn is_good_at(&self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// What TLS shows and signs with.
    pub(super) fn pair(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.pair)
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => names::normal(name.as_str()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(octets).map(std::net::IpAddr::from);
            let v6 = <[u8; 16]>::try_from(octets).map(std::net::IpAddr::from);
            names::normal(&v4.or(v6).ok()?.to_string())
        }
        _ => None,
    }
}
