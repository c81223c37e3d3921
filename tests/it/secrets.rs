//! What is planted is seen nowhere: in no line of any log, in no error, in no `Debug`.

mod debug;
mod stage;

use serde_json::json;
use wxgate::mock::{Fault, Kind, LoginCode, PhoneCode, Under};

use crate::harness::{sealed, signed};
use stage::{KEY, OPENID, PHONE, Stage, UNIONID};

/// A login with a code of Alice's.
fn log_in(stage: &mut Stage) -> String {
    let code = stage.mock.mint_login(LoginCode {
        openid: OPENID.to_owned(),
        unionid: Some(UNIONID.to_owned()),
        session_key: Some(KEY.to_owned()),
        ..LoginCode::default()
    });
    stage.plant("login code", &code);
    let reply = stage.call("login", "", &json!({ "code": code }));
    let token = crate::harness::token(&reply);
    stage.plant("token", &token);
    token
}

fn phone_code(stage: &mut Stage) -> serde_json::Value {
    let code = stage.mock.mint_phone(PhoneCode {
        openid: OPENID.to_owned(),
        phone: Some(PHONE.to_owned()),
        ..PhoneCode::default()
    });
    stage.plant("phone code", &code);
    json!({ "code": code })
}

/// All goes well.
fn a_good_day(stage: &mut Stage, token: &str) {
    let code = phone_code(stage);
    assert_eq!(stage.call("phone", token, &code).status, 200);
    let access_token = stage.mock.last("getuserphonenumber").unwrap().query["access_token"].clone();
    stage.plant("access token", &access_token);
    for kind in [Kind::Phone, Kind::Profile, Kind::Steps] {
        let endpoint = match kind {
            Kind::Phone => "phone",
            Kind::Profile => "userinfo",
            _ => "decrypt",
        };
        let data = sealed(&stage.mock.open_data(OPENID, kind).unwrap());
        assert_eq!(stage.call(endpoint, token, &data).status, 200);
    }
    let profile = stage.mock.sign(OPENID, None, &Under::Current).unwrap();
    assert_eq!(stage.call("userinfo", token, &signed(&profile)).status, 200);
    assert_eq!(stage.get("/wxgate/session?check=wechat", token).status, 200);
    for path in ["/api", "/phone", "/optional", "/public"] {
        assert_eq!(stage.get(path, token).status, 200, "{path}");
    }
}

/// Clients put things where they do not belong.
fn clumsy_clients(stage: &mut Stage, token: &str) {
    let code = stage.mock.login_code(OPENID);
    stage.plant("login code", &code);
    let bearer = format!("Bearer {token}");
    for target in [
        format!("/wxgate/login?code={code}"),
        format!("/wxgate/session?token={token}"),
        format!("/wxgate/{token}"),
        format!("/public/{token}?token={token}&{token}&phone={PHONE}&code={code}"),
        format!("/api/..%2f{token}"),
        format!("/nowhere/{token}"),
        format!("/down?code={code}"),
        format!("/public/closes?openid={OPENID}"),
        format!("/public/silent?key={KEY}"),
    ] {
        stage.send("GET", &target, &[("Authorization", &bearer)], b"");
    }
    for (name, value) in [
        ("Authorization", format!("Basic {token}")),
        ("Authorization", format!("Bearer {token}x")),
        ("Cookie", format!("__Host-sid={token}; token={token}")),
        ("User-Agent", format!("curl {token}")),
        (
            "Referer",
            format!("https://a.test/?token={token}&phone={PHONE}"),
        ),
        ("X-Token", token.to_owned()),
        ("X_WX_OPENID", OPENID.to_owned()),
        ("X-WX-PHONE", PHONE.to_owned()),
        ("Host", token.to_owned()),
        ("Connection", token.to_owned()),
    ] {
        for path in ["/api", "/public", "/wxgate/session"] {
            stage.send("GET", path, &[(name, &value)], b"");
        }
    }
    for body in [
        format!("{{\"code\":\"{code}"),
        format!("{{\"code\":{code}}}"),
        format!("{{\"code\":[\"{code}\"]}}"),
        format!("{{\"appid\":\"{code}\",\"code\":\"{code}\"}}"),
        format!("{{\"encryptedData\":\"{token}\",\"iv\":\"{token}\"}}"),
        format!("{{\"rawData\":\"{PHONE}\",\"signature\":\"{KEY}\"}}"),
        code.clone(),
    ] {
        for endpoint in ["login", "phone", "userinfo", "decrypt"] {
            let path = format!("/wxgate/{endpoint}");
            let headers = [("Authorization", bearer.as_str())];
            stage.send("POST", &path, &headers, body.as_bytes());
        }
    }
    let wrong = json!({ "everywhere": token });
    assert_eq!(stage.call("logout", token, &wrong).status, 400);
}

