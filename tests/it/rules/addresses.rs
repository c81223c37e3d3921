//! Whose address a request is really from (R10), and by which way it came.

use super::{PUBLIC, forwarded};
use crate::harness::Bed;

/// A row: what the client's side says in its lines, the chain and the client as the upstream gets them.
type Row = (&'static [&'static str], &'static str, &'static str);

fn agree(bed: &Bed, rows: &[Row]) {
    for (lines, chain, client) in rows {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| ("X-Forwarded-For", *line))
            .chain([("X-Real-IP", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")])
            .collect();
        let seen = forwarded(bed, "/", &headers);
        assert_eq!(seen.header("x-forwarded-for"), Some(*chain), "{lines:?}");
        assert_eq!(seen.header("x-real-ip"), Some(*client), "{lines:?}");
        assert_eq!(seen.header("forwarded"), None);
    }
}

#[test]
fn where_nobody_is_trusted_only_our_peer_is_believed() {
    let bed = Bed::with("", PUBLIC);
    let alone = ("127.0.0.1", "127.0.0.1");
    agree(
        &bed,
        &[
            (&[], alone.0, alone.1),
            (&["6.6.6.6"], alone.0, alone.1),
            (&["6.6.6.6, 127.0.0.1"], alone.0, alone.1),
            (&["6.6.6.6", "127.0.0.1"], alone.0, alone.1),
        ],
    );
    for name in ["X-Forwarded-Proto", "X_Forwarded_Proto"] {
        let seen = forwarded(&bed, "/", &[(name, "https"), ("X-Forwarded-Port", "443")]);
        assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
        assert_eq!(seen.header("x-forwarded-port"), None);
    }
}

#[test]
fn a_trusted_peers_chain_is_walked_from_the_right() {
    let bed = Bed::with(
        "[proxies]\ntrusted = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n",
        PUBLIC,
    );
    agree(
        &bed,
        &[
            (&[], "127.0.0.1", "127.0.0.1"),
            (&["1.2.3.4"], "1.2.3.4, 127.0.0.1", "1.2.3.4"),
            (&["6.6.6.6, 1.2.3.4"], "1.2.3.4, 127.0.0.1", "1.2.3.4"),
            (
                &["6.6.6.6, 1.2.3.4, 10.1.1.1"],
                "1.2.3.4, 10.1.1.1, 127.0.0.1",
                "1.2.3.4",
            ),
            (
                &["6.6.6.6", "1.2.3.4", "10.1.1.1"],
                "1.2.3.4, 10.1.1.1, 127.0.0.1",
                "1.2.3.4",
            ),
            (
                &["10.0.0.2, 10.0.0.1"],
                "10.0.0.2, 10.0.0.1, 127.0.0.1",
                "10.0.0.2",
            ),
            (
                &["1.2.3.4, nonsense, 10.0.0.1"],
                "10.0.0.1, 127.0.0.1",
                "10.0.0.1",
            ),
            (&["1.2.3.4, unknown"], "127.0.0.1", "127.0.0.1"),
            (&["1.2.3.4,"], "127.0.0.1", "127.0.0.1"),
            (&["::ffff:1.2.3.4"], "1.2.3.4, 127.0.0.1", "1.2.3.4"),
            (
                &["[2001:db8::1]:443"],
                "2001:db8::1, 127.0.0.1",
                "2001:db8::1",
            ),
        ],
    );
    // A name that only looks like it counts for nothing.
    let seen = forwarded(
        &bed,
        "/",
        &[
            ("X_Forwarded_For", "1.2.3.4"),
            ("x.forwarded.for", "1.2.3.4"),
        ],
    );
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn only_a_trusted_peer_says_that_the_client_came_by_https() {
    let bed = Bed::with("[proxies]\ntrusted = [\"127.0.0.1/32\"]\n", PUBLIC);
    for (lines, expected) in [
        (&[][..], "http"),
        (&["https"], "https"),
        (&["HTTPS"], "https"),
        (&["http"], "http"),
        (&["https, http"], "http"),
        (&["https", "https"], "http"),
        (&["wss"], "http"),
    ] {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| ("X-Forwarded-Proto", *line))
            .collect();
        let seen = forwarded(&bed, "/", &headers);
        assert_eq!(
            seen.header("x-forwarded-proto"),
            Some(expected),
            "{lines:?}"
        );
    }
}

#[test]
fn another_network_than_our_peers_is_not_trusted() {
    let bed = Bed::with("[proxies]\ntrusted = [\"10.0.0.0/8\"]\n", PUBLIC);
    let seen = forwarded(
        &bed,
        "/",
        &[
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-Forwarded-Proto", "https"),
        ],
    );
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
}
