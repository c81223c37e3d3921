//! Where one message ends and the next begins, read strictly (R5; RFC 9112 §2, §5, §6, §7).
//!
//! hyper reads some messages more kindly than a service behind us may: it merges equal lengths, drops
//! a length beside chunks, takes a bare LF, cuts a target at `#`. What is read in two ways is refused
//! here before hyper has it. Names and values are left to hyper's parser, which is strict enough.

#[path = "framing/head.rs"] // As the fuzzer, too, has this file by its path.
mod head;

use memchr::memchr;

use self::head::{Head, Line};
use crate::listener::{Limits, Refusal};
use crate::setting::Size;

/// What a connection of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The longest line of a chunk's size, extensions included.
const CHUNK_LINE: usize = 256;

/// What stands in a request line beside its target: a method, two spaces, a version, CRLF.
const BESIDE_TARGET: usize = 64;

/// How large a head may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::listener) struct Bounds {
    /// Bytes of the target.
    pub(in crate::listener) target: usize,
    /// Bytes of the header lines, and of the trailer lines.
    pub(in crate::listener) lines: usize,
    /// Header lines, and trailer lines.
    pub(in crate::listener) count: usize,
}

impl Bounds {
    pub(in crate::listener) fn of(limits: &Limits) -> Self {
        let size = |size: Size| usize::try_from(size.0).unwrap_or(usize::MAX / 4);
        Self {
            target: size(limits.uri),
            lines: size(limits.headers),
            count: usize::try_from(limits.header_count).unwrap_or(usize::MAX),
        }
    }
}

/// Follows the bytes of a connection from message to message.
#[derive(Debug)]
pub(in crate::listener) struct Framing {
    part: Part,
    /// So many of the bytes that did not go on last time hold no end of a line.
    searched: usize,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The first bytes of a connection, which may be HTTP/2's.
    Preface,
    /// Another protocol: nothing is read along.
    Foreign,
    /// A head, or the empty line that may come before one.
    Head,
    /// A body, which has so many bytes left.
    Body(u64),
    /// The line with a chunk's size.
    ChunkLine,
    /// A chunk, which has so many bytes left, and the CRLF after it.
    Chunk(u64),
    ChunkEnd,
    /// The lines after the last chunk: so many so far, with so many bytes.
    Trailers {
        count: usize,
        bytes: usize,
    },
    /// Whatever the answer makes of it: the head before asked for another protocol.
    Undecided,
}

impl Framing {
    /// At the start of a connection, which may be one of HTTP/2 if the client knows that we take it.
    pub(in crate::listener) fn new(knows_http2: bool) -> Self {
        Self {
            part: if knows_http2 {
                Part::Preface
            } else {
                Part::Head
            },
            searched: 0,
        }
    }

    /// Whether it has turned out to be another protocol.
    pub(in crate::listener) fn is_foreign(&self) -> bool {
        self.part == Part::Foreign
    }

