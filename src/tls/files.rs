//! Whether the files of certificates have changed.

use std::path::PathBuf;

use crate::stamp::Stamp;
use crate::tls::Config;

/// The files of a config, as they were at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files(Vec<Option<Stamp>>);

impl Files {
    /// The files that `config` names, as they are now.
    pub(super) fn of(config: &Config) -> Self {
        Self(paths(config).map(|path| Stamp::of(path)).collect())
    }
}

fn paths(config: &Config) -> impl Iterator<Item = &PathBuf> {
    let sites = config.site.iter().flat_map(|site| [&site.cert, &site.key]);
    config.cert.iter().chain(&config.key).chain(sites)
}
