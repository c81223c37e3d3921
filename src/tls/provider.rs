//! The one implementation of TLS's cryptography: aws-lc-rs.

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(default_provider()));

/// The provider for every config of TLS, the same one each time.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}
