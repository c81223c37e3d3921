//! Paths: the normal form is normal, holds no way up, and means what RFC 3986 makes of the spelling.

use wxgate::proxy::path::{after_prefix, as_read, normalise};

/// Any text as a request's path.
pub(crate) fn spellings(input: &[u8]) {
    let Ok(raw) = str::from_utf8(input) else {
        return;
    };
    let Ok(path) = normalise(raw) else {
        return;
    };
    assert_eq!(
        normalise(&path).as_deref(),
        Ok(&*path),
        "not normal: {path}"
    );
    assert!(path.starts_with('/') && !path.contains("//"), "{path}");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
    let read = decoded(path.as_bytes());
    for segment in read.split(|byte| *byte == b'/') {
        let name = segment
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        assert!(name != b"." && name != b"..", "a way up: {path}");
    }
    assert!(!read.iter().any(|byte| matches!(byte, 0 | b'\\')), "{path}");
    let slashes = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'/').count();
    assert_eq!(
        slashes(&read),
        slashes(path.as_bytes()),
        "an encoded `/`: {path}"
    );
    assert_eq!(
        read,
        resolved(&decoded(raw.as_bytes())),
        "{raw} is another path than {path}"
    );
    assert_eq!(
        decoded(as_read(&path).as_bytes()),
        read,
        "{path} is read as another path"
    );
    for (at, _) in path.match_indices('/') {
        assert_eq!(after_prefix(&path, &path[..at]), Some(&path[at..]));
    }
    for at in 1..path.len() {
        let is_segment = path[at..].starts_with('/');
        assert_eq!(
            after_prefix(&path, &path[..at]).is_some(),
            is_segment,
            "{at} of {path}"
        );
    }
}

/// Every escape decoded, once.
fn decoded(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let escape = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        (bytes, rest) = match escape {
            Some(byte) if *first == b'%' => ([&bytes[..], &[byte]].concat(), &tail[2..]),
            _ => ([&bytes[..], &[*first]].concat(), tail),
        };
    }
    bytes
}

/// Without dot segments and empty ones (RFC 3986 §5.2.4).
fn resolved(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut ends_open = true;
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        ends_open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    let mut path: Vec<u8> = kept
        .iter()
        .flat_map(|name| [b"/", *name].concat())
        .collect();
    if ends_open {
        path.push(b'/');
    }
    path
}
