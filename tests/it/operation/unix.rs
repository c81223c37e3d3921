//! A gateway that listens on a unix socket: its file, who comes that way, and what is believed of them.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use wxgate::gateway::Gateway;

use crate::harness::{Authority, Bed, Client, Folder, Upstream, config, until};

const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

fn connect(path: &Path) -> Client<UnixStream> {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(PATIENCE).unwrap();
    stream.set_write_timeout(PATIENCE).unwrap();
    Client::speaking(stream)
}

/// A gateway on `web` in `folder`, with `sections` in its config.
fn bed(folder: &Folder, sections: &str) -> Bed {
    let top = format!(
        "listen = [\"127.0.0.1:0\", \"unix:{}\"]\n{sections}",
        folder.file("web").display()
    );
    Bed::with(&top, PUBLIC)
}

/// Starts a gateway at `path` alone, or says why it does not.
fn start(path: &Path, upstream: &Upstream) -> Result<Gateway, String> {
    let top = format!("listen = [\"unix:{}\"]\n", path.display());
    let config = config("http://127.0.0.1:1", &upstream.url(), &top, PUBLIC);
    Gateway::start(&config).map_err(|error| error.to_string())
}

/// Whom the service is told of, where the client forges a header of a proxy's.
fn told<S: std::io::Read + std::io::Write>(bed: &Bed, client: &mut Client<S>) -> (String, String) {
    let said = [
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-Proto", "https"),
    ];
    assert_eq!(client.send("GET", "/", &said, b"").status, 200);
    let seen = bed.upstream.last();
    let header = |name: &str| seen.header(name).unwrap().to_owned();
    (header("x-real-ip"), header("x-forwarded-proto"))
}

#[test]
fn it_is_served_like_any_other_and_only_our_group_may_connect() {
    let folder = Folder::new("unix");
    let bed = bed(&folder, "");
    let path = folder.file("web");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut clients: Vec<_> = (0..20).map(|_| connect(&path)).collect();
    let large = vec![b'x'; 100_000];
    for _ in 0..3 {
        for client in &mut clients {
            let reply = client.send("POST", "/", &[], &large);
            assert_eq!(reply.json()["ok"], true);
        }
    }
    assert_eq!(bed.client().send("GET", "/", &[], b"").status, 200);
    clients[0].write(b"GARBAGE\r\n\r\n");
    assert_eq!(clients[0].reply(false).code(), "bad_request");
    assert!(clients[0].is_closed());
}

#[test]
fn who_comes_that_way_is_believed_only_where_the_config_says_so() {
    for (sections, address, scheme) in [
        ("", "127.0.0.1", "http"),
        (
            "[proxies]\ntrusted = [\"127.0.0.0/8\"]\n",
            "127.0.0.1",
            "http",
        ),
        ("[proxies]\ntrusted = [\"unix\"]\n", "192.0.2.7", "https"),
    ] {
        let folder = Folder::new("unix-trust");
        let bed = bed(&folder, sections);
        let found = told(&bed, &mut connect(&folder.file("web")));
        assert_eq!(found, (address.to_owned(), scheme.to_owned()), "{sections}");
    }
    let folder = Folder::new("unix-trust");
    let bed = bed(&folder, "[proxies]\ntrusted = [\"unix\"]\n");
    let found = told(&bed, &mut bed.client()).0;
    assert_eq!(found, "127.0.0.1", "who has the address is not believed");
}

#[test]
fn a_trusted_one_is_no_single_address_to_the_limits() {
    for (proxies, last) in [("", 503), ("[proxies]\ntrusted = [\"unix\"]\n", 200)] {
        let folder = Folder::new("unix-crowd");
        let bed = bed(&folder, &format!("[limits]\nper_address = 3\n{proxies}"));
        let mut clients: Vec<_> = (0..4).map(|_| connect(&folder.file("web"))).collect();
        let status = |client: &mut Client<UnixStream>| client.send("GET", "/", &[], b"").status;
        let found: Vec<_> = clients.iter_mut().map(status).collect();
        let first = found.iter().filter(|status| **status == 200).count();
        assert_eq!(first, if last == 200 { 4 } else { 3 }, "{found:?}");
        drop(bed);
    }
}

#[test]
fn the_proxy_protocol_and_tls_are_spoken_there_too() {
    let authority = Authority::new("unix-tls");
    authority.sign("gateway", &["gateway.test"]);
    let folder = Folder::new("unix-tls-socket");
    let sections = format!(
        "{}[proxies]\nproxy_protocol = [\"unix\"]\ntrusted = [\"unix\"]\n",
        authority.section("gateway")
    );
    let bed = bed(&folder, &sections);
    let mut stream = UnixStream::connect(folder.file("web")).unwrap();
    stream.set_read_timeout(PATIENCE).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"PROXY TCP4 198.51.100.9 198.51.100.1 4321 443\r\n",
    )
    .unwrap();
    let name = ServerName::try_from("gateway.test").unwrap();
    let session = ClientConnection::new(Arc::clone(&authority.client()), name).unwrap();
    let mut client = Client::speaking(StreamOwned::new(session, stream));
    // Whom the header names is not our neighbour, and is not believed.
    let found = told(&bed, &mut client);
    assert_eq!(found, ("198.51.100.9".to_owned(), "https".to_owned()));
}

#[test]
fn a_file_that_nobody_listens_on_is_replaced_and_one_in_use_is_not() {
    let upstream = Upstream::recording();
    let folder = Folder::new("unix-file");
    let path = folder.file("web");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "as a crash leaves it");
    let gateway = start(&path, &upstream).unwrap();
    assert_eq!(connect(&path).send("GET", "/", &[], b"").status, 200);
    let taken = start(&path, &upstream).err().unwrap();
    assert_eq!(
        taken,
        format!(
            "cannot listen on unix:{}: another process listens there: stop it, or write another path",
            path.display()
        )
    );
    assert_eq!(connect(&path).send("GET", "/", &[], b"").status, 200);
    assert!(gateway.drain());
    assert!(!path.exists(), "it goes with its gateway");

    std::fs::write(&path, "a letter").unwrap();
    let other = start(&path, &upstream).err().unwrap();
    assert!(other.ends_with("there is a file that is no socket: remove it, or write another path"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a letter");
    let nowhere = start(&folder.file("no/web"), &upstream).err().unwrap();
    assert!(nowhere.contains("No such file"), "{nowhere}");
}

#[test]
fn a_gateway_that_leaves_does_not_remove_its_successors_socket() {
    let upstream = Upstream::recording();
    let folder = Folder::new("unix-successor");
    let path = folder.file("web");
    let gateway = start(&path, &upstream).unwrap();
    // It drains as long as this is there, for a moment.
    let idle = connect(&path);
    let draining = std::thread::spawn(move || gateway.drain());
    until("nothing new is taken", || {
        UnixStream::connect(&path).is_err()
    });
    let successor = start(&path, &upstream).unwrap();
    drop(idle);
    assert!(draining.join().unwrap());
    assert_eq!(connect(&path).send("GET", "/", &[], b"").status, 200);
    assert!(successor.drain());
    assert!(!path.exists());
}
