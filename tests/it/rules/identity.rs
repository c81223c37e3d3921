//! Who calls: always said by us (R4, R24), never another one (R16), never without knowing (R17).

use serde_json::json;
use wxgate::mock::{Fault, LoginCode};

use super::{forwarded, values};
use crate::harness::{APPID, Bed, Client, ROUTES, Seen};

/// What a client would be.
const FORGED: &[(&str, &str)] = &[
    ("X-WX-OPENID", "forged"),
    ("x-wx-appid", "forged"),
    ("X-Wx-UnionId", "forged"),
    ("X-WX-SOURCE", "wx_devtools"),
    ("X_WX_SOURCE", "wx_devtools"),
    ("x.wx.source", "wx_devtools"),
    ("X-WX-SOURCE", "wx_client"),
    ("X-WX-PHONE", "13800000000"),
    ("X-WX-PHONE-COUNTRY", "86"),
    ("X_WX_PHONE", "13800000000"),
];

const NAMES: [&str; 6] = [
    "x-wx-openid",
    "x-wx-appid",
    "x-wx-unionid",
    "x-wx-source",
    "x-wx-phone",
    "x-wx-phone-country",
];

/// The identity headers as the upstream got them, each in every spelling.
fn identity(seen: &Seen) -> [Vec<&str>; 6] {
    NAMES.map(|name| values(seen, name))
}

fn with<'a>(bearer: &'a str, others: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut headers = others.to_vec();
    headers.insert(headers.len() / 2, ("Authorization", bearer));
    headers
}

#[test]
fn each_identity_header_is_set_or_removed() {
    let bed = Bed::new();
    let control = bed.mock.control();
    let login = |openid: &str, unionid: Option<&str>| {
        let code = control.mint_login(LoginCode {
            openid: openid.to_owned(),
            unionid: unionid.map(str::to_owned),
            ..LoginCode::default()
        });
        let reply = bed.call("login", "", &json!({ "code": code }));
        format!("Bearer {}", reply.json()["token"].as_str().unwrap())
    };
    let (plain, united) = (login("oPlain", None), login("oUnited", Some("uOne")));
    let code = control.phone_code("oUnited");
    let reply = bed.call("phone", &united[7..], &json!({ "code": code }));
    let number = reply.json()["purePhoneNumber"].as_str().unwrap().to_owned();
    let nobody: [Vec<&str>; 6] = Default::default();
    let plain_is = [
        vec!["oPlain"],
        vec![APPID],
        vec![],
        vec!["wx_client"],
        vec![],
        vec![],
    ];
    let united_is = [
        vec!["oUnited"],
        vec![APPID],
        vec!["uOne"],
        vec!["wx_client"],
        vec![number.as_str()],
        vec!["86"],
    ];
    for (path, bearer, expected) in [
        ("/public/a", "", &nobody),
        ("/public/a", plain.as_str(), &nobody),
        ("/public/a", &united, &nobody),
        ("/optional/a", "", &nobody),
        ("/optional/a", "Bearer wxg_dead", &nobody),
        ("/optional/a", &plain, &plain_is),
        ("/optional/a", &united, &united_is),
        ("/api/a", &plain, &plain_is),
        ("/api/a", &united, &united_is),
        ("/phone/a", &united, &united_is),
    ] {
        for forged in [&[], FORGED] {
            let seen = forwarded(&bed, path, &with(bearer, forged));
            assert_eq!(identity(&seen), *expected, "{path} {bearer}");
            assert!(!format!("{seen:?}").contains("wx_devtools"));
        }
    }
}

#[test]
fn configured_names_carry_the_identity_and_empty_ones_do_not() {
    let bed = Bed::with(
        "[identity]\nopenid = \"X-User\"\nappid = \"\"\nsource = \"\"\n",
        ROUTES,
    );
    let bearer = format!("Bearer {}", bed.sign_in("oAlice"));
    let headers = with(&bearer, &[("x_user", "forged"), ("X-User", "forged")]);
    let seen = forwarded(&bed, "/api/a", &headers);
    assert_eq!(values(&seen, "x-user"), ["oAlice"]);
    let seen = forwarded(&bed, "/api/a", &with(&bearer, FORGED));
    let nobody: [Vec<&str>; 6] = Default::default();
    assert_eq!(identity(&seen), nobody);
}

