//! HTTP/2 from clients: the same rules as over HTTP/1, and bounds of its own (R6, R13).

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::harness::{Bed, Upstream};

const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

fn bed(top: &str, routes: &str) -> Bed {
    Bed::with(&format!("h2c = true\n{top}"), routes)
}

/// Runs a client's part.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let patience = Duration::from_secs(20);
    runtime.block_on(async { tokio::time::timeout(patience, work).await.expect("never") })
}

/// A connection, and the end of it.
struct Wire {
    send: SendRequest<Bytes>,
    end: JoinHandle<Result<(), h2::Error>>,
}

async fn connect(bed: &Bed) -> Wire {
    connect_with(bed, &h2::client::Builder::new()).await
}

async fn connect_with(bed: &Bed, builder: &h2::client::Builder) -> Wire {
    let stream = TcpStream::connect(bed.address()).await.unwrap();
    let (send, connection) = builder.handshake(stream).await.unwrap();
    let end = tokio::spawn(connection);
    Wire { send, end }
}

impl Wire {
    async fn ask(&mut self, request: Request<()>) -> ResponseFuture {
        let mut send = self.send.clone().ready().await.unwrap();
        send.send_request(request, true).unwrap().0
    }

    async fn get(&mut self, path: &str, lines: &[(&str, &str)]) -> Response<Vec<u8>> {
        let answer = self.ask(get(path, lines)).await;
        whole(answer).await.unwrap()
    }
}

fn get(path: &str, lines: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get(format!("http://a{path}")).version(Version::HTTP_2);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

async fn whole(answer: ResponseFuture) -> Result<Response<Vec<u8>>, h2::Error> {
    let (head, mut body) = answer.await?.into_parts();
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    Ok(Response::from_parts(head, all))
}

#[test]
fn who_calls_is_told_and_nobody_else_says_it() {
    let bed = bed("", crate::harness::ROUTES);
    let token = bed.sign_in("oAlice");
    let lines = [
        ("authorization", format!("Bearer {token}")),
        ("x-wx-openid", "oForged".into()),
        ("x_wx_openid", "oForged".into()),
        ("x-wx-source", "wx_devtools".into()),
        ("x-forwarded-for", "6.6.6.6".into()),
        ("te", "trailers".into()),
    ];
    let lines: Vec<_> = lines.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let reply = run(async { connect(&bed).await.get("/api", &lines).await });
    assert_eq!(reply.status(), StatusCode::OK);
    let seen = bed.upstream.last();
    assert_eq!(seen.line, "GET /api HTTP/1.1");
    assert_eq!(seen.header("x-wx-openid"), Some("oAlice"));
    assert_eq!(seen.header("x-wx-source"), Some("wx_client"));
    assert_eq!(seen.header("host"), Some("a"));
    for (name, value) in &seen.headers {
        assert!(
            !value.contains("Forged") && !value.contains("6.6.6.6"),
            "{name}"
        );
        assert!(
            !name.contains('_') && name != "te" && name != "authorization",
            "{name}"
        );
    }
    let refused = run(async { connect(&bed).await.get("/api", &lines[1..]).await });
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["x-wxgate-refusal"], "session_missing");
    assert_eq!(bed.upstream.seen().len(), 1);
}

#[test]
fn cookie_crumbs_become_one_line_without_ours() {
    let top = "[session]\ncookie = \"sid\"\n";
    let bed = bed(top, PUBLIC);
    let ours = format!("__Host-sid=wxg_{}", "a".repeat(64));
    let lines = [
        ("cookie", "a=1"),
        ("cookie", ours.as_str()),
        ("cookie", "b=2"),
    ];
    run(async { connect(&bed).await.get("/", &lines).await });
    assert_eq!(bed.upstream.last().header("cookie"), Some("a=1; b=2"));
}

#[test]
fn a_request_has_one_host_and_one_reading() {
    let bed = bed("", PUBLIC);
    run(async {
        let mut wire = connect(&bed).await;
        for (path, lines, status) in [
            ("/", &[("host", "a")][..], 200),
            ("/", &[("host", "b")], 400),
            ("/", &[("host", "a"), ("host", "a")], 400),
            ("/%2f", &[], 400),
            ("/a/../b", &[], 200),
        ] {
            let reply = wire.get(path, lines).await;
            assert_eq!(reply.status().as_u16(), status, "{path} {lines:?}");
        }
    });
    assert_eq!(bed.upstream.last().target(), "/b");
}

