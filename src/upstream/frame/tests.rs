//! Frames on their own: what goes on, what waits, what is refused; however the bytes come in pieces.

use proptest::prelude::*;

use super::*;

/// A frame's bytes; a client's has a mask of zeros, which changes no payload.
fn frame(sender: Sender, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if sender == Sender::Client { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(mask | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(mask + 126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(mask + 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if mask != 0 {
        bytes.extend_from_slice(&[0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// `bytes` in pieces of `size`: how many went on, and what was wrong.
fn feed(frames: &mut Frames, bytes: &[u8], size: usize) -> (usize, Option<Fault>) {
    let (mut held, mut gone) = (Vec::new(), 0);
    for piece in bytes.chunks(size) {
        held.extend_from_slice(piece);
        loop {
            match frames.scan(&held) {
                Ok(0) => break,
                Ok(free) => {
                    held.drain(..free);
                    gone += free;
                }
                Err(fault) => return (gone, Some(fault)),
            }
        }
        assert!(held.len() < HEAD || frames.is_closed());
    }
    (gone, None)
}

/// The same for pieces of every size.
#[track_caller]
fn fed(sender: Sender, extended: bool, bytes: &[u8]) -> (usize, Option<Fault>) {
    let all = feed(&mut Frames::new(sender, extended), bytes, bytes.len());
    for size in 1..bytes.len().min(40) {
        let pieces = feed(&mut Frames::new(sender, extended), bytes, size);
        assert_eq!(pieces, all, "pieces of {size}");
    }
    all
}

#[test]
fn frames_of_all_lengths_pass() {
    for sender in [Sender::Client, Sender::Server] {
        let mut bytes = Vec::new();
        for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000] {
            bytes.extend(frame(sender, 0x82, &vec![7; length]));
            bytes.extend(frame(sender, 0x89, b"ping"));
        }
        bytes.extend(frame(sender, 0x88, &[3, 232]));
        let mut frames = Frames::new(sender, false);
        assert_eq!(feed(&mut frames, &bytes, 4096), (bytes.len(), None));
        assert!(frames.is_closed() && frames.is_between());
    }
}

#[test]
fn fragments_pass_with_control_frames_between_them() {
    let of = |first, payload: &[u8]| frame(Sender::Server, first, payload);
    let bytes = [
        of(0x01, b"a"),
        of(0x89, b""),
        of(0x00, b"b"),
        of(0x8a, b"x"),
        of(0x80, b"c"),
        of(0x82, b"next"),
    ]
    .concat();
    assert_eq!(fed(Sender::Server, false, &bytes), (bytes.len(), None));
}

#[test]
fn a_wrong_frame_is_stopped_before_its_first_byte() {
    let good = frame(Sender::Client, 0x81, b"good");
    let of = |first, payload: &[u8]| frame(Sender::Client, first, payload);
    let rows = [
        (frame(Sender::Server, 0x81, b"a"), Fault::Mask),
        (of(0xc1, b"a"), Fault::Reserved),
        (of(0xa1, b"a"), Fault::Reserved),
        (of(0x91, b"a"), Fault::Reserved),
        (of(0xc8, b""), Fault::Reserved),
        (of(0x83, b""), Fault::Reserved),
        (of(0x87, b""), Fault::Reserved),
        (of(0x8b, b""), Fault::Reserved),
        (of(0x8f, b""), Fault::Reserved),
        (of(0x09, b"a"), Fault::Control),
        (of(0x08, b""), Fault::Control),
        (of(0x89, &[0; 126]), Fault::Control),
        (of(0x88, &vec![0; 70_000]), Fault::Control),
        (vec![0x89, 0xfe], Fault::Control),
        (vec![0x8a, 0xff], Fault::Control),
        (of(0x80, b"a"), Fault::Order),
        (of(0x00, b"a"), Fault::Order),
        (vec![0x81, 0xfe, 0, 125, 0, 0, 0, 0], Fault::Length),
        (vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 255, 255], Fault::Length),
        (vec![0x81, 0xff, 128, 0, 0, 0, 0, 0, 0, 0], Fault::Length),
        (of(0x88, b"x"), Fault::Code),
    ];
    for (bad, fault) in rows {
        let bytes = [good.clone(), bad.clone()].concat();
        let expected = (good.len(), Some(fault));
        assert_eq!(fed(Sender::Client, false, &bytes), expected, "{bad:?}");
    }
    let masked = frame(Sender::Client, 0x81, b"a");
    assert_eq!(fed(Sender::Server, false, &masked), (0, Some(Fault::Mask)));
}

#[test]
fn a_message_within_another_is_stopped() {
    let begun = frame(Sender::Server, 0x01, b"a");
    for first in [0x01, 0x81, 0x02, 0x82] {
        let bytes = [begun.clone(), frame(Sender::Server, first, b"b")].concat();
        assert_eq!(
            fed(Sender::Server, false, &bytes),
            (begun.len(), Some(Fault::Order))
        );
    }
}

#[test]
fn an_extension_may_mean_something_by_reserved_bits() {
    for first in [0xc1, 0xa2, 0x91, 0x83, 0x8b] {
        let bytes = frame(Sender::Client, first, b"a");
        assert_eq!(
            fed(Sender::Client, true, &bytes),
            (bytes.len(), None),
            "{first:x}"
        );
        assert_eq!(fed(Sender::Client, false, &bytes).1, Some(Fault::Reserved));
    }
    // What it cannot mean: a control frame in pieces.
    let bytes = frame(Sender::Client, 0x4b, b"a");
    assert_eq!(fed(Sender::Client, true, &bytes), (0, Some(Fault::Control)));
}

#[test]
fn nothing_goes_on_after_a_close_frame() {
    let close = frame(Sender::Server, 0x88, &[3, 232, b'b']);
    let bytes = [close.clone(), frame(Sender::Server, 0x81, b"more")].concat();
    for size in [1, 2, bytes.len()] {
        let mut frames = Frames::new(Sender::Server, false);
        assert_eq!(feed(&mut frames, &bytes, size), (close.len(), None));
        assert!(frames.is_closed());
    }
}

#[test]
fn a_place_between_frames_is_known() {
    let bytes = frame(Sender::Server, 0x81, b"hello");
    let mut frames = Frames::new(Sender::Server, false);
    assert!(frames.is_between());
    assert_eq!(frames.scan(&bytes[..1]), Ok(0));
    assert!(frames.is_between(), "nothing of it has gone on");
    assert_eq!(frames.scan(&bytes[..4]), Ok(4));
    assert!(!frames.is_between());
    assert_eq!(frames.scan(&bytes[4..]), Ok(3));
    assert!(frames.is_between());
}

#[test]
fn our_close_frames_are_frames() {
    for sender in [Sender::Client, Sender::Server] {
        let bytes = close(sender, 1008, "the session has ended", [1, 2, 3, 4]);
        let mut frames = Frames::new(sender, false);
        assert_eq!(frames.scan(&bytes), Ok(bytes.len()));
        assert!(frames.is_closed());
        let long = close(sender, 1001, &"a".repeat(500), [0; 4]);
        assert_eq!(Frames::new(sender, false).scan(&long), Ok(long.len()));
    }
    assert_eq!(
        close(Sender::Server, 1001, "bye", [9; 4]),
        [0x88, 5, 3, 233, b'b', b'y', b'e']
    );
    let masked = close(Sender::Client, 1001, "", [1, 2, 3, 4]);
    assert_eq!(masked, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
}

proptest! {
    #[test]
    fn nothing_breaks_it_and_pieces_change_nothing(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&[0x81, 0x80, 0x01, 0x00, 0x89, 0x02, 0x7e, 0x7f, 5][..])], 0..200),
        size in 1_usize..20,
        extended: bool,
        masked: bool,
    ) {
        let sender = if masked { Sender::Client } else { Sender::Server };
        let feed = |size| feed(&mut Frames::new(sender, extended), &bytes, size);
        prop_assert_eq!(feed(size), feed(bytes.len().max(1)));
    }
}
