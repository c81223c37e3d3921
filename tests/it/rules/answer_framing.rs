//! One framing of an answer, and no answer that an upstream hid behind another one (R5).

use std::io::Write as _;

use super::PUBLIC;
use crate::harness::{Bed, Upstream};

#[test]
fn an_answer_has_one_framing_whatever_the_upstream_wrote() {
    for (answer, body) in [
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Some("hello"),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Some("hello"),
        ),
        (
            "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            Some("hello"),
        ),
        ("Content-Length: 5, 5\r\n\r\nhello", Some("hello")),
        (
            "Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
            Some("hello"),
        ),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", None),
        ("Content-Length: +5\r\n\r\nhello", None),
        (
            "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            None,
        ),
        (
            "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
            None,
        ),
        ("X: a\r\n folded\r\nContent-Length: 5\r\n\r\nhello", None),
    ] {
        let upstream = Upstream::answering(move |_, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{answer}");
            false
        });
        let bed = Bed::around(upstream, "", PUBLIC);
        let mut client = bed.client();
        let reply = client.send("GET", "/", &[], b"");
        match body {
            Some(body) => {
                assert_eq!(
                    (reply.status, reply.text().as_str(), reply.whole),
                    (200, body, true),
                    "{answer:?}"
                );
                let framings = [
                    reply.header("content-length"),
                    reply.header("transfer-encoding"),
                ];
                assert_eq!(
                    framings.iter().flatten().count(),
                    1,
                    "{answer:?}: {framings:?}"
                );
                // What was read is all that was sent: the connection goes on.
                assert_eq!(client.send("GET", "/", &[], b"").status, 200, "{answer:?}");
            }
            None => assert_eq!(
                (reply.status, reply.code().as_str()),
                (502, "upstream_failed"),
                "{answer:?}"
            ),
        }
    }
}

#[test]
fn bytes_behind_an_answer_are_nobodys_answer() {
    let upstream = Upstream::answering(|seen, stream| {
        let extra = if seen.target() == "/first" {
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
        } else {
            ""
        };
        // In one write: what comes after the next request was sent is an answer to it.
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal{extra}");
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let bed = Bed::around(upstream, "workers = 1\n", PUBLIC);
    for _ in 0..20 {
        assert_eq!(bed.send("GET", "/first", &[], b"").text(), "real");
        assert_eq!(bed.send("GET", "/second", &[], b"").text(), "real");
    }
}

#[test]
fn a_length_that_is_none_is_told_to_nobody() {
    let upstream = Upstream::answering(|_, stream| {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            "9".repeat(26)
        );
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let reply = bed.send("HEAD", "/", &[], b"");
    assert_eq!((reply.status, reply.header("content-length")), (200, None));
    assert_eq!(bed.send("GET", "/", &[], b"").code(), "upstream_failed");
}

#[test]
fn interim_answers_have_an_end() {
    for (interim, status) in [(32, 200), (33, 502)] {
        let upstream = Upstream::answering(move |_, stream| {
            let many = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(interim);
            let answer = format!("{many}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            stream.write_all(answer.as_bytes()).is_ok()
        });
        let bed = Bed::around(upstream, "", PUBLIC);
        assert_eq!(bed.send("GET", "/", &[], b"").status, status, "{interim}");
    }
}
