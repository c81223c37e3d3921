//! A drain: what is under way ends, what is on its way is answered, and nobody waits for silence.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wxgate::gateway::Gateway;

use crate::harness::{Authority, Bed, Client, Upstream, until};

const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n";
const HELD: &[u8] = b"GET /held HTTP/1.1\r\nHost: gateway.test\r\n\r\n";

/// Longer than a connection stays with hyper after an exchange.
const PARKED: Duration = Duration::from_millis(1_400);

/// Longer than idle connections are kept for their own sake.
const GRACE: Duration = Duration::from_millis(2_500);

/// Begins the drain of `gateway`; when this returns, it has.
fn drain(gateway: Gateway) -> JoinHandle<bool> {
    let address = gateway.addresses()[0];
    let draining = std::thread::spawn(move || gateway.drain());
    until("nothing new is taken", || {
        TcpStream::connect(address).is_err()
    });
    draining
}

/// An upstream that answers at once, but `/held` and `/half` with a rest that waits until each is let go.
fn held() -> (Upstream, mpsc::Sender<()>, mpsc::Sender<()>) {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
    let (go, held) = mpsc::channel::<()>();
    let (go_on, half) = mpsc::channel::<()>();
    let (held, half) = (Mutex::new(held), Mutex::new(half));
    let upstream = Upstream::answering(move |seen, stream| {
        let (now, wait) = match seen.target() {
            "/held" => (0, &held),
            "/half" => (ANSWER.len() - 2, &half),
            _ => return stream.write_all(ANSWER).is_ok(),
        };
        let (now, later) = ANSWER.split_at(now);
        let written = stream.write_all(now);
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(20));
        written.and_then(|()| stream.write_all(later)).is_ok()
    });
    (upstream, go, go_on)
}

/// A connection whose request is under way.
fn busy(bed: &Bed) -> Client {
    let before = bed.upstream.seen().len();
    let mut busy = bed.client();
    busy.write(HELD);
    bed.upstream.wait_for(before + 1);
    busy
}

/// Lets that request end, with the answer to it as the last.
fn end<S: std::io::Read + std::io::Write>(mut busy: Client<S>, go: &mpsc::Sender<()>) {
    go.send(()).unwrap();
    let reply = busy.reply(false);
    assert_eq!(
        (reply.text().as_str(), reply.header("connection")),
        ("done", Some("close"))
    );
}

/// A request on `client` is answered as the last.
fn is_last<S: std::io::Read + std::io::Write>(client: &mut Client<S>) {
    client.write(GET);
    let reply = client.try_reply(false).expect("no request is lost");
    assert_eq!(
        (reply.status, reply.header("connection"), reply.whole),
        (200, Some("close"), true)
    );
    assert!(client.is_closed());
}

#[test]
fn a_request_on_its_way_when_a_drain_begins_is_answered_as_the_last() {
    let (upstream, go, _half) = held();
    // One worker: what one connection is told, all are told.
    let bed = Bed::around(upstream, "workers = 1\n", PUBLIC);
    let (mut fresh, mut used, mut parked) = (bed.client(), bed.client(), bed.client());
    parked.write(GET);
    assert_eq!(parked.reply(false).header("connection"), None);
    let start = Instant::now();
    while start.elapsed() < PARKED {
        assert_eq!(bed.client().get("/meanwhile", "").status, 200);
    }
    used.write(GET);
    assert_eq!(used.reply(false).status, 200);
    // So that nothing of this depends on how long idle connections are kept.
    let busy = busy(&bed);
    let Bed { gateway, .. } = bed;
    let draining = drain(gateway);
    for client in [&mut fresh, &mut used, &mut parked] {
        is_last(client);
    }
    end(busy, &go);
    assert!(draining.join().unwrap(), "all of it ended by itself");
}

#[test]
fn the_same_holds_behind_tls() {
    let authority = Authority::new("drain");
    authority.sign("gateway", &["gateway.test"]);
    let (upstream, go, _half) = held();
    let top = format!("workers = 1\n{}", authority.section("gateway"));
    let bed = Bed::around(upstream, &top, PUBLIC);
    let (address, config) = (bed.address(), authority.client());
    let connect = || Client::secure(address, &config, "gateway.test");
    let (mut used, mut busy) = (connect(), connect());
    used.write(GET);
    assert_eq!(used.reply(false).status, 200);
    busy.write(HELD);
    bed.upstream.wait_for(2);
    let Bed { gateway, .. } = bed;
    let draining = drain(gateway);
    is_last(&mut used);
    end(busy, &go);
    assert!(draining.join().unwrap(), "all of it ended by itself");
}

