//! The log of what is wrong with upstreams and peers: each line leads to what is to be mended.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{APPID, Client, Process, Upstream, until};

/// A gateway as a process with one worker, which leads `/` to the group `app` of `servers`.
fn run(name: &str, servers: &[String], more: &str) -> Process {
    let config = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\nh2c = true\n[log]\naccess = false\n[admin]\nlisten = \"\"\n[[app]]\nappid = \"{APPID}\"\nsecret = {{ env = \"WX_SECRET\" }}\n[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"app\"\n[[upstream]]\nname = \"app\"\nservers = {servers:?}\n{more}\n"
    );
    Process::run(&format!("logging-{name}"), &config)
}

/// All lines that say `message`.
fn lines(gateway: &Process, message: &str) -> Vec<Value> {
    let text = gateway.error.text();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["message"] == message)
        .collect()
}

/// The first line that says `message`, as soon as there is one.
fn line(gateway: &Process, message: &str) -> Value {
    until(message, || !lines(gateway, message).is_empty());
    lines(gateway, message).remove(0)
}

const HEALTH: &str = "[upstream.health]\npath = \"/healthz\"\ninterval = \"20ms\"\ntimeout = \"200ms\"\nrise = 1\nfall = 1";

#[test]
fn a_sick_server_is_named_with_its_group_and_what_the_check_met() {
    let status = Arc::new(AtomicU16::new(404));
    let shared = Arc::clone(&status);
    let server = Upstream::answering(move |_, stream| {
        let status = shared.load(Ordering::SeqCst);
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let gateway = run("sick", &[server.url()], HEALTH);
    let sick = line(&gateway, "a server is sick");
    let address = json!(server.address().to_string());
    assert_eq!(
        (&sick["upstream"], &sick["server"]),
        (&json!("app"), &address)
    );
    assert_eq!(sick["reason"], "status 404", "{sick}");
    status.store(204, Ordering::SeqCst);
    let well = line(&gateway, "a server is well again");
    assert_eq!(
        (&well["upstream"], &well["server"]),
        (&json!("app"), &address)
    );
}

#[test]
fn a_server_that_refuses_or_says_nothing_is_told_apart() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    // Connections wait in the kernel; nobody answers.
    let gateway = run("mute", std::slice::from_ref(&url), HEALTH);
    let sick = line(&gateway, "a server is sick");
    assert_eq!(sick["reason"], "no answer in time", "{sick}");
    drop((gone, gateway));
    let gateway = run("refused", &[url], HEALTH);
    let reason = line(&gateway, "a server is sick")["reason"].to_string();
    assert!(reason.contains("refused"), "{reason}");
}

#[test]
fn a_server_that_is_taken_out_is_named_with_its_group_and_its_last_failure() {
    let server = Upstream::answering(|_, _| false);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let health = "retry = false\n[upstream.health]\nfailures = 1\npause = \"1h\"";
    for (name, url, reason) in [
        ("closes", server.url(), "closed"),
        ("dead", dead, "refused"),
    ] {
        let gateway = run(name, &[url], health);
        assert!(gateway.client().get("/", "").status >= 502);
        let out = line(&gateway, "a server is taken out");
        assert_eq!(out["upstream"], "app", "{out}");
        assert!(out["reason"].as_str().unwrap().contains(reason), "{out}");
        assert_eq!(line(&gateway, "an upstream failed")["upstream"], "app");
        assert_eq!(line(&gateway, "an upstream failed")["route"], "/");
    }
}

#[test]
fn requests_that_are_turned_away_are_told_of_once_a_second_and_are_no_failure() {
    let server = Upstream::connecting(|stream, record| {
        let _ = stream.read(&mut [0; 4096]);
        record(crate::harness::Seen::default());
        let _ = stream.read(&mut [0]);
    });
    let gateway = run("busy", &[server.url()], "max_in_flight = 1");
    let ask = || {
        let mut client = gateway.client();
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    let start = Instant::now();
    let inside = ask();
    server.wait_for(1);
    // One of them waits for a second, and is turned away like the others.
    let mut others: Vec<Client> = (0..50).map(|_| ask()).collect();
    for client in &mut others {
        assert_eq!(client.reply(false).row().1, "overloaded");
    }
    let told = line(&gateway, "requests are turned away");
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    assert_eq!(
        (&told["upstream"], &told["route"]),
        (&json!("app"), &json!("/"))
    );
    assert_eq!(
        (&told["level"], &told["requests"]),
        (&json!("WARN"), &json!(1))
    );
    assert!(told["cure"].as_str().unwrap().contains("max_in_flight"));
    let count = lines(&gateway, "requests are turned away").len();
    assert!(count <= seconds + 1, "{count} lines in {seconds} s");
    drop(inside);
    let said = gateway.end().1;
    assert!(!said.contains("an upstream failed"), "{said}");
}

#[test]
fn the_peer_of_a_connection_that_was_closed_is_an_address() {
    let server = Upstream::recording();
    let gateway = run("peer", &[server.url()], "");
    let mut wire = TcpStream::connect(gateway.address()).unwrap();
    let peer = wire.local_addr().unwrap().to_string();
    wire.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let pings = b"\0\0\x08\x06\0\0\0\0\0pingping".repeat(500);
    // More than anybody may send; the end of the connection comes before.
    for _ in 0..100 {
        if wire.write_all(&pings).is_err() {
            break;
        }
    }
    assert_eq!(
        line(&gateway, "an HTTP/2 connection was closed")["peer"],
        json!(peer)
    );
}
