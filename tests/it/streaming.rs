//! Bodies in both directions: whole, unbuffered, and cancelled when either side goes.

mod kinds;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::harness::{Bed, Client, Process, Upstream};

const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

/// 64 KiB in which every byte tells where it is.
fn pattern() -> Vec<u8> {
    (0..65_536_u32)
        .map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap())
        .collect()
}

fn gibibyte() -> Upstream {
    Upstream::connecting(|stream, _| {
        let mut room = vec![0; 65_536];
        let length = stream.read(&mut room).unwrap_or(0);
        let head = String::from_utf8_lossy(&room[..length]).into_owned();
        if head.starts_with("GET") {
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\nConnection: close\r\n\r\n",
            );
            let part = pattern();
            for _ in 0..16_384 {
                if stream.write_all(&part).is_err() {
                    return;
                }
            }
        } else {
            let mut left = (1 << 30) - (length - head.find("\r\n\r\n").unwrap() - 4);
            while left > 0 {
                match stream.read(&mut room) {
                    Ok(0) | Err(_) => return,
                    Ok(read) => left -= read,
                }
            }
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwhole",
            );
        }
    })
}

#[test]
fn a_gibibyte_goes_down_and_up_in_flat_memory() {
    let upstream = gibibyte();
    let config = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[limits]\nbody = \"2GiB\"\n[admin]\nlisten = \"\"\n\
         [[app]]\nappid = \"wx0123456789abcdef\"\nsecret = {{ env = \"WX_SECRET\" }}\n{}",
        PUBLIC.replace("{upstream}", &upstream.url())
    );
    let gateway = Process::run("gibibyte", &config);
    let before = gateway.memory("VmHWM");
    {
        let mut client = gateway.client();
        client.write(b"GET /down HTTP/1.1\r\nHost: a\r\n\r\n");
        let part = pattern();
        let (mut total, mut room, mut head) = (0_usize, vec![0; 1 << 20], true);
        loop {
            let read = client.stream.read(&mut room).unwrap();
            if read == 0 {
                break;
            }
            let mut bytes = &room[..read];
            if head {
                let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
                bytes = &bytes[end + 4..];
                head = false;
            }
            for (at, byte) in bytes.iter().enumerate().step_by(4_093) {
                let at = total + at;
                assert_eq!(*byte, part[at % part.len()], "at {at}");
            }
            total += bytes.len();
            if total == 1 << 30 {
                break;
            }
        }
        assert_eq!(total, 1 << 30);

        let mut client = gateway.client();
        client.write(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n");
        for _ in 0..16_384 {
            client.stream.write_all(&part).unwrap();
        }
        assert_eq!(client.reply(false).text(), "whole");
    }
    let grown = gateway.memory("VmHWM") - before;
    assert!(grown < 8 * 1024, "{grown} KiB");
}

