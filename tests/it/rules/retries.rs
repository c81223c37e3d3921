//! What a failing upstream costs: never a request done twice, never a failure that could be helped.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

use super::PUBLIC;
use crate::harness::{Bed, Seen, Upstream, request, until};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// One worker, so that there is one pool.
const ALONE: &str = "workers = 1\n";

/// An upstream whose connections carry one request and, after reading a second, do `then`.
fn tired(then: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Upstream {
    Upstream::connecting(move |stream, record| {
        let mut buffer = Vec::new();
        let mut first = true;
        while let Some(seen) = request(stream, &mut buffer) {
            record(seen);
            if !std::mem::take(&mut first) {
                return then(stream);
            }
            let _ = stream.write_all(OK);
        }
    })
}

#[test]
fn a_get_on_a_connection_that_dies_under_it_is_tried_once_more() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let bed = Bed::around(tired(|_| {}), ALONE, PUBLIC);
        assert_eq!(bed.send("GET", "/first", &[], b"").status, 200);
        assert_eq!(
            bed.send(method, "/second", &[("X-Mine", "1")], b"").status,
            200,
            "{method}"
        );
        let seen = bed.upstream.seen();
        let lines: Vec<&str> = seen.iter().map(Seen::target).collect();
        assert_eq!(lines, ["/first", "/second", "/second"]);
        assert_eq!(seen[1].headers, seen[2].headers, "the same request");
        assert_eq!(bed.upstream.connections(), 2);
    }
}

#[test]
fn what_may_have_been_done_is_not_done_again() {
    for (method, body) in [
        ("POST", &b"pay"[..]),
        ("POST", b""),
        ("PUT", b""),
        ("PATCH", b"x"),
        ("DELETE", b""),
        ("GET", b"body"),
    ] {
        let bed = Bed::around(tired(|_| {}), ALONE, PUBLIC);
        assert_eq!(bed.send("GET", "/first", &[], b"").status, 200);
        let reply = bed.send(method, "/second", &[], body);
        assert_eq!(
            reply.row(),
            (502, "upstream_failed".into(), "retry".into()),
            "{method}"
        );
        assert_eq!(reply.header("x-wxgate-refusal"), None, "it was forwarded");
        assert_eq!(bed.upstream.seen().len(), 2, "{method}");
    }
}

#[test]
fn a_get_whose_answer_began_is_not_repeated() {
    let upstream = tired(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 O");
    });
    let bed = Bed::around(upstream, ALONE, PUBLIC);
    assert_eq!(bed.send("GET", "/first", &[], b"").status, 200);
    assert_eq!(bed.send("GET", "/second", &[], b"").status, 502);
    assert_eq!(bed.upstream.seen().len(), 2);
}

#[test]
fn one_retry_is_all_and_a_new_connection_gets_none() {
    let upstream = Upstream::answering(|seen, stream| {
        seen.target() == "/first" && stream.write_all(OK).is_ok()
    });
    let bed = Bed::around(upstream, ALONE, PUBLIC);
    assert_eq!(bed.send("GET", "/second", &[], b"").status, 502);
    assert_eq!(bed.upstream.seen().len(), 1, "on a new connection");
    assert_eq!(bed.send("GET", "/first", &[], b"").status, 200);
    assert_eq!(bed.send("GET", "/second", &[], b"").status, 502);
    assert_eq!(
        bed.upstream.seen().len(),
        4,
        "on a used one, and then a new one"
    );
}

#[test]
fn a_dead_upstream_gets_no_storm_of_retries() {
    // Every connection carries one request and dies under the next: half of the requests want a retry.
    let bed = Bed::around(tired(|_| {}), ALONE, PUBLIC);
    let mut client = bed.client();
    let failed = (0..200)
        .filter(|_| client.send("GET", "/", &[], b"").status != 200)
        .count();
    assert!((40..100).contains(&failed), "{failed}");
}

