//! Frames of a WebSocket: cut anywhere they end at the same places, which a simple reader finds, too.

use super::frame::{Fault, Frames, HEAD, Sender};

/// The first byte says who sends, whether an extension was agreed on, and how pieces are cut.
pub(crate) fn frames(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else {
        return;
    };
    let bytes = bytes.get(..2048).unwrap_or(bytes);
    let sender = if first & 1 == 1 {
        Sender::Client
    } else {
        Sender::Server
    };
    let begin = || Frames::new(sender, first & 2 == 2);
    let whole = feed(begin(), bytes, bytes.len(), &mut |_| {});
    let mut ends = Vec::new();
    for size in [usize::from(first >> 2) + 1, 1] {
        ends.clear();
        let pieces = feed(begin(), bytes, size, &mut |end| ends.push(end));
        assert_eq!(pieces, whole, "pieces of {size}");
    }
    let gone = &bytes[..whole.0];
    let mut start = 0;
    for end in ends {
        assert_eq!(
            frame(&gone[start..], sender),
            Some(end - start),
            "a frame ends elsewhere"
        );
        start = end;
    }
    assert_eq!(
        frame(&gone[start..], sender),
        None,
        "a whole frame was not seen"
    );
}

/// How many of `bytes` went on in pieces of `size`, and why no more; `ended` hears where a frame has ended.
fn feed(
    mut frames: Frames,
    bytes: &[u8],
    size: usize,
    ended: &mut impl FnMut(usize),
) -> (usize, Option<Fault>) {
    let (mut held, mut gone) = (Vec::new(), 0);
    for piece in bytes.chunks(size.max(1)) {
        held.extend_from_slice(piece);
        loop {
            match frames.scan(&held) {
                Ok(0) => break,
                Ok(free) => {
                    assert!(free <= held.len(), "it reads past the end");
                    held.drain(..free);
                    gone += free;
                    if frames.is_between() {
                        ended(gone);
                    }
                }
                Err(fault) => return (gone, Some(fault)),
            }
        }
        if frames.is_closed() {
            break;
        }
        assert!(held.len() < HEAD, "it holds {} bytes back", held.len());
    }
    (gone, None)
}

/// The length of the frame at the start of `bytes`, by RFC 6455 §5.2 alone; `None`: it is not there whole.
fn frame(bytes: &[u8], sender: Sender) -> Option<usize> {
    let second = *bytes.get(1)?;
    let number = |range: std::ops::Range<usize>| {
        let digits = bytes.get(range)?.iter();
        Some(digits.fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let (length, payload) = match second & 0x7f {
        126 => (4, number(2..4)?),
        127 => (10, number(2..10)?),
        short => (2, u64::from(short)),
    };
    let mask = if sender == Sender::Client { 4 } else { 0 };
    let whole = payload
        .checked_add(length + mask)
        .and_then(|whole| usize::try_from(whole).ok())?;
    (bytes.len() >= whole).then_some(whole)
}
