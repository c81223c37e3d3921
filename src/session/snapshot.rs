//! All records in one file, over a planned restart: sealed under `session.secret`.
//!
//! The file is a header and sealed chunks (AES-256-GCM), after the STREAM construction: the nonce of a chunk is
//! its number and whether it is the last one, so none can be changed, moved, left out or added. The key is the
//! file's own, made of `session.secret` and the random bytes in the header. A file is taken whole or not
//! at all, and once: what it says of who is signed in is soon out of date.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::auth::{Locator, crypto};
use crate::session::packed::Packed;
use crate::session::user::User;

/// Begins every file of this form.
const MAGIC: &[u8] = b"wxgate sessions1";

/// The most bytes of a chunk, before it is sealed.
const CHUNK: usize = 64 << 10;

/// What sealing adds to a chunk.
const TAG: usize = 16;

/// Random bytes in the header.
const SALT: usize = 32;

/// What stands before a record: its locator and its length.
const HEAD: usize = 18;

/// What the key of a file is made for.
const PURPOSE: &[u8] = b"wxgate snapshot\0";

/// Why a snapshot was not written or not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, written or moved.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, #[source] io::Error),
    /// The file is something else, or of another version.
    #[error("{}: this is no snapshot of this version", .0.display())]
    Unknown(PathBuf),
    /// A chunk does not open.
    #[error("{}: damaged, or written under another session.secret", .0.display())]
    Sealed(PathBuf),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

/// Writes `records` to the file at `path`, in place of what is there; how many. Only its owner can read
/// it. It is whole or as it was, whatever happens meanwhile.
pub fn write(
    path: &Path,
    secret: &[u8],
    records: impl Iterator<Item = (Locator, Packed)>,
) -> Result<u64, Error> {
    let new = beside(path, ".new");
    let at = |error| Error::File(new.clone(), error);
    clear(&new).map_err(at)?;
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|_| Error::Random)?;
    let file = create(&new).map_err(at)?;
    let count = seal(BufWriter::new(&file), secret, salt, records).map_err(at)?;
    file.sync_all().map_err(at)?;
    fs::rename(&new, path).map_err(at)?;
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        // Not every file system can; the file itself is safe.
        let _ = folder.sync_all();
    }
    Ok(count)
}

/// Says whether a file could be written at `path`, before it is needed.
pub fn try_out(path: &Path) -> Result<(), Error> {
    let new = beside(path, ".new");
    let at = |error| Error::File(new.clone(), error);
    clear(&new).map_err(at)?;
    create(&new).map_err(at)?;
    clear(&new).map_err(at)
}

/// Gives the records of the file at `path` to `keep` and removes the file; how many. `None`: there is no
/// file. On an error the file is left under the name `….refused`, and what `keep` was given must be
/// forgotten.
pub fn take(
    path: &Path,
    secret: &[u8],
    keep: impl FnMut(Locator, Packed),
) -> Result<Option<u64>, Error> {
    let aside = beside(path, ".refused");
    // First of all, so that no crash can make it count twice and undo a log-out.
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::File(path.to_owned(), error)),
        Ok(()) => {}
    }
    let at = |error| Error::File(aside.clone(), error);
    let file = File::open(&aside).map_err(at)?;
    let count = open(BufReader::new(file), secret, keep).map_err(|fault| match fault {
        Fault::Read(error) => at(error),
        Fault::Unknown => Error::Unknown(aside.clone()),
        Fault::Sealed => Error::Sealed(aside.clone()),
    })?;
    fs::remove_file(&aside).map_err(at)?;
    Ok(Some(count))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// Removes what is at `path`, if anything: it may be a link, or somebody else's, and is not written through.
