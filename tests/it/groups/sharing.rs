//! Which server a request goes to, and what that server sees.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use super::{Mortal, OK, counts, group, leading_to};
use crate::harness::{Bed, Folder, Upstream};

#[test]
fn servers_take_turns_by_weight() {
    let servers = [Upstream::recording(), Upstream::recording()];
    let (light, heavy) = (servers[0].url(), servers[1].url());
    let list = format!("[\"{light}\", {{ url = \"{heavy}\", weight = 3 }}]");
    let routes = leading_to(&list, "balance = \"round_robin\"");
    let bed = Bed::with(super::ALONE, &routes);
    for _ in 0..40 {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    }
    assert_eq!(counts(&[&servers[0], &servers[1]]), [10, 30]);
    let connections = servers.each_ref().map(Upstream::connections);
    assert_eq!(connections, [1, 1], "each has its own idle connection");
}

/// A server that answers `/slow` when it is told to.
fn patient() -> (Upstream, Sender<()>) {
    let (go, wait): (Sender<()>, Receiver<()>) = channel();
    let wait = Mutex::new(wait);
    let server = Upstream::answering(move |seen, stream| {
        if seen.target() == "/slow" {
            let _ = wait.lock().unwrap().recv();
        }
        stream.write_all(OK).is_ok()
    });
    (server, go)
}

#[test]
fn of_two_servers_the_less_busy_one_is_asked() {
    let (servers, go): (Vec<_>, Vec<_>) = [patient(), patient()].into_iter().unzip();
    let bed = group(&[&servers[0], &servers[1]], "");
    let mut slow = bed.client();
    slow.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    crate::harness::until("one is busy", || {
        counts(&[&servers[0], &servers[1]]).iter().sum::<usize>() == 1
    });
    let busy = counts(&[&servers[0], &servers[1]])
        .iter()
        .position(|count| *count == 1)
        .unwrap();
    for _ in 0..20 {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    }
    assert_eq!(servers[busy].seen().len(), 1);
    go[busy].send(()).unwrap();
    assert_eq!(slow.reply(false).status, 200);
    // Both are idle again: both are asked.
    crate::harness::until("both are asked", || {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
        servers[busy].seen().len() > 1
    });
}

#[test]
fn a_user_stays_at_one_server_and_a_server_gone_moves_only_its_users() {
    let servers = [Mortal::good(), Mortal::good(), Mortal::good()];
    let all = servers.each_ref().map(|mortal| &mortal.server);
    let bed = group(&all, "balance = \"hash:openid\"");
    let tokens: Vec<_> = (0..24)
        .map(|user| bed.sign_in(&format!("oUser{user}")))
        .collect();
    let place_of = |token: &str, servers: &[&Upstream]| {
        let before = counts(servers);
        assert_eq!(bed.get("/", token).status, 200);
        let after = counts(servers);
        let place = (0..servers.len()).find(|at| after[*at] > before[*at]);
        servers[place.unwrap()].address()
    };
    let places: BTreeMap<_, _> = tokens
        .iter()
        .map(|token| (token.clone(), place_of(token, &all)))
        .collect();
    for token in &tokens {
        assert_eq!(place_of(token, &all), places[token]);
    }
    let [first, second, third] = servers;
    let gone = second.server.address();
    second.kill();
    let left = [&first.server, &third.server];
    let mut moved = 0;
    for (token, place) in &places {
        let now = place_of(token, &left);
        moved += usize::from(*place == gone);
        assert!(now == *place || *place == gone, "{place} to {now}");
    }
    assert!(moved > 0, "nobody was there: the test says nothing");
}

#[test]
fn whoever_is_not_known_goes_anywhere() {
    let servers = [Upstream::recording(), Upstream::recording()];
    let bed = group(&[&servers[0], &servers[1]], "balance = \"hash:openid\"");
    crate::harness::until("both are asked", || {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
        servers.iter().all(|server| !server.seen().is_empty())
    });
}

#[test]
fn the_host_is_the_clients_or_the_one_that_is_set() {
    for (more, expected) in [
        ("", "gateway.test"),
        ("host = \"preserve\"", "gateway.test"),
        ("host = \"app.internal:8443\"", "app.internal:8443"),
    ] {
        let server = Upstream::recording();
        let bed = group(&[&server], more);
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
        let seen = server.last();
        assert_eq!(seen.header("host"), Some(expected));
        assert_eq!(seen.header("x-forwarded-host"), Some("gateway.test"));
    }
}

#[test]
fn a_socket_in_the_file_system_is_a_server() {
    let folder = Folder::new("socket");
    let path = folder.file("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let shared = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().take(2).map_while(Result::ok) {
            let mut head = [0; 4096];
            let length = std::io::Read::read(&mut stream, &mut head).unwrap();
            let text = String::from_utf8_lossy(&head[..length]).into_owned();
            shared.lock().unwrap().push(text);
            let _ = stream.write_all(OK);
        }
    });
    let url = format!("unix:{}", path.display());
    let direct = format!("[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{url}\"\n");
    for routes in [direct, leading_to(&format!("[\"{url}\"]"), "")] {
        let bed = Bed::with(super::ALONE, &routes);
        let reply = bed.send("GET", "/x", &[], b"");
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        assert!(seen.lock().unwrap().last().unwrap().starts_with("GET /x "));
    }
    assert_eq!(seen.lock().unwrap().len(), 2);
}
