//! SIGTERM, SIGINT and SIGUSR1, and what is said at a start.

use std::io::Write as _;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use rustix::process::Signal;

use super::Stage;
use crate::harness::{Upstream, until};

/// An upstream that answers `done` when it is let go.
fn held() -> (Upstream, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::answering(move |_, stream| {
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(20));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            .is_ok()
    });
    (upstream, go)
}

#[test]
fn sigterm_and_sigint_let_requests_finish_and_end_with_zero() {
    for (name, signal) in [("term", Signal::TERM), ("int", Signal::INT)] {
        let (upstream, go) = held();
        let mut stage = Stage::around(upstream, name, "", "");
        let (mut idle, mut busy) = (stage.client(), stage.client());
        busy.write(b"GET /public HTTP/1.1\r\nHost: a\r\n\r\n");
        stage.upstream.wait_for(1);
        stage.process.signal(signal);
        until("nothing new is taken", || {
            std::net::TcpStream::connect(stage.process.address()).is_err()
        });
        go.send(()).unwrap();
        assert_eq!(busy.reply(false).text(), "done");
        assert!(idle.is_closed());
        assert_eq!(stage.process.ended().code(), Some(0));
        assert_eq!(
            stage.lines(1)[0]["path"],
            "/public",
            "the last line is not lost"
        );
    }
}

#[test]
fn a_drain_ends_after_its_time_though_requests_do_not() {
    let (upstream, go) = held();
    let mut stage = Stage::around(upstream, "late", "[timeouts]\ndrain = \"300ms\"\n", "");
    let mut busy = stage.client();
    busy.write(b"GET /public HTTP/1.1\r\nHost: a\r\n\r\n");
    stage.upstream.wait_for(1);
    stage.process.signal(Signal::TERM);
    assert_eq!(stage.process.ended().code(), Some(0));
    let error = &stage.process.error;
    until("it is said", || error.text().contains("timeouts.drain"));
    assert!(busy.try_reply(false).is_none());
    drop(go);
}

#[test]
fn a_log_file_that_was_moved_goes_on_under_its_name() {
    let stage = Stage::new("rotate", "", "file = \"{file}\"");
    let (path, moved) = (
        stage.process.folder.file("gateway.log"),
        stage.process.folder.file("gateway.log.1"),
    );
    let holds = |path: &std::path::Path, what: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains(what))
    };
    stage.get("/public/one", "");
    until("the first line is written", || holds(&path, "/public/one"));
    std::fs::rename(&path, &moved).unwrap();
    stage.get("/public/two", "");
    until("the second line follows the file", || {
        holds(&moved, "/public/two")
    });
    stage.process.signal(Signal::USR1);
    until("the log is opened anew", || path.exists());
    until("it is said there", || holds(&path, "reopened"));
    stage.get("/public/three", "");
    until("the third line is in the new file", || {
        holds(&path, "/public/three")
    });
    assert!(!holds(&moved, "/public/three") && !holds(&path, "/public/one"));
    let (status, said) = stage.process.end();
    assert!(status.success());
    assert_eq!(said, "", "nothing beside the file");
}

#[test]
fn a_wechat_that_is_not_tencents_is_announced_at_every_start() {
    let stage = Stage::new("mock", "", "");
    let url = stage.mock.url();
    let error = stage.process.error.text();
    let warning = error.lines().find(|line| line.contains("Tencent"));
    let warning: serde_json::Value = serde_json::from_str(warning.unwrap()).unwrap();
    assert_eq!(warning["level"], "WARN");
    assert!(
        warning["message"].as_str().unwrap().contains(&url),
        "{warning}"
    );
}

#[test]
fn a_log_that_nobody_reads_holds_no_end_up() {
    let mut stage = Stage::new("unread", "", "");
    stage.process.output.pause();
    let path = format!("/public/{}", "x".repeat(900));
    let mut client = stage.client();
    // More than a pipe holds.
    for _ in 0..300 {
        assert_eq!(client.send("GET", &path, &[], b"").status, 200);
    }
    stage.process.signal(Signal::TERM);
    assert_eq!(stage.process.ended().code(), Some(0));
    stage.process.output.go_on();
}
