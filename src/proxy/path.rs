//! One path out of the many spellings of it (R8).
//!
//! What comes out begins with one `/`, never with two; it has no dot segments, no empty segment but
//! perhaps the last, and every escape in it is upper-case and needed. Normalising it again changes
//! nothing. The query takes no part.

use std::borrow::Cow;

/// Why a path is answered with 400: two readers may read it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not begin with `/`: `*` (RFC 9112 §3.2.4) and the authority of a CONNECT, too.
    #[error("a path begins with `/`")]
    NotAbsolute,
    /// A control byte, `\`, `#`, or a `?` that begins a query.
    #[error("a path has no control characters, `\\`, `#` or `?`")]
    Character,
    /// A `%` without two hexadecimal digits after it.
    #[error("a `%` in a path is followed by two hexadecimal digits")]
    Escape,
    /// `%00`, `%2f` or `%5c`.
    #[error("a path has no encoded `/`, `\\` or NUL")]
    Separator,
    /// Encoded dots that make a dot segment, or a dot segment with a parameter (`..;`).
    #[error("a path has no dot segments that are encoded or carry a `;`")]
    DotSegment,
    /// A parameter (`/a;x`) without which the path would be another route's.
    #[error("a path that parameters (`;`) lead past another route is not taken")]
    Parameter,
}

/// The normal form of `raw`, borrowed if it has that form already.
pub fn normalise(raw: &str) -> Result<Cow<'_, str>, Refused> {
    if raw.starts_with('/') && is_normal(raw.as_bytes()) {
        return Ok(Cow::Borrowed(raw));
    }
    rebuild(raw).map(Cow::Owned)
}

/// What follows `prefix` in `path`: nothing or a text that begins with `/`. `None` if `prefix` is
/// not made of the first whole segments of `path`.
///
/// Both are normal; `prefix` has no `/` at its end, and `""` is the prefix of every path.
pub fn after_prefix<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A normal path as services read it: escapes of bytes that need none, such as `%3A` for `:`, decoded.
///
/// By this form routes are found. RFC 3986 §2.2 lets `/a:b` and `/a%3Ab` differ, so what is forwarded
/// keeps the client's spelling; but a service mostly reads one path, and one policy must hold for it.
pub fn as_read(path: &str) -> Cow<'_, str> {
    let mut read = String::new();
    let mut rest = path;
    let mut copied = 0;
    while let Some(at) = rest.find('%') {
        let escape = rest.as_bytes().get(at + 1..at + 3);
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(&[high, low]) = escape else {
            continue;
        };
        if let Some(byte) = unescape(high, low).filter(|byte| is_literal(*byte)) {
            let start = path.len() - rest.len() - 1;
            read.push_str(path.get(copied..start).unwrap_or_default());
            read.push(char::from(byte));
            copied = start + 3;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(path);
    }
    read.push_str(path.get(copied..).unwrap_or_default());
    Cow::Owned(read)
}

/// A path in the form of [`as_read`] as servlet containers see it: each segment ends at its `;`, and what is
/// empty then is no segment.
pub fn without_parameters(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    for segment in path.split('/').skip(1) {
        let name = segment.split(';').next().unwrap_or_default();
        if !plain.ends_with('/') {
            plain.push('/');
        }
        plain.push_str(name);
    }
    plain
}

fn is_normal(path: &[u8]) -> bool {
    let mut rest = path;
    loop {
        let literals = rest.iter().take_while(|byte| is_literal(**byte)).count();
        rest = match rest.get(literals..).unwrap_or_default() {
            [] => return true,
            [b'/', b'/', ..] => return false,
            [b'/', tail @ ..] if is_dot_segment(tail) => return false,
            [b'/', tail @ ..] => tail,
            [b'%', high, low, tail @ ..] if stays_encoded(*high, *low) => tail,
            _ => return false,
        }
    }
}

/// Whether `text` begins with one or two dots and then its segment, or what some take for it, ends.
fn is_dot_segment(text: &[u8]) -> bool {
    let Some(tail) = text.strip_prefix(b".") else {
        return false;
    };
    let tail = tail.strip_prefix(b".").unwrap_or(tail);
    // SECURITY: `;` ends a name for servlet containers, and for some of them `%3B` does, too.
    matches!(tail, [] | [b'/' | b';', ..] | [b'%', b'3', b'B' | b'b', ..])
}

fn stays_encoded(high: u8, low: u8) -> bool {
    let upper = |digit: u8| matches!(digit, b'0'..=b'9' | b'A'..=b'F');
    upper(high)
        && upper(low)
        && unescape(high, low).is_some_and(|byte| !is_unreserved(byte) && !is_separator(byte))
}

fn rebuild(raw: &str) -> Result<String, Refused> {
    let mut rest = raw.strip_prefix('/').ok_or(Refused::NotAbsolute)?;
    let mut path = String::with_capacity(raw.len() + 16);
    loop {
        let (segment, more) = match rest.split_once('/') {
            Some((segment, more)) => (segment, Some(more)),
            None => (rest, None),
        };
        let start = path.len();
        path.push('/');
        write_segment(&mut path, segment)?;
        let written = path.get(start + 1..).unwrap_or_default();
        let climbs = written == "..";
        let stays = written.is_empty() || written == ".";
        if is_dot_segment(written.as_bytes()) && !(segment == "." || segment == "..") {
            return Err(Refused::DotSegment);
        }
        if climbs || stays {
            path.truncate(start);
        }
        if climbs {
            path.truncate(path.rfind('/').unwrap_or(0));
        }
        let Some(more) = more else {
            if climbs || stays {
                path.push('/');
            }
            return Ok(path);
        };
        rest = more;
    }
}

fn write_segment(to: &mut String, segment: &str) -> Result<(), Refused> {
    let mut rest = segment.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(()),
            [b'%', high, low, tail @ ..] => {
                let byte = unescape(*high, *low).ok_or(Refused::Escape)?;
                if is_separator(byte) {
                    return Err(Refused::Separator);
                }
                if is_unreserved(byte) {
                    to.push(char::from(byte));
                } else {
                    escape(to, byte);
                }
                tail
            }
            [b'%', ..] => return Err(Refused::Escape),
            [byte, tail @ ..] => {
                if byte.is_ascii_control() || matches!(byte, b'\\' | b'#' | b'?') {
                    return Err(Refused::Character);
                }
                if is_literal(*byte) {
                    to.push(char::from(*byte));
                } else {
                    escape(to, *byte);
                }
                tail
            }
        }
    }
}

fn escape(to: &mut String, byte: u8) {
    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'A' + n - 10 });
    to.push('%');
    to.push(digit(byte >> 4));
    to.push(digit(byte & 15));
}

fn unescape(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Some(digit(high)? << 4 | digit(low)?)
}

/// What may be encoded in no reader's eyes: it ends a segment, or a text.
fn is_separator(byte: u8) -> bool {
    matches!(byte, 0 | b'/' | b'\\')
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What a segment holds without an escape: `pchar` of RFC 3986 §3.3.
fn is_literal(byte: u8) -> bool {
    /// A bit for each of them.
    const LITERAL: u128 = {
        let mut bits = 0;
        let mut rest: &[u8] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@";
        while let [byte, tail @ ..] = rest {
            bits |= 1 << *byte;
            rest = tail;
        }
        bits
    };
    byte.is_ascii() && LITERAL >> byte & 1 == 1
}

#[cfg(test)]
mod tests;
