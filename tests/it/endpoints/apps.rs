//! Two apps in one gateway: the same openid in both is two people.

use serde_json::json;
use wxgate::mock::{Kind, LoginCode, PhoneCode};

use super::open_data;
use crate::harness::{APPID, Bed, OTHER_APP, ROUTES, apps, sealed, token};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";

fn bed() -> Bed {
    let routes = format!(
        "{ROUTES}[[route]]\npath = \"/one\"\napps = [\"{APPID}\"]\nto = \"{{upstream}}\"\n"
    );
    Bed::with(&apps(&[APPID, OTHER_APP]), &routes)
}

#[test]
fn the_same_openid_in_two_apps_is_two_users() {
    let bed = bed();
    let (one, other) = (
        bed.sign_in_at(APPID, "oTwin"),
        bed.sign_in_at(OTHER_APP, "oTwin"),
    );
    bed.tap("oTwin", &one).good();
    assert_eq!(bed.ask("session", &one).good()["phone"], true);
    assert_eq!(bed.ask("session", &other).good()["phone"], false);
    bed.get("/phone", &other).is(403, "phone_required", "phone");
    assert_eq!(bed.ask("session", &one).good()["appid"], APPID);
    assert_eq!(bed.ask("session", &other).good()["appid"], OTHER_APP);

    let everywhere = json!({ "everywhere": true });
    assert_eq!(bed.call("logout", &one, &everywhere).status, 204);
    bed.get("/api", &one).is(401, "session_expired", "login");
    assert_eq!(bed.get("/api", &other).status, 200);
    assert_eq!(bed.upstream.last().header("x-wx-appid"), Some(OTHER_APP));
}

#[test]
fn a_route_may_be_for_one_apps_users() {
    let bed = bed();
    let one = bed.sign_in_at(APPID, "oTwin");
    let other = bed.sign_in_at(OTHER_APP, "oTwin");
    assert_eq!(bed.get("/one", &one).status, 200);
    bed.get("/one", &other).is(403, "route_denied", "stop");
}

#[test]
fn data_of_one_app_is_not_taken_in_the_other() {
    let bed = bed();
    let log_in = |appid: &str| {
        token(&bed.log_in(LoginCode {
            openid: "oTwin".to_owned(),
            appid: Some(appid.to_owned()),
            session_key: Some(KEY.to_owned()),
            ..LoginCode::default()
        }))
    };
    let (one, other) = (log_in(APPID), log_in(OTHER_APP));
    let data = open_data(&bed, "oTwin", Kind::Phone, |order| {
        order.appid = Some(APPID.to_owned());
    });
    bed.call("phone", &other, &sealed(&data))
        .is(422, "wrong_app", "stop");
    bed.call("phone", &one, &sealed(&data)).good();
}

#[test]
fn a_phone_code_of_one_app_is_not_taken_in_the_other() {
    let bed = bed();
    let other = bed.sign_in_at(OTHER_APP, "oTwin");
    let code = bed.mock.mint_phone(PhoneCode {
        openid: "oTwin".to_owned(),
        appid: Some(APPID.to_owned()),
        ..PhoneCode::default()
    });
    bed.call("phone", &other, &json!({ "code": code }))
        .is(422, "wrong_app", "stop");
    let one = bed.sign_in_at(APPID, "oTwin");
    bed.call("phone", &one, &json!({ "code": code })).good();
}

#[test]
fn a_login_in_one_app_does_not_continue_a_session_of_the_other() {
    let bed = bed();
    let one = bed.sign_in_at(APPID, "oTwin");
    let code = bed.mock.login_code("oTwin");
    let body = json!({ "code": code, "appid": OTHER_APP });
    let other = token(&bed.call("login", &one, &body));
    bed.call("logout", &other, &json!({}));
    bed.get("/api", &other).is(401, "session_expired", "login");
    assert!(bed.ask("session", &one).good()["expires_in"].as_u64() > Some(60));
}
