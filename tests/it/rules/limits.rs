//! Targets and heads of more than the limits (R12, and two rows of the contract).

use super::{PUBLIC, ask};
use crate::harness::Bed;

#[test]
fn a_target_longer_than_the_limit_is_told_so() {
    for (top, most) in [("", 8192), ("[limits]\nuri = \"1KiB\"\n", 1024)] {
        let bed = Bed::with(top, PUBLIC);
        for query in ["", "?q="] {
            let fill = |length: usize| format!("/{query}{}", "a".repeat(length - 1 - query.len()));
            assert_eq!(bed.send("GET", &fill(most), &[], b"").status, 200, "{most}");
            let reply = bed.send("GET", &fill(most + 1), &[], b"");
            assert_eq!(
                reply.row(),
                (414, "uri_too_long".into(), "fix".into()),
                "{most}"
            );
            assert_eq!(reply.header("x-wxgate-refusal"), Some("uri_too_long"));
        }
        assert_eq!(bed.upstream.seen().len(), 2);
    }
}

#[test]
fn a_head_with_more_lines_or_bytes_than_the_limit_is_told_so() {
    let bed = Bed::with("", PUBLIC);
    let lines = |count: usize, length: usize| -> String {
        (0..count)
            .map(|at| format!("X-{at}: {}\r\n", "a".repeat(length)))
            .collect()
    };
    // Host is a line, too.
    for (count, length, status) in [
        (99, 10, 200),
        (100, 10, 431),
        (150, 1, 431),
        (3, 10_000, 200),
        (4, 10_000, 431),
        (1, 40_000, 431),
    ] {
        let reply = ask(
            &bed,
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", lines(count, length)),
        );
        assert_eq!(reply.status, status, "{count} lines of {length}");
        if status == 431 {
            assert_eq!(reply.row(), (431, "head_too_large".into(), "fix".into()));
        }
    }
    assert_eq!(bed.upstream.seen().len(), 2);
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let bed = Bed::with("", PUBLIC);
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n");
    let line = format!("X: {}\r\n", "a".repeat(1000));
    let mut sent = 0_usize;
    while sent < 64 << 20 && std::io::Write::write_all(&mut client.stream, line.as_bytes()).is_ok()
    {
        sent += line.len();
    }
    assert!(sent < 8 << 20, "{sent} bytes were taken");
    assert!(bed.upstream.seen().is_empty());
}
