//! What becomes of groups when a config takes another's place.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{OK, counts, leading_to};
use crate::harness::{Bed, Upstream, until};
use crate::metrics::page;

const TOP: &str = "workers = 1\n[admin]\nlisten = \"127.0.0.1:0\"\n";

/// The same, and something else is new.
const CHANGED: &str =
    "workers = 1\n[admin]\nlisten = \"127.0.0.1:0\"\n[timeouts]\nresponse = \"50s\"\n";

fn shows(bed: &Bed, line: &str) -> bool {
    page(bed).lines().any(|found| found == line)
}

#[test]
fn a_server_that_was_taken_out_stays_out_and_its_counts_go_on() {
    let bad = Upstream::answering(|_, _| false);
    let good = Upstream::recording();
    let health = "[upstream.health]\nfailures = 1\npause = \"1h\"";
    let list = format!("[{:?}, {:?}]", bad.url(), good.url());
    let routes = leading_to(&list, &format!("balance = \"round_robin\"\n{health}"));
    let mut bed = Bed::with(TOP, &routes);
    for _ in 0..4 {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    }
    let connections = good.connections();
    let (bad_at, good_at) = (bad.address(), good.address());
    let line = |name: &str, of, value: u32| {
        let labels = format!("upstream=\"app\",server=\"http://{of}\",address=\"{of}\"");
        format!("wxgate_upstream_server_{name}{{{labels}}} {value}")
    };
    let of_bad = [
        line("up", bad_at, 0),
        line("ejected", bad_at, 1),
        line("requests_total", bad_at, 1),
        line("failures_total", bad_at, 1),
        line("ejections_total", bad_at, 1),
        line("up", good_at, 1),
    ];
    for (asked, routes) in [
        (4, None),
        (8, Some(routes.clone())),
        // Another weight is no other server.
        (
            12,
            Some(routes.replace(
                &format!("{:?}]", good.url()),
                &format!("{{ url = {:?}, weight = 9 }}]", good.url()),
            )),
        ),
    ] {
        if let Some(routes) = routes {
            assert!(!bed.reload(CHANGED, &routes).changed.is_empty());
            for _ in 0..4 {
                assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
            }
        }
        assert_eq!(counts(&[&bad, &good]), [1, asked]);
        for line in &of_bad {
            assert!(shows(&bed, line), "{line}\n{}", page(&bed));
        }
        let requests = u32::try_from(asked).unwrap();
        assert!(shows(&bed, &line("requests_total", good_at, requests)));
    }
    assert_eq!(good.connections(), connections);

    // A group of another name is another one: it knows nothing of its servers.
    let renamed = routes.replace("\"app\"", "\"other\"");
    bed.reload(TOP, &renamed);
    let up = line("up", bad_at, 1).replace("\"app\"", "\"other\"");
    assert!(shows(&bed, &up), "{}", page(&bed));
    assert!(!page(&bed).contains("server_up{upstream=\"app\""));
}

#[test]
fn checks_of_a_group_end_with_it() {
    let healthy = || Upstream::answering(|_, stream| stream.write_all(OK).is_ok());
    let (one, other) = (healthy(), healthy());
    let health = "[upstream.health]\npath = \"/well\"\ninterval = \"20ms\"";
    let named = |name: &str, server: &Upstream| {
        format!(
            "[[upstream]]\nname = \"{name}\"\nservers = [{:?}]\n{health}\n",
            server.url()
        )
    };
    let route = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"one\"\n";
    let both = format!("{route}{}{}", named("one", &one), named("other", &other));
    let mut bed = Bed::with(TOP, &both);
    until("both are checked", || {
        counts(&[&one, &other]).iter().all(|count| *count > 2)
    });
    bed.reload(TOP, &format!("{route}{}", named("one", &one)));
    // One check may have been on its way.
    let [still, gone] = counts(&[&one, &other])[..] else {
        unreachable!()
    };
    until("the other is checked on", || one.seen().len() > still + 10);
    assert!(other.seen().len() <= gone + 1);
    // It comes back, and is asked again.
    bed.reload(TOP, &both);
    until("it is checked again", || other.seen().len() > gone + 2);
}

#[test]
fn a_server_is_well_where_nobody_checks_any_more() {
    let sick = AtomicBool::new(true);
    let one = Upstream::answering(move |seen, stream| {
        if seen.target() == "/well" && sick.load(Ordering::SeqCst) {
            return stream
                .write_all(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
                .is_ok();
        }
        stream.write_all(OK).is_ok()
    });
    let health = "[upstream.health]\npath = \"/well\"\ninterval = \"20ms\"\nfall = 1";
    let list = format!("[{:?}]", one.url());
    let mut bed = Bed::with(TOP, &leading_to(&list, health));
    let at = one.address();
    let up = |value: u32| {
        let labels = format!("upstream=\"app\",server=\"http://{at}\",address=\"{at}\"");
        format!("wxgate_upstream_server_up{{{labels}}} {value}")
    };
    until("it is sick", || shows(&bed, &up(0)));
    bed.reload(TOP, &leading_to(&list, ""));
    until("it is well", || shows(&bed, &up(1)));
}
