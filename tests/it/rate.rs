//! Who may ask how often, and be there how often at once: endpoints, routes, connections of an address.

use std::net::SocketAddr;

use serde_json::json;
use socket2::{Domain, Socket, Type};
use wxgate::mock::{Kind, Order};

use crate::harness::{Bed, Client, Reply, sealed, until};

/// Behind a proxy that says whom requests are from.
const BEHIND: &str = "[proxies]\ntrusted = [\"127.0.0.0/8\"]\n";

/// A route of each kind.
const ROUTES: &str = r#"
[[route]]
path = "/free"
require = "none"
to = "{upstream}"
[[route]]
path = "/public"
require = "none"
to = "{upstream}"
rate = { limit = "1/m", burst = 3 }
[[route]]
path = "/signed"
to = "{upstream}"
rate = { per = "address", limit = "1/m", burst = 3 }
[[route]]
path = "/user"
require = "optional"
to = "{upstream}"
rate = { per = "user", limit = "1/m", burst = 2 }
"#;

/// A login of Alice from `client`.
fn log_in_from(bed: &Bed, client: &str) -> u16 {
    let body = json!({ "code": bed.mock.login_code("oAlice") }).to_string();
    let headers = [("X-Forwarded-For", client)];
    bed.send("POST", "/wxgate/login", &headers, body.as_bytes())
        .status
}

/// A request from `client`.
fn ask_from(bed: &Bed, path: &str, client: &str) -> u16 {
    bed.send("GET", path, &[("X-Forwarded-For", client)], b"")
        .status
}

/// Whether this is a refusal for asking too often under a rule of one a minute.
#[track_caller]
fn is_refused(reply: &Reply) {
    reply.is(429, "rate_limited", "wait");
    assert_eq!(reply.header("x-wxgate-refusal"), Some("rate_limited"));
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
}

#[test]
fn logins_count_by_address_and_a_refused_one_costs_no_call() {
    let bed = Bed::with(
        "[rate]\nlogin = { limit = \"1/m\", burst = 2 }\n",
        crate::harness::ROUTES,
    );
    let token = bed.sign_in("oAlice");
    bed.sign_in("oBob");
    let code = json!({ "code": bed.mock.login_code("oCarol") });
    is_refused(&bed.call("login", "", &code));
    // A forged chain is nobody's address.
    assert_eq!(log_in_from(&bed, "192.0.2.1"), 429);
    assert_eq!(bed.mock.calls("jscode2session"), 2);
    // Nothing else is slowed down.
    assert_eq!(bed.ask("session", &token).status, 200);
    assert_eq!(bed.get("/api", &token).status, 200);
    assert_eq!(bed.tap("oAlice", &token).status, 200);
}

#[test]
fn the_address_is_the_true_clients_and_ipv6_counts_by_network() {
    let top = format!("{BEHIND}[rate]\nlogin = {{ limit = \"1/m\" }}\n");
    let bed = Bed::with(&top, ROUTES);
    for (client, status) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("6.6.6.6, 192.0.2.2", 429),
        ("::ffff:192.0.2.2", 429),
        ("2001:db8::1", 200),
        ("2001:db8::2:3:4:5", 429),
        ("2001:db8:0:1::1", 200),
    ] {
        assert_eq!(log_in_from(&bed, client), status, "{client}");
    }
}

#[test]
fn phone_numbers_count_by_user_and_a_refused_one_is_not_paid_for() {
    let bed = Bed::with(
        "[rate]\nphone = { limit = \"1/m\", burst = 2 }\n",
        crate::harness::ROUTES,
    );
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    assert_eq!(bed.tap("oAlice", &alice).status, 200);
    let order = Order::new("oAlice", Kind::Phone);
    let data = sealed(&bed.mock.seal(&order).unwrap());
    assert_eq!(bed.call("phone", &alice, &data).status, 200);
    is_refused(&bed.tap("oAlice", &alice));
    is_refused(&bed.call("phone", &alice, &data));
    assert_eq!(bed.mock.calls("getuserphonenumber"), 1);
    // A second device is the same user, another user is not.
    is_refused(&bed.tap("oAlice", &bed.sign_in("oAlice")));
    assert_eq!(bed.tap("oBob", &bob).status, 200);
}

#[test]
fn profiles_and_other_open_data_share_a_count() {
    let bed = Bed::with(
        "[rate]\ndecrypt = { limit = \"1/m\", burst = 2 }\n",
        crate::harness::ROUTES,
    );
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    let data = |openid: &str, kind| sealed(&bed.mock.seal(&Order::new(openid, kind)).unwrap());
    let profile = data("oAlice", Kind::Profile);
    assert_eq!(bed.call("userinfo", &alice, &profile).status, 200);
    let steps = data("oAlice", Kind::Steps);
    assert_eq!(bed.call("decrypt", &alice, &steps).status, 200);
    is_refused(&bed.call("decrypt", &alice, &steps));
    is_refused(&bed.call("userinfo", &alice, &profile));
    let steps = data("oBob", Kind::Steps);
    assert_eq!(bed.call("decrypt", &bob, &steps).status, 200);
}

