//! HTTP/1 framing: cut anywhere it says the same, and hyper's parser ends each message where it does.

use super::framing::{Bounds, Framing};
use super::{Limits, Refusal};

/// What came of some bytes.
#[derive(Debug, PartialEq)]
struct Verdict {
    /// What went on to the parser, without empty lines between messages.
    gone: Vec<u8>,
    refusal: Option<Refusal>,
    is_foreign: bool,
}

/// The first byte says how pieces are cut, and whether HTTP/2 may come; the others are the connection.
pub(crate) fn messages(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else {
        return;
    };
    let bytes = bytes.get(..4096).unwrap_or(bytes);
    let knows_http2 = first & 1 == 1;
    let (whole, _) = feed(bytes, knows_http2, bytes.len());
    let size = usize::from(first >> 1) + 1;
    assert_eq!(feed(bytes, knows_http2, size).0, whole, "pieces of {size}");
    let (slow, ends) = feed(bytes, knows_http2, 1);
    assert_eq!(slow, whole, "byte by byte");
    if !whole.is_foreign {
        agree(&whole.gone, &ends);
    }
}

/// Small enough for a fuzzer to come by; fewer lines than the parser has room for.
fn bounds() -> Bounds {
    Bounds {
        target: 200,
        lines: 1000,
        count: 20,
        ..Bounds::of(&Limits::default())
    }
}

/// Feeds pieces of `size` as a connection does: what came of it, and where in what went on a message ended.
fn feed(bytes: &[u8], knows_http2: bool, size: usize) -> (Verdict, Vec<usize>) {
    let (bounds, size) = (bounds(), size.max(1));
    let mut framing = Framing::new(knows_http2);
    let (mut held, mut gone, mut ends, mut refusal) = (Vec::new(), Vec::new(), Vec::new(), None);
    'pieces: for piece in bytes.chunks(size) {
        held.extend_from_slice(piece);
        loop {
            let blank = framing.blank(&held);
            held.drain(..blank);
            let free = match framing.scan(&held, &bounds) {
                Ok(free) => free,
                Err(why) => {
                    refusal = Some(why);
                    break 'pieces;
                }
            };
            assert!(free <= held.len(), "it reads past the end");
            gone.extend(held.drain(..free));
            let was_undecided = framing.is_undecided();
            framing.decide(false);
            if free > 0 && !framing.is_within() {
                ends.push(gone.len());
            }
            if free == 0 && !was_undecided {
                break;
            }
        }
        let most = bounds.target + bounds.lines + 200;
        assert!(held.len() <= most + size, "it holds {} bytes", held.len());
    }
    let is_foreign = framing.is_foreign();
    let verdict = Verdict {
        gone,
        refusal,
        is_foreign,
    };
    (verdict, ends)
}

/// hyper's parser ends each message of `gone` where framing did, or refuses it.
fn agree(gone: &[u8], ends: &[usize]) {
    let mut start = 0;
    for end in ends {
        let Some(read) = message(&gone[start..]) else {
            return;
        };
        assert_eq!(start + read, *end, "the parser ends a message elsewhere");
        start = *end;
    }
    assert_eq!(message(&gone[start..]), None, "the parser sees one more");
}

/// The length of the message at the start of `bytes`; `None`: it is not whole, or refused.
fn message(bytes: &[u8]) -> Option<usize> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut room);
    let httparse::Status::Complete(length) = head.parse(bytes).ok()? else {
        return None;
    };
    let mut lines = bytes[..length].split_inclusive(|byte| *byte == b'\n');
    assert!(lines.all(|line| line.ends_with(b"\r\n")), "a bare LF");
    let target = head.path.unwrap_or_default();
    assert!(!target.contains('#'), "hyper cuts {target}");
    let all = |name: &str| {
        let lines = head.headers.iter();
        let same = lines.filter(|line| line.name.eq_ignore_ascii_case(name));
        same.map(|line| line.value).collect::<Vec<_>>()
    };
    match (&all("content-length")[..], &all("transfer-encoding")[..]) {
        ([], []) => Some(length),
        ([], [coding]) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked"), "{coding:?}");
            assert_eq!(head.version, Some(1), "chunks in HTTP/1.0");
            chunks(&bytes[length..]).map(|more| length + more)
        }
        ([value], []) => {
            assert!(value.iter().all(u8::is_ascii_digit), "{value:?}");
            let body: usize = str::from_utf8(value).ok()?.parse().ok()?;
            (bytes.len() - length >= body).then_some(length + body)
        }
        both => panic!("framed twice: {both:?}"),
    }
}

/// The length of a chunked body, its trailers included.
fn chunks(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let read = httparse::parse_chunk_size(&bytes[at..]).ok()?;
        let httparse::Status::Complete((line, size)) = read else {
            return None;
        };
        at += line;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        let after = bytes.get(end..end.checked_add(2)?)?;
        assert_eq!(after, b"\r\n", "after a chunk");
        at = end + 2;
    }
    loop {
        let line = bytes[at..].iter().position(|byte| *byte == b'\n')? + 1;
        at += line;
        if line == 2 {
            return Some(at);
        }
    }
}
