//! What the head of a message says of where it ends, and the lines that it is made of.

use memchr::memchr;

use crate::listener::Refusal;
use crate::listener::framing::Bounds;

/// Digits of a length. What has more fits no body that anybody takes.
const DIGITS: usize = 18;

/// A line, without its CRLF.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    /// With the CRLF.
    pub(super) length: usize,
}

impl<'a> Line<'a> {
    /// The first line of `bytes`, which may be `most` bytes long, else `longer`; `None`: it is not there
    /// whole.
    pub(super) fn first(
        bytes: &'a [u8],
        most: usize,
        longer: Refusal,
    ) -> Result<Option<Self>, Refusal> {
        let end = memchr(b'\n', bytes);
        if end.unwrap_or(bytes.len()) >= most {
            return Err(longer);
        }
        let Some(end) = end else { return Ok(None) };
        match bytes.get(..end).unwrap_or_default() {
            [text @ .., b'\r'] => Ok(Some(Self {
                text,
                length: end + 1,
            })),
            _ => Err(Refusal::BadRequest),
        }
    }
}

/// What a whole head says of the bytes after it.
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) is_old: bool,
    pub(super) content_length: Option<u64>,
    pub(super) is_chunked: bool,
    pub(super) asks_upgrade: bool,
}

impl Head {
    /// The head at the start of `bytes`; `None`: it is not there whole.
    pub(super) fn read(bytes: &[u8], bounds: &Bounds) -> Result<Option<Self>, Refusal> {
        let Some(first) = Line::first(bytes, usize::MAX, Refusal::HeadTooLarge)? else {
            return Ok(None);
        };
        let mut head = Self {
            length: first.length,
            is_old: request_line(first.text, bounds)?,
            content_length: None,
            is_chunked: false,
            asks_upgrade: false,
        };
        let (mut count, most) = (0, bounds.lines + first.length);
        loop {
            let rest = bytes.get(head.length..).unwrap_or_default();
            let Some(line) = Line::first(rest, usize::MAX, Refusal::HeadTooLarge)? else {
                return Ok(None);
            };
            head.length += line.length;
            if line.text.is_empty() {
                return Ok(Some(head));
            }
            count += 1;
            if count > bounds.count || head.length > most {
                return Err(Refusal::HeadTooLarge);
            }
            head.note(line.text)?;
        }
    }

    /// Looks at one header line: two names say where a message ends.
    fn note(&mut self, line: &[u8]) -> Result<(), Refusal> {
        // A folded line (RFC 9112 §5.2).
        if let [b' ' | b'\t', ..] = line {
            return Err(Refusal::BadRequest);
        }
        if let Some(value) = value_of(line, b"content-length") {
            if self.content_length.is_some() || self.is_chunked {
                return Err(Refusal::BadRequest);
            }
            self.content_length = Some(length(value)?);
        } else if let Some(value) = value_of(line, b"transfer-encoding") {
            let framed = self.content_length.is_some() || self.is_chunked;
            if framed || self.is_old || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::BadRequest);
            }
            self.is_chunked = true;
        } else if value_of(line, b"upgrade").is_some() {
            self.asks_upgrade = true;
        }
        Ok(())
    }
}

/// Whether a request line is of HTTP/1.0.
fn request_line(line: &[u8], bounds: &Bounds) -> Result<bool, Refusal> {
    let (line, version) = line.split_last_chunk::<9>().ok_or(Refusal::BadRequest)?;
    let start = memchr(b' ', line).ok_or(Refusal::BadRequest)? + 1;
    let target = line.get(start..).unwrap_or_default();
    if target.len() > bounds.target {
        return Err(Refusal::UriTooLong);
    }
    // hyper would cut the target there, and match what was not asked for.
    if memchr(b'#', target).is_some() {
        return Err(Refusal::BadRequest);
    }
    match version {
        b" HTTP/1.1" => Ok(false),
        b" HTTP/1.0" => Ok(true),
        _ => Err(Refusal::BadRequest),
    }
}

/// The value of a header line that has this name.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if line.get(name.len()) != Some(&b':') {
        return None;
    }
    let (start, value) = line.split_at(name.len());
    start
        .eq_ignore_ascii_case(name)
        .then(|| trimmed(value.get(1..).unwrap_or_default()))
}

fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A length is digits and nothing else: no sign, no list (RFC 9112 §6.3).
fn length(value: &[u8]) -> Result<u64, Refusal> {
    let is_length = value.iter().all(u8::is_ascii_digit) && value.len() <= DIGITS;
    str::from_utf8(value)
        .ok()
        .filter(|_| is_length)
        .and_then(|digits| digits.parse().ok())
        .ok_or(Refusal::BadRequest)
}
