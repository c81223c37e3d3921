//! Clients behind proxies that speak the PROXY protocol (R10), and balancers that open few connections.

use std::time::{Duration, Instant};

use crate::harness::{Authority, Bed, Client, Process, Secure, until};

/// A route for everybody.
const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

const HERALD: &str = "[proxies]\nproxy_protocol = [\"127.0.0.0/8\"]\n";

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4321 443\r\n";

/// A header of version 2: its command, its family and protocol, and what follows.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    header.extend(rest);
    header
}

/// Whom the service is told of, once `client` has asked.
fn told(bed: &Bed, client: &mut Client) -> (String, String) {
    let forged = [("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6")];
    assert_eq!(client.send("GET", "/", &forged, b"").status, 200);
    let seen = bed.upstream.last();
    let header = |name: &str| seen.header(name).unwrap().to_owned();
    (header("x-real-ip"), header("x-forwarded-for"))
}

#[test]
fn a_proxy_says_whose_connection_it_is() {
    let bed = Bed::with(HERALD, PUBLIC);
    let four = [192, 0, 2, 9, 198, 51, 100, 1, 0x10, 0xe1, 1, 0xbb];
    let mut six = [0; 36];
    (six[0], six[1], six[15]) = (0x20, 0x01, 7);
    let more = [&four[..], &[0x04, 0, 3, 1, 2, 3], &[0xee, 1, 0], &[7; 256]].concat();
    for (header, client) in [
        (LINE.to_vec(), "192.0.2.7"),
        (
            b"PROXY TCP6 2001:db8::5 ::1 1 2\r\n".to_vec(),
            "2001:db8::5",
        ),
        (
            b"PROXY TCP6 ::ffff:192.0.2.8 ::1 1 2\r\n".to_vec(),
            "192.0.2.8",
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (binary(0x21, 0x11, &four), "192.0.2.9"),
        (binary(0x21, 0x21, &six), "2001::7"),
        (binary(0x21, 0x11, &more), "192.0.2.9"),
        (binary(0x20, 0x11, &four), "127.0.0.1"),
        (binary(0x20, 0x00, &[]), "127.0.0.1"),
        (binary(0x21, 0x00, &[]), "127.0.0.1"),
    ] {
        let expected = (client.to_owned(), client.to_owned());
        let mut whole = bed.client();
        let request = b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n";
        whole.write(&[&header[..], request].concat());
        assert_eq!(whole.reply(false).status, 200, "{header:?}");
        assert_eq!(bed.upstream.last().header("x-real-ip"), Some(client));
        assert_eq!(
            told(&bed, &mut whole),
            expected,
            "for all of the connection"
        );
        let mut apart = bed.client();
        for byte in &header {
            apart.write(&[*byte]);
        }
        assert_eq!(told(&bed, &mut apart), expected, "{header:?}");
    }
}

#[test]
fn who_is_trusted_is_asked_of_the_true_client() {
    let trusted = |networks: &str| {
        let top = format!("{HERALD}trusted = [{networks}]\n");
        let bed = Bed::with(&top, PUBLIC);
        let mut client = bed.client();
        client.write(LINE);
        told(&bed, &mut client)
    };
    let own = ("192.0.2.7".to_owned(), "192.0.2.7".to_owned());
    assert_eq!(
        trusted("\"127.0.0.0/8\""),
        own,
        "the proxy's own word is no chain"
    );
    let chain = ("6.6.6.6".to_owned(), "6.6.6.6, 192.0.2.7".to_owned());
    assert_eq!(trusted("\"192.0.2.0/24\""), chain);
}

#[test]
fn only_who_is_listed_may_say_it_and_he_must() {
    for top in [
        "",
        "[proxies]\nproxy_protocol = [\"10.0.0.0/8\"]\ntrusted = [\"127.0.0.0/8\"]\n",
    ] {
        let bed = Bed::with(top, PUBLIC);
        let mut client = bed.client();
        client.write(LINE);
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let reply = client.reply(false);
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"));
        assert_eq!(bed.client().send("GET", "/", &[], b"").status, 200);
    }
    let bed = Bed::with(HERALD, PUBLIC);
    let mut client = bed.client();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(ends_silently(&mut client));
    assert_eq!(bed.upstream.seen().len(), 0);
}

/// Whether it ends, by a close or a reset, without an answer.
fn ends_silently(client: &mut Client) -> bool {
    client.try_reply(false).is_none()
}

#[test]
fn a_header_that_is_none_closes_the_connection_and_is_told_to_the_operator() {
    let config = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[[app]]\nappid = \"wx0123456789abcdef\"\n\
         secret = {{ env = \"WX_SECRET\" }}\n[[route]]\npath = \"/\"\ndeny = true\n{HERALD}\
         [admin]\nlisten = \"\"\n"
    );
    let gateway = Process::run("proxies-malformed", &config);
    // A balancer that only looks whether anybody is there is nothing to speak of.
    drop(gateway.client());
    for (bytes, why) in [
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            "there is no PROXY header",
        ),
        (
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n".to_vec(),
            "the PROXY line cannot be read",
        ),
        (
            [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 200]].concat(),
            "the PROXY line cannot be read",
        ),
        (
            binary(0x21, 0x11, &[0; 4]),
            "the binary PROXY header cannot be read",
        ),
        (
            binary(0x21, 0x11, &[0; 5000]),
            "the PROXY header is too long",
        ),
    ] {
        let told = |gateway: &Process| gateway.error.text().matches(why).count();
        let before = told(&gateway);
        let mut client = gateway.client();
        client.write(&bytes);
        assert!(ends_silently(&mut client), "{why}");
        until(why, || told(&gateway) > before);
    }
    let mut half = gateway.client();
    half.write(b"PROXY TCP4 1.2.");
    drop(half);
    until("half of it", || {
        gateway.error.text().contains("said half of it")
    });
    let mut good = gateway.client();
    good.write(LINE);
    assert_eq!(good.send("GET", "/", &[], b"").status, 403);
    let (_, said) = gateway.end();
    let warned = said
        .matches("a connection without a good PROXY header")
        .count();
    assert_eq!(warned, 6, "{said}");
    assert!(said.contains("\"client\":\"192.0.2.7\""), "{said}");
}

