//! Malformed and smuggling requests, as bytes: none desyncs the gateway, brings an identity in, or costs others.

mod http1;

use std::fmt::Write as _;

use crate::harness::{Client, Honest, Process, Seen, Upstream, until};

/// What asks nothing, and what is closed to all.
const CONFIG: &str = r#"
listen = ["127.0.0.1:0"]
workers = 2
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
require = "none"
to = "{upstream}"
[[route]]
path = "/closed"
deny = true
[log]
access = false
[admin]
listen = ""
"#;

/// KiB by which the cases may leave the gateway larger.
const LEFT: u64 = 8 << 10;

/// What a case smuggles in: where it is seen, two readers ended a message at different places.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// What no upstream may hear of a client: the value of every forged header.
const FORGED: &str = "oForged";

/// Bytes on a connection of their own, and the statuses of the answers that they get.
struct Case {
    /// The rule of `docs/architecture.md`'s list that it tries.
    rule: &'static str,
    bytes: Vec<u8>,
    statuses: &'static [u16],
}

/// Plays `cases` while somebody else asks, too; all that is wrong is told at once. `name` is the test's.
fn play(name: &str, cases: &[Case]) {
    let (upstream, others) = (Upstream::recording(), Upstream::recording());
    let routes = format!(
        "{CONFIG}[[route]]\npath = \"/others\"\nrequire = \"none\"\nto = \"{}\"\n",
        others.url()
    );
    let gateway = Process::run(
        &format!("corpus-{name}"),
        &routes.replace("{upstream}", &upstream.url()),
    );
    let honest = Honest {
        gateway: gateway.address(),
        service: others.address(),
        path: "/others",
    };
    let mut wrong = String::new();
    // What it needs for itself is there after a first time.
    each(cases, &gateway, &upstream, &mut wrong);
    assert!(wrong.is_empty(), "{wrong}");
    let before = gateway.memory("VmRSS");
    honest.waits_for_nobody(name, || each(cases, &gateway, &upstream, &mut wrong));
    assert!(wrong.is_empty(), "{wrong}");
    until("nothing of it is left in memory", || {
        gateway.memory("VmRSS") <= before + LEFT
    });
}

fn each(cases: &[Case], gateway: &Process, upstream: &Upstream, wrong: &mut String) {
    for case in cases {
        let before = upstream.seen().len();
        let mut client = gateway.client();
        // The gateway may refuse, and close, before all is written.
        let _ = std::io::Write::write_all(&mut client.stream, &case.bytes);
        let statuses = statuses(&mut client, case);
        let seen = upstream.seen().split_off(before);
        let forwarded = case.statuses.iter().filter(|status| **status == 200);
        let is_right = statuses == case.statuses
            && seen.len() == forwarded.count()
            && seen.iter().all(is_harmless);
        if !is_right {
            let bytes = String::from_utf8_lossy(&case.bytes);
            let start: String = bytes.chars().take(160).collect();
            let _ = writeln!(
                wrong,
                "{} {start:?}: {statuses:?}, not {:?}; {seen:?}",
                case.rule, case.statuses
            );
        }
        let after = gateway.client().send("GET", "/after", &[], b"");
        assert_eq!(after.status, 200);
    }
}

/// The answers that come. After what breaks framing the gateway closes: then these are all there are.
fn statuses(client: &mut Client, case: &Case) -> Vec<u16> {
    if case.statuses.is_empty() {
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let closes = case.statuses.last().is_none_or(|last| *last >= 400)
        && matches!(case.rule, "R5" | "R12" | "R14");
    let most = if closes {
        usize::MAX
    } else {
        case.statuses.len()
    };
    std::iter::from_fn(|| client.try_reply(false))
        .take(most)
        .map(|reply| reply.status)
        .collect()
}

/// Nothing that was hidden, forged, or framed twice.
fn is_harmless(seen: &Seen) -> bool {
    let lines = || seen.headers.iter().chain(&seen.trailers);
    let count = |name: &str| {
        let same = lines().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.count()
    };
    seen.target() != "/hidden"
        && lines().all(|(_, value)| !value.contains(FORGED))
        && count("content-length") + count("transfer-encoding") <= 1
        && count("host") == 1
}
