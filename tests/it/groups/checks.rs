//! Servers that are asked how they are.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::{OK, group};
use crate::harness::{Bed, Seen, Upstream, until};

/// Answers requests with 200, and checks with the status that it is given; with nothing at 0.
fn checked() -> (Upstream, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let shared = Arc::clone(&status);
    let server = Upstream::answering(move |seen, stream| {
        if seen.target() != "/healthz?deep" {
            return stream.write_all(OK).is_ok();
        }
        match shared.load(Ordering::SeqCst) {
            0 => std::io::Read::read(stream, &mut [0]).is_ok(),
            status => {
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).is_ok()
            }
        }
    });
    (server, status)
}

const HEALTH: &str = "[upstream.health]\npath = \"/healthz?deep\"\ninterval = \"20ms\"\ntimeout = \"200ms\"\nrise = 2\nfall = 2";

fn requests(server: &Upstream) -> usize {
    let seen = server.seen();
    let requests = seen.iter().filter(|seen| seen.target() == "/");
    requests.count()
}

/// Asks `bed` until ten requests in a row went past `server`.
fn is_left_out(bed: &Bed, server: &Upstream) {
    let mut client = bed.client();
    until("it is left out", || {
        let before = requests(server);
        for _ in 0..10 {
            assert_eq!(client.send("GET", "/", &[], b"").status, 200);
        }
        requests(server) == before
    });
}

fn is_asked(bed: &Bed, server: &Upstream) {
    let mut client = bed.client();
    let before = requests(server);
    until("it is asked", || {
        assert_eq!(client.send("GET", "/", &[], b"").status, 200);
        requests(server) > before
    });
}

#[test]
fn a_server_that_says_it_is_sick_gets_nothing_until_it_is_well() {
    let ((one, status), (other, _)) = (checked(), checked());
    let more = format!("balance = \"round_robin\"\n{HEALTH}");
    let bed = group(&[&one, &other], &more);
    for sick in [503, 0, 404] {
        is_asked(&bed, &one);
        status.store(sick, Ordering::SeqCst);
        is_left_out(&bed, &one);
        status.store(204, Ordering::SeqCst);
        is_asked(&bed, &one);
        status.store(302, Ordering::SeqCst);
    }
}

#[test]
fn where_all_are_sick_all_are_asked() {
    let ((one, status), (other, too)) = (checked(), checked());
    status.store(500, Ordering::SeqCst);
    too.store(500, Ordering::SeqCst);
    let more = format!("balance = \"round_robin\"\n{HEALTH}");
    let bed = group(&[&one, &other], &more);
    let checks = |server: &Upstream| server.seen().len() - requests(server);
    until("both are sick", || checks(&one) > 3 && checks(&other) > 3);
    is_asked(&bed, &one);
    is_asked(&bed, &other);
}

#[test]
fn a_check_says_who_asks_and_for_which_host() {
    for (host, expected) in [
        ("", None),
        ("host = \"app.internal\"\n", Some("app.internal")),
    ] {
        let (server, _) = checked();
        let _bed = group(&[&server], &format!("{host}{HEALTH}"));
        let check: Seen = server.wait_for(1)[0].clone();
        assert_eq!(check.line, "GET /healthz?deep HTTP/1.1");
        assert_eq!(check.header("user-agent"), Some("wxgate-health"));
        let own = server.address().to_string();
        assert_eq!(check.header("host"), Some(expected.unwrap_or(&own)));
        let names = check.headers.iter().map(|(name, _)| name.to_lowercase());
        assert!(names.into_iter().all(|name| !name.starts_with("x-")));
    }
}

#[test]
fn what_is_known_of_servers_and_their_connections_stay_over_a_reload() {
    let ((sick, status), (well, _)) = (checked(), checked());
    status.store(503, Ordering::SeqCst);
    // Nobody is checked a second time within this test: a check that is not answered lasts too long.
    let health = "[upstream.health]\npath = \"/healthz?deep\"\ninterval = \"1h\"\ntimeout = \"1h\"\nfall = 1";
    let list = format!("[\"{}\", \"{}\"]", sick.url(), well.url());
    let more = format!("balance = \"round_robin\"\n{health}");
    let routes = super::leading_to(&list, &more);
    let mut bed = Bed::with(super::ALONE, &routes);
    sick.wait_for(1);
    is_left_out(&bed, &sick);
    let (asked, connections) = (requests(&sick), well.connections());
    status.store(0, Ordering::SeqCst);
    let top = format!("{}[timeouts]\nresponse = \"50s\"\n", super::ALONE);
    let config = crate::harness::config(&bed.mock.url(), "", &top, &routes);
    let reloaded = bed.gateway.reload(&config).unwrap();
    assert_eq!(reloaded.changed.len(), 1);
    for _ in 0..10 {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    }
    assert_eq!(requests(&sick), asked);
    until("it is checked again", || well.connections() > connections);
    assert_eq!(well.connections(), connections + 1, "that is the check");
}
