//! Connections, by what they do.

use super::{page, upstream};
use crate::harness::{Bed, Client, ROUTES, until};

#[test]
fn connections_are_counted_by_what_they_do() {
    let top =
        "workers = 2\nh2c = true\n[admin]\nlisten = \"127.0.0.1:0\"\n[limits]\nper_address = 6\n";
    let bed = Bed::around(upstream(), top, ROUTES);
    let mut clients: Vec<Client> = (0..6).map(|_| bed.client()).collect();
    for client in &mut clients[..2] {
        assert_eq!(client.send("GET", "/public/404", &[], b"").status, 404);
    }
    clients[2].write(b"GET /public HT");
    for client in &mut clients[3..5] {
        client.write(b"GET /public/hang HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let shows = |wanted: &[&str]| {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|line| format!("wxgate_{line}\n"))
            .collect();
        until(&format!("{wanted:?}"), || {
            let page = page(&bed);
            wanted.iter().all(|line| page.contains(line))
        });
    };
    shows(&[
        "connections{state=\"idle\"} 3",
        "connections{state=\"reading\"} 1",
        "connections{state=\"answering\"} 2",
        "connections{state=\"http2\"} 0",
        "connections_accepted_total 6",
        "connections_refused_total{limit=\"per_address\"} 0",
    ]);
    assert_eq!(bed.client().reply(false).status, 503);
    shows(&[
        "connections_accepted_total 7",
        "connections_refused_total{limit=\"per_address\"} 1",
        "requests_total{route=\"\",upstream=\"\",status=\"5xx\",code=\"overloaded\"} 1",
    ]);
    // An idle one turns out to speak HTTP/2 (RFC 9113 §3.4).
    clients[5].write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    shows(&[
        "connections{state=\"idle\"} 2",
        "connections{state=\"http2\"} 1",
    ]);
    drop(clients);
    shows(&[
        "connections{state=\"http2\"} 0",
        "connections{state=\"idle\"} 0",
        "connections{state=\"reading\"} 0",
        "connections{state=\"answering\"} 0",
    ]);
}
