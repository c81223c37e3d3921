//! Rows that the service behind the gateway is the reason for.

use std::io::Read;
use std::net::TcpListener;

use super::Way;
use crate::harness::{Bed, Reply, Upstream};

const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

fn ask(upstream: Upstream, top: &str) -> Reply {
    Bed::around(upstream, top, PUBLIC).send("GET", "/", &[], b"")
}

/// An upstream that writes `text` to each request and closes.
fn saying(text: &'static str) -> Upstream {
    Upstream::connecting(move |stream, _| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = std::io::Write::write_all(stream, text.as_bytes());
    })
}

/// An upstream that takes a request and says nothing.
fn silent() -> Upstream {
    Upstream::connecting(|stream, _| {
        let mut room = [0; 4096];
        while stream.read(&mut room).is_ok_and(|read| read > 0) {}
    })
}

pub const WAYS: &[Way] = &[
    ("upstream_failed", "it closes without an answer", || {
        ask(saying(""), "")
    }),
    ("upstream_failed", "it closes in the head", || {
        ask(saying("HTTP/1.1 200 OK\r\nContent-"), "")
    }),
    ("upstream_failed", "it does not speak HTTP", || {
        ask(saying("220 mail.test ESMTP\r\n"), "")
    }),
    ("upstream_timeout", "it says nothing", || {
        ask(silent(), "[timeouts]\nresponse = \"300ms\"\n")
    }),
    ("no_upstream", "nobody listens there", || {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let routes =
            format!("[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"http://{address}\"\n");
        Bed::with("", &routes).send("GET", "/", &[], b"")
    }),
    ("no_upstream", "its name says nothing", || {
        let routes =
            "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"http://nobody.invalid:80\"\n";
        Bed::with("", routes).send("GET", "/", &[], b"")
    }),
];
