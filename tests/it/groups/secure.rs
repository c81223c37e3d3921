//! Servers by https: nothing is said to one that is not who it should be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{OK, leading_to};
use crate::harness::{Bed, Folder, Reply, until};

/// Whoever signs certificates.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Pair {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub fn sign(&self, name: &str, change: impl Fn(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate, key }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        roots
    }
}

/// What a server saw of a connection on which something was said.
#[derive(Debug, Clone)]
struct Met {
    name: Option<String>,
    protocol: Option<Vec<u8>>,
    certificate: Option<CertificateDer<'static>>,
    heads: Vec<String>,
}

/// A server by https on port 0.
struct Secure {
    address: SocketAddr,
    met: Arc<Mutex<Vec<Met>>>,
}

impl Secure {
    /// Shows `pair`; where there are `clients`, they must show one of theirs. It writes `answer` to each
    /// request; where that promises no end, it ends the connection as rudely as can be.
    fn new(pair: &Pair, clients: Option<&Authority>, answer: &'static [u8]) -> Self {
        let config = Arc::new(config(pair, clients, &["h2", "http/1.1"]));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let met: Arc<Mutex<Vec<Met>>> = Arc::default();
        let shared = Arc::clone(&met);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, met) = (Arc::clone(&config), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream, config, &met, answer));
            }
        });
        Self { address, met }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    fn met(&self) -> Vec<Met> {
        self.met.lock().unwrap().clone()
    }
}

/// Shows `pair`, asks for a certificate of `clients`, and offers `protocols`.
pub fn config(pair: &Pair, clients: Option<&Authority>, protocols: &[&str]) -> ServerConfig {
    let chain = vec![pair.certificate.der().clone()];
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let roots = Arc::new(clients.roots());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    let names = protocols.iter().map(|name| name.as_bytes().to_vec());
    config.alpn_protocols = names.collect();
    config
}

fn serve(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    met: &Mutex<Vec<Met>>,
    answer: &[u8],
) -> Option<()> {
    let bare = stream.try_clone().ok()?;
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, stream);
    let mut place = None;
    loop {
        let head = head(&mut stream)?;
        let mut met = met.lock().unwrap();
        let place = *place.get_or_insert(met.len());
        if met.len() == place {
            let said = &stream.conn;
            met.push(Met {
                name: said.server_name().map(str::to_owned),
                protocol: said.alpn_protocol().map(<[u8]>::to_vec),
                certificate: said
                    .peer_certificates()
                    .map(|chain| chain[0].clone().into_owned()),
                heads: Vec::new(),
            });
        }
        met[place].heads.push(head);
        drop(met);
        stream.write_all(answer).ok()?;
        stream.flush().ok()?;
        if answer != OK {
            // No `close_notify`: the end may be anybody's.
            return bare.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}

fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

pub fn pem(folder: &Folder, authority: &Authority) -> String {
    folder.write("ca.pem", &authority.certificate.pem())
}

/// A gateway that leads to `url`; `more` are further keys of the group.
fn ask(url: &str, more: &str) -> (Bed, Reply) {
    let bed = Bed::with(super::ALONE, &leading_to(&format!("[\"{url}\"]"), more));
    let reply = bed.send("GET", "/", &[], b"");
    (bed, reply)
}

fn is_refused(server: &Secure, reply: &Reply) {
    assert_eq!(reply.row(), (503, "no_upstream".into(), "retry".into()));
    assert!(server.met().is_empty(), "{:?}", server.met());
}

#[test]
fn a_server_whose_name_and_authority_are_right_is_asked_by_https() {
    let (folder, authority) = (Folder::new("https"), Authority::new());
    let ca = pem(&folder, &authority);
    for (host, sni) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        let server = Secure::new(&authority.sign(host, |_| {}), None, OK);
        let (bed, reply) = ask(&server.url(host), &format!("ca = \"{ca}\""));
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
        assert_eq!(bed.send("POST", "/", &[], b"body").status, 200);
        let met = server.met();
        assert_eq!(met.len(), 1, "the connection is used again");
        assert_eq!(met[0].name.as_deref(), sni);
        assert_eq!(met[0].protocol.as_deref(), Some(&b"http/1.1"[..]));
        assert!(met[0].heads[0].starts_with("GET / HTTP/1.1\r\n"));
        assert!(
            met[0].heads[0].contains("host: gateway.test\r\n"),
            "{met:?}"
        );
    }
}

