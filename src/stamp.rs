//! What tells a file from what it was, without reading it.
//!
//! Files are looked at, not listened to: a look follows the links that certbot and Kubernetes swap and sees
//! what an editor renames into place, on every file system.

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

/// A file as it is at one time; of two that are equal, the second says nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    /// A file of the same size may be renamed into its place within the clock's grain.
    number: u64,
}

impl Stamp {
    /// The file at `path` as it is now; `None` where there is none that we may look at.
    pub fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: file.modified().ok(),
            length: file.len(),
            number: number(&file),
        })
    }
}

#[cfg(unix)]
fn number(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}
