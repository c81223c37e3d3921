//! Frames of HTTP/2 that carry nothing, weighed against what their connection carries (R13).
//!
//! A PING, a SETTINGS, a PRIORITY, a window opened by one byte, HEADERS that are taken back: each costs
//! its sender next to nothing and us an answer or a search (CVE-2019-9511 to 9518, CVE-2023-44487). h2
//! bounds some of them. So each takes one of the frames that a connection has to spare, what it is
//! answered gives some back, and time gives a few. Nobody who uses a connection comes near the end.

/// Frames to spare at the start, and again after each [`SPAN`] that used them up.
const FREE: u32 = 1000;

/// In ticks of 100 ms: a minute.
const SPAN: u64 = 600;

/// The most that a connection has to spare, however much it carried.
const MOST: u32 = 10_000;

/// What an answer gives back: its HEADERS, and a few frames beside them.
const ANSWER: u32 = 10;

/// So many bytes of an answer's body give one back. A client that opens its window after each frame
/// sends two for 16 KiB.
const BODY: usize = 512;

/// DATA that is shorter carries nothing, but for the last of a stream.
const SHORT: usize = 16;

/// What a connection of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: usize = 24;

const DATA: u8 = 0;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;

/// Too many frames came that carry nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many frames that carry nothing")]
pub(in crate::listener) struct Flooded;

/// Follows the frames of one connection.
#[derive(Debug)]
pub(in crate::listener) struct Flood {
    /// The start of a frame's head whose end has not come.
    head: [u8; 9],
    have: usize,
    /// Bytes to come of the frame under way.
    left: usize,
    spare: u32,
    /// When frames to spare were last given, in ticks.
    since: u64,
}

impl Flood {
    /// At the start of a connection, at the tick `now`.
    pub(in crate::listener) fn new(now: u64) -> Self {
        Self {
            head: [0; 9],
            have: 0,
            left: PREFACE,
            spare: FREE,
            since: now,
        }
    }

    /// Takes note of what has come, at the tick `now`.
    ///
    /// # Errors
    ///
    /// There was nothing to spare any more.
    pub(in crate::listener) fn read(&mut self, mut bytes: &[u8], now: u64) -> Result<(), Flooded> {
        loop {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            let Some(room) = self.head.get_mut(self.have..) else {
                return Ok(());
            };
            let length = room.len().min(bytes.len());
            for (to, from) in room.iter_mut().zip(bytes) {
                *to = *from;
            }
            bytes = bytes.get(length..).unwrap_or_default();
            self.have += length;
            if self.have == self.head.len() {
                self.have = 0;
                let [high, middle, low, kind, flags, ..] = self.head;
                self.left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                if carries_nothing(kind, flags, self.left) {
                    self.take_one(now)?;
                }
            }
        }
    }

    /// An answer was begun.
    pub(in crate::listener) fn answered(&mut self) {
        self.give(ANSWER);
    }

    /// So many bytes of an answer's body were handed on.
    pub(in crate::listener) fn brought(&mut self, bytes: usize) {
        self.give(u32::try_from(bytes.div_ceil(BODY)).unwrap_or(MOST));
    }

    fn give(&mut self, frames: u32) {
        self.spare = self.spare.saturating_add(frames).min(MOST);
    }

    fn take_one(&mut self, now: u64) -> Result<(), Flooded> {
        if self.spare == 0 && now.saturating_sub(self.since) >= SPAN {
            self.spare = FREE;
            self.since = now;
        }
        self.spare = self.spare.checked_sub(1).ok_or(Flooded)?;
        Ok(())
    }
}