/// WeChat has a bad day, and repeats what it was told.
fn a_bad_day(stage: &mut Stage, token: &str) {
    let echo = stage.planted_words();
    let faults = || {
        let told = |errcode: i64| {
            Fault::body(json!({ "errcode": errcode, "errmsg": echo, "rid": echo }).to_string())
        };
        [
            told(-1).times(2),
            told(40029),
            told(40163),
            told(40226),
            told(45011),
            told(41002),
            told(99_999),
            Fault::body(echo.clone()).times(2),
            Fault::body(json!({ "session_key": KEY, "openid": echo }).to_string()),
            Fault::body(json!({ "phone_info": { "phoneNumber": echo } }).to_string()),
            Fault::status(500).times(2),
            Fault::close(),
            Fault::cut_short(),
            told(40001),
            told(42001),
            told(87009),
            // After these WeChat is left alone for a while.
            told(40125),
        ]
    };
    for api in [
        "checksession",
        "stable_token",
        "getuserphonenumber",
        "jscode2session",
    ] {
        for fault in faults() {
            stage.mock.heal();
            if api == "stable_token" {
                stage.mock.revoke_access_token(crate::harness::APPID);
            }
            stage.mock.fault(api, fault);
            if api == "jscode2session" {
                let code = stage.mock.login_code(OPENID);
                stage.plant("login code", &code);
                stage.call("login", "", &json!({ "code": code }));
            } else if api == "checksession" {
                stage.get("/wxgate/session?check=wechat", token);
            } else {
                let code = phone_code(stage);
                stage.call("phone", token, &code);
            }
        }
    }
    stage.mock.heal();
}

/// WeChat does not answer, and then there is none.
fn no_wechat(stage: &mut Stage, token: &str) {
    for api in ["jscode2session", "getuserphonenumber"] {
        stage.mock.hold(api);
        let code = phone_code(stage);
        stage.call("login", "", &code);
        stage.call("phone", token, &code);
        stage.mock.heal();
    }
    stage.lose_wechat();
    let code = json!({ "code": "0a1b2c3d4e5f60718293a4b5c6d7e8f9" });
    stage.plant("login code", "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
    stage.call("login", "", &code);
    stage.call("phone", token, &code);
    stage.get("/wxgate/session?check=wechat", token);
    stage.get("/api", token);
}

#[test]
fn what_is_planted_is_in_no_line_and_in_no_error() {
    for (format, openid) in [("json", "digest"), ("text", "digest"), ("json", "plain")] {
        let mut stage = Stage::new(format, openid);
        let token = log_in(&mut stage);
        a_good_day(&mut stage, &token);
        clumsy_clients(&mut stage, &token);
        assert_eq!(stage.get("/api", &token).status, 200, "still signed in");
        a_bad_day(&mut stage, &token);
        no_wechat(&mut stage, &token);
        let logout = json!({ "everywhere": true });
        assert_eq!(stage.call("logout", &token, &logout).status, 204);
        stage.get("/api", &token);
        let (requests, log, planted) = stage.end();

        let told = [
            "code2Session",
            "getuserphonenumber",
            "stable_token",
            "could not be reached",
        ];
        for word in told {
            assert!(log.contains(word), "{word} is not spoken of");
        }
        let lines = log
            .lines()
            .filter(|line| line.contains("127.0.0.1") && line.contains("/wxgate/"));
        assert!(lines.count() > 60 && requests > 100, "{requests} requests");
        for (what, value) in &planted {
            let shown = log.lines().find(|line| line.contains(value.as_str()));
            let may = *what == "openid" && openid == "plain";
            assert_eq!(shown.is_some(), may, "{format}: {what}: {shown:?}");
        }
    }
}
