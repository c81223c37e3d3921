//! The side that servers see: whom we trust, and who we are.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};

use crate::tls::Error;
use crate::tls::pem;
use crate::tls::provider::provider;

/// How connections to servers are made.
#[derive(Debug, Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    digest: [u8; 32],
}

/// Files that say whom we trust, and who we are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files<'a> {
    /// The authorities whose word on servers counts; `None`: the system's.
    pub ca: Option<&'a Path>,
    /// A certificate, with its chain, and its private key: what servers may ask for.
    pub own: Option<(&'a Path, &'a Path)>,
}

impl Files<'_> {
    /// All that is wrong with them.
    pub fn faults(self) -> Vec<Error> {
        let ca = self.ca.map(|ca| own_roots(ca, &mut Sha256::new()));
        let mut faults: Vec<_> = ca.and_then(Result::err).into_iter().collect();
        if let Some((cert, key)) = self.own {
            faults.extend(pem::certificates(cert).err());
            faults.extend(pem::private_key(key).err());
        }
        if faults.is_empty() {
            // Each can be read: whether they go together.
            faults.extend(Client::new(self, &[]).err());
        }
        faults
    }
}

impl Client {
    /// Reads `files`. `protocols` are offered by ALPN, the best first.
    pub fn new(files: Files<'_>, protocols: &[&[u8]]) -> Result<Self, Error> {
        let mut digest = Sha256::new();
        let roots = match files.ca {
            Some(ca) => own_roots(ca, &mut digest)?,
            None => system_roots()?,
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|_| Error::NoAuthorities)?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_webpki_verifier(verifier);
        let mut config = match files.own {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = pem::certificates(cert)?;
                digest.update(b"own");
                put(&chain, &mut digest);
                let key_file = key;
                let key = pem::private_key(key_file)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| match error {
                        rustls::Error::InconsistentKeys(_) => Error::Mismatch {
                            cert: cert.to_owned(),
                            key: key_file.to_owned(),
                        },
                        rustls::Error::InvalidCertificate(_) => {
                            Error::BadCertificate(cert.to_owned())
                        }
                        _ => Error::BadKey(key_file.to_owned()),
                    })?
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Self {
            config: Arc::new(config),
            digest: digest.finalize().into(),
        })
    }

    /// The same, but it offers `protocols`.
    #[must_use]
    pub fn offering(&self, protocols: &[&[u8]]) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Self {
            config: Arc::new(config),
            digest: self.digest,
        }
    }

    /// The config of TLS that every connection takes.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// The same for the same certificates: a connection that was made by others is not taken for one of
    /// these.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// The name that a server's certificate must have: a host name, or an IP address without brackets.
pub fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).ok()
}

fn own_roots(ca: &Path, digest: &mut Sha256) -> Result<RootCertStore, Error> {
    let certificates = pem::certificates(ca)?;
    digest.update(b"ca");
    put(&certificates, digest);
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|_| Error::BadCertificate(ca.to_owned()))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    // What some system has beside good ones, such as expired ones of odd form, is passed over.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Error::NoAuthorities);
    }
    Ok(roots)
}

fn put(certificates: &[CertificateDer<'_>], digest: &mut Sha256) {
    for certificate in certificates {
        digest.update(u64::try_from(certificate.len()).unwrap_or(0).to_be_bytes());
        digest.update(certificate);
    }
}
