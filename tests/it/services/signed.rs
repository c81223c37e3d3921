//! The services of `examples/upstreams`, by the very files that the docs show: each believes the gateway's
//! assertion, with either kind of key, and nothing that anybody else can send.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde_json::{Value, json};
use wxgate::auth::assertion::{Claims, Config, Signer};
use wxgate::setting::Secret;

use super::launch::Service;
use crate::harness::{APPID, Bed, Client, Reply, Upstream};

const P256: &str = include_str!("../../fixtures/assertion/p256.pem");
const STRANGER: &str = include_str!("../../fixtures/assertion/p256-sec1.pem");

const KEYS: [&str; 2] = [
    "tests/fixtures/assertion/p256.pem",
    "tests/fixtures/assertion/ed25519.pem",
];

#[test]
fn a_service_in_python_believes_what_is_signed() {
    believes_what_is_signed(Service::python);
}

#[test]
fn a_service_in_node_believes_what_is_signed() {
    believes_what_is_signed(Service::node);
}

#[test]
fn a_service_in_go_believes_what_is_signed() {
    believes_what_is_signed(Service::go);
}

#[test]
fn a_service_in_java_believes_what_is_signed() {
    believes_what_is_signed(Service::java);
}

#[test]
fn a_service_in_php_believes_what_is_signed() {
    believes_what_is_signed(Service::php);
}

/// The gateway's address for a service that is started before it.
struct Front {
    door: Upstream,
    gateway: Arc<OnceLock<SocketAddr>>,
}

impl Front {
    fn new() -> Self {
        let gateway = Arc::new(OnceLock::<SocketAddr>::new());
        let behind = Arc::clone(&gateway);
        let door = Upstream::answering(move |seen, stream| {
            use std::io::Write as _;
            let mut client = Client::connect(*behind.get().unwrap());
            let reply = client.send("GET", seen.target(), &[], b"");
            let length = reply.body.len();
            write!(
                stream,
                "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{}",
                reply.status,
                reply.text()
            )
            .is_ok()
                && seen.header("connection") != Some("close")
        });
        Self { door, gateway }
    }
}

fn bed(service: &Service, keys: [&str; 2]) -> Bed {
    let keys = keys.map(|key| format!("{{ file = \"{key}\" }}")).join(", ");
    Bed::with(
        &format!("[identity.assertion]\nkeys = [{keys}]\n"),
        &format!(
            "[[route]]\npath = \"/\"\nrequire = \"optional\"\nto = \"{}\"\n",
            service.url()
        ),
    )
}

fn believes_what_is_signed(start: fn(&str) -> Service) {
    let front = Front::new();
    let service = start(&front.door.url());
    let [first, second] = KEYS;
    let (es256, eddsa) = (bed(&service, KEYS), bed(&service, [second, first]));
    front.gateway.set(es256.address()).unwrap();

    for bed in [&es256, &eddsa] {
        let token = bed.sign_in("oAlice");
        let alice = json!({ "openid": "oAlice", "phone": null });
        assert_eq!(bed.get("/me", &token).good(), alice);
        assert_eq!(bed.get("/headers", &token).good(), alice);
        assert_eq!(bed.tap("oAlice", &token).status, 200);
        let phone = bed.get("/me", &token).good()["phone"].clone();
        assert!(phone.as_str().is_some_and(|phone| phone.len() > 5));
        assert_eq!(bed.get("/headers", &token).good()["phone"], phone);
        // Nobody signed in, and somebody who would like to be.
        assert_eq!(bed.get("/me", "").status, 401);
        assert_eq!(bed.get("/headers", "").status, 401);
        let forged = [("X-WX-OPENID", "oAlice"), ("X_WX_OPENID", "oAlice")];
        assert_eq!(bed.send("GET", "/headers", &forged, b"").status, 401);
    }

    // Past the gateway: only what it has signed for this very service, and not long ago.
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let good = signed(P256, service.url(), now);
    assert_eq!(ask(&service, &good).good()["openid"], "oMallory");
    let [head, claims, signature] = parts(&good);
    let earlier = signed(P256, service.url(), now - 1);
    let other = parts(&earlier);
    let unsigned = |alg: &str| {
        let mut head: Value = serde_json::from_slice(&decoded(head)).unwrap();
        head["alg"] = alg.into();
        format!("{}.{claims}", encoded(head.to_string().as_bytes()))
    };
    for (what, wrong) in [
        ("nothing", String::new()),
        ("no token", "a.b.c".to_owned()),
        ("two parts", format!("{head}.{claims}")),
        ("another service", signed(P256, "http://127.0.0.1:1", now)),
        ("an old one", signed(P256, service.url(), now - 3600)),
        ("a stranger's key", signed(STRANGER, service.url(), now)),
        (
            "another's signature",
            format!("{head}.{claims}.{}", other[2]),
        ),
        ("no signature", format!("{head}.{claims}.")),
        ("zeros", format!("{head}.{claims}.{}", "A".repeat(86))),
        ("alg none", format!("{}.", unsigned("none"))),
        ("alg HS256", format!("{}.{signature}", unsigned("HS256"))),
        ("another alg", format!("{}.{signature}", unsigned("EdDSA"))),
        ("no key named", {
            let head = encoded(br#"{"alg":"ES256","typ":"JWT"}"#);
            format!("{head}.{claims}.{signature}")
        }),
        ("bytes behind", format!("{good}AAAA")),
    ] {
        let reply = ask(&service, &wrong);
        assert_eq!(reply.status, 401, "{what}: {}", reply.text());
    }
    // It still lives.
    assert_eq!(ask(&service, &good).status, 200);
}

/// What the gateway would sign with this key.
fn signed(pem: &str, audience: &str, now: u64) -> String {
    let config = Config {
        keys: vec![Secret::new(pem)],
        ..Config::default()
    };
    let claims = Claims {
        sub: "oMallory",
        aud: audience,
        appid: Some(APPID),
        unionid: None,
        phone: None,
        phone_country: None,
    };
    let signer = Signer::new(&config).unwrap().unwrap();
    let value = signer.sign(&claims, now).unwrap();
    value.to_str().unwrap().to_owned()
}

/// A request past the gateway, with forged headers beside the assertion.
fn ask(service: &Service, assertion: &str) -> Reply {
    let address = service.url().strip_prefix("http://").unwrap();
    let headers = [
        ("X-WX-ASSERTION", assertion),
        ("X-WX-OPENID", "oForged"),
        ("X-WX-SOURCE", "wx_client"),
    ];
    Client::connect(address.parse().unwrap()).send("GET", "/me", &headers, b"")
}

fn parts(assertion: &str) -> [&str; 3] {
    let parts: Vec<&str> = assertion.split('.').collect();
    parts.try_into().unwrap()
}

fn encoded(bytes: &[u8]) -> String {
    wxgate::auth::crypto::base64url(bytes)
}

fn decoded(part: &str) -> Vec<u8> {
    wxgate::auth::crypto::from_base64url(part.as_bytes()).unwrap()
}