#[test]
fn a_rule_of_an_endpoint_may_go_by_address_too() {
    let top = "[rate]\nphone = { per = \"address\", limit = \"1/m\", burst = 1 }\n";
    let bed = Bed::with(top, crate::harness::ROUTES);
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    assert_eq!(bed.tap("oAlice", &alice).status, 200);
    is_refused(&bed.tap("oBob", &bob));
}

#[test]
fn a_route_counts_by_address_whoever_asks_and_whatever_they_show() {
    let bed = Bed::with(BEHIND, ROUTES);
    for path in ["/public", "/signed"] {
        let expected = if path == "/public" { 200 } else { 401 };
        for turn in 0..3 {
            assert_eq!(ask_from(&bed, path, "192.0.2.1"), expected, "{path} {turn}");
        }
        let headers = [("X-Forwarded-For", "192.0.2.1")];
        is_refused(&bed.send("GET", path, &headers, b""));
        // A token is not even looked at.
        let headers = [headers[0], ("Authorization", "Bearer wxg_guess")];
        is_refused(&bed.send("GET", path, &headers, b""));
        assert_eq!(ask_from(&bed, path, "192.0.2.2"), expected, "{path}");
    }
    assert_eq!(bed.upstream.seen().len(), 4);
    for _ in 0..10 {
        assert_eq!(ask_from(&bed, "/free", "192.0.2.1"), 200);
    }
}

#[test]
fn a_route_that_counts_by_user_counts_strangers_by_address() {
    let bed = Bed::with(BEHIND, ROUTES);
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    let again = bed.sign_in("oAlice");
    assert_eq!(bed.get("/user", &alice).status, 200);
    assert_eq!(bed.get("/user", &again).status, 200);
    is_refused(&bed.get("/user", &alice));
    assert_eq!(bed.get("/user", &bob).status, 200);
    for (client, status) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("192.0.2.2", 200),
    ] {
        assert_eq!(ask_from(&bed, "/user", client), status, "{client}");
    }
}

/// A connection from `address`.
fn connect_from(bed: &Bed, address: [u8; 4]) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::from((address, 0));
    socket.bind(&from.into()).unwrap();
    socket.connect(&bed.address().into()).unwrap();
    Client::over(socket.into())
}

#[test]
fn an_address_has_so_many_connections_at_once_whatever_workers_have_them() {
    let bed = Bed::with("workers = 4\n[limits]\nper_address = 3\n", ROUTES);
    let mut good: Vec<Client> = (0..3).map(|_| bed.client()).collect();
    for client in &mut good {
        assert_eq!(client.send("GET", "/free", &[], b"").status, 200);
    }
    let mut crowded = bed.client();
    let reply = crowded.reply(false);
    reply.is(503, "overloaded", "retry");
    assert!(
        reply.text().contains("limits.per_address"),
        "{}",
        reply.text()
    );
    assert!(reply.header("retry-after").is_some());
    assert!(crowded.is_closed());
    // Others do not notice, nor do those that were there.
    let mut other = connect_from(&bed, [127, 0, 0, 2]);
    assert_eq!(other.send("GET", "/free", &[], b"").status, 200);
    for client in &mut good {
        assert_eq!(client.send("GET", "/free", &[], b"").status, 200);
    }
    // What ends makes room.
    drop(good.pop());
    until("there is room again", || {
        let mut client = bed.client();
        client.write(b"GET /free HTTP/1.1\r\nHost: a\r\n\r\n");
        client.reply(false).status == 200
    });
}

#[test]
fn connections_of_a_trusted_proxy_are_many_clients() {
    let bed = Bed::with(&format!("{BEHIND}[limits]\nper_address = 1\n"), ROUTES);
    let mut clients: Vec<Client> = (0..20).map(|_| bed.client()).collect();
    for client in &mut clients {
        assert_eq!(client.send("GET", "/free", &[], b"").status, 200);
    }
}

#[test]
fn all_workers_count_together() {
    let routes = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\nrate = { limit = \"1/h\", burst = 10 }\n";
    let bed = Bed::with("workers = 4\n", routes);
    let mut clients: Vec<Client> = (0..40).map(|_| bed.client()).collect();
    let statuses = clients
        .iter_mut()
        .map(|client| client.send("GET", "/", &[], b"").status);
    let passed = statuses.filter(|status| *status == 200).count();
    assert_eq!(passed, 10);
    assert_eq!(bed.upstream.seen().len(), 10);
}
