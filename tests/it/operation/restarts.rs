//! Under constant load, nothing that an operator does costs a request: reloads, new certificates, restarts
//! that hand the socket over. And neither does the death of one of two servers.
//!
//! `make proof-restarts` does the same more often.

// The figures are for who runs the proof.
#![allow(clippy::print_stdout)]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustls::client::Resumption;

use super::handover::start;
use crate::groups::{Mortal, group};
use crate::harness::{Authority, Client, Folder, Process, Secure, Upstream, client_config, until};

/// Clients of each kind.
const CLIENTS: usize = 3;

/// Connections that one keeps, and asks on in turn: between two requests each is idle for a while.
const KEPT: usize = 8;

/// Requests between two things that happen.
const MEANWHILE: usize = 60;

/// How often something is done: `few` times by `cargo test`, else as often as the variable says.
fn rounds(variable: &str, few: usize) -> usize {
    std::env::var(variable).map_or(few, |rounds| rounds.parse().unwrap())
}

/// Clients that ask all the time, and note what is not answered well.
struct Load {
    stop: AtomicBool,
    served: AtomicUsize,
    failed: Mutex<Vec<String>>,
    begun: Instant,
}

impl Load {
    /// Runs clients over `connect` while `happen` goes on; each is told of by what it was. Half of them keep
    /// their connections, the others open one for each request.
    fn on<S: Read + Write>(
        what: &str,
        connect: impl Fn() -> Client<S> + Sync,
        happen: impl FnOnce(&dyn Fn()),
    ) {
        let load = Self {
            stop: AtomicBool::new(false),
            served: AtomicUsize::new(0),
            failed: Mutex::default(),
            begun: Instant::now(),
        };
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..2 * CLIENTS)
                .map(|n| {
                    scope.spawn({
                        let (load, connect) = (&load, &connect);
                        move || load.ask(connect, n % 2 == 0)
                    })
                })
                .collect();
            let meanwhile = || {
                let before = load.served.load(Ordering::Relaxed);
                until("requests are served", || {
                    load.served.load(Ordering::Relaxed) > before + MEANWHILE
                        || clients.iter().any(ScopedJoinHandle::is_finished)
                });
            };
            meanwhile();
            happen(&meanwhile);
            meanwhile();
            load.stop.store(true, Ordering::Relaxed);
        });
        let failed = load.failed.into_inner().unwrap();
        let served = load.served.into_inner();
        println!(
            "{what}: {served} requests in {:.1} s, {} failed",
            load.begun.elapsed().as_secs_f64(),
            failed.len()
        );
        assert!(failed.is_empty(), "{what}: {failed:?}");
    }

    fn ask<S: Read + Write>(&self, connect: impl Fn() -> Client<S>, keeps: bool) {
        let mut kept = VecDeque::new();
        while !self.stop.load(Ordering::Relaxed) {
            let was_kept = kept.len() == KEPT;
            let mut client =
                if was_kept { kept.pop_front() } else { None }.unwrap_or_else(&connect);
            client.write(b"GET /load HTTP/1.1\r\nHost: gateway.test\r\n\r\n");
            let good = match client.try_reply(false) {
                Some(reply) if reply.status == 200 && reply.whole => {
                    if keeps && reply.header("connection") != Some("close") {
                        kept.push_back(client);
                    }
                    true
                }
                other => {
                    let note = format!("{other:?}, on a connection that was kept: {was_kept}");
                    self.failed.lock().unwrap().push(note);
                    false
                }
            };
            self.served.fetch_add(usize::from(good), Ordering::Relaxed);
        }
    }
}

/// A config for the socket `web`; `path` makes one differ from another.
fn text(upstream: &Upstream, sections: &str, path: &str) -> String {
    format!(
        "listen = [\"fd:web\", \"127.0.0.1:0\"]\nworkers = 2\n[admin]\nlisten = \"\"\n[log]\naccess = false\n{sections}[[app]]\nappid = \"{}\"\nsecret = {{ env = \"WX_SECRET\" }}\n[[route]]\npath = \"/load\"\nrequire = \"none\"\nto = \"{url}\"\n[[route]]\npath = \"{path}\"\nrequire = \"none\"\nto = \"{url}\"\n",
        crate::harness::APPID,
        url = upstream.url()
    )
}

