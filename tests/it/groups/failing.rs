//! What a failing server costs: as little as can be, and nothing done twice.

use std::io::Write as _;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Mortal, OK, counts, group, leading_to};
use crate::harness::{Bed, Process, Upstream, until};

/// A server that closes each connection without an answer while it is told to.
fn moody() -> (Upstream, Arc<AtomicBool>) {
    let failing = Arc::new(AtomicBool::new(true));
    let shared = Arc::clone(&failing);
    let server = Upstream::answering(move |_, stream| {
        !shared.load(Ordering::SeqCst) && stream.write_all(OK).is_ok()
    });
    (server, failing)
}

/// The URL of a server that takes no connections.
fn dead() -> String {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", gone.local_addr().unwrap())
}

#[test]
fn killing_one_of_two_servers_costs_nobody_anything() {
    let (one, other) = (Mortal::good(), Mortal::good());
    let bed = group(&[&one.server, &other.server], "");
    let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = bed.client();
                while !stop.load(Ordering::SeqCst) {
                    let reply = client.send("GET", "/", &[], b"");
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let more = |count: usize| {
            let goal = answered.load(Ordering::SeqCst) + count;
            until("more is answered", || {
                answered.load(Ordering::SeqCst) >= goal
            });
        };
        more(200);
        one.kill();
        more(400);
        stop.store(true, Ordering::SeqCst);
    });
    assert!(!other.server.seen().is_empty());
}

#[test]
fn a_get_that_a_server_lets_fall_is_taken_up_by_another() {
    let ((bad, _), good) = (moody(), Upstream::recording());
    let bed = group(&[&bad, &good], "balance = \"round_robin\"");
    for _ in 0..10 {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    }
    assert_eq!(counts(&[&bad, &good]), [5, 10], "five were asked of both");
}

#[test]
fn where_a_used_connection_dies_another_server_is_asked_for_this_one_may_be_going() {
    let ((going, failing), good) = (moody(), Upstream::recording());
    failing.store(false, Ordering::SeqCst);
    let bed = group(&[&going, &good], "balance = \"round_robin\"");
    for _ in 0..2 {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    }
    // From now on connections of its are taken, and fall; the first that falls is a used one.
    failing.store(true, Ordering::SeqCst);
    for _ in 0..6 {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    }
    // It was asked once for each of its turns, and never for a second try.
    assert_eq!(counts(&[&going, &good]), [4, 7]);
}

#[test]
fn a_user_with_a_server_of_their_own_stays_with_it_where_a_used_connection_dies() {
    let dies_now_and_then = || {
        let turn = AtomicUsize::new(0);
        Upstream::answering(move |_, stream| {
            turn.fetch_add(1, Ordering::SeqCst) % 3 != 2 && stream.write_all(OK).is_ok()
        })
    };
    let (one, other) = (dies_now_and_then(), dies_now_and_then());
    let bed = group(&[&one, &other], "balance = \"hash:openid\"");
    let bearer = format!("Bearer {}", bed.sign_in("o-alice"));
    for _ in 0..6 {
        let reply = bed.send("GET", "/", &[("Authorization", &bearer)], b"");
        assert_eq!(reply.status, 200);
    }
    let mut counts = counts(&[&one, &other]);
    counts.sort_unstable();
    assert_eq!(counts, [0, 8], "two of them were asked for twice");
}

#[test]
fn what_may_have_been_done_is_not_done_by_another_server() {
    for (method, body) in [("POST", &b"pay"[..]), ("DELETE", b""), ("GET", b"body")] {
        let ((bad, _), good) = (moody(), Upstream::recording());
        let bed = group(&[&bad, &good], "balance = \"round_robin\"");
        let reply = bed.send(method, "/", &[], body);
        assert_eq!(reply.row(), (502, "upstream_failed".into(), "retry".into()));
        assert_eq!(reply.header("x-wxgate-refusal"), None, "it was forwarded");
        assert_eq!(counts(&[&bad, &good]), [1, 0], "{method}");
    }
}

#[test]
fn a_group_may_want_no_second_try() {
    let ((bad, _), good) = (moody(), Upstream::recording());
    let more = "balance = \"round_robin\"\nretry = false";
    let bed = group(&[&bad, &good], more);
    assert_eq!(bed.send("GET", "/", &[], b"").status, 502);
    assert_eq!(counts(&[&bad, &good]), [1, 0]);
}

#[test]
fn a_second_try_that_cannot_be_made_does_not_hide_the_first() {
    let (bad, _) = moody();
    let list = format!("[\"{}\", \"{}\"]", bad.url(), dead());
    let routes = leading_to(&list, "balance = \"round_robin\"");
    let bed = Bed::with(super::ALONE, &routes);
    let reply = bed.send("GET", "/", &[], b"");
    assert_eq!(reply.row(), (502, "upstream_failed".into(), "retry".into()));
    assert_eq!(reply.header("x-wxgate-refusal"), None, "it was forwarded");
}

#[test]
fn a_server_that_takes_no_connection_is_passed_over() {
    let good = Upstream::recording();
    let list = format!("[\"{}\", \"{}\", \"{}\"]", dead(), dead(), good.url());
    for (method, body) in [("GET", &b""[..]), ("POST", b"pay")] {
        let bed = Bed::with(super::ALONE, &leading_to(&list, ""));
        for _ in 0..20 {
            assert_eq!(bed.send(method, "/", &[], body).status, 200);
        }
    }
    assert_eq!(good.seen().len(), 40);
}

