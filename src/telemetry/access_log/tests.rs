//! Lines as they come out, and what becomes of those that do not fit.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex};
use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::Value;

use super::*;
use crate::setting::ServerAddress;
use crate::telemetry::{Format, OpenIdAs};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn record(uri: &str, user_agent: &[u8]) -> Record {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_static("api.example.com"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_bytes(user_agent).unwrap(),
    );
    let at = UNIX_EPOCH + Duration::from_millis(1_735_689_600_010);
    let uri: Uri = uri.parse().unwrap();
    let id = "id-1";
    let client = [192, 0, 2, 1].into();
    Record::begin(at, client, &Method::GET, &uri, &headers, id)
}

fn written(format: Format, openid: OpenIdAs, record: Record) -> String {
    let page = Page::default();
    let log = AccessLog::write_to(page.clone(), Pen::new(format, openid, b"key"), 8).unwrap();
    log.entry().put(record);
    drop(log);
    let bytes = page.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn full() -> Record {
    let mut record = record("/a/b?code=0a1b2c&x", b"Mozilla \"q\"");
    record.status = 401;
    record.received = 7;
    record.sent = 123;
    record.took = Duration::from_micros(1234);
    record.route = Some(0);
    record.upstream = Some(ServerAddress::Tcp(([127, 0, 0, 1], 3000).into()));
    record.code = Some("session_missing");
    record.openid = Some(HeaderValue::from_static("oSECRET"));
    record
}

#[test]
fn a_line_is_one_json_object_with_all_that_is_known() {
    let text = written(Format::Json, OpenIdAs::Digest, full());
    assert!(text.ends_with("}\n") && text.lines().count() == 1);
    let mut line: Value = serde_json::from_str(&text).unwrap();
    let user = line.as_object_mut().unwrap().remove("user").unwrap();
    let expected = serde_json::json!({
        "timestamp": "2025-01-01T00:00:00.010Z", "level": "INFO", "target": "access",
        "client": "192.0.2.1", "method": "GET", "host": "api.example.com", "path": "/a/b",
        "query": "code=-&x", "status": 401, "bytes_in": 7, "bytes_out": 123, "duration_ms": 1.234,
        "route": 0, "upstream": "127.0.0.1:3000", "code": "session_missing",
        "request_id": "id-1", "user_agent": "Mozilla \"q\"",
    });
    assert_eq!(line, expected);
    assert_eq!(user.as_str().unwrap().len(), 16);
    assert!(!text.contains("oSECRET") && !text.contains("0a1b2c"));
}

#[test]
fn a_line_of_text_is_one_line_whatever_the_client_sent() {
    let text = written(Format::Text, OpenIdAs::Plain, full());
    let expected = "2025-01-01T00:00:00.010Z 192.0.2.1 GET api.example.com/a/b?code=-&x 401 1.234ms \
        in=7 out=123 route[0] upstream=127.0.0.1:3000 user=oSECRET code=session_missing id=id-1 \
        \"Mozilla \\\"q\\\"\"\n";
    assert_eq!(text, expected);
    let text = written(
        Format::Text,
        OpenIdAs::Plain,
        record("/", b"a\tb\xff\" x=\""),
    );
    assert!(text.ends_with("\"a\\tb\\u{fffd}\\\" x=\\\"\"\n"), "{text}");
}

#[test]
fn what_never_became_a_request_has_a_line() {
    let id = "id-2";
    let mut record = Record::without_head(UNIX_EPOCH, [192, 0, 2, 1].into(), id);
    record.status = 408;
    record.code = Some("request_timeout");
    let text = written(Format::Json, OpenIdAs::Digest, record);
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["status"], &line["method"]),
        (&408.into(), &Value::Null)
    );
}

#[test]
fn long_texts_are_cut() {
    let long = format!("/{}?{}", "p".repeat(5000), "q=1&".repeat(500));
    let text = written(Format::Json, OpenIdAs::Digest, record(&long, &[b'u'; 5000]));
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["path"].as_str().unwrap().len(), 1024);
    assert_eq!(line["user_agent"].as_str().unwrap().len(), 256);
    assert!(text.len() < 3000, "{}", text.len());
}

/// Blocks in its first write until told to go on.
struct Stuck {
    at_it: Sender<()>,
    go_on: Receiver<()>,
    page: Page,
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The test may have stopped listening.
        let _ = self.at_it.send(());
        let _ = self.go_on.recv();
        self.page.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_disk_drops_lines_counts_them_and_stops_nobody() {
    let (at_it, is_at_it) = channel();
    let (go, go_on) = channel();
    let page = Page::default();
    let stuck = Stuck {
        at_it,
        go_on,
        page: page.clone(),
    };
    let pen = Pen::new(Format::Json, OpenIdAs::Digest, b"key");
    let log = AccessLog::write_to(stuck, pen, 4).unwrap();
    let entry = log.entry();
    entry.put(record("/first", b""));
    is_at_it.recv().unwrap();
    for _ in 0..10 {
        entry.put(record("/later", b""));
    }
    assert_eq!(entry.dropped(), 6);
    drop(go);
    drop(log);
    assert_eq!(entry.dropped(), 6);
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1 + 4);
    entry.put(record("/too-late", b""));
    assert_eq!(entry.dropped(), 7);
}

#[test]
fn what_many_workers_put_is_all_written_before_the_log_ends() {
    let page = Page::default();
    let pen = Pen::new(Format::Json, OpenIdAs::Digest, b"key");
    let log = AccessLog::write_to(page.clone(), pen, 4096).unwrap();
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (entry, start) = (log.entry(), &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..1000 {
                    entry.put(full());
                }
            });
        }
    });
    let dropped = log.entry().dropped();
    drop(log);
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert_eq!((text.lines().count(), dropped), (4000, 0));
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn no_log_is_started_where_none_is_asked_for() {
    let config = Config {
        access: false,
        ..Config::default()
    };
    assert!(AccessLog::start(&config, b"key").unwrap().is_none());
}