/// Starts the successor of `gateway` on the same socket, and when it is ready ends `gateway`.
fn hand_over(gateway: &mut Process, start: impl FnOnce() -> Process) {
    let mut before = std::mem::replace(gateway, start());
    before.signal(Signal::TERM);
    assert_eq!(before.ended().code(), Some(0));
    let said = before.error.text();
    assert!(!said.contains("timeouts.drain has passed"), "{said}");
}

#[test]
fn reloads_new_certificates_and_restarts_cost_no_request() {
    let upstream = Upstream::recording();
    let authority = Authority::new("restarts");
    authority.sign("own", &["gateway.test"]);
    let tls = authority.section("own");
    let (folder, client) = (Folder::new("restarts-config"), authority.client());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let begin = |name: &str| {
        let socket = OwnedFd::from(socket.try_clone().unwrap());
        start(&folder, name, &text(&upstream, &tls, "/first"), socket)
    };
    let mut gateway = begin("0");
    let connect = || Secure::secure(address, &client, "gateway.test");
    // A session that is resumed shows nothing new.
    let mut strange = client_config(&authority.pem, true);
    strange.resumption = Resumption::disabled();
    let strange = Arc::new(strange);
    let shown = || Secure::secure(address, &strange, "gateway.test").shown();
    let (reloads, swaps, restarts) = (
        rounds("RELOADS", 4),
        rounds("SWAPS", 2),
        rounds("RESTARTS", 1),
    );
    let what = format!("{reloads} reloads, {swaps} new certificates, {restarts} restarts, TLS");
    Load::on(&what, connect, |meanwhile| {
        for round in 1..=reloads {
            let path = format!("/round-{round}");
            folder.write("0.toml", &text(&upstream, &tls, &path));
            gateway.signal(Signal::HUP);
            until("it is in force", || {
                let reply = connect().send("GET", &path, &[("Host", "gateway.test")], b"");
                reply.status == 200
            });
            meanwhile();
        }
        for _ in 0..swaps {
            let before = shown();
            authority.sign("own", &["gateway.test"]);
            gateway.signal(Signal::HUP);
            until("the new certificate is shown", || shown() != before);
            meanwhile();
        }
        for round in 1..=restarts {
            hand_over(&mut gateway, || begin(&round.to_string()));
            meanwhile();
        }
    });
}

#[test]
fn restarts_on_a_unix_socket_cost_no_request() {
    let upstream = Upstream::recording();
    let folder = Folder::new("restarts-unix");
    let path = folder.file("web");
    let socket = UnixListener::bind(&path).unwrap();
    let begin = |name: &str| {
        let socket = OwnedFd::from(socket.try_clone().unwrap());
        start(&folder, name, &text(&upstream, "", "/first"), socket)
    };
    let mut gateway = begin("u0");
    let connect = || {
        let stream = UnixStream::connect(&path).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        Client::speaking(stream)
    };
    let restarts = rounds("RESTARTS", 1);
    Load::on(
        &format!("{restarts} restarts, unix socket"),
        connect,
        |meanwhile| {
            for round in 1..=restarts {
                hand_over(&mut gateway, || begin(&format!("u{round}")));
                meanwhile();
            }
        },
    );
    assert!(path.exists(), "it is not the gateway's to remove");
}

#[test]
fn the_death_of_one_of_two_servers_costs_no_request() {
    for round in 1..=rounds("DEATHS", 1) {
        let (mortal, other) = (Mortal::good(), Upstream::recording());
        let bed = group(&[mortal.server(), &other], "");
        let address = bed.address();
        let what = format!("death {round} of a server");
        Load::on(
            &what,
            || Client::connect(address),
            |meanwhile| {
                mortal.kill();
                meanwhile();
                meanwhile();
            },
        );
    }
}
