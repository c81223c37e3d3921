//! WeChat goes away, slows down or turns us off: who is signed in stays so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use wxgate::mock::{Fault, Kind};

use crate::harness::{APPID, Bed, Client, OTHER_APP, ROUTES, apps, sealed, until};

#[test]
fn nobody_is_signed_out_when_wechat_goes_away_under_load() {
    let mut bed = Bed::with("[wechat]\napi = [\"{wechat}\"]\ntimeout = \"2s\"\n", ROUTES);
    let address = bed.address();
    let users: Vec<(String, String)> = (0..4)
        .map(|n| format!("oUser{n}"))
        .map(|openid| (bed.sign_in(&openid), openid))
        .collect();
    let codes: Vec<String> = (0..400).map(|_| bed.mock.login_code("oNewcomer")).collect();
    let (gone, enough) = (AtomicBool::new(false), AtomicBool::new(false));
    let (before, after, proxied) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for (token, _) in &users {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                while !enough.load(Ordering::SeqCst) {
                    assert_eq!(client.get("/api", token).status, 200);
                    proxied.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        scope.spawn(|| {
            let mut client = Client::connect(address);
            for code in codes.iter().cycle() {
                if enough.load(Ordering::SeqCst) {
                    return;
                }
                let was_gone = gone.load(Ordering::SeqCst);
                client.begin("login", "", &json!({ "code": code }));
                let reply = client.reply(false);
                if was_gone {
                    reply.is(502, "wechat_failed", "retry");
                    after.fetch_add(1, Ordering::SeqCst);
                } else if reply.status == 200 {
                    before.fetch_add(1, Ordering::SeqCst);
                } else {
                    let words = ["wechat_failed", "wechat_timeout", "code_used"];
                    assert!(words.contains(&reply.code().as_str()), "{}", reply.text());
                }
            }
        });
        until("logins and requests", || {
            before.load(Ordering::SeqCst) > 3 && proxied.load(Ordering::SeqCst) > 50
        });
        bed.lose_wechat();
        gone.store(true, Ordering::SeqCst);
        let then = proxied.load(Ordering::SeqCst);
        until("failures and requests", || {
            after.load(Ordering::SeqCst) > 3 && proxied.load(Ordering::SeqCst) > then + 50
        });
        enough.store(true, Ordering::SeqCst);
    });
    for (token, openid) in &users {
        let failed = bed.tap(openid, token);
        failed.is(502, "wechat_failed", "retry");
        assert_eq!(failed.header("x-wxgate-refusal"), Some("wechat_failed"));
        bed.ask("session?check=wechat", token)
            .is(502, "wechat_failed", "retry");
        bed.ask("session", token).good();
        assert_eq!(bed.get("/api", token).status, 200);
    }
}

#[test]
fn data_is_opened_without_wechat() {
    let mut bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let phone = sealed(&bed.mock.open_data("oAlice", Kind::Phone).unwrap());
    let profile = sealed(&bed.mock.open_data("oAlice", Kind::Profile).unwrap());
    let steps = sealed(&bed.mock.open_data("oAlice", Kind::Steps).unwrap());
    bed.lose_wechat();
    bed.call("phone", &token, &phone).good();
    bed.call("userinfo", &token, &profile).good();
    bed.call("decrypt", &token, &steps).good();
    assert_eq!(bed.get("/phone", &token).status, 200);
}

#[test]
fn a_login_that_fails_leaves_the_old_session_as_it_was() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    for (fault, status, code) in [
        (Fault::close(), 504, "wechat_timeout"),
        (Fault::cut_short(), 504, "wechat_timeout"),
        (Fault::status(500).times(2), 502, "wechat_failed"),
        (Fault::body("{").times(2), 502, "wechat_failed"),
        (Fault::body("{}").times(2), 502, "wechat_failed"),
        (
            Fault::body("x".repeat(70_000)).times(2),
            502,
            "wechat_failed",
        ),
        (Fault::errcode(40029), 401, "code_rejected"),
        (Fault::errcode(40163), 401, "code_used"),
        (Fault::errcode(40226), 403, "user_blocked"),
        (Fault::errcode(45011), 429, "rate_limited"),
        (Fault::errcode(41008), 500, "internal"),
        (Fault::errcode(40125), 502, "misconfigured"),
    ] {
        bed.mock.heal();
        bed.mock.fault("jscode2session", fault);
        let body = json!({ "code": bed.mock.login_code("oAlice") });
        let reply = bed.call("login", &token, &body);
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(bed.get("/api", &token).status, 200);
        let left = bed.ask("session", &token).good()["expires_in"].as_u64();
        assert!(left > Some(86_400), "{code}: {left:?}");
    }
}

#[test]
fn an_operators_error_is_asked_about_once_and_concerns_one_app() {
    let bed = Bed::with(&apps(&[APPID, OTHER_APP]), ROUTES);
    bed.mock.fault("jscode2session", Fault::errcode(40125));
    for _ in 0..5 {
        let body = json!({ "code": bed.mock.login_code("oAlice"), "appid": APPID });
        bed.call("login", "", &body)
            .is(502, "misconfigured", "stop");
    }
    assert_eq!(bed.mock.calls("jscode2session"), 1, "WeChat is left alone");
    let token = bed.sign_in_at(OTHER_APP, "oAlice");
    assert_eq!(bed.get("/api", &token).status, 200);
}

#[test]
fn a_slow_wechat_holds_up_nobody_else() {
    let bed = Bed::new();
    let alice = bed.sign_in("oAlice");
    bed.mock.hold("jscode2session");
    bed.mock.hold("getuserphonenumber");
    let mut waiting: Vec<Client> = (0..8)
        .map(|n| {
            let mut client = bed.client();
            let code = bed.mock.login_code(&format!("oWaiting{n}"));
            client.begin("login", "", &json!({ "code": code }));
            client
        })
        .collect();
    let mut tapping = bed.client();
    let code = bed.mock.phone_code("oAlice");
    tapping.begin("phone", &alice, &json!({ "code": code }));
    bed.called("jscode2session", 9);
    bed.called("getuserphonenumber", 1);
    for _ in 0..20 {
        assert_eq!(bed.get("/api", &alice).status, 200);
        bed.ask("session", &alice).good();
        assert_eq!(bed.ask("health", "").status, 200);
    }
    bed.mock.heal();
    for client in &mut waiting {
        client.reply(false).good();
    }
    tapping.reply(false).good();
}
