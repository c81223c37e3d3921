//! The frames of a WebSocket connection, followed as they pass (RFC 6455 §5).
//!
//! Only their first bytes are looked at, and nothing is kept: what matters is where one ends and the
//! next begins, so that a close frame can be put between them. Payloads belong to the two ends: what
//! is text, what a close code means and what is compressed is theirs to judge.

/// The longest payload of a control frame (RFC 6455 §5.5).
const CONTROL: u64 = 125;

/// A frame's first bytes and its longest length and mask: what is held back at most.
pub(super) const HEAD: usize = 14;

/// Who sends the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Its frames are masked.
    Client,
    /// Its frames are not.
    Server,
}

/// What is wrong with a frame. Nothing of it has gone on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// A client's frame without a mask, or a server's with one.
    #[error("a client masks its frames, and a server does not")]
    Mask,
    /// A reserved bit or a reserved opcode, and no extension that could mean something by it.
    #[error("a frame has a bit or an opcode that nothing was agreed on for")]
    Reserved,
    /// A control frame that is fragmented or longer than 125 bytes.
    #[error("a control frame is fragmented or too long")]
    Control,
    /// A message in the middle of another, or the rest of none.
    #[error("the frames of a message are out of order")]
    Order,
    /// A length that is written longer than it need be, or has its highest bit set.
    #[error("a frame's length is not written the shortest way")]
    Length,
    /// A close frame of one byte: not nothing, and no code.
    #[error("a close frame has half a code")]
    Code,
}

/// Follows the frames of one direction.
#[derive(Debug)]
pub(super) struct Frames {
    sender: Sender,
    /// An extension was agreed on: reserved bits and opcodes are its.
    extended: bool,
    /// Payload of the frame under way that has not passed.
    left: u64,
    /// A message has begun, and its last frame has not.
    in_message: bool,
    /// A close frame has begun: it is the last one.
    closing: bool,
}

/// What a frame's head says.
struct Head {
    length: usize,
    payload: u64,
    opcode: u8,
    last: bool,
}

impl Frames {
    pub(super) fn new(sender: Sender, extended: bool) -> Self {
        Self {
            sender,
            extended,
            left: 0,
            in_message: false,
            closing: false,
        }
    }

    /// How many of `bytes` may go on. The others, fewer than [`HEAD`], are shown again with what came
    /// after them: a frame's head goes on whole or not at all. After a close frame nothing does.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut done = 0;
        loop {
            done += self.finish(bytes.get(done..).unwrap_or_default());
            if self.left > 0 || self.closing {
                return Ok(done);
            }
            let rest = bytes.get(done..).unwrap_or_default();
            match self.head(rest) {
                Ok(Some(head)) => {
                    done += head.length;
                    self.enter(&head);
                }
                // What came before is good, and goes on first.
                Err(fault) if done == 0 => return Err(fault),
                Ok(None) | Err(_) => return Ok(done),
            }
        }
    }

    /// How many of `bytes` belong to the frame under way.
    pub(super) fn finish(&mut self, bytes: &[u8]) -> usize {
        let step = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.left -= step as u64;
        step
    }

    /// Whether a frame of ours may come now.
    pub(super) fn is_between(&self) -> bool {
        self.left == 0
    }

    /// Whether a close frame has gone on whole.
    pub(super) fn is_closed(&self) -> bool {
        self.closing && self.left == 0
    }

    fn enter(&mut self, head: &Head) {
        self.left = head.payload;
        match head.opcode {
            0..=7 => self.in_message = !head.last,
            8 => self.closing = true,
            _ => {}
        }
    }

    /// The head at the start of `bytes`; `None`: it is not there whole.
    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, Fault> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
        self.check(first & 0x70 != 0, opcode, last)?;
        let masked = second & 0x80 != 0;
        if masked != (self.sender == Sender::Client) {
            return Err(Fault::Mask);
        }
        let (wide, payload) = match second & 0x7f {
            126 => match rest.first_chunk::<2>() {
                Some(bytes) => (2, u64::from(u16::from_be_bytes(*bytes))),
                None if opcode >= 8 => return Err(Fault::Control),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(bytes) => (8, u64::from_be_bytes(*bytes)),
                None if opcode >= 8 => return Err(Fault::Control),
                None => return Ok(None),
            },
            short => (0, u64::from(short)),
        };
        if opcode >= 8 && (payload > CONTROL || wide > 0) {
            return Err(Fault::Control);
        }
        let shortest = match payload {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        };
        if wide != shortest || payload > u64::MAX >> 1 {
            return Err(Fault::Length);
        }
        if opcode == 8 && payload == 1 {
            return Err(Fault::Code);
        }
        let length = 2 + wide + if masked { 4 } else { 0 };
        if bytes.len() < length {
            return Ok(None);
        }
        Ok(Some(Head {
            length,
            payload,
            opcode,
            last,
        }))
    }

    fn check(&self, reserved: bool, opcode: u8, last: bool) -> Result<(), Fault> {
        let known = matches!(opcode, 0..=2 | 8..=10);
        if (reserved || !known) && !self.extended {
            return Err(Fault::Reserved);
        }
        match opcode {
            8.. if !last => Err(Fault::Control),
            0 if !self.in_message => Err(Fault::Order),
            1..=7 if self.in_message => Err(Fault::Order),
            _ => Ok(()),
        }
    }
}

/// A close frame from `sender` with `code` and the first bytes of `reason`, which is ASCII. A client's
/// is masked with `mask`.
pub(super) fn close(sender: Sender, code: u16, reason: &str, mask: [u8; 4]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend(reason.bytes().take(123));
    // It is 125 bytes at most.
    let length = u8::try_from(payload.len()).unwrap_or(0);
    if sender == Sender::Server {
        return [&[0x88, length], &*payload].concat();
    }
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    [&[0x88, 0x80 | length], &mask[..], &*payload].concat()
}

#[cfg(test)]
mod tests;
