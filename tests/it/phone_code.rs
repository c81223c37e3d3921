//! A phone code costs money: it is never lost, never spent twice, and never somebody else's.

use serde_json::{Value, json};
use wxgate::mock::{Fault, Kind, LoginCode, PhoneCode};

use crate::harness::{APPID, Bed, Client, OTHER_APP, ROUTES, apps, sealed, token, until};

const API: &str = "getuserphonenumber";

/// The phone that the upstream is told.
fn forwarded(bed: &Bed, token: &str) -> Option<String> {
    assert_eq!(bed.get("/api", token).status, 200);
    bed.upstream.last().header("x-wx-phone").map(str::to_owned)
}

fn code(bed: &Bed, openid: &str) -> Value {
    json!({ "code": bed.mock.phone_code(openid) })
}

#[test]
fn a_client_that_hangs_up_and_asks_again_gets_the_answer_of_the_one_call() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let (number, body) = (bed.mock.user("oAlice").phone, code(&bed, "oAlice"));
    bed.mock.hold(API);
    let mut gone = bed.client();
    gone.begin("phone", &token, &body);
    bed.called(API, 1);
    drop(gone);
    // While WeChat still has not answered.
    let mut again = bed.client();
    again.begin("phone", &token, &body);
    bed.ask("session", &token).good();
    bed.mock.release(API);
    assert_eq!(again.reply(false).good()["purePhoneNumber"], number);
    assert_eq!(forwarded(&bed, &token), Some(number.clone()));
    // And long after.
    let late = bed.call("phone", &token, &body).good();
    assert_eq!(late["purePhoneNumber"], number);
    assert_eq!(bed.mock.calls(API), 1);
}

#[test]
fn the_number_is_remembered_though_nobody_waits_for_it() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let body = code(&bed, "oAlice");
    bed.mock.hold(API);
    let mut gone = bed.client();
    gone.begin("phone", &token, &body);
    bed.called(API, 1);
    drop(gone);
    bed.mock.release(API);
    until("the phone is known", || {
        bed.ask("session", &token).good()["phone"] == true
    });
    assert_eq!(forwarded(&bed, &token), Some(bed.mock.user("oAlice").phone));
    bed.call("phone", &token, &body).good();
    assert_eq!(bed.mock.calls(API), 1);
}

#[test]
fn equal_calls_at_once_share_one_flight() {
    let bed = Bed::new();
    // Two devices of one user.
    let tokens = [bed.sign_in("oAlice"), bed.sign_in("oAlice")];
    let body = code(&bed, "oAlice");
    bed.mock.hold(API);
    let mut clients: Vec<Client> = (0..8)
        .map(|n| {
            let mut client = bed.client();
            client.begin("phone", &tokens[n % 2], &body);
            client
        })
        .collect();
    bed.called(API, 1);
    bed.ask("session", &tokens[0]).good();
    bed.mock.release(API);
    let number = bed.mock.user("oAlice").phone;
    for client in &mut clients {
        assert_eq!(client.reply(false).good()["purePhoneNumber"], number);
    }
    assert_eq!(bed.mock.calls(API), 1);
}

#[test]
fn another_user_gets_nothing_by_the_same_code() {
    let bed = Bed::new();
    let (alice, bob) = (bed.sign_in("oAlice"), bed.sign_in("oBob"));
    let body = code(&bed, "oAlice");
    bed.mock.hold(API);
    let mut first = bed.client();
    first.begin("phone", &alice, &body);
    bed.called(API, 1);
    let mut second = bed.client();
    second.begin("phone", &bob, &body);
    bed.called(API, 2);
    bed.mock.release(API);
    first.reply(false).good();
    second
        .reply(false)
        .is(400, "phone_code_rejected", "tap_again");
    // With the result kept for Alice.
    bed.call("phone", &bob, &body)
        .is(400, "phone_code_rejected", "tap_again");
    assert_eq!(forwarded(&bed, &bob), None);
    bed.call("phone", "", &body)
        .is(401, "session_missing", "login");
}

#[test]
fn the_same_text_in_two_apps_is_two_codes() {
    let bed = Bed::with(&apps(&[APPID, OTHER_APP]), ROUTES);
    let mut numbers = Vec::new();
    for (appid, phone) in [(APPID, "13900000001"), (OTHER_APP, "13900000002")] {
        let token = bed.sign_in_at(appid, "oTwin");
        let code = bed.mock.mint_phone(PhoneCode {
            openid: "oTwin".to_owned(),
            appid: Some(appid.to_owned()),
            phone: Some(phone.to_owned()),
            code: Some("the-same-text".to_owned()),
            ..PhoneCode::default()
        });
        bed.call("phone", &token, &json!({ "code": code })).good();
        numbers.push(forwarded(&bed, &token).unwrap());
    }
    assert_eq!(numbers, ["13900000001", "13900000002"]);
    assert_eq!(bed.mock.calls(API), 2);
}