#[test]
fn an_upstream_that_restarts_costs_no_request() {
    let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let (shared, (closed, wait)) = (Arc::clone(&open), mpsc::channel());
    let upstream = Upstream::connecting(move |stream, record| {
        shared.lock().unwrap().push(stream.try_clone().unwrap());
        let mut buffer = Vec::new();
        while let Some(seen) = request(stream, &mut buffer) {
            record(seen);
            let _ = stream.write_all(OK);
        }
        let _ = closed.send(());
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    for round in 0..40 {
        // Every connection is closed while it is idle; what is sent next has reached nobody.
        let method = ["GET", "POST", "DELETE"][round % 3];
        let body: &[u8] = if method == "POST" { b"pay" } else { b"" };
        let reply = client.send(method, "/", &[], body);
        assert_eq!(reply.status, 200, "{method} {round}");
        for stream in open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
            wait.recv().unwrap();
        }
    }
    assert_eq!(bed.upstream.seen().len(), 40);
}

#[test]
fn a_dead_upstream_is_said_to_be_dead() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let routes = PUBLIC.replace("{upstream}", &format!("http://{gone}"));
    let bed = Bed::with("", &routes);
    for (method, body) in [("GET", &b""[..]), ("POST", b"body")] {
        let reply = bed.send(method, "/", &[], body);
        assert_eq!(reply.row(), (503, "no_upstream".into(), "retry".into()));
        assert_eq!(reply.header("x-wxgate-refusal"), Some("no_upstream"));
        assert!(reply.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn an_answer_that_is_not_http_is_the_upstreams_failure() {
    for answer in [
        "",
        "not http at all\r\n\r\n",
        "HTTP/1.1 2\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: half a head",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframes",
    ] {
        let upstream = Upstream::answering(move |_, stream| {
            let _ = stream.write_all(answer.as_bytes());
            false
        });
        let bed = Bed::around(upstream, "", PUBLIC);
        let reply = bed.send("GET", "/", &[], b"");
        assert_eq!(
            reply.row(),
            (502, "upstream_failed".into(), "retry".into()),
            "{answer:?}"
        );
        assert_eq!(reply.header("x-wxgate-refusal"), None, "{answer:?}");
        assert_eq!(bed.upstream.seen().len(), 1, "{answer:?}");
    }
}

#[test]
fn an_upgrade_that_was_asked_for_and_answered_is_not_one() {
    let upstream = Upstream::answering(|_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        );
        false
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let headers = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    assert_eq!(bed.send("GET", "/", &headers, b"").status, 502);
    assert_eq!(bed.upstream.last().header("upgrade"), None);
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout_and_its_connection_ends() {
    let (gone, ended) = mpsc::channel();
    let upstream = Upstream::connecting(move |stream, record| {
        let _ = stream.read(&mut [0; 1024]);
        record(Seen::default());
        let _ = gone.send(stream.read(&mut [0; 16]).ok());
    });
    let bed = Bed::around(upstream, "[timeouts]\nresponse = \"300ms\"\n", PUBLIC);
    let reply = bed.send("GET", "/", &[], b"");
    assert_eq!(
        reply.row(),
        (504, "upstream_timeout".into(), "retry".into())
    );
    assert_eq!(reply.header("x-wxgate-refusal"), None);
    assert_eq!(
        ended.recv_timeout(std::time::Duration::from_secs(10)),
        Ok(Some(0))
    );
    assert_eq!(bed.upstream.seen().len(), 1);
}

#[test]
fn interim_answers_are_passed_over() {
    let upstream = Upstream::answering(|_, stream| {
        stream
            .write_all(
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
            )
            .is_ok()
            && stream.write_all(OK).is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    for _ in 0..3 {
        let reply = client.send("GET", "/", &[], b"");
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        assert_eq!(reply.header("link"), None);
    }
}

#[test]
fn a_body_that_is_too_large_is_said_so_at_the_second_try_too() {
    let upstream = Upstream::connecting(|stream, record| {
        let mut buffer = Vec::new();
        // Closed when it is idle: the next request finds it dead and goes to another one.
        if let Some(seen) = request(stream, &mut buffer) {
            let _ = stream.write_all(OK);
            record(seen);
            // A moment later: by then the connection is among the idle ones.
            let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(100)));
            let _ = stream.read(&mut [0]);
            record(Seen::default());
        }
    });
    let routes = format!("{PUBLIC}body = \"1KiB\"\n");
    let bed = Bed::around(upstream, ALONE, &routes);
    assert_eq!(bed.send("GET", "/first", &[], b"").status, 200);
    bed.upstream.wait_for(2);
    let start = std::time::Instant::now();
    // Until the end of the idle connection has been seen.
    while start.elapsed() < std::time::Duration::from_millis(300) {
        let _ = bed.send("GET", "/wxgate/health", &[], b"");
    }
    let mut client = bed.client();
    client.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n");
    client.write(&[b'x'; 0x800]);
    client.write(b"\r\n0\r\n\r\n");
    let reply = client.reply(false);
    assert_eq!(reply.row(), (413, "body_too_large".into(), "fix".into()));
    // Our answer may be faster than the upstream's count of its connections.
    until("the second connection is counted", || {
        bed.upstream.connections() == 2
    });
}
