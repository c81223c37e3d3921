//! Rows that WeChat is the reason for.

use serde_json::json;
use wxgate::mock::Fault;

use super::Way;
use crate::harness::{Bed, Client, ROUTES, Reply};

const LOGIN: &str = "jscode2session";
const PHONE: &str = "getuserphonenumber";

/// A login that meets `fault`.
fn log_in(fault: Fault) -> Reply {
    let bed = Bed::new();
    bed.mock.fault(LOGIN, fault.always());
    let code = bed.mock.login_code("oAlice");
    bed.call("login", "", &json!({ "code": code }))
}

/// A phone code that meets `fault` at `api`.
fn tap(api: &str, fault: Fault) -> Reply {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.mock.fault(api, fault.always());
    bed.tap("oAlice", &token)
}

/// A key that is looked at, and `fault` met.
fn check(fault: Fault) -> Reply {
    let bed = Bed::new();
    let token = bed.sign_in("oAlice");
    bed.mock.fault("checksession", fault.always());
    bed.ask("session?check=wechat", &token)
}

/// The answer to one more login while `held` others wait for WeChat, which takes one at a time.
fn crowded() -> Reply {
    let bed = Bed::with(
        "[wechat]\napi = [\"{wechat}\"]\nconcurrency = 1\ntimeout = \"20s\"\n",
        ROUTES,
    );
    bed.mock.hold(LOGIN);
    let begin = || {
        let mut client = bed.client();
        let code = bed.mock.login_code("oAlice");
        client.begin("login", "", &json!({ "code": code }));
        client
    };
    // One is under way and one may wait: of three, one is told at once.
    let mut clients: Vec<Client> = (0..3).map(|_| begin()).collect();
    let (tell, told) = std::sync::mpsc::channel();
    let waiting: Vec<_> = clients
        .drain(..)
        .map(|mut client| {
            let tell = tell.clone();
            std::thread::spawn(move || tell.send(client.reply(false)))
        })
        .collect();
    let first = told
        .recv_timeout(std::time::Duration::from_secs(20))
        .unwrap();
    bed.mock.release(LOGIN);
    for thread in waiting {
        thread.join().unwrap().unwrap();
    }
    let others: Vec<u16> = told.try_iter().map(|reply| reply.status).collect();
    assert_eq!(others, [200, 200]);
    assert_eq!(bed.mock.peak(LOGIN), 1);
    first
}

/// The answer when WeChat takes longer than `wechat.timeout`.
fn late(api: &str) -> Reply {
    let bed = Bed::with(
        "[wechat]\napi = [\"{wechat}\"]\ntimeout = \"300ms\"\n",
        ROUTES,
    );
    let token = bed.sign_in("oAlice");
    bed.mock.hold(api);
    match api {
        LOGIN => {
            let code = bed.mock.login_code("oAlice");
            bed.call("login", "", &json!({ "code": code }))
        }
        PHONE | "stable_token" => bed.tap("oAlice", &token),
        _ => bed.ask("session?check=wechat", &token),
    }
}