#[test]
fn where_nobody_takes_connections_that_is_said() {
    let list = format!("[\"{}\", \"{}\"]", dead(), dead());
    let bed = Bed::with(super::ALONE, &leading_to(&list, ""));
    for _ in 0..12 {
        let reply = bed.send("GET", "/", &[], b"");
        assert_eq!(reply.row(), (503, "no_upstream".into(), "retry".into()));
        assert_eq!(reply.header("x-wxgate-refusal"), Some("no_upstream"));
    }
}

#[test]
fn a_server_that_fails_again_and_again_is_taken_out_and_comes_back() {
    let ((bad, failing), good) = (moody(), Upstream::recording());
    let bed = group(
        &[&bad, &good],
        "balance = \"round_robin\"\n[upstream.health]\nfailures = 3\npause = \"1s\"",
    );
    let start = std::time::Instant::now();
    let mut client = bed.client();
    for _ in 0..20 {
        assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    }
    if start.elapsed() < std::time::Duration::from_secs(1) {
        assert_eq!(counts(&[&bad, &good]), [3, 20], "it is left in peace");
    }
    failing.store(false, Ordering::SeqCst);
    let asked = bad.seen().len();
    until("it is asked again", || {
        assert_eq!(client.send("GET", "/", &[], b"").status, 200);
        bad.seen().len() > asked + 5
    });
}

#[test]
fn where_all_are_down_all_are_tried_and_it_is_said_so() {
    let ((one, mood), (other, temper)) = (moody(), moody());
    let list = format!("[\"{}\", \"{}\"]", one.url(), other.url());
    let health = "[upstream.health]\nfailures = 1\npause = \"1h\"";
    let routes = leading_to(&list, health);
    let config = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[admin]\nlisten = \"\"\n[[app]]\nappid = \"{}\"\nsecret = {{ env = \"WX_SECRET\" }}\n{routes}",
        crate::harness::APPID
    );
    let gateway = Process::run("all-down", &config);
    let mut client = gateway.client();
    for _ in 0..3 {
        assert_eq!(client.send("GET", "/", &[], b"").status, 502);
    }
    until("it is said", || {
        gateway.error.text().contains("all servers are down")
    });
    mood.store(false, Ordering::SeqCst);
    temper.store(false, Ordering::SeqCst);
    for _ in 0..20 {
        assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    }
    until("it is over", || {
        gateway.error.text().contains("a server is up again")
    });
    let said = gateway.end().1;
    assert_eq!(said.matches("all servers are down").count(), 1, "{said}");
    assert_eq!(said.matches("a server is taken out").count(), 2, "{said}");
}

/// The config of a gateway with one worker that leads everything to the group of `servers`.
fn config(top: &str, route: &str, servers: &[&Upstream], health: &str) -> String {
    let urls: Vec<_> = servers.iter().map(|server| server.url()).collect();
    format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n{top}[admin]\nlisten = \"\"\n[[app]]\nappid = \"{}\"\nsecret = {{ env = \"WX_SECRET\" }}\n[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"app\"\n{route}[[upstream]]\nname = \"app\"\nservers = {urls:?}\n[upstream.health]\n{health}",
        crate::harness::APPID
    )
}

#[test]
fn a_connection_that_was_closed_while_nobody_used_it_is_no_failure() {
    for last_words in [
        &b""[..],
        b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    ] {
        let (one, other) = (Mortal::good(), Mortal::good());
        let health = "failures = 1\npause = \"1h\"";
        let config = config("", "", &[&one.server, &other.server], health);
        let gateway = Process::run("closed-idle", &config);
        let mut client = gateway.client();
        for _ in 0..10 {
            assert_eq!(client.send("GET", "/", &[], b"").status, 200);
            assert_eq!(client.send("POST", "/", &[], b"once").status, 200);
            for mut idle in [&one, &other]
                .iter()
                .flat_map(|server| std::mem::take(&mut *server.open.lock().unwrap()))
            {
                let _ = idle.write_all(last_words);
                let _ = idle.shutdown(Shutdown::Both);
            }
        }
        assert_eq!(
            counts(&[&one.server, &other.server]).iter().sum::<usize>(),
            20
        );
        let said = gateway.end().1;
        assert!(!said.contains("a server is taken out"), "{said}");
    }
}

#[test]
fn a_client_that_stalls_takes_no_server_out() {
    let good = Upstream::recording();
    let config = config(
        "[timeouts]\nbody = \"2s\"\n",
        "response = \"1s\"\n",
        &[&good],
        "failures = 1\npause = \"1h\"",
    );
    let gateway = Process::run("stalled-upload", &config);
    let mut client = gateway.client();
    client.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n0123456789");
    let reply = client.reply(false);
    assert_eq!(reply.row(), (408, "request_timeout".into(), "retry".into()));
    assert_eq!(gateway.client().send("GET", "/", &[], b"").status, 200);
    let said = gateway.end().1;
    assert!(!said.contains("a server is taken out"), "{said}");
}
