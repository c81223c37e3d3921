//! One path out of its many spellings: what was matched is what is forwarded (R8).

use super::{PUBLIC, ask};
use crate::harness::Bed;

/// What the upstream is asked for, or the refusal's status.
fn target(bed: &Bed, raw: &str) -> Result<String, u16> {
    let before = bed.upstream.seen().len();
    let reply = ask(
        bed,
        format!("GET {raw} HTTP/1.1\r\nHost: gateway.test\r\n\r\n"),
    );
    let seen = bed.upstream.seen().split_off(before);
    if reply.status == 200 {
        assert_eq!(seen.len(), 1, "{raw}");
        Ok(seen[0].target().to_owned())
    } else {
        assert!(seen.is_empty(), "{raw}: {seen:?}");
        Err(reply.status)
    }
}

#[test]
fn a_path_is_forwarded_in_its_one_spelling() {
    let bed = Bed::with("", PUBLIC);
    for (raw, expected) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/", "/a/"),
        ("//", "/"),
        ("//a", "/a"),
        ("/a//b///c", "/a/b/c"),
        ("/a//", "/a/"),
        ("/.", "/"),
        ("/./a", "/a"),
        ("/a/.", "/a/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/..", "/"),
        ("/..", "/"),
        ("/../../a", "/a"),
        ("/a/b/../../..//c", "/c"),
        ("/...", "/..."),
        ("/..a/.b", "/..a/.b"),
        ("/%61%2D%2e%5f%7Eb", "/a-._~b"),
        ("/a%2eb", "/a.b"),
        ("/%e4%bd%a0", "/%E4%BD%A0"),
        ("/\u{4f60}", "/%E4%BD%A0"),
        ("/a%20b%3f%23%25", "/a%20b%3F%23%25"),
        ("/%252e%252e/%252f", "/%252e%252e/%252f"),
        ("/a\"b{c}d|e^f", "/a%22b%7Bc%7Dd%7Ce%5Ef"),
        ("/a;b=c/d", "/a;b=c/d"),
        ("/a%3Bb", "/a%3Bb"),
        ("/!$&'()*+,=:@", "/!$&'()*+,=:@"),
        // The query takes no part.
        ("/a?", "/a?"),
        ("/a?b=//../%2f%2e&c=\\;%00?d", "/a?b=//../%2f%2e&c=\\;%00?d"),
        ("//a/../b?..//", "/b?..//"),
        ("/?/../x", "/?/../x"),
        // Absolute form (RFC 9112 §3.2.2).
        ("http://gateway.test", "/"),
        ("http://gateway.test/a//b?c", "/a/b?c"),
        ("http://gateway.test?c", "/?c"),
        ("HTTP://GATEWAY.test.:80/%61", "/a"),
    ] {
        assert_eq!(target(&bed, raw), Ok(expected.to_owned()), "{raw}");
    }
}

#[test]
fn a_path_that_reads_two_ways_is_refused() {
    let bed = Bed::with("", PUBLIC);
    for raw in [
        "/%2e%2e/a",
        "/a/%2E%2E",
        "/a/.%2e/b",
        "/a/%2e./b",
        "/%2e",
        "/%2e/a",
        "/a/..;/b",
        "/a/..;x=y/b",
        "/..;",
        "/a/.;/b",
        "/a/..%3b/b",
        "/a/..%3B",
        "/a%2fb",
        "/a%2Fb",
        "/%2f%2fa",
        "/a\\b",
        "/\\a",
        "/..\\a",
        "/a%5cb",
        "/a%5C..%5Cb",
        "/%00",
        "/a%00.png",
        "/%",
        "/a%4",
        "/a%zz",
        "/a%u002f",
        "/%c0%2f",
        "/a\u{7f}b",
        "*",
        "http://gateway.test/a%2fb",
        "http://gateway.test/..;/b",
    ] {
        assert_eq!(target(&bed, raw), Err(400), "{raw}");
    }
}

#[test]
fn no_spelling_gets_past_a_closed_path() {
    let bed = Bed::with(
        "",
        "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n[[route]]\npath = \"/admin/secret\"\ndeny = true\n",
    );
    for raw in [
        "/admin/secret",
        "/admin/secret/",
        "/admin/secret/x",
        "/admin/secret?x",
        "//admin//secret",
        "/x/../admin/secret",
        "/./admin/./secret",
        "/admin/x/../secret",
        "/%61dmin/%73ecret",
        "/../admin/secret",
        "/admin/secret/x/..",
        "http://gateway.test//admin/secret",
    ] {
        assert_eq!(target(&bed, raw), Err(403), "{raw}");
    }
    // Services that cut parameters off would read the closed path there.
    for raw in [
        "/admin/secret;x",
        "/admin/secret;",
        "/admin/secret;x/",
        "/admin/secret;x=1/y",
        "/admin/secret%3Bx",
        "/admin/secret%3bx",
        "/admin;a=b;c/secret",
        "/admin/;/secret",
        "/;x/admin/secret",
        "/;/;/admin%3b/secret;y",
        "/%61dmin;/secret",
    ] {
        assert_eq!(target(&bed, raw), Err(400), "{raw}");
    }
    for raw in ["/;x", "/a;jsessionid=1/b;2", "/admin;x", "/admin;/secrets"] {
        assert!(target(&bed, raw).is_ok(), "{raw}");
    }
    for raw in [
        "/admin",
        "/admin/secrets",
        "/admin/secret/..",
        "/adminsecret",
    ] {
        assert!(target(&bed, raw).is_ok(), "{raw}");
    }
}

#[test]
fn after_strip_the_path_is_still_normal() {
    let bed = Bed::with(
        "",
        r#"
[[route]]
path = "/plain"
strip = "/plain"
require = "none"
to = "{upstream}"
[[route]]
path = "/deep/er"
strip = "/deep"
require = "none"
to = "{upstream}/v2/"
[[route]]
path = "/based"
require = "none"
to = "{upstream}/base"
"#,
    );
    for (raw, expected) in [
        ("/plain", Ok("/")),
        ("/plain/", Ok("/")),
        ("/plain?q", Ok("/?q")),
        ("/plain/a", Ok("/a")),
        ("/plain//a", Ok("/a")),
        ("/plain//evil.example/", Ok("/evil.example/")),
        ("/plain/plain/a", Ok("/plain/a")),
        ("/plain/./../plain/a", Ok("/a")),
        ("/plain/..", Err(404)),
        ("/plain/../x", Err(404)),
        ("/plainer", Err(404)),
        ("/plain%2f..", Err(400)),
        ("/plain/%2e%2e/x", Err(400)),
        ("/deep/er/a?b=/deep", Ok("/v2/er/a?b=/deep")),
        ("/deep/er", Ok("/v2/er")),
        ("/deep", Err(404)),
        ("/deep/er/../a", Err(404)),
        ("/based", Ok("/base/based")),
        ("/based/../based/x", Ok("/base/based/x")),
    ] {
        assert_eq!(target(&bed, raw), expected.map(str::to_owned), "{raw}");
    }
    let prefix = |path: &str| {
        let seen = super::forwarded(&bed, path, &[("X-Forwarded-Prefix", "/forged")]);
        seen.header("x-forwarded-prefix").map(str::to_owned)
    };
    assert_eq!(prefix("/plain/a").as_deref(), Some("/plain"));
    assert_eq!(prefix("/deep/er").as_deref(), Some("/deep"));
    assert_eq!(prefix("/based"), None);
}
