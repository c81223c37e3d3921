//! A chunked body, read as it comes (RFC 9112 §7.1).

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;

/// The most bytes of one line that says how long a chunk is. Nobody reads its extensions.
const LINE: usize = 4 << 10;

/// The most bytes of trailers.
const TRAILERS: usize = 16 << 10;

/// The most trailers.
const MOST: usize = 1000;

/// What a body brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Nothing more.
    End,
}

/// Where in the body we are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    state: State,
    /// The length of the chunk, as far as it was read.
    size: u64,
    /// Bytes of the line under way.
    line: usize,
    trailers: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    End,
}

impl Chunks {
    /// Whether the body has ended.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::End
    }

    /// The next piece out of `input`, or `None` where more must come for it.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Piece>, Fault> {
        loop {
            if self.state == State::End {
                return Ok(Some(Piece::End));
            }
            let Some(first) = input.first().copied() else {
                return Ok(None);
            };
            match self.state {
                State::Data => return Ok(Some(self.data(input))),
                State::Trailers => {
                    input.advance(1);
                    if let Some(piece) = self.trailer(first)? {
                        return Ok(Some(piece));
                    }
                }
                _ => {
                    input.advance(1);
                    self.step(first)?;
                }
            }
        }
    }

    fn data(&mut self, input: &mut Bytes) -> Piece {
        let there = u64::try_from(input.len()).unwrap_or(u64::MAX);
        let length = if self.size <= there {
            self.state = State::DataCr;
            usize::try_from(self.size).unwrap_or(input.len())
        } else {
            input.len()
        };
        let data = input.split_to(length);
        self.size -= u64::try_from(length).unwrap_or(self.size);
        Piece::Data(data)
    }

    /// One byte of what stands around the data.
    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        self.line += 1;
        if self.line > LINE {
            return Err(Fault::Chunk);
        }
        self.state = match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                let size = self.size.checked_mul(16).ok_or(Fault::Chunk)?;
                self.size = size | digit;
                State::Size
            }
            (State::Size, _) if self.line == 1 => return Err(Fault::Chunk),
            (State::Size, b';' | b' ' | b'\t') => State::Extension,
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, byte) if byte != b'\n' => State::Extension,
            (State::SizeLf, b'\n') => {
                self.line = 0;
                if self.size == 0 {
                    State::Trailers
                } else {
                    State::Data
                }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.line = 0;
                State::Size
            }
            _ => return Err(Fault::Chunk),
        };
        Ok(())
    }

    /// One byte of the trailers, or of the empty line behind the last chunk.
    fn trailer(&mut self, byte: u8) -> Result<Option<Piece>, Fault> {
        self.trailers.push(byte);
        if self.trailers == b"\r\n" {
            self.state = State::End;
            return Ok(Some(Piece::End));
        }
        if self.trailers.ends_with(b"\r\n\r\n") {
            self.state = State::End;
            let trailers = read_trailers(&std::mem::take(&mut self.trailers))?;
            return Ok(Some(Piece::Trailers(trailers)));
        }
        if self.trailers.len() > TRAILERS {
            return Err(Fault::Chunk);
        }
        Ok(None)
    }
}

/// The trailers in `bytes`, which end with an empty line.
fn read_trailers(bytes: &[u8]) -> Result<HeaderMap, Fault> {
    let mut lines = vec![httparse::EMPTY_HEADER; MOST];
    let (_, lines) = match httparse::parse_headers(bytes, &mut lines).map_err(Fault::Head)? {
        httparse::Status::Complete(read) => read,
        httparse::Status::Partial => return Err(Fault::Head(httparse::Error::NewLine)),
    };
    let mut trailers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let name = name.map_err(|_| Fault::Head(httparse::Error::HeaderName))?;
        let value = HeaderValue::from_bytes(line.value);
        let value = value.map_err(|_| Fault::Head(httparse::Error::HeaderValue))?;
        trailers.append(name, value);
    }
    Ok(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that a body brings, cut into pieces of `step` bytes: its data, its trailers, what is left behind it.
    fn read(text: &[u8], step: usize) -> Result<Option<(Vec<u8>, HeaderMap, usize)>, Fault> {
        let (mut chunks, mut data, mut trailers) =
            (Chunks::default(), Vec::new(), HeaderMap::new());
        let mut done = 0;
        for part in text.chunks(step) {
            let mut input = Bytes::copy_from_slice(part);
            while let Some(piece) = chunks.next(&mut input)? {
                match piece {
                    Piece::Data(bytes) => data.extend_from_slice(&bytes),
                    Piece::Trailers(map) => trailers = map,
                    Piece::End => {
                        done += part.len() - input.len();
                        assert!(chunks.is_over());
                        return Ok(Some((data, trailers, text.len() - done)));
                    }
                }
            }
            done += part.len();
            assert!(input.is_empty());
        }
        Ok(None)
    }

    #[test]
    fn a_body_is_the_same_however_it_comes() {
        for (text, data, trailers, left) in [
            ("0\r\n\r\n", "", 0, 0),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", 0, 0),
            ("5\r\nhello\r\n00\r\n\r\nHTTP/1.1", "hello", 0, 8),
            (
                "5;a=\"b;c\"\r\nhello\r\n6 \r\n world\r\n0;x\r\n\r\n",
                "hello world",
                0,
                0,
            ),
            (
                "000a\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\n",
                "0123456789",
                2,
                0,
            ),
            (
                "A\r\n0123456789\r\n0\r\nA: b\r\nA: d\r\n\r\nx",
                "0123456789",
                2,
                1,
            ),
            ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", 0, 0),
        ] {
            for step in 1..=text.len() {
                let (found, map, rest) = read(text.as_bytes(), step).unwrap().unwrap();
                let found = (found.as_slice(), map.len(), rest);
                assert_eq!(
                    found,
                    (data.as_bytes(), trailers, left),
                    "{text:?} by {step}"
                );
            }
            for cut in 0..text.len() - left {
                assert_eq!(
                    read(&text.as_bytes()[..cut], 3).unwrap(),
                    None,
                    "{cut} of {text:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(LINE));
        let wide = format!("0\r\nA: {}\r\n\r\n", "b".repeat(TRAILERS));
        for text in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5\nhello\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\rx",
            "5;\nhello",
            "5\rhello",
            "10000000000000000\r\nx",
            "0\r\nno colon\r\n\r\n",
            "0\r\n folded: x\r\n\r\n",
            &long,
            &wide,
        ] {
            for step in [1, 7, text.len()] {
                assert!(read(text.as_bytes(), step).is_err(), "{text:?} by {step}");
            }
        }
    }
}