fn clear(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn seal(
    mut out: impl Write,
    secret: &[u8],
    salt: [u8; SALT],
    records: impl Iterator<Item = (Locator, Packed)>,
) -> io::Result<u64> {
    let mut lock = Lock::new(secret, &salt);
    out.write_all(&lock.header)?;
    let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
    let mut count = 0;
    for (locator, packed) in records {
        let bytes = packed.bytes();
        if chunk.len() + HEAD + bytes.len() > CHUNK {
            lock.seal(&mut chunk, false, &mut out)?;
        }
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        chunk.extend_from_slice(&locator.0);
        chunk.extend_from_slice(&length.to_le_bytes());
        chunk.extend_from_slice(bytes);
        count += 1;
    }
    lock.seal(&mut chunk, true, &mut out)?;
    out.flush()?;
    Ok(count)
}

/// What is wrong with a file.
#[derive(Debug)]
enum Fault {
    Read(io::Error),
    Unknown,
    Sealed,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Cut short.
            io::ErrorKind::UnexpectedEof => Self::Sealed,
            _ => Self::Read(error),
        }
    }
}

fn open(
    mut input: impl BufRead,
    secret: &[u8],
    mut keep: impl FnMut(Locator, Packed),
) -> Result<u64, Fault> {
    let mut header = [0; MAGIC.len() + SALT];
    input
        .read_exact(&mut header)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Unknown,
            _ => Fault::Read(error),
        })?;
    let salt = header.strip_prefix(MAGIC).ok_or(Fault::Unknown)?;
    let mut lock = Lock::new(secret, salt);
    let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK + TAG));
    let mut count = 0;
    loop {
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > CHUNK + TAG {
            return Err(Fault::Sealed);
        }
        chunk.resize(length, 0);
        input.read_exact(&mut chunk)?;
        let last = input.fill_buf()?.is_empty();
        let mut records = lock.open(&mut chunk, last).ok_or(Fault::Sealed)?;
        while !records.is_empty() {
            let (locator, packed, rest) = record(records).ok_or(Fault::Unknown)?;
            keep(locator, packed);
            records = rest;
            count += 1;
        }
        if last {
            return Ok(count);
        }
    }
}

/// The first record of `bytes`, and what follows it.
fn record(bytes: &[u8]) -> Option<(Locator, Packed, &[u8])> {
    let (locator, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (record, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    Some((Locator(*locator), User::unpack(record)?.pack()?, rest))
}

/// Seals the chunks of one file, or opens them, in their order.
struct Lock {
    key: Option<LessSafeKey>,
    /// Bound to every chunk.
    header: Vec<u8>,
    number: u64,
}

impl Lock {
    fn new(secret: &[u8], salt: &[u8]) -> Self {
        let key = Zeroizing::new(crypto::hmac_sha256(secret, &[PURPOSE, salt].concat()));
        Self {
            key: UnboundKey::new(&AES_256_GCM, &*key)
                .ok()
                .map(LessSafeKey::new),
            header: [MAGIC, salt].concat(),
            number: 0,
        }
    }

    /// Writes `chunk`, sealed, after its length, and leaves it empty.
    fn seal(&mut self, chunk: &mut Vec<u8>, last: bool, out: &mut impl Write) -> io::Result<()> {
        let nonce = self.nonce(last);
        let sealed = self.key.as_ref().is_some_and(|key| {
            key.seal_in_place_append_tag(nonce, Aad::from(&self.header), chunk)
                .is_ok()
        });
        if !sealed {
            chunk.zeroize();
            return Err(io::Error::other("the chunk cannot be sealed"));
        }
        let length = u32::try_from(chunk.len()).map_err(io::Error::other)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(chunk)?;
        chunk.clear();
        Ok(())
    }

    fn open<'a>(&mut self, chunk: &'a mut [u8], last: bool) -> Option<&'a [u8]> {
        let nonce = self.nonce(last);
        let key = self.key.as_ref()?;
        let opened = key.open_in_place(nonce, Aad::from(&self.header), chunk);
        opened.ok().map(|opened| &*opened)
    }

    /// Of each chunk another one.
    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        let parts = self
            .number
            .to_be_bytes()
            .into_iter()
            .chain([u8::from(last)]);
        for (to, part) in nonce.iter_mut().zip(parts) {
            *to = part;
        }
        self.number += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

#[cfg(test)]
mod tests;