pub const WAYS: &[Way] = &[
    ("code_rejected", "40029 at login", || {
        log_in(Fault::errcode(40029))
    }),
    ("code_used", "40163 at login", || {
        log_in(Fault::errcode(40163))
    }),
    ("code_used", "a code sent twice", || {
        let bed = Bed::new();
        let body = json!({ "code": bed.mock.login_code("oAlice") });
        bed.call("login", "", &body).good();
        bed.call("login", "", &body)
    }),
    ("user_blocked", "40226 at login", || {
        log_in(Fault::errcode(40226))
    }),
    ("user_blocked", "40226 at the phone", || {
        tap(PHONE, Fault::errcode(40226))
    }),
    ("rate_limited", "45011 at login", || {
        log_in(Fault::errcode(45011))
    }),
    ("rate_limited", "45011 at the phone", || {
        tap(PHONE, Fault::errcode(45011))
    }),
    ("rate_limited", "45011 at the access token", || {
        tap("stable_token", Fault::errcode(45011))
    }),
    ("rate_limited", "45011 at the check", || {
        check(Fault::errcode(45011))
    }),
    ("phone_code_rejected", "40029 at the phone", || {
        tap(PHONE, Fault::errcode(40029))
    }),
    ("phone_code_rejected", "40163 at the phone", || {
        tap(PHONE, Fault::errcode(40163))
    }),
    ("wrong_app", "40013 at the phone", || {
        tap(PHONE, Fault::errcode(40013))
    }),
    ("internal", "41002 at login", || {
        log_in(Fault::errcode(41002))
    }),
    ("internal", "41004 at login", || {
        log_in(Fault::errcode(41004))
    }),
    ("internal", "41008 at login", || {
        log_in(Fault::errcode(41008))
    }),
    ("internal", "47001 at the phone", || {
        tap(PHONE, Fault::errcode(47001))
    }),
    ("internal", "41002 at the access token", || {
        tap("stable_token", Fault::errcode(41002))
    }),
    ("internal", "87008 at the check", || {
        check(Fault::errcode(87008))
    }),
    ("misconfigured", "40013 at login", || {
        log_in(Fault::errcode(40013))
    }),
    ("misconfigured", "40125 at login", || {
        log_in(Fault::errcode(40125))
    }),
    ("misconfigured", "40243 at login", || {
        log_in(Fault::errcode(40243))
    }),
    ("misconfigured", "40001 at the access token", || {
        tap("stable_token", Fault::errcode(40001))
    }),
    ("misconfigured", "40125 at the access token", || {
        tap("stable_token", Fault::errcode(40125))
    }),
    ("misconfigured", "40164 at the access token", || {
        tap("stable_token", Fault::errcode(40164))
    }),
    ("misconfigured", "61004 at the access token", || {
        tap("stable_token", Fault::errcode(61004))
    }),
    ("misconfigured", "50004 at the access token", || {
        tap("stable_token", Fault::errcode(50004))
    }),
    ("misconfigured", "89503 at the access token", || {
        tap("stable_token", Fault::errcode(89503))
    }),
    ("misconfigured", "43002 at the phone", || {
        tap(PHONE, Fault::errcode(43002))
    }),
    ("misconfigured", "48001 at the phone", || {
        tap(PHONE, Fault::errcode(48001))
    }),
    ("misconfigured", "50002 at the phone", || {
        tap(PHONE, Fault::errcode(50002))
    }),
    ("misconfigured", "61003 at the phone", || {
        tap(PHONE, Fault::errcode(61003))
    }),
    ("misconfigured", "61024 at the phone", || {
        tap(PHONE, Fault::errcode(61024))
    }),
    ("misconfigured", "40234 at the phone", || {
        tap(PHONE, Fault::errcode(40234))
    }),
    ("misconfigured", "40237 at the check", || {
        check(Fault::errcode(40237))
    }),
    ("quota_exhausted", "45009 at login", || {
        log_in(Fault::errcode(45009))
    }),
    ("quota_exhausted", "45009 at the phone", || {
        tap(PHONE, Fault::errcode(45009))
    }),
    ("quota_exhausted", "45009 at the access token", || {
        tap("stable_token", Fault::errcode(45009))
    }),
    ("wechat_failed", "-1 twice", || log_in(Fault::errcode(-1))),
    ("wechat_failed", "an errcode that nobody knows", || {
        log_in(Fault::errcode(99_999))
    }),
    ("wechat_failed", "an errcode that is a text", || {
        log_in(Fault::body(
            "{\"errcode\":\"-1\",\"errmsg\":\"system error\"}",
        ))
    }),
    ("wechat_failed", "HTTP 500", || log_in(Fault::status(500))),
    ("wechat_failed", "HTTP 302", || log_in(Fault::status(302))),
    ("wechat_failed", "a page instead of JSON", || {
        tap(PHONE, Fault::body("<html>"))
    }),
    ("wechat_failed", "an empty object", || {
        log_in(Fault::body("{}"))
    }),
    ("wechat_failed", "an empty object for a phone", || {
        tap(PHONE, Fault::body("{\"errcode\":0}"))
    }),
    (
        "wechat_failed",
        "an access token refused that is given again",
        || tap(PHONE, Fault::errcode(40001)),
    ),
    ("wechat_failed", "nobody there", || {
        let mut bed = Bed::new();
        bed.lose_wechat();
        bed.call("login", "", &json!({ "code": "c" }))
    }),
    ("wechat_timeout", "it closes without an answer", || {
        log_in(Fault::close())
    }),
    ("wechat_timeout", "it closes within its answer", || {
        log_in(Fault::cut_short())
    }),
    ("wechat_timeout", "a login that takes long", || late(LOGIN)),
    ("wechat_timeout", "a phone that takes long", || late(PHONE)),
    ("wechat_timeout", "an access token that takes long", || {
        late("stable_token")
    }),
    ("wechat_timeout", "a check that takes long", || {
        late("checksession")
    }),
    ("overloaded", "the queue to WeChat is full", crowded),
];