    /// How many of `bytes` may go on to the parser. The others are shown again, with what came after
    /// them: a head goes on whole or not at all.
    pub(in crate::listener) fn scan(
        &mut self,
        bytes: &[u8],
        bounds: &Bounds,
    ) -> Result<usize, Refusal> {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.step(rest, bounds) {
                Ok(Some(step)) => {
                    done += step;
                    self.searched = 0;
                }
                // What came before is good, and is answered first.
                Err(refusal) if done == 0 => return Err(refusal),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(done)
    }

    /// How many bytes the next step takes; `None`: it needs more than there are.
    fn step(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<usize>, Refusal> {
        match self.part {
            Part::Preface => Ok(self.preface(bytes)),
            Part::Foreign => Ok(Some(bytes.len())),
            Part::Head => self.head(bytes, bounds),
            Part::Body(left) => Ok(Some(self.body(bytes, left))),
            Part::ChunkLine => self.chunk_line(bytes),
            Part::Chunk(left) => Ok(Some(self.chunk(bytes, left))),
            Part::ChunkEnd => self.chunk_end(bytes),
            Part::Trailers { count, bytes: sum } => self.trailer(bytes, count, sum, bounds),
            Part::Undecided => Ok(None),
        }
    }

    /// Whether nothing goes on until [`Framing::decide`] says what it is: a head without a body asked for
    /// another protocol (RFC 9110 §7.8).
    pub(in crate::listener) fn is_undecided(&self) -> bool {
        self.part == Part::Undecided
    }

    /// The answer to that head: whether the connection has left HTTP. If not, the next head comes.
    pub(in crate::listener) fn decide(&mut self, has_switched: bool) {
        if self.is_undecided() {
            self.part = if has_switched {
                Part::Foreign
            } else {
                Part::Head
            };
        }
    }

    /// How many of `bytes` are empty lines between two messages. Old clients send one after a body; the
    /// parser need not see them (RFC 9112 §2.2). A connection that begins with one is not HTTP/2's.
    pub(in crate::listener) fn blank(&mut self, mut bytes: &[u8]) -> usize {
        let length = bytes.len();
        if self.part == Part::Preface && bytes.starts_with(b"\r") {
            self.part = Part::Head;
        }
        if self.part == Part::Head {
            while let Some(rest) = bytes.strip_prefix(b"\r\n") {
                bytes = rest;
            }
        }
        length - bytes.len()
    }

    /// Whether a message has begun and not ended.
    pub(in crate::listener) fn is_within(&self) -> bool {
        !matches!(self.part, Part::Preface | Part::Head)
    }

    /// HTTP/2's preface, all of it, or none of it (RFC 9113 §3.4).
    fn preface(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.starts_with(PREFACE) {
            self.part = Part::Foreign;
            return Some(PREFACE.len());
        }
        if PREFACE.starts_with(bytes) {
            return None;
        }
        self.part = Part::Head;
        Some(0)
    }

    fn head(&mut self, bytes: &[u8], bounds: &Bounds) -> Result<Option<usize>, Refusal> {
        if matches!(bytes, [b'\r'] | [b'\r', b'\n', ..]) {
            return Ok(None);
        }
        // A head that comes in pieces is read anew when another of its lines has ended.
        let new = bytes.get(self.searched..).unwrap_or_default();
        let ended = self.searched == 0 || memchr(b'\n', new).is_some();
        if ended && let Some(head) = Head::read(bytes, bounds)? {
            self.part = Part::after(&head);
            return Ok(Some(head.length));
        }
        self.searched = bytes.len();
        within(bytes, bounds).map(|()| None)
    }

    fn body(&mut self, bytes: &[u8], left: u64) -> usize {
        let (step, left) = take(bytes, left);
        self.part = if left == 0 {
            Part::Head
        } else {
            Part::Body(left)
        };
        step
    }

    fn chunk_line(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let Some(line) = Line::first(bytes, CHUNK_LINE, Refusal::BadRequest)? else {
            return Ok(None);
        };
        let digits = line.text.iter().take_while(|byte| byte.is_ascii_hexdigit());
        let (digits, rest) = line.text.split_at(digits.count());
        let size = str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.len() <= 15)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or(Refusal::BadRequest)?;
        // Nothing between the size and its extensions (RFC 9112 §7.1.1 lets one send none).
        if !matches!(rest, [] | [b';', ..]) || rest.contains(&b'\r') {
            return Err(Refusal::BadRequest);
        }
        self.part = if size == 0 {
            Part::Trailers { count: 0, bytes: 0 }
        } else {
            Part::Chunk(size)
        };
        Ok(Some(line.length))
    }

    fn chunk(&mut self, bytes: &[u8], left: u64) -> usize {
        let (step, left) = take(bytes, left);
        self.part = if left == 0 {
            Part::ChunkEnd
        } else {
            Part::Chunk(left)
        };
        step
    }

    fn chunk_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        match bytes {
            [b'\r', b'\n', ..] => {
                self.part = Part::ChunkLine;
                Ok(Some(2))
            }
            [b'\r'] => Ok(None),
            _ => Err(Refusal::BadRequest),
        }
    }

    fn trailer(
        &mut self,
        bytes: &[u8],
        count: usize,
        so_far: usize,
        bounds: &Bounds,
    ) -> Result<Option<usize>, Refusal> {
        let left = bounds.lines.saturating_sub(so_far);
        let Some(line) = Line::first(bytes, left, Refusal::HeadTooLarge)? else {
            return Ok(None);
        };
        self.part = match line.text {
            [] => Part::Head,
            [b' ' | b'\t', ..] => return Err(Refusal::BadRequest),
            _ if count == bounds.count => return Err(Refusal::HeadTooLarge),
            _ => Part::Trailers {
                count: count + 1,
                bytes: so_far + line.length,
            },
        };
        Ok(Some(line.length))
    }
}

impl Part {
    /// What comes after `head`.
    fn after(head: &Head) -> Self {
        match head.content_length {
            _ if head.is_chunked => Self::ChunkLine,
            Some(length) if length > 0 => Self::Body(length),
            _ if head.asks_upgrade && !head.is_old => Self::Undecided,
            _ => Self::Head,
        }
    }
}

/// How many of `bytes` belong to something that has `left`, and how much it has left then.
fn take(bytes: &[u8], left: u64) -> (usize, u64) {
    match usize::try_from(left) {
        Ok(left) if left <= bytes.len() => (left, 0),
        _ => (bytes.len(), left - bytes.len() as u64),
    }
}

/// Whether what there is of a head may still become one.
fn within(bytes: &[u8], bounds: &Bounds) -> Result<(), Refusal> {
    let line = bounds.target + BESIDE_TARGET;
    match memchr(b'\n', bytes) {
        None if bytes.len() > line => Err(Refusal::UriTooLong),
        Some(end) if bytes.len() - end > bounds.lines => Err(Refusal::HeadTooLarge),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
