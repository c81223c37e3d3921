//! What paths become, and which are refused.

use proptest::prelude::*;

use super::*;

#[test]
fn many_spellings_become_one_path() {
    let rows = [
        ("/", "/"),
        ("//", "/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/../..", "/"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../", "/a/"),
        ("/a/b/../c", "/a/c"),
        ("/../../a", "/a"),
        ("/a//b///c", "/a/b/c"),
        ("/a//", "/a/"),
        ("/a//../b", "/b"),
        ("//evil.example/a", "/evil.example/a"),
        ("/%61%2D%7e", "/a-~"),
        ("/a%2eb", "/a.b"),
        ("/%e4%bd%a0", "/%E4%BD%A0"),
        ("/你", "/%E4%BD%A0"),
        ("/\"{}|^`<>[] ", "/%22%7B%7D%7C%5E%60%3C%3E%5B%5D%20"),
        ("/a%3fb%23c", "/a%3Fb%23c"),
        ("/a%252fb", "/a%252fb"),
        ("/...", "/..."),
        ("/..a/.b", "/..a/.b"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a;b=c/d", "/a;b=c/d"),
        ("/a..;b", "/a..;b"),
        ("/v1/users:admin@x!$&'()*+,=", "/v1/users:admin@x!$&'()*+,="),
    ];
    for (raw, expected) in rows {
        assert_eq!(normalise(raw).as_deref(), Ok(expected), "{raw}");
    }
}

#[test]
fn what_two_readers_read_differently_is_refused() {
    use Refused::{Character, DotSegment, Escape, NotAbsolute, Separator};
    let rows = [
        ("", NotAbsolute),
        ("*", NotAbsolute),
        ("a/b", NotAbsolute),
        ("example.com:443", NotAbsolute),
        ("/a#b", Character),
        ("/a?b", Character),
        ("/a\\b", Character),
        ("/a\tb", Character),
        ("/a\r\nb", Character),
        ("/a\x00b", Character),
        ("/a\x7fb", Character),
        ("/%", Escape),
        ("/%2", Escape),
        ("/%zz", Escape),
        ("/%u002f", Escape),
        ("/%é", Escape),
        ("/a%00", Separator),
        ("/a%2fb", Separator),
        ("/a%2Fb", Separator),
        ("/a%5cb", Separator),
        ("/a%5Cb", Separator),
        ("/%2e", DotSegment),
        ("/a/%2e%2E/b", DotSegment),
        ("/a/.%2e/b", DotSegment),
        ("/a/%2e./b", DotSegment),
        ("/a/..;/b", DotSegment),
        ("/a/..;x=1/b", DotSegment),
        ("/a/.;/b", DotSegment),
        ("/a/%2e%2e;", DotSegment),
        ("/a/..%3b/b", DotSegment),
        ("/a/..%3B", DotSegment),
    ];
    for (raw, expected) in rows {
        assert_eq!(normalise(raw), Err(expected), "{raw:?}");
    }
}

#[test]
fn a_normal_path_is_borrowed() {
    for raw in [
        "/",
        "/api/v1/users?".trim_end_matches('?'),
        "/%E4%BD%A0/a;b",
        "/.a/",
    ] {
        assert!(matches!(normalise(raw), Ok(Cow::Borrowed(_))), "{raw}");
    }
}

#[test]
fn a_prefix_is_made_of_whole_segments() {
    let rows = [
        ("/api", "/api", Some("")),
        ("/api/", "/api", Some("/")),
        ("/api/x", "/api", Some("/x")),
        ("/apix", "/api", None),
        ("/ap", "/api", None),
        ("/API/x", "/api", None),
        ("/x", "", Some("/x")),
    ];
    for (path, prefix, expected) in rows {
        assert_eq!(after_prefix(path, prefix), expected, "{path} {prefix}");
    }
}

#[test]
fn two_spellings_of_a_literal_are_read_as_one() {
    let rows = [
        ("/a:b", "/a:b"),
        ("/a%3Ab", "/a:b"),
        ("/%40me/%2Bx%3B", "/@me/+x;"),
        ("/%E4%BD%A0", "/%E4%BD%A0"),
        ("/%E4%3A%25", "/%E4:%25"),
        ("/%253A", "/%253A"),
        ("/", "/"),
    ];
    for (path, expected) in rows {
        assert_eq!(as_read(path), expected, "{path}");
    }
    assert!(matches!(as_read("/%E4%BD%A0/a"), Cow::Borrowed(_)));
}

/// Paths out of the pieces that matter.
#[test]
fn without_parameters_a_path_has_names_only() {
    for (path, plain) in [
        ("/", "/"),
        ("/;x", "/"),
        ("/a;x", "/a"),
        ("/a;x=1;y/b;", "/a/b"),
        ("/;/a", "/a"),
        ("/a/;/;/b/", "/a/b/"),
        ("/a;x/", "/a/"),
    ] {
        assert_eq!(without_parameters(path), plain, "{path}");
    }
}

fn spelling() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/"),
        Just("."),
        Just(".."),
        Just("%2e"),
        Just("%2E"),
        Just("%2f"),
        Just("%5C"),
        Just("%00"),
        Just(";"),
        Just("%3b"),
        Just("%3B"),
        Just("a"),
        Just("Z"),
        Just("%61"),
        Just("%"),
        Just("%4"),
        Just("é"),
        Just("%e4"),
        Just("%E4"),
        Just("\\"),
        Just("#"),
        Just("?"),
        Just("{"),
        Just(" "),
        Just("\n"),
        Just("@"),
        Just("%40"),
        Just("%25"),
    ];
    prop_oneof![
        prop::collection::vec(piece, 0..14).prop_map(|pieces| format!("/{}", pieces.concat())),
        "\\PC{0,24}",
        "/[a-c./%0-9;]{0,24}",
    ]
}