#[test]
fn a_server_that_is_not_who_it_should_be_hears_nothing() {
    let (folder, authority, stranger) =
        (Folder::new("strangers"), Authority::new(), Authority::new());
    let ca = format!("ca = \"{}\"", pem(&folder, &authority));
    let good = |_: &mut CertificateParams| {};
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    for (pair, more) in [
        (stranger.sign("localhost", good), ca.as_str()),
        (authority.sign("localhost", good), ""),
        (authority.sign("other.test", good), &ca),
        (authority.sign("localhost", expired), &ca),
    ] {
        let server = Secure::new(&pair, None, OK);
        let (_bed, reply) = ask(&server.url("localhost"), more);
        is_refused(&server, &reply);
    }
}

#[test]
fn a_server_that_speaks_no_tls_hears_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
    let shared = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut room = [0; 4096];
            let length = stream.read(&mut room).unwrap_or(0);
            shared.lock().unwrap().extend_from_slice(&room[..length]);
            let _ = stream.write_all(OK);
        }
    });
    let (_bed, reply) = ask(&url, "");
    assert_eq!(reply.row(), (503, "no_upstream".into(), "retry".into()));
    let heard = heard.lock().unwrap();
    assert!(!heard.is_empty() && crate::harness::find(&heard, b"HTTP").is_none());
}

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_ours() {
    let (folder, authority, clients) = (Folder::new("clients"), Authority::new(), Authority::new());
    let ours = clients.sign("wxgate", |_| {});
    let more = format!(
        "ca = \"{}\"\nclient_cert = \"{}\"\nclient_key = \"{}\"",
        pem(&folder, &authority),
        folder.write("own.pem", &ours.certificate.pem()),
        folder.write("own.key", &ours.key.serialize_pem()),
    );
    let pair = authority.sign("localhost", |_| {});
    let server = Secure::new(&pair, Some(&clients), OK);
    let (_bed, reply) = ask(&server.url("localhost"), &more);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let shown = server.met()[0].certificate.clone();
    assert_eq!(shown.as_ref(), Some(ours.certificate.der()));

    let server = Secure::new(&pair, Some(&clients), OK);
    let (_bed, reply) = ask(&server.url("localhost"), more.lines().next().unwrap());
    assert!(reply.status >= 500 && server.met().is_empty());
}

#[test]
fn an_answer_that_anybody_may_have_cut_off_is_not_whole() {
    let (folder, authority) = (Folder::new("cut"), Authority::new());
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it";
    let server = Secure::new(&authority.sign("localhost", |_| {}), None, answer);
    let more = format!("ca = \"{}\"", pem(&folder, &authority));
    let bed = Bed::with(
        super::ALONE,
        &leading_to(&format!("[\"{}\"]", server.url("localhost")), &more),
    );
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!client.reply(false).whole);
}

#[test]
fn servers_are_asked_how_they_are_by_https_too() {
    let (folder, authority) = (Folder::new("asked"), Authority::new());
    let server = Secure::new(&authority.sign("localhost", |_| {}), None, OK);
    let ca = pem(&folder, &authority);
    let more = format!("ca = \"{ca}\"\n[upstream.health]\npath = \"/well\"\ninterval = \"20ms\"");
    let list = format!("[\"{}\"]", server.url("localhost"));
    let _bed = Bed::with(super::ALONE, &leading_to(&list, &more));
    until("it is asked", || {
        let met = server.met();
        met.len() > 2 && met.iter().all(|met| met.heads[0].starts_with("GET /well "))
    });
}
