//! PEM files, certificates and TLS configs, for both sides of the gateway.
//!
//! A certificate and its key are taken as a pair that fits, or not at all. Files are read by the control
//! runtime; a worker only ever takes what is ready.

pub mod certificate;
pub mod client;
mod files;
pub mod names;
pub mod pem;
pub mod provider;
mod reread;
pub mod server;

use std::io;
use std::path::PathBuf;

pub use self::certificate::Certificate;
pub use self::client::Client;
pub use self::server::Server;
use crate::setting;

setting::section! {
    /// `[tls]`: what clients are shown. Without a certificate the listeners speak plain HTTP.
    pub struct Config {
        /// The certificate for every name that no site has, and its chain.
        cert: Option<PathBuf> = None,
        /// Its private key.
        key: Option<PathBuf> = None,
        /// A plain listener that sends clients to https; absent: none.
        redirect: Option<std::net::SocketAddr> = None,
        /// `[[tls.site]]`
        site: Vec<Site> = Vec::new(),
    }
}

setting::section! {
    /// `[[tls.site]]`: a certificate for some names.
    pub struct Site {
        /// The names that it is shown for, `*.` for all one label below; none: those that it has.
        hosts: Vec<String> = Vec::new(),
        /// The certificate and its chain.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    }
}

/// Why certificates are not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is PEM that nobody can read to its end.
    #[error("{} is damaged: its PEM cannot be read", .0.display())]
    Damaged(PathBuf),
    /// A file has no certificate in it.
    #[error("{} holds no certificate: one begins with `-----BEGIN CERTIFICATE-----`", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate is none.
    #[error("the first certificate in {} cannot be read", .0.display())]
    BadCertificate(PathBuf),
    /// A certificate is good for no name.
    #[error("the certificate in {} has no names (subjectAltName)", .0.display())]
    Nameless(PathBuf),
    /// A certificate does not have the name that it is to be shown for.
    #[error("the certificate in {} is not for {host}", path.display())]
    NotFor {
        /// The file.
        path: PathBuf,
        /// The name.
        host: String,
    },
    /// A file has no private key in it.
    #[error("{} holds no private key: one begins with `-----BEGIN PRIVATE KEY-----`", .0.display())]
    NoKey(PathBuf),
    /// A private key is encrypted.
    #[error("the private key in {} is encrypted, and nobody is there to type its password", .0.display())]
    EncryptedKey(PathBuf),
    /// A private key is none that we can use.
    #[error("the private key in {} cannot be used: take RSA, ECDSA or Ed25519", .0.display())]
    BadKey(PathBuf),
    /// A private key is another certificate's.
    #[error("the private key in {} is not the one of the first certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate has expired, or its time has not come, while another is good.
    #[error("the certificate in {} is not good at this time", .0.display())]
    Untimely(PathBuf),
    /// Two sites are for the same name.
    #[error("two sites are for {0}")]
    Twice(String),
    /// There is a certificate without a key, or neither.
    #[error("a certificate and its key are needed")]
    Incomplete,
    /// Nobody's word on servers counts.
    #[error("the system has no certificate authorities: install ca-certificates, or name a file")]
    NoAuthorities,
    /// TLS itself refuses.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Error {
    /// Whether `file` is to blame, of those that a connection to a server needs.
    pub fn is_of(&self, file: &std::path::Path) -> bool {
        match self {
            Self::Unreadable { path, .. }
            | Self::Damaged(path)
            | Self::NoCertificate(path)
            | Self::BadCertificate(path)
            | Self::NoKey(path)
            | Self::EncryptedKey(path)
            | Self::BadKey(path) => path == file,
            Self::Mismatch { key, .. } => key == file,
            _ => false,
        }
    }

    /// Whether the private key's file is to blame, rather than the certificate's.
    pub fn is_of_key(&self, key: &std::path::Path) -> bool {
        match self {
            Self::NoKey(_) | Self::EncryptedKey(_) | Self::BadKey(_) | Self::Mismatch { .. } => {
                true
            }
            Self::Unreadable { path, .. } | Self::Damaged(path) => path == key,
            _ => false,
        }
    }
}