fn assert_normal(path: &str) {
    assert!(path.starts_with('/') && !path.starts_with("//"), "{path}");
    assert!(!path.contains("//"), "{path}");
    for segment in path.split('/') {
        let name = segment.split(';').next().unwrap();
        assert!(name != "." && name != "..", "{path}");
    }
    assert!(path.bytes().all(|b| (0x21..0x7f).contains(&b)), "{path}");
    let lower = path.to_ascii_lowercase();
    for never in ["%2e", "%2f", "%5c", "%00", "\\", "#", "?", "\""] {
        assert!(!lower.contains(never), "{path} has {never}");
    }
}

proptest! {
    #[test]
    fn what_comes_out_is_normal_and_stays_as_it_is(raw in spelling()) {
        if let Ok(path) = normalise(&raw) {
            assert_normal(&path);
            prop_assert!(matches!(normalise(&path), Ok(Cow::Borrowed(again)) if again == path));
        }
    }

    #[test]
    fn the_short_way_and_the_long_way_agree(raw in spelling()) {
        let long = rebuild(&raw);
        let short = raw.starts_with('/') && is_normal(raw.as_bytes());
        prop_assert_eq!(short, long.as_deref() == Ok(raw.as_str()));
    }

    #[test]
    fn reading_a_path_again_changes_nothing(raw in spelling()) {
        if let Ok(path) = normalise(&raw) {
            let read = as_read(&path);
            prop_assert_eq!(as_read(&read), &*read);
            prop_assert_eq!(read.matches('/').count(), path.matches('/').count());
        }
    }

    #[test]
    fn what_is_left_after_a_prefix_is_normal(raw in spelling(), cut in 0_usize..8) {
        if let Ok(path) = normalise(&raw) {
            let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
            if let Some(rest) = ends.get(cut).and_then(|&at| after_prefix(&path, &path[..at])) {
                assert_normal(rest);
            }
        }
    }
}
