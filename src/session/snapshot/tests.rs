//! What a snapshot holds, and all the ways in which one is refused.

use super::*;
use crate::auth::{AppId, Digest, OpenId, Phone, SessionKey, UnionId};
use crate::session::user::Terms;

const SECRET: &[u8] = b"a secret of thirty-two bytes....";
const OPENID: &str = "oGZUI0egBJY1zhBYw2KhdUfwVJJE";
const PHONE: &str = "13580006666";

fn locator(n: u32) -> Locator {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    Locator(bytes)
}

fn packed(n: u32) -> Packed {
    let terms = Terms {
        ttl: 100,
        idle: 100,
        per_user: 5,
    };
    let mut digest = [9; 32];
    digest[..4].copy_from_slice(&n.to_le_bytes());
    let mut user = User::new(
        AppId::new("wx0123456789abcdef").unwrap(),
        OpenId::new(OPENID).unwrap(),
        5,
    );
    let unionid = UnionId::new("ocMvos6NjeKLIBqg5Mr9QjxrP1FA").ok();
    let key = SessionKey::from_bytes(*b"sessionkey------");
    user.sign_in(unionid, key, Digest(digest), None, &terms, 5);
    user.set_phone(Phone::new(PHONE, PHONE, "86").unwrap());
    user.pack().unwrap()
}

fn sealed(count: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let records = (0..count).map(|n| (locator(n), packed(n)));
    assert_eq!(
        seal(&mut out, SECRET, [3; SALT], records).unwrap(),
        u64::from(count)
    );
    out
}

fn opened(bytes: &[u8]) -> Result<Vec<(Locator, Packed)>, Fault> {
    let mut records = Vec::new();
    open(bytes, SECRET, |locator, packed| {
        records.push((locator, packed));
    })?;
    Ok(records)
}

/// Where each chunk of a file begins, with its length before it.
fn chunks(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = MAGIC.len() + SALT;
    let mut chunks = Vec::new();
    while let Some(length) = bytes.get(at..at + 4) {
        let end = at + 4 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
        chunks.push(at..end);
        at = end;
    }
    chunks
}

#[test]
fn records_come_back_as_they_were() {
    for count in [0, 1, 2000] {
        let bytes = sealed(count);
        let records = opened(&bytes).unwrap();
        assert_eq!(records.len(), count as usize);
        for ((found, record), n) in records.iter().zip(0..) {
            assert_eq!(*found, locator(n));
            assert_eq!(record.bytes(), packed(n).bytes());
        }
    }
    assert!(chunks(&sealed(2000)).len() > 3);
}

#[test]
fn nothing_of_anybody_stands_in_it_in_clear() {
    let bytes = sealed(50);
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(MAGIC));
    let spelt = crypto::from_base64url(OPENID.as_bytes()).unwrap();
    for needle in [
        OPENID.as_bytes(),
        &spelt,
        PHONE.as_bytes(),
        b"sessionkey",
        &[9; 8],
        &[7; 8],
        SECRET,
    ] {
        assert!(!holds(needle), "{needle:?}");
    }
}

#[test]
fn no_byte_can_be_changed() {
    let bytes = sealed(3);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let Err(fault) = opened(&changed) else {
            panic!("byte {at} does not count");
        };
        let in_magic = at < MAGIC.len();
        assert_eq!(matches!(fault, Fault::Unknown), in_magic, "{at}: {fault:?}");
    }
}

#[test]
fn no_part_can_be_left_out_added_or_moved() {
    let bytes = sealed(2000);
    for end in [0, 5, 16, 47, 48, 50, 60, 70_000, bytes.len() - 1] {
        assert!(opened(&bytes[..end]).is_err(), "cut at {end}");
    }
    let chunks = chunks(&bytes);
    let with = |order: &[usize]| {
        let mut made = bytes[..MAGIC.len() + SALT].to_vec();
        for at in order {
            made.extend_from_slice(&bytes[chunks[*at].clone()]);
        }
        opened(&made).is_ok()
    };
    let all: Vec<usize> = (0..chunks.len()).collect();
    let last = chunks.len() - 1;
    assert!(with(&all));
    assert!(!with(&all[..last]), "without the last one");
    assert!(!with(&all[1..]), "without the first one");
    assert!(!with(&[&[1, 0], &all[2..]].concat()), "in another order");
    assert!(!with(&[&all[..], &[last]].concat()), "with one more");
}

#[test]
fn another_secret_opens_nothing_and_each_file_has_its_own_key() {
    let bytes = sealed(3);
    let other = open(&bytes[..], b"another secret of 32 bytes......", |_, _| {});
    assert!(matches!(other, Err(Fault::Sealed)));
    let mut out = Vec::new();
    let records = (0..3).map(|n| (locator(n), packed(n)));
    seal(&mut out, SECRET, [4; SALT], records).unwrap();
    let from = MAGIC.len() + SALT + 4;
    assert_ne!(bytes[from..from + 16], out[from..from + 16]);
}

#[cfg(unix)]
#[test]
fn a_file_is_taken_once_and_a_refused_one_is_left_aside() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("wxgate-snapshot-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("sessions");
    let records = || (0..3).map(|n| (locator(n), packed(n)));
    let take = || take(&path, SECRET, |_, _| {});
    assert!(matches!(take(), Ok(None)));

    // A link in the place of the new file is not followed.
    let victim = folder.join("victim");
    fs::write(&victim, "untouched").unwrap();
    std::os::unix::fs::symlink(&victim, folder.join("sessions.new")).unwrap();
    assert_eq!(write(&path, SECRET, records()).unwrap(), 3);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    assert!(matches!(take(), Ok(Some(3))));
    assert!(matches!(take(), Ok(None)), "a second time");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "only the victim");

    fs::write(
        &path,
        "something else, which is longer than a header would be",
    )
    .unwrap();
    assert!(matches!(take(), Err(Error::Unknown(_))));
    assert!(!path.exists() && folder.join("sessions.refused").exists());
    write(&path, b"another secret of 32 bytes......", records()).unwrap();
    let error = take().unwrap_err().to_string();
    assert!(
        error.contains("sessions.refused: damaged, or written under another session.secret"),
        "{error}"
    );
    let nowhere = folder.join("nowhere/sessions");
    assert!(write(&nowhere, SECRET, records()).is_err());
    fs::remove_dir_all(&folder).unwrap();
}
