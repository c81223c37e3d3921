//! Certificates and private keys as PEM files hold them.
//!
//! No error has anything of a file's content in it.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::tls::Error;

/// What the head of an encrypted key says, whatever its kind.
const ENCRYPTED: &[&[u8]] = &[b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];

/// All certificates of the file at `path`, at least one, in their order.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = certificates.map_err(|_| Error::Damaged(path.to_owned()))?;
    if certificates.is_empty() {
        return Err(Error::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}

/// The first private key of the file at `path`.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path)?;
    let has = |mark: &&[u8]| memchr::memmem::find(&text, mark).is_some();
    if ENCRYPTED.iter().any(has) {
        return Err(Error::EncryptedKey(path.to_owned()));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => Error::NoKey(path.to_owned()),
        _ => Error::Damaged(path.to_owned()),
    })
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let unreadable = |error| Error::Unreadable {
        path: path.to_owned(),
        error,
    };
    std::fs::read(path).map(Zeroizing::new).map_err(unreadable)
}
