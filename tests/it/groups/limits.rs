//! How much a group takes at once, and who waits.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use super::{OK, group};
use crate::harness::{Bed, Client, Upstream, until};

/// A server that answers one request for each `()` that it is sent.
fn slow() -> (Upstream, Sender<()>) {
    let (go, wait) = channel();
    let wait = Mutex::new(wait);
    let server = Upstream::answering(move |_, stream| {
        let _ = wait.lock().unwrap().recv();
        stream.write_all(OK).is_ok()
    });
    (server, go)
}

/// `count` clients, each of which has asked.
fn ask(bed: &Bed, count: usize) -> Vec<Client> {
    let ask = |_| {
        let mut client = bed.client();
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    (0..count).map(ask).collect()
}

fn is_busy(client: &mut Client) {
    let reply = client.reply(false);
    assert_eq!(reply.row(), (503, "overloaded".into(), "retry".into()));
    assert_eq!(reply.header("x-wxgate-refusal"), Some("overloaded"));
    assert!(reply.header("retry-after").is_some());
}

#[test]
fn as_many_wait_as_are_served_and_the_others_are_told_at_once() {
    let (server, go) = slow();
    let bed = group(&[&server], "max_in_flight = 2");
    let mut inside = ask(&bed, 2);
    server.wait_for(2);
    // Three more: two wait, and whichever finds no place is told before the second is over.
    let start = std::time::Instant::now();
    let mut others = ask(&bed, 3);
    let told = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in &mut others {
            let told = Arc::clone(&told);
            let go = go.clone();
            scope.spawn(move || {
                let reply = client.reply(false);
                if reply.status == 503 {
                    assert!(start.elapsed() < std::time::Duration::from_millis(900));
                    told.fetch_add(1, Ordering::SeqCst);
                    // Now those that wait are served.
                    for _ in 0..4 {
                        go.send(()).unwrap();
                    }
                } else {
                    assert_eq!(reply.status, 200);
                }
            });
        }
    });
    assert_eq!(told.load(Ordering::SeqCst), 1);
    for client in &mut inside {
        assert_eq!(client.reply(false).status, 200);
    }
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn a_wait_in_vain_ends_soon() {
    let (server, go) = slow();
    let bed = group(&[&server], "max_in_flight = 1");
    let mut inside = ask(&bed, 1);
    server.wait_for(1);
    let mut waits = ask(&bed, 1);
    is_busy(&mut waits[0]);
    assert_eq!(server.seen().len(), 1);
    go.send(()).unwrap();
    assert_eq!(inside[0].reply(false).status, 200);
    // Nothing of it is left in the count.
    go.send(()).unwrap();
    assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
}

#[test]
fn a_client_that_goes_leaves_its_place_to_others() {
    let (server, go) = slow();
    let bed = group(&[&server], "max_in_flight = 1");
    let impatient = ask(&bed, 1);
    server.wait_for(1);
    drop(impatient);
    until("there is room again", || {
        // One for the request that nobody waits for any more.
        go.send(()).unwrap();
        go.send(()).unwrap();
        bed.send("GET", "/", &[], b"").status == 200
    });
}

#[test]
fn a_server_gets_no_more_connections_than_it_may() {
    let (server, go) = slow();
    let bed = group(&[&server], "max_connections = 1");
    let mut clients = ask(&bed, 2);
    for _ in 0..2 {
        go.send(()).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.reply(false).status, 200);
    }
    assert_eq!((server.seen().len(), server.connections()), (2, 1));
}

#[test]
fn a_server_that_is_full_is_passed_over() {
    let ((one, go_one), (other, go_other)) = (slow(), slow());
    let bed = group(
        &[&one, &other],
        "balance = \"round_robin\"\nmax_connections = 1",
    );
    let mut first = ask(&bed, 1);
    one.wait_for(1);
    for asked in 1..=3 {
        go_other.send(()).unwrap();
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
        assert_eq!(other.seen().len(), asked);
    }
    go_one.send(()).unwrap();
    assert_eq!(first[0].reply(false).status, 200);
    assert_eq!((one.connections(), other.connections()), (1, 1));
}