#[test]
fn bodies_and_trailers_flow_both_ways() {
    let upstream = Upstream::answering(|seen, stream| {
        use std::io::Write as _;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n{:x}\r\n",
            seen.body.len()
        )
        .is_ok()
            && stream.write_all(&seen.body).is_ok()
            && stream
                .write_all(b"\r\n0\r\nx-sum: 1\r\nx-wx-openid: o\r\n\r\n")
                .is_ok()
    });
    let bed = Bed::around(upstream, "h2c = true\n", PUBLIC);
    let body = Bytes::from(vec![b'x'; 6 << 20]);
    let (reply, trailers) = run(async {
        let mut wire = connect(&bed).await;
        let mut send = wire.send.clone().ready().await.unwrap();
        let request = Request::post("http://a/").version(Version::HTTP_2);
        let (answer, mut stream) = send.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(body.clone(), false).unwrap();
        let mut last = HeaderMap::new();
        last.insert("x-mine", HeaderValue::from_static("1"));
        last.insert("x-wx-openid", HeaderValue::from_static("oForged"));
        stream.send_trailers(last).unwrap();
        let (head, mut body) = answer.await.unwrap().into_parts();
        let mut all = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            all.extend_from_slice(&data);
        }
        let trailers = body.trailers().await.unwrap().unwrap();
        // The same connection carries on.
        assert_eq!(wire.get("/", &[]).await.status(), StatusCode::OK);
        (Response::from_parts(head, all), trailers)
    });
    assert!(reply.body() == &body && trailers["x-sum"] == "1");
    assert!(!trailers.contains_key("x-wx-openid"));
    let seen = &bed.upstream.seen()[0];
    assert!(seen.body == body, "{} bytes came", seen.body.len());
    assert!(
        seen.trailers
            .iter()
            .all(|(_, value)| !value.contains("Forged"))
    );
}

#[test]
fn many_streams_share_a_connection_and_no_more_than_the_limit() {
    let bed = bed("[limits]\nh2_streams = 8\n", PUBLIC);
    run(async {
        let mut wire = connect(&bed).await;
        wire.get("/first", &[]).await;
        assert_eq!(wire.send.current_max_send_streams(), 8);
        let mut answers = Vec::new();
        for n in 1..200 {
            answers.push(wire.ask(get(&format!("/{n}"), &[])).await);
        }
        for answer in answers {
            assert_eq!(whole(answer).await.unwrap().status(), StatusCode::OK);
        }
    });
    assert_eq!(bed.upstream.seen().len(), 200);
}

#[test]
fn streams_that_are_reset_at_once_end_the_connection_and_nobody_elses() {
    let bed = bed("", PUBLIC);
    run(async {
        let mut other = connect(&bed).await;
        let wire = connect(&bed).await;
        let mut opened = 0;
        // Rapid reset (CVE-2023-44487): each stream is opened and taken back in one go.
        while opened < 20_000 {
            let Ok(mut send) = wire.send.clone().ready().await else {
                break;
            };
            let Ok((_, mut stream)) = send.send_request(get("/", &[]), true) else {
                break;
            };
            stream.send_reset(h2::Reason::CANCEL);
            opened += 1;
            if opened % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(wire.send);
        let end = wire.end.await.unwrap().expect_err("the flood was stopped");
        assert!(end.is_go_away() || end.is_io(), "{end}");
        assert!(opened < 20_000);
        let start = Instant::now();
        assert_eq!(other.get("/", &[]).await.status(), StatusCode::OK);
        assert!(start.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn who_opens_no_window_is_let_go() {
    let upstream = Upstream::answering(|_, stream| {
        use std::io::Write as _;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n").is_ok()
            && stream.write_all(&vec![b'x'; 4_000_000]).is_ok()
    });
    let top = "h2c = true\n[timeouts]\nstream = \"1s\"\n";
    let bed = Bed::around(upstream, top, PUBLIC);
    run(async {
        let mut wire = connect(&bed).await;
        let answer = wire.ask(get("/", &[])).await;
        let start = Instant::now();
        let mut body = answer.await.unwrap().into_body();
        // Nothing is taken, and no window opened: the connection ends, in the middle of the answer.
        let _ = wire.end.await.unwrap();
        assert!(start.elapsed() > Duration::from_millis(700));
        let mut came = 0;
        while let Some(Ok(data)) = body.data().await {
            came += data.len();
        }
        assert!(came < 4_000_000, "{came}");
    });
}

#[test]
fn an_idle_connection_is_told_to_go() {
    let bed = bed("[timeouts]\nidle = \"1s\"\n", PUBLIC);
    run(async {
        let mut wire = connect(&bed).await;
        assert_eq!(wire.get("/", &[]).await.status(), StatusCode::OK);
        assert!(wire.end.await.unwrap().is_ok(), "GOAWAY without an error");
    });
}

#[test]
fn http_1_goes_on_beside_it_and_without_the_setting_there_is_none() {
    let bed = bed("", PUBLIC);
    assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    let plain = Bed::with("", PUBLIC);
    let mut client = plain.client();
    client.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert_eq!(
        client.reply(false).row(),
        (400, "bad_request".into(), "fix".into())
    );
}
