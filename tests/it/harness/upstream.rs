//! An upstream that records every byte it gets, and answers as it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::client::find;

/// No request may take longer to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request as it came.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The request line.
    pub line: String,
    /// Each header line as it stood.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The trailer lines of a chunked body.
    pub trailers: Vec<(String, String)>,
}

impl Seen {
    /// The value of the header `name`, which must not stand there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(
            found.next().is_none(),
            "{name} stands twice: {:?}",
            self.headers
        );
        value
    }

    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }
}

/// What all connections share.
#[derive(Default)]
struct Record {
    seen: Mutex<Vec<Seen>>,
    came: Condvar,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

/// A server on port 0.
pub struct Upstream {
    address: SocketAddr,
    record: Arc<Record>,
}

impl Upstream {
    /// Answers `200` and `{"ok":true}` to everything, and keeps connections.
    pub fn recording() -> Self {
        Self::answering(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}").is_ok()
        })
    }

    /// Lets `answer` write the answer to each whole request; `false` closes the connection.
    pub fn answering(
        answer: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::connecting(move |stream, record| {
            let mut buffer = Vec::new();
            while let Some(seen) = request(stream, &mut buffer) {
                record(seen.clone());
                if !answer(&seen, stream) {
                    return;
                }
            }
        })
    }

    /// Lets `serve` do what it likes with each connection.
    pub fn connecting(
        serve: impl Fn(&mut TcpStream, &dyn Fn(Seen)) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Record::default());
        let (shared, serve) = (Arc::clone(&record), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, serve) = (Arc::clone(&shared), Arc::clone(&serve));
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    stream.set_nodelay(true).unwrap();
                    serve(&mut stream, &|seen| {
                        shared.seen.lock().unwrap().push(seen);
                        shared.came.notify_all();
                    });
                });
            }
        });
        Self { address, record }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.record.seen.lock().unwrap().clone()
    }

    /// The last request.
    pub fn last(&self) -> Seen {
        self.seen().last().cloned().expect("a request")
    }

    /// Waits until there are `count` requests.
    pub fn wait_for(&self, count: usize) -> Vec<Seen> {
        let seen = self.record.seen.lock().unwrap();
        let (seen, late) = self
            .record
            .came
            .wait_timeout_while(seen, PATIENCE, |seen| seen.len() < count)
            .unwrap();
        assert!(!late.timed_out(), "{} of {count} requests came", seen.len());
        seen.clone()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.record.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.record.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request; `None` at the end of the connection.
pub fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    let end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at;
        }
        more(stream, buffer)?;
    };
    let head = String::from_utf8_lossy(&buffer.drain(..end + 4).collect::<Vec<u8>>()).into_owned();
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let mut seen = Seen {
        line: lines.next()?.to_owned(),
        headers: lines.map(pair).collect(),
        ..Seen::default()
    };
    if let Some(length) = seen.header("content-length") {
        assert!(
            seen.header("transfer-encoding").is_none(),
            "two framings: {seen:?}"
        );
        let length: usize = length.parse().unwrap();
        while buffer.len() < length {
            more(stream, buffer)?;
        }
        seen.body = buffer.drain(..length).collect();
    } else if seen.header("transfer-encoding").is_some() {
        chunks(stream, buffer, &mut seen)?;
    }
    Some(seen)
}

fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>, seen: &mut Seen) -> Option<()> {
    loop {
        let size = line(stream, buffer)?;
        let length = usize::from_str_radix(size.trim(), 16).unwrap();
        if length == 0 {
            loop {
                let trailer = line(stream, buffer)?;
                if trailer.is_empty() {
                    return Some(());
                }
                seen.trailers.push(pair(&trailer));
            }
        }
        while buffer.len() < length + 2 {
            more(stream, buffer)?;
        }
        seen.body.extend(buffer.drain(..length));
        buffer.drain(..2);
    }
}

fn line(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = find(buffer, b"\r\n") {
            let bytes = buffer.drain(..at + 2).collect::<Vec<u8>>();
            return Some(String::from_utf8_lossy(&bytes[..at]).into_owned());
        }
        more(stream, buffer)?;
    }
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut room = vec![0; 65_536];
    match stream.read(&mut room) {
        Ok(0) | Err(_) => None,
        Ok(length) => {
            buffer.extend_from_slice(&room[..length]);
            Some(())
        }
    }
}

fn pair(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}