/// Whether a frame brings us nothing to hand on. HEADERS do, but only their answer shows that somebody
/// waits for it.
fn carries_nothing(kind: u8, flags: u8, length: usize) -> bool {
    kind != DATA || (flags & END_STREAM == 0 && (length < SHORT || flags & PADDED != 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [.., high, middle, low] = u32::try_from(length).unwrap().to_be_bytes();
        let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
        frame.resize(9 + length, 0);
        frame
    }

    fn begun() -> Flood {
        let mut flood = Flood::new(0);
        flood.read(&[b'P'; PREFACE], 0).unwrap();
        flood
    }

    /// How many of `frames` come through at `now`, of at most 100,000.
    fn through(flood: &mut Flood, frames: &[u8], now: u64) -> usize {
        (0..100_000)
            .take_while(|_| flood.read(frames, now).is_ok())
            .count()
    }

    #[test]
    fn what_carries_nothing_is_counted_and_what_carries_something_is_not() {
        let free = usize::try_from(FREE).unwrap();
        for (kind, flags, length, most) in [
            (PING, 0, 8, free),
            (PING, 1, 8, free),
            (WINDOW_UPDATE, 0, 4, free),
            (HEADERS, 5, 30, free),
            (RST_STREAM, 0, 4, free),
            (0x2a, 0, 16_384, free),
            (DATA, 0, 0, free),
            (DATA, 0, SHORT - 1, free),
            (DATA, PADDED, 256, free),
            (DATA, 0, SHORT, 100_000),
            (DATA, END_STREAM, 0, 100_000),
        ] {
            let came = through(&mut begun(), &frame(kind, flags, length), 0);
            assert_eq!(came, most, "kind {kind}, flags {flags}, {length} bytes");
        }
    }

    #[test]
    fn answers_and_their_bodies_pay_for_frames() {
        let mut flood = begun();
        // A request, its answer, and what a busy client sends beside them.
        let request = [frame(HEADERS, 5, 30), frame(PING, 0, 8)].concat();
        let windows = frame(WINDOW_UPDATE, 0, 4).repeat(2);
        for _ in 0..10_000 {
            flood.read(&request, 0).unwrap();
            flood.answered();
            flood.brought(16 << 10);
            flood.read(&windows, 0).unwrap();
        }
        // However much was carried, what is left to spare is bounded.
        let left = through(&mut flood, &frame(PING, 0, 8), 0);
        assert_eq!(left, usize::try_from(MOST).unwrap() - 2);
    }

    #[test]
    fn requests_that_are_taken_back_pay_for_nothing() {
        let reset = [frame(HEADERS, 5, 30), frame(RST_STREAM, 0, 4)].concat();
        assert_eq!(through(&mut begun(), &reset, 0), 500);
    }

    #[test]
    fn a_window_opened_by_one_byte_pays_for_less_than_it_costs() {
        let mut flood = begun();
        flood.brought(64 << 10);
        let came = through(&mut flood, &frame(WINDOW_UPDATE, 0, 4), 0);
        assert_eq!(came, 1000 + 128);
    }

    #[test]
    fn time_gives_a_few_frames_again_and_no_more() {
        // Nothing after its head: where it is refused, the next one still begins where it does.
        let ping = frame(PING, 0, 0);
        let mut flood = begun();
        assert_eq!(through(&mut flood, &ping, SPAN - 1), 1000);
        assert_eq!(through(&mut flood, &ping, SPAN), 1000);
        assert_eq!(through(&mut flood, &ping, 2 * SPAN - 1), 0);
        assert_eq!(through(&mut flood, &ping, 20 * SPAN), 1000);
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(
            frames in prop::collection::vec((0_u8..10, 0_u8..16, 0_usize..40), 0..40),
            cut in 1_usize..50,
        ) {
            let mut bytes = vec![0; PREFACE];
            for (kind, flags, length) in frames {
                bytes.extend(frame(kind, flags, length));
            }
            let (mut whole, mut cuts) = (Flood::new(0), Flood::new(0));
            whole.read(&bytes, 0).unwrap();
            for part in bytes.chunks(cut) {
                cuts.read(part, 0).unwrap();
            }
            prop_assert_eq!(whole.spare, cuts.spare);
            prop_assert_eq!((whole.have, whole.left, cuts.have, cuts.left), (0, 0, 0, 0));
        }
    }
}
