//! The files that a config was read from, and whether they have changed.

use std::path::PathBuf;
use std::time::Duration;

use crate::stamp::Stamp;

/// How often files are looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Files, as they were when they were read and when they were looked at last.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    read: Vec<Option<Stamp>>,
    seen: Vec<Option<Stamp>>,
}

impl Files {
    /// Files that were just read.
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        let stamps: Vec<_> = paths.iter().map(|path| Stamp::of(path)).collect();
        Self {
            paths,
            read: stamps.clone(),
            seen: stamps,
        }
    }

    /// Takes the files as they are now for read.
    pub(super) fn look_again(&mut self) {
        self.read = self.paths.iter().map(|path| Stamp::of(path)).collect();
        self.seen.clone_from(&self.read);
    }

    /// Looks at all. `true` once something has changed and the look before saw the same: who writes
    /// them has finished.
    pub(super) fn have_changed(&mut self) -> bool {
        let now: Vec<_> = self.paths.iter().map(|path| Stamp::of(path)).collect();
        let before = std::mem::replace(&mut self.seen, now);
        self.seen != self.read && self.seen == before
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_is_told_once_and_only_when_it_is_over() {
        let folder = std::env::temp_dir().join(format!("wxgate-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, other) = (folder.join("gateway.toml"), folder.join("new"));
        fs::write(&path, "one").unwrap();
        let mut files = Files::new(vec![path.clone(), folder.join("not there")]);
        assert!(!files.have_changed() && !files.have_changed());

        fs::write(&path, "longer").unwrap();
        assert!(!files.have_changed(), "it may still be being written");
        fs::write(&path, "longer still").unwrap();
        assert!(!files.have_changed(), "it was");
        assert!(files.have_changed());
        files.look_again();
        assert!(!files.have_changed() && !files.have_changed());

        // The same length, renamed into place: what editors do, and links of Kubernetes.
        fs::write(&other, "LONGER STILL").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(!files.have_changed());
        assert!(files.have_changed());
        files.look_again();

        fs::remove_dir_all(&folder).unwrap();
        assert!(!files.have_changed());
        assert!(files.have_changed(), "a file that is gone has changed");
    }
}