#[test]
fn a_phone_route_is_not_opened_by_saying_a_number() {
    let bed = Bed::new();
    let bearer = format!("Bearer {}", bed.sign_in("oAlice"));
    let reply = bed.send("GET", "/phone/a", &with(&bearer, FORGED), b"");
    assert_eq!(reply.row(), (403, "phone_required".into(), "phone".into()));
    for path in ["/api/a", "/phone/a"] {
        let reply = bed.send("GET", path, FORGED, b"");
        assert_eq!(reply.code(), "session_missing");
    }
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn logins_at_one_moment_stay_apart() {
    const USERS: usize = 16;
    let bed = Bed::new();
    let control = bed.mock.control();
    control.hold("jscode2session");
    let openids: Vec<String> = (0..USERS).map(|user| format!("oUser{user}")).collect();
    let mut clients: Vec<Client> = openids
        .iter()
        .map(|openid| {
            let body = json!({ "code": control.login_code(openid) }).to_string();
            let mut client = bed.client();
            client.write(
                format!(
                    "POST /wxgate/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .as_bytes(),
            );
            client
        })
        .collect();
    // All of them wait at WeChat at once.
    let start = std::time::Instant::now();
    while control.calls("jscode2session") < USERS as u64 {
        assert!(
            start.elapsed() < std::time::Duration::from_secs(20),
            "{} calls",
            control.calls("jscode2session")
        );
        std::thread::yield_now();
    }
    control.release("jscode2session");
    for (client, openid) in clients.iter_mut().zip(&openids) {
        let token = client.reply(false).json()["token"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(bed.get("/api/a", &token).status, 200);
        assert_eq!(
            bed.upstream.last().header("x-wx-openid"),
            Some(openid.as_str())
        );
    }
}

#[test]
fn users_who_share_a_connection_stay_apart() {
    let bed = Bed::with("workers = 1\n", ROUTES);
    let users: Vec<(String, String)> = (0..5)
        .map(|user| {
            (
                format!("oUser{user}"),
                format!("Bearer {}", bed.sign_in(&format!("oUser{user}"))),
            )
        })
        .collect();
    let mut clients = [bed.client(), bed.client()];
    for step in 0..120_usize {
        // The same user twice, then others, with nobody and a dead token between.
        let (openid, bearer) = &users[step * step / 3 % users.len()];
        let client = &mut clients[step % 2];
        let (path, bearer, expected) = match step % 7 {
            3 => ("/optional/a", "Bearer wxg_dead", None),
            5 => ("/optional/a", "", None),
            6 => ("/public/a", bearer.as_str(), None),
            _ => ("/api/a", bearer.as_str(), Some(openid.as_str())),
        };
        let reply = client.send("GET", path, &[("Authorization", bearer)], b"");
        assert_eq!(reply.status, 200, "{step}");
        assert_eq!(
            bed.upstream.last().header("x-wx-openid"),
            expected,
            "{step}"
        );
    }
}

#[test]
fn a_log_out_is_seen_by_every_connection_at_once() {
    let bed = Bed::new();
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    let bearer = format!("Bearer {alice}");
    // On both workers, remembered by each connection.
    let mut clients: Vec<Client> = (0..8).map(|_| bed.client()).collect();
    for client in &mut clients {
        let reply = client.send("GET", "/api/a", &[("Authorization", &bearer)], b"");
        assert_eq!(reply.status, 200);
    }
    assert_eq!(bed.call("logout", &alice, &json!({})).status, 204);
    let before = bed.upstream.seen().len();
    for client in &mut clients {
        let reply = client.send("GET", "/api/a", &[("Authorization", &bearer)], b"");
        assert_eq!(reply.code(), "session_expired");
        let reply = client.send(
            "GET",
            "/api/a",
            &[("Authorization", &format!("Bearer {bob}"))],
            b"",
        );
        assert_eq!(reply.status, 200);
    }
    let openids: Vec<_> = bed.upstream.seen().split_off(before);
    assert!(
        openids
            .iter()
            .all(|seen| seen.header("x-wx-openid") == Some("oBob"))
    );
}

#[test]
fn a_wechat_that_fails_signs_nobody_in_and_nobody_out() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let control = bed.mock.control();
    for (fault, row) in [
        (Fault::status(500), (502, "wechat_failed", "retry")),
        (Fault::errcode(40125), (502, "misconfigured", "stop")),
    ] {
        control.fault("jscode2session", Fault { times: 5, ..fault });
        let code = control.login_code("oMallory");
        let reply = bed.call("login", "", &json!({ "code": code }));
        assert_eq!(reply.row(), (row.0, row.1.to_owned(), row.2.to_owned()));
        assert!(reply.json().get("token").is_none());
        control.heal();
        // Who is signed in already needs no WeChat.
        assert_eq!(bed.get("/api/a", &token).status, 200);
        assert_eq!(bed.upstream.last().header("x-wx-openid"), Some("oAlice"));
    }
}

#[test]
fn a_code_that_wechat_refuses_is_no_login() {
    let bed = Bed::new();
    let code = bed.mock.control().login_code("oAlice");
    assert_eq!(bed.call("login", "", &json!({ "code": code })).status, 200);
    for (code, word) in [(code.as_str(), "code_used"), ("unknown", "code_rejected")] {
        let reply = bed.call("login", "", &json!({ "code": code }));
        assert_eq!(reply.row(), (401, word.to_owned(), "login".to_owned()));
    }
}
