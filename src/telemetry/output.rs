//! Where lines go: a file that can be opened anew, or one of the process's own streams.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// All files that lines go to.
static FILES: Mutex<Vec<Weak<LogFile>>> = Mutex::new(Vec::new());

/// A stream of the process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Where lines go. Clones write to the same place.
#[derive(Debug, Clone)]
pub(super) enum Output {
    File(Arc<LogFile>),
    Stream(Stream),
}

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl Output {
    /// The end of the file at `path`, or `otherwise`.
    pub(super) fn open(path: Option<&Path>, otherwise: Stream) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stream(otherwise));
        };
        let file = Arc::new(LogFile {
            path: path.to_owned(),
            file: Mutex::new(append(path)?),
        });
        let mut files = lock(&FILES);
        files.retain(|known| known.strong_count() > 0);
        files.push(Arc::downgrade(&file));
        Ok(Self::File(file))
    }
}

/// Opens all files anew; one that cannot be opened is left as it is.
pub(super) fn reopen() -> io::Result<()> {
    let files: Vec<_> = lock(&FILES).iter().filter_map(Weak::upgrade).collect();
    let mut first = Ok(());
    for log in files {
        match append(&log.path) {
            Ok(file) => *lock(&log.file) = file,
            Err(error) if first.is_ok() => first = Err(error),
            Err(_) => {}
        }
    }
    first
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(log) => lock(&log.file).write(bytes),
            Self::Stream(Stream::Output) => io::stdout().write(bytes),
            Self::Stream(Stream::Error) => io::stderr().write(bytes),
        }
    }

    /// Lines of several threads do not run into each other: each is written whole.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(log) => lock(&log.file).write_all(bytes),
            Self::Stream(Stream::Output) => io::stdout().lock().write_all(bytes),
            Self::Stream(Stream::Error) => io::stderr().lock().write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Stream(Stream::Output) => io::stdout().flush(),
            Self::Stream(Stream::Error) => io::stderr().flush(),
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// A panic while a line was written harms no other line.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_moved_away_is_followed_by_a_new_one() {
        let name = format!("wxgate-log-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let (path, moved) = (folder.join("log"), folder.join("log.1"));
        let mut output = Output::open(Some(&path), Stream::Error).unwrap();
        output.write_all(b"one\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        output.clone().write_all(b"two\n").unwrap();
        reopen().unwrap();
        output.write_all(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");

        fs::remove_dir_all(&folder).unwrap();
        assert!(reopen().is_err(), "the folder is gone");
        output.write_all(b"four\n").unwrap();
        drop(output);
        reopen().unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let path = Path::new("/nowhere/at/all");
        let error = Output::open(Some(path), Stream::Error).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
