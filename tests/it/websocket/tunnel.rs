//! What passes an open tunnel: frames as they are, in both directions, and wrong ones not at all.

use super::wire::{BINARY, CLOSE, PING, PONG, PUBLIC, Socket, TEXT, echo};
use crate::harness::Bed;

#[test]
fn frames_pass_both_ways_and_a_close_frame_ends_it() {
    let bed = Bed::around(echo(), "", PUBLIC);
    let (mut socket, _) = Socket::open(&bed, "/", "");
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
    for length in [0, 125, 126, 65_535, 65_536, 300_000] {
        let payload = vec![7; length];
        socket.send(BINARY, &payload);
        assert_eq!(socket.frame(), Some((BINARY, payload)));
    }
    socket.send(PING, b"are you there");
    assert_eq!(socket.frame(), Some((PING, b"are you there".to_vec())));
    socket.send(PONG, b"");
    assert_eq!(socket.frame(), Some((PONG, Vec::new())));
    socket.close(1000);
    assert_eq!(socket.frame(), Some((CLOSE, vec![3, 232])));
    assert!(socket.is_over());
}