#[test]
fn who_says_nothing_during_a_drain_is_waited_for_a_moment_only() {
    let bed = Bed::with("workers = 1\n", PUBLIC);
    let (mut fresh, mut used) = (bed.client(), bed.client());
    used.write(GET);
    assert_eq!(used.reply(false).status, 200);
    let Bed { gateway, .. } = bed;
    let start = Instant::now();
    assert!(gateway.drain(), "all of it ended by itself");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(fresh.is_closed() && used.is_closed());
}

#[test]
fn a_short_drain_is_not_spent_on_idle_connections() {
    let bed = Bed::with("workers = 1\n[timeouts]\ndrain = \"1s\"\n", PUBLIC);
    let mut idle = bed.client();
    let Bed { gateway, .. } = bed;
    assert!(gateway.drain(), "all of it ended by itself");
    assert!(idle.is_closed());
}

#[test]
fn idle_connections_are_kept_as_long_as_anything_is_under_way() {
    let (upstream, go, _half) = held();
    let bed = Bed::around(upstream, "workers = 1\n", PUBLIC);
    let (mut idle, mut silent, busy) = (bed.client(), bed.client(), busy(&bed));
    let Bed { gateway, .. } = bed;
    let draining = drain(gateway);
    idle.stream.set_read_timeout(Some(GRACE)).unwrap();
    let kept = idle.stream.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(kept, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    idle.stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    is_last(&mut idle);
    end(busy, &go);
    assert!(draining.join().unwrap(), "all of it ended by itself");
    assert!(silent.is_closed());
}

#[test]
fn an_answer_that_had_begun_before_the_drain_is_not_the_last() {
    let (upstream, go, go_on) = held();
    let bed = Bed::around(upstream, "workers = 1\n", PUBLIC);
    let (mut client, busy) = (bed.client(), busy(&bed));
    client.write(b"GET /half HTTP/1.1\r\nHost: gateway.test\r\n\r\n");
    // Its head is out, and promised that the connection goes on.
    assert!(client.more());
    let Bed { gateway, .. } = bed;
    let draining = drain(gateway);
    go_on.send(()).unwrap();
    let reply = client.reply(false);
    assert_eq!(
        (reply.text().as_str(), reply.header("connection")),
        ("done", None)
    );
    is_last(&mut client);
    end(busy, &go);
    assert!(draining.join().unwrap(), "all of it ended by itself");
}

#[test]
fn a_head_that_has_begun_is_answered_by_a_drain() {
    let bed = Bed::with("workers = 1\n", PUBLIC);
    let (mut fresh, mut used) = (bed.client(), bed.client());
    used.write(GET);
    assert_eq!(used.reply(false).status, 200);
    for client in [&mut fresh, &mut used] {
        client.write(b"GET / HTTP/1.1\r\nHo");
    }
    // What was written before this is answered has come.
    assert_eq!(bed.get("/", "").status, 200);
    let Bed { gateway, .. } = bed;
    let draining = drain(gateway);
    for client in [&mut fresh, &mut used] {
        client.write(b"st: a\r\n\r\n");
        assert_eq!(client.reply(false).status, 200);
        assert!(client.is_closed());
    }
    assert!(draining.join().unwrap());
}

#[test]
fn who_was_let_in_by_the_kernel_is_answered_though_nobody_had_taken_them_yet() {
    for _ in 0..20 {
        let bed = Bed::with("", PUBLIC);
        let mut clients: Vec<_> = (0..50).map(|_| bed.client()).collect();
        for client in &mut clients {
            client.write(GET);
        }
        let Bed { gateway, .. } = bed;
        let draining = std::thread::spawn(move || gateway.drain());
        for client in &mut clients {
            let reply = client.try_reply(false).expect("no request is lost");
            assert_eq!(reply.status, 200);
        }
        drop(clients);
        assert!(draining.join().unwrap());
    }
}
