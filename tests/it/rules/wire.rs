//! What no request can do, whatever its lines: properties over the wire.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::names::{ODD, RESERVED};
use super::{PUBLIC, fold};
use crate::harness::{Bed, Client};

/// What the gateway itself writes under reserved names, for nobody.
const OURS: [(&str, &str); 4] = [
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "gateway.test"),
    ("x-forwarded-proto", "http"),
    ("x-real-ip", "127.0.0.1"),
];

fn is_reserved(name: &str) -> bool {
    let folded = fold(name);
    folded.starts_with("x-wx-")
        || folded.starts_with("x-forwarded-")
        || RESERVED.contains(&folded.as_str())
}

/// A spelling of a reserved name, an odd name, or a plain one.
fn name() -> impl Strategy<Value = String> {
    let any_case = |name: String| {
        let length = name.len();
        vec(any::<bool>(), length).prop_map(move |upper| {
            let turn = |(c, upper): (char, &bool)| if *upper { c.to_ascii_uppercase() } else { c };
            name.chars().zip(&upper).map(turn).collect::<String>()
        })
    };
    let dashes: Vec<char> = ODD.chars().chain(['-'; 6]).collect();
    let spelled = (
        prop::sample::select(RESERVED),
        vec(prop::sample::select(dashes), 4),
    )
        .prop_map(|(name, dashes)| {
            let mut dashes = dashes.into_iter().cycle();
            let spell = |c| if c == '-' { dashes.next().unwrap() } else { c };
            name.chars().map(spell).collect::<String>()
        })
        .prop_flat_map(any_case);
    prop_oneof![
        6 => spelled,
        2 => "[xX][-_.][wW][xX][-_.][a-zA-Z0-9_.-]{0,12}",
        2 => "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}",
        2 => "X-Plain-[a-z]{1,3}",
    ]
}

/// Names that would change what the request itself is.
fn frames(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
    ]
    .contains(&name.as_str())
}

fn head(path: &str, lines: &[(String, String)]) -> String {
    let lines: String = lines
        .iter()
        .filter(|(name, _)| !frames(name))
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("GET {path} HTTP/1.1\r\nHost: gateway.test\r\n{lines}\r\n")
}

fn runner(cases: u32) -> TestRunner {
    // No file of failures: the failing lines are printed.
    TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    })
}

#[test]
fn the_upstream_sees_no_reserved_name_that_the_gateway_did_not_write() {
    let bed = Bed::new();
    let bearer = format!("Bearer {}", bed.sign_in("oAlice"));
    let client = RefCell::new(bed.client());
    let lines = vec((name(), "[ -~]{0,20}"), 0..40);
    let paths = prop::sample::select(vec!["/public/a", "/optional/a", "/api/a"]);
    let run = runner(200).run(&(paths, lines), |(path, mut lines)| {
        let known = path == "/api/a";
        if known {
            lines.push(("Authorization".to_owned(), bearer.clone()));
        }
        let client: &mut Client = &mut client.borrow_mut();
        client.write(head(path, &lines).as_bytes());
        prop_assert_eq!(client.reply(false).status, 200);
        let seen = bed.upstream.last();
        let mut reserved: Vec<(&str, &str)> = seen
            .headers
            .iter()
            .filter(|(name, _)| is_reserved(name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        reserved.sort_unstable();
        let mut expected = OURS.to_vec();
        if known {
            expected.push(("x-wx-appid", crate::harness::APPID));
            expected.push(("x-wx-openid", "oAlice"));
            expected.push(("x-wx-source", "wx_client"));
        }
        prop_assert_eq!(reserved, expected);
        for (name, _) in &seen.headers {
            prop_assert!(
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
                "{}",
                name
            );
        }
        Ok(())
    });
    run.unwrap();
}

#[test]
fn a_plain_header_arrives_as_it_was_sent() {
    let bed = Bed::with("", PUBLIC);
    let client = RefCell::new(bed.client());
    let lines = vec(("X-Plain-[a-z]{1,3}", "[!-~]([ -~]{0,30}[!-~])?"), 0..20);
    let run = runner(100).run(&lines, |lines| {
        let client: &mut Client = &mut client.borrow_mut();
        client.write(head("/", &lines).as_bytes());
        prop_assert_eq!(client.reply(false).status, 200);
        let sorted = |lines: &[(String, String)]| {
            let plain = |(name, _): &&(String, String)| fold(name).starts_with("x-plain");
            let mut lines: Vec<(String, String)> = lines
                .iter()
                .filter(plain)
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect();
            // The order of the values of one name counts, that of names does not.
            lines.sort_by(|a, b| a.0.cmp(&b.0));
            lines
        };
        prop_assert_eq!(sorted(&bed.upstream.last().headers), sorted(&lines));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn a_forwarded_path_is_normal_and_in_its_routes_prefix() {
    let bed = Bed::with(
        "",
        "[[route]]\npath = \"/in/side\"\nrequire = \"none\"\nto = \"{upstream}\"\n",
    );
    let client = RefCell::new(bed.client());
    let part = prop::sample::select(vec![
        "/", "/", "in", "side", ".", "..", "%2e", "%2E.", "%2f", "%5c", ";", "%69n", "a", "%",
        "//", "?", "%00", "%3b",
    ]);
    let tail = vec(part, 0..6).prop_map(|parts| parts.concat());
    let run = runner(300).run(&(prop::bool::ANY, tail), |(inside, tail)| {
        let target = format!("{}{tail}", if inside { "/in/side/" } else { "/" });
        let before = bed.upstream.seen().len();
        let client: &mut Client = &mut client.borrow_mut();
        client.write(head(&target, &[]).as_bytes());
        let reply = client.reply(false);
        let seen = bed.upstream.seen().split_off(before);
        if reply.status != 200 {
            prop_assert!(
                [400, 404].contains(&reply.status),
                "{} {}",
                target,
                reply.status
            );
            prop_assert!(seen.is_empty());
            return Ok(());
        }
        let (path, query) = seen[0]
            .target()
            .split_once('?')
            .map_or((seen[0].target(), None), |(path, query)| {
                (path, Some(query))
            });
        prop_assert!(
            path == "/in/side" || path.starts_with("/in/side/"),
            "{} → {}",
            target,
            path
        );
        let lower = path.to_ascii_lowercase();
        for part in [
            "//", "/./", "/../", "%2e", "%2f", "%5c", "%00", "\\", "/..;", "/.;",
        ] {
            prop_assert!(!lower.contains(part), "{} → {}", target, path);
        }
        prop_assert!(!lower.ends_with("/.") && !lower.ends_with("/.."));
        prop_assert_eq!(query, target.split_once('?').map(|(_, query)| query));
        Ok(())
    });
    run.unwrap();
}
