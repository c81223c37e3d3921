//! Whether files have changed. They are looked at, not listened to: a look follows the links that
//! certbot and Kubernetes swap, on every file system.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::tls::Config;

/// The files of a config, as they were at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files(Vec<Option<Stamp>>);

/// What a change of a file changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// A file of the same size may be renamed into its place within the clock's grain.
    number: u64,
}

impl Files {
    /// The files that `config` names, as they are now.
    pub(super) fn of(config: &Config) -> Self {
        Self(paths(config).map(|path| stamp(path)).collect())
    }
}

fn paths(config: &Config) -> impl Iterator<Item = &PathBuf> {
    let sites = config.site.iter().flat_map(|site| [&site.cert, &site.key]);
    config.cert.iter().chain(&config.key).chain(sites)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(path).ok()?;
    Some(Stamp {
        modified: file.modified().ok(),
        length: file.len(),
        number: number(&file),
    })
}

#[cfg(unix)]
fn number(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}