#[test]
fn a_slow_reader_gets_all_of_16_megabytes() {
    let upstream = Upstream::answering(|seen, stream| {
        let part = pattern();
        let parts = if seen.line.starts_with("HEAD") {
            0
        } else {
            256
        };
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n")
            .is_ok()
            && (0..parts).all(|_| stream.write_all(&part).is_ok())
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    for round in 0..2 {
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        // The service has long returned before the first byte is taken: the next request of another
        // connection is answered meanwhile, and the lull in which an idle connection is parked passes.
        let pause = Instant::now();
        while pause.elapsed() < Duration::from_millis(1_500) {
            let mut other = bed.client();
            other.write(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(other.reply(true).status, 200);
        }
        let reply = client.reply(false);
        assert!(
            reply.whole && reply.body.len() == 16 << 20,
            "round {round}: {}",
            reply.body.len()
        );
        assert!(reply.body.chunks(65_536).all(|part| part == pattern()));
    }
}

#[test]
fn a_client_that_stops_reading_stops_the_upstream() {
    let (sent, progress) = mpsc::channel();
    let upstream = Upstream::connecting(move |stream, _| {
        let _ = stream.read(&mut [0; 1024]);
        stream
            .set_write_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n");
        let mut total = 0_usize;
        while let Ok(written) = stream.write(&pattern()) {
            total += written;
            if written == 0 || total >= 256 << 20 {
                break;
            }
        }
        let _ = sent.send(total);
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let total = progress.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(
        total < 64 << 20,
        "the upstream could send {total} bytes that nobody read"
    );
}

#[test]
fn a_client_that_hangs_up_cancels_the_upstream() {
    // Whatever comes behind the request that is under way.
    for behind in ["", "GET / HTTP/1.1\r\nHo", "GARBAGE\r\n"] {
        let (gone, cancelled) = mpsc::channel();
        let upstream = Upstream::connecting(move |stream, record| {
            let _ = stream.read(&mut [0; 1024]);
            record(crate::harness::Seen::default());
            // Only the end of the connection ends this read.
            let _ = gone.send(stream.read(&mut [0; 1024]).unwrap_or(0));
        });
        let bed = Bed::around(upstream, "", PUBLIC);
        let mut client = bed.client();
        client.write(format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{behind}").as_bytes());
        bed.upstream.wait_for(1);
        drop(client);
        assert_eq!(
            cancelled.recv_timeout(Duration::from_secs(10)),
            Ok(0),
            "{behind}"
        );
    }
}

#[test]
fn an_upstream_that_dies_in_mid_body_shows_as_a_broken_answer() {
    for (head, body) in [
        ("Content-Length: 100\r\n", "half of it"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"),
    ] {
        let upstream = Upstream::answering(move |_, stream| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n{body}");
            false
        });
        let bed = Bed::around(upstream, "", PUBLIC);
        let reply = bed.client().send("GET", "/", &[], b"");
        assert_eq!(reply.status, 200);
        assert!(!reply.whole, "{head}: {reply:?}");
    }
}

#[test]
fn a_broken_answer_looks_broken_in_http_1_0_too() {
    let upstream = Upstream::connecting(|stream, _| {
        let _ = stream.read(&mut [0; 1024]);
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let mut all = Vec::new();
    let end = client
        .stream
        .read_to_end(&mut all)
        .map_err(|error| error.kind());
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset));
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    let upstream = Upstream::answering(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
        false
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let reply = bed.client().send("GET", "/", &[], b"");
    assert_eq!(
        (reply.text().as_str(), reply.whole),
        ("until the end", true)
    );
}

#[test]
fn an_early_answer_to_an_upload_reaches_the_client() {
    let bed = Bed::new();
    // 401 without reading, and 413 by the length: both while the client still sends.
    for (path, headers, status, code) in [
        ("/api/upload", "", 401, "session_missing"),
        ("/public/upload", "", 413, "body_too_large"),
    ] {
        let mut client = bed.client();
        client.write(
            format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: 104857600\r\n\r\n"
            )
            .as_bytes(),
        );
        let mut sending = client.stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            let part = vec![1; 65_536];
            (0..4).all(|_| sending.write_all(&part).is_ok())
        });
        let reply = client.reply(false);
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert!(sender.join().unwrap(), "the first 256 KiB are taken");
    }
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn a_body_without_a_length_is_counted() {
    let bed = Bed::with("[limits]\nbody = \"64KiB\"\n", PUBLIC);
    let mut client = bed.client();
    client.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..5 {
        client.write(b"4000\r\n");
        client.write(&[b'x'; 0x4000]);
        client.write(b"\r\n");
    }
    let reply = client.reply(false);
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (413, "body_too_large")
    );
}

#[test]
fn a_chunked_body_arrives_as_it_was_sent() {
    let bed = Bed::with("", PUBLIC);
    let mut client = bed.client();
    client
        .write(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    client.write(b"1\r\n \r\n5\r\nworld\r\n0\r\n\r\n");
    assert_eq!(client.reply(false).status, 200);
    let seen = bed.upstream.last();
    assert_eq!(seen.body, b"hello world");
    assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
}

#[test]
fn parts_of_an_answer_flow_as_they_come() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::answering(move |_, stream| {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst \r\n");
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(20));
        stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").is_ok()
    });
    let bed = Bed::around(upstream, "", PUBLIC);
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut start = Vec::new();
    while !start.ends_with(b"first \r\n") {
        let mut byte = [0];
        client.stream.read_exact(&mut byte).unwrap();
        start.push(byte[0]);
    }
    go.send(()).unwrap();
    let mut rest = [0; 16];
    client.stream.read_exact(&mut rest).unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("second"));
}

#[test]
fn an_upload_that_falls_silent_is_a_408() {
    let bed = Bed::with("[timeouts]\nbody = \"300ms\"\n", PUBLIC);
    let mut client = bed.client();
    client.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    let reply = client.reply(false);
    assert_eq!(reply.row(), (408, "request_timeout".into(), "retry".into()));
}

#[test]
fn an_upstream_that_falls_silent_is_cut_off() {
    let upstream = Upstream::connecting(|stream, record| {
        let _ = stream.read(&mut [0; 1024]);
        record(crate::harness::Seen::default());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        let _ = stream.read(&mut [0; 1]);
    });
    let bed = Bed::around(upstream, "[timeouts]\nstream = \"300ms\"\n", PUBLIC);
    let reply = bed.client().send("GET", "/", &[], b"");
    assert!(!reply.whole);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let (gone, cancelled) = mpsc::channel();
    let upstream = Upstream::connecting(move |stream, _| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n");
        while stream.write_all(&pattern()).is_ok() {}
        let _ = gone.send(());
    });
    let bed = Bed::around(upstream, "[timeouts]\nstream = \"300ms\"\n", PUBLIC);
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cancelled
        .recv_timeout(Duration::from_secs(20))
        .expect("the upstream's connection ends");
}

#[test]
fn a_half_closed_client_is_one_that_has_gone() {
    let bed = Bed::with("", PUBLIC);
    let mut client = Client::connect(bed.address());
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply(false).status, 200);
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert!(client.is_closed());
    let _ = TcpStream::connect(bed.address()).unwrap();
}