#[test]
fn a_failure_that_used_nothing_up_is_not_kept() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    let body = code(&bed, "oAlice");
    for (fault, status, code) in [
        (Fault::errcode(-1).times(2), 502, "wechat_failed"),
        (Fault::status(502).times(2), 502, "wechat_failed"),
        (Fault::close(), 504, "wechat_timeout"),
        (Fault::errcode(45011), 429, "rate_limited"),
    ] {
        bed.mock.fault(API, fault);
        let reply = bed.call("phone", &token, &body);
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        assert_eq!(forwarded(&bed, &token), None);
    }
    bed.call("phone", &token, &body).good();
}

#[test]
fn a_busy_wechat_is_asked_once_more() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.mock.fault(API, Fault::errcode(-1));
    bed.tap("oAlice", &token).good();
    assert_eq!(bed.mock.calls(API), 2);
}

#[test]
fn a_refused_access_token_is_fetched_again_and_the_call_made_once_more() {
    for spoil in [
        (|bed: &Bed| bed.mock.revoke_access_token(APPID)) as fn(&Bed),
        |bed| bed.mock.expire_access_token(APPID),
        |bed| {
            bed.mock.fault(API, Fault::errcode(40014));
            bed.mock.revoke_access_token(APPID);
        },
    ] {
        let bed = Bed::new();
        let token = bed.sign_in("oAlice");
        bed.tap("oAlice", &token).good();
        assert_eq!(
            (bed.mock.calls(API), bed.mock.calls("stable_token")),
            (1, 1)
        );
        spoil(&bed);
        bed.tap("oAlice", &token).good();
        assert_eq!(
            (bed.mock.calls(API), bed.mock.calls("stable_token")),
            (3, 2)
        );
        bed.tap("oAlice", &token).good();
        assert_eq!(
            (bed.mock.calls(API), bed.mock.calls("stable_token")),
            (4, 2)
        );
    }
}

#[test]
fn the_same_access_token_again_is_not_tried_again() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.tap("oAlice", &token).good();
    bed.mock.fault(API, Fault::errcode(40001).always());
    bed.tap("oAlice", &token).is(502, "wechat_failed", "retry");
    assert_eq!(
        (bed.mock.calls(API), bed.mock.calls("stable_token")),
        (2, 2)
    );
    bed.mock.heal();
    bed.tap("oAlice", &token).good();
}

#[test]
fn calls_at_once_share_one_refresh_of_the_access_token() {
    let bed = Bed::new();
    let tokens: Vec<String> = (0..8).map(|n| bed.sign_in(&format!("oUser{n}"))).collect();
    bed.mock.hold("stable_token");
    let mut clients: Vec<Client> = tokens
        .iter()
        .enumerate()
        .map(|(n, token)| {
            let mut client = bed.client();
            client.begin("phone", token, &code(&bed, &format!("oUser{n}")));
            client
        })
        .collect();
    bed.called("stable_token", 1);
    bed.ask("session", &tokens[0]).good();
    bed.mock.release("stable_token");
    for client in &mut clients {
        client.reply(false).good();
    }
    assert_eq!(
        (bed.mock.calls("stable_token"), bed.mock.calls(API)),
        (1, 8)
    );
}

#[test]
fn a_login_whose_client_hangs_up_is_finished_all_the_same() {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.mock.hold("jscode2session");
    // WeChat hands out a new key with this login, which nobody waits for.
    let order = LoginCode {
        openid: "oAlice".to_owned(),
        session_key: Some("EBESExQVFhcYGRobHB0eHw==".to_owned()),
        ..LoginCode::default()
    };
    let code = bed.mock.mint_login(order);
    let mut gone = bed.client();
    gone.begin("login", "", &json!({ "code": code }));
    bed.called("jscode2session", 2);
    drop(gone);
    let data = sealed(&bed.mock.open_data("oAlice", Kind::Steps).unwrap());
    bed.call("decrypt", &token, &data)
        .is(409, "session_key_stale", "login_then_tap");
    bed.mock.release("jscode2session");
    until("the key is known", || {
        bed.call("decrypt", &token, &data).status == 200
    });
}

#[test]
fn a_number_for_a_session_that_ended_meanwhile_is_the_users_all_the_same() {
    let bed = Bed::new();
    let alice = bed.sign_in("oAlice");
    bed.mock.hold(API);
    let mut tapping = bed.client();
    tapping.begin("phone", &alice, &code(&bed, "oAlice"));
    bed.called(API, 1);
    assert_eq!(bed.call("logout", &alice, &json!({})).status, 204);
    bed.mock.release(API);
    tapping.reply(false).good();
    let order = LoginCode {
        openid: "oAlice".to_owned(),
        ..LoginCode::default()
    };
    let login = bed.log_in(order);
    assert_eq!(login.good()["phone"], true, "it was paid for");
    bed.get("/api", &alice).is(401, "session_expired", "login");
    assert_eq!(bed.get("/phone", &token(&login)).status, 200);
}
