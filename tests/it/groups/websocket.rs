//! A WebSocket is a request to a group like any other, and is one until its end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

use super::secure::{Authority, config, pem};
use super::{ALONE, counts, group, leading_to};
use crate::harness::{Bed, Folder, Upstream, until};
use crate::websocket::wire::{Socket, TEXT, echo, shake};

/// Opens a WebSocket and shows that it works.
fn open(bed: &Bed, lines: &str) -> Socket {
    let (mut socket, _) = Socket::open(bed, "/live", lines);
    socket.send(TEXT, b"hello");
    assert_eq!(socket.text(), "hello");
    socket
}

/// Closes it and waits for its end.
fn close(mut socket: Socket) {
    socket.close(1000);
    socket.frame().unwrap();
    assert!(socket.is_over());
}

/// The server of two that was asked first.
fn asked(servers: [&Upstream; 2]) -> usize {
    counts(&servers)
        .iter()
        .position(|count| *count > 0)
        .unwrap()
}

#[test]
fn an_open_websocket_is_a_load_also_after_a_reload() {
    let servers = [echo(), echo()];
    let all = [&servers[0], &servers[1]];
    let list = format!("{:?}", all.map(Upstream::url));
    let routes = leading_to(&list, "");
    let mut bed = Bed::with(ALONE, &routes);
    let socket = open(&bed, "");
    let (busy, mut client) = (asked(all), bed.client());
    let mut passes_by = |bed: &Bed| {
        for _ in 0..20 {
            assert_eq!(client.send("GET", "/", &[], b"").status, 200);
        }
        assert_eq!(servers[busy].seen().len(), 1);
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
    };
    passes_by(&bed);
    let top = format!("{ALONE}[timeouts]\nresponse = \"50s\"\n");
    assert_eq!(bed.reload(&top, &routes).changed.len(), 1);
    passes_by(&bed);
    close(socket);
    until("both are asked", || {
        assert_eq!(bed.send("GET", "/", &[], b"").status, 200);
        servers[busy].seen().len() > 1
    });
}

#[test]
fn an_open_websocket_takes_up_room() {
    for (more, busy) in [
        ("max_in_flight = 1", (503, "overloaded")),
        ("max_connections = 1", (503, "overloaded")),
    ] {
        let server = echo();
        let mut bed = group(&[&server], more);
        let socket = open(&bed, "");
        let reply = bed.send("GET", "/", &[], b"");
        assert_eq!((reply.status, reply.code().as_str()), busy, "{more}");
        // It has room nowhere else, and none is made by a new config.
        let routes = leading_to(&format!("[{:?}]", server.url()), more);
        let top = format!("{ALONE}[timeouts]\nresponse = \"50s\"\n");
        assert_eq!(bed.reload(&top, &routes).changed.len(), 1);
        assert_eq!(bed.send("GET", "/", &[], b"").status, 503, "{more}");
        close(socket);
        until("there is room", || {
            bed.send("GET", "/", &[], b"").status == 200
        });
    }
}

#[test]
fn a_users_websocket_is_at_the_server_of_their_requests() {
    let servers = [echo(), echo(), echo()];
    let all = servers.each_ref();
    let bed = group(&all, "balance = \"hash:openid\"");
    for user in 0..8 {
        let token = bed.sign_in(&format!("oUser{user}"));
        let before = counts(&all);
        let lines = format!("Authorization: Bearer {token}\r\n");
        close(open(&bed, &lines));
        assert_eq!(bed.get("/", &token).status, 200);
        let after = counts(&all);
        let more: Vec<_> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
        assert!(more.contains(&2), "{more:?}");
    }
}

#[test]
fn a_handshake_passes_over_a_server_that_is_gone() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let server = echo();
    let list = format!("[{gone:?}, {:?}]", server.url());
    let bed = Bed::with(ALONE, &leading_to(&list, "balance = \"round_robin\""));
    for _ in 0..4 {
        close(open(&bed, ""));
    }
    assert_eq!(server.seen().len(), 4);
}

/// Takes connections in some way, and passes what comes on to a server.
struct Front {
    runtime: Runtime,
    to: SocketAddr,
    /// What was agreed on by ALPN.
    protocols: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
}

impl Front {
    fn of(server: &Upstream) -> Self {
        let mut builder = Builder::new_multi_thread();
        Self {
            runtime: builder.worker_threads(1).enable_all().build().unwrap(),
            to: server.address(),
            protocols: Arc::default(),
        }
    }

    async fn pass(mut from: impl AsyncRead + AsyncWrite + Unpin, to: SocketAddr) {
        let mut to = TcpStream::connect(to).await.unwrap();
        let _ = copy_bidirectional(&mut from, &mut to).await;
    }

    /// By https, under a name.
    fn secure(&self, tls: ServerConfig) -> String {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tls, to) = (TlsAcceptor::from(Arc::new(tls)), self.to);
        let protocols = Arc::clone(&self.protocols);
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, protocols) = (tls.clone(), Arc::clone(&protocols));
                tokio::spawn(async move {
                    let stream = tls.accept(stream).await.unwrap();
                    let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                    protocols.lock().unwrap().push(agreed);
                    Self::pass(stream, to).await;
                });
            }
        });
        format!("https://localhost:{port}")
    }

    /// By a socket in the file system.
    fn local(&self, path: &Path) -> String {
        let _inside = self.runtime.enter();
        let (listener, to) = (UnixListener::bind(path).unwrap(), self.to);
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Self::pass(stream, to));
            }
        });
        format!("unix:{}", path.display())
    }
}

#[test]
fn a_websocket_passes_to_servers_of_every_kind() {
    let (folder, authority) = (Folder::new("websockets"), Authority::new());
    let pair = authority.sign("localhost", |_| {});
    let server = echo();
    let front = Front::of(&server);
    let secure = front.secure(config(&pair, None, &["h2", "http/1.1"]));
    let local = front.local(folder.file("live.sock").as_ref());
    let ca = format!("ca = \"{}\"", pem(&folder, &authority));
    for (url, more) in [
        (&secure, ca.as_str()),
        (&secure, &format!("{ca}\nhttp2 = true")),
        (&local, ""),
        // Whoever speaks HTTP/2 without TLS speaks HTTP/1.1 for this.
        (&server.url(), "http2 = true"),
    ] {
        let bed = Bed::with(ALONE, &leading_to(&format!("[{url:?}]"), more));
        let mut socket = open(&bed, "");
        let long = vec![b'x'; 300_000];
        socket.send(TEXT, &long);
        assert!(socket.text().into_bytes() == long, "{url} {more}");
        close(socket);
        let upgrade = server.last();
        assert_eq!(upgrade.line, "GET /live HTTP/1.1");
        assert_eq!(upgrade.header("upgrade"), Some("websocket"));
    }
    let http1 = Some(b"http/1.1".to_vec());
    assert_eq!(*front.protocols.lock().unwrap(), [http1.clone(), http1]);
}

#[test]
fn a_handshake_that_is_refused_leaves_its_connection_to_the_next_request() {
    let server = Upstream::recording();
    let bed = group(&[&server], "");
    let mut client = bed.client();
    client.write(shake("/live", "").as_bytes());
    assert_eq!(client.reply(false).status, 200);
    assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    assert_eq!(server.connections(), 1);
}