#[test]
fn a_header_that_does_not_come_whole_in_five_seconds_never_will() {
    let bed = Bed::with(&format!("workers = 1\n{HERALD}"), PUBLIC);
    let start = Instant::now();
    let mut stalled = [bed.client(), bed.client(), bed.client()];
    stalled[1].write(&LINE[..LINE.len() - 1]);
    stalled[2].write(&binary(0x21, 0x11, &[0; 12])[..20]);
    let mut other = bed.client();
    other.write(LINE);
    assert_eq!(other.send("GET", "/", &[], b"").status, 200);
    assert!(start.elapsed() < Duration::from_secs(3));
    for client in &mut stalled {
        assert!(ends_silently(client));
    }
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(4_900) && took < Duration::from_secs(12),
        "{took:?}"
    );
    assert_eq!(other.send("GET", "/", &[], b"").status, 200);
}

#[test]
fn it_comes_before_tls() {
    let authority = Authority::new("proxies-tls");
    authority.sign("own", &["gateway.test"]);
    let top = format!(
        "{}redirect = \"127.0.0.1:0\"\n{HERALD}",
        authority.section("own")
    );
    let bed = Bed::with(&top, PUBLIC);
    let mut socket = bed.client();
    socket.write(LINE);
    let secure = Secure::try_on(socket.stream, &authority.client(), "gateway.test");
    let mut client = secure.unwrap();
    assert_eq!(client.send("GET", "/", &[], b"").status, 200);
    let seen = bed.upstream.last();
    assert_eq!(seen.header("x-real-ip"), Some("192.0.2.7"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert!(Secure::try_connect(bed.address(), &authority.client(), "gateway.test").is_err());
    let mut door = Client::connect(bed.gateway.redirect_address().unwrap());
    door.write(LINE);
    assert_eq!(
        door.send("GET", "/", &[("Host", "gateway.test")], b"")
            .status,
        301
    );
}

#[test]
fn workers_may_share_one_socket() {
    let bed = Bed::with("accept = \"shared\"\nworkers = 3\n", PUBLIC);
    let taken = std::net::TcpListener::bind(bed.address());
    assert!(
        taken.is_err(),
        "one socket, and nobody may have another there"
    );
    let mut clients: Vec<Client> = (0..40).map(|_| bed.client()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            assert_eq!(client.send("GET", "/", &[], b"").status, 200);
        }
    }
    drop(clients);
    for _ in 0..40 {
        assert_eq!(bed.client().send("GET", "/", &[], b"").status, 200);
    }
    assert!(bed.gateway.drain());
}
