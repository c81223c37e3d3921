//! Services written for WeChat Cloud Hosting stand behind the gateway unchanged, and no forged identity
//! reaches them, whatever the spelling and however open the route.

mod launch;
mod signed;

use serde_json::{Value, json};

use self::launch::Service;
use crate::harness::{APPID, Bed};

const ROUTES: &str = r#"
[[route]]
path = "/"
to = "{service}"
[[route]]
path = "/public"
strip = "/public"
require = "none"
to = "{service}"
[[route]]
path = "/optional"
strip = "/optional"
require = "optional"
to = "{service}"
"#;

/// Spellings that one reader or another takes for identity.
const FORGED: &[&[(&str, &str)]] = &[
    &[("X-WX-OPENID", "forged")],
    &[("x-wx-openid", "forged"), ("X-Wx-Openid", "forged-too")],
    &[("X_WX_OPENID", "forged"), ("X_WX_SOURCE", "wx_client")],
    &[("x-wx_openid", "forged"), ("X-WX_APPID", "forged")],
    &[("X.WX.OPENID", "forged"), ("X-WX.SOURCE", "wx_client")],
    &[("X-WX-SOURCE", "wx_devtools"), ("X-WX-OPENID", "forged")],
    &[
        ("X-WX-FROM-OPENID", "forged"),
        ("X-WX-UNIONID", "forged"),
        ("X-WX-APPID", "forged"),
    ],
    &[
        ("X-WX-PHONE", "13800138000"),
        ("X_WX_PHONE", "13800138000"),
        ("X-WX-PHONE-COUNTRY", "86"),
    ],
];

#[test]
fn a_flask_service_written_for_cloud_hosting_runs_unchanged_and_is_never_deceived() {
    believes_only_the_gateway(&Service::flask(), |seen| &seen["environ"]);
}

#[test]
fn an_express_service_written_for_cloud_hosting_runs_unchanged_and_is_never_deceived() {
    believes_only_the_gateway(&Service::express(), |seen| &seen["headers"]);
}

/// `named` picks all headers that the service could take for somebody's identity.
fn believes_only_the_gateway(service: &Service, named: fn(&Value) -> &Value) {
    let bed = Bed::with("", &ROUTES.replace("{service}", service.url()));
    let token = bed.sign_in("o-alice");
    let bearer = format!("Bearer {token}");

    let reply = bed.get("/", &token);
    assert_eq!(
        (reply.status, reply.json()),
        (200, json!({ "openid": "o-alice" }))
    );

    for forged in FORGED {
        for path in ["/public/seen", "/optional/seen"] {
            let reply = bed.send("GET", path, forged, b"");
            assert_eq!(reply.status, 200, "{path} {forged:?}: {}", reply.text());
            let seen = reply.json();
            assert_eq!(seen["path"], "/seen");
            assert_nobody(&seen, named(&seen), &format!("{path} {forged:?}"));
        }
        // A public route reads no credential: nobody is named on it, signed in or not.
        for (path, known) in [
            ("/public/seen", false),
            ("/optional/seen", true),
            ("/seen", true),
        ] {
            let mut headers = forged.to_vec();
            headers.push(("Authorization", &bearer));
            let reply = bed.send("GET", path, &headers, b"");
            assert_eq!(reply.status, 200, "{path} {forged:?}: {}", reply.text());
            let seen = reply.json();
            let case = format!("{path} {forged:?}, signed in");
            if known {
                assert_alice(&seen, named(&seen), &case);
            } else {
                assert_nobody(&seen, named(&seen), &case);
            }
            assert!(
                !seen.to_string().contains(&token),
                "{case}: the token got through: {seen}"
            );
        }
    }
    for path in ["/seen", "/public/seen", "/optional/seen"] {
        let headers = [
            ("Connection", "X-WX-OPENID"),
            ("Authorization", bearer.as_str()),
        ];
        let reply = bed.send("GET", path, &headers, b"");
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        assert_eq!(
            reply.header("X-Wxgate-Refusal"),
            Some("bad_request"),
            "{path}"
        );
    }
}

fn assert_alice(seen: &Value, named: &Value, case: &str) {
    let expected =
        json!({ "openid": "o-alice", "appid": APPID, "source": "wx_client", "phone": null });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&seen[key], value, "{case}: {seen}");
    }
    assert_eq!(
        identity_names(named),
        ["x-wx-appid", "x-wx-openid", "x-wx-source"],
        "{case}: {named}"
    );
}

fn assert_nobody(seen: &Value, named: &Value, case: &str) {
    for key in ["openid", "appid", "unionid", "source", "phone"] {
        assert_eq!(seen[key], Value::Null, "{case}: {seen}");
    }
    assert!(identity_names(named).is_empty(), "{case}: {named}");
}

/// The identity headers among `seen`, in one spelling: each as often as it stands there, sorted.
fn identity_names(seen: &Value) -> Vec<String> {
    let fold = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let folded = seen
        .as_object()
        .unwrap()
        .keys()
        .map(|name| name.chars().map(fold).collect::<String>());
    // WSGI writes HTTP_ before each.
    let plain = folded.map(|name| name.trim_start_matches("http-").to_owned());
    let mut identity: Vec<String> = plain.filter(|name| name.starts_with("x-wx-")).collect();
    identity.sort();
    identity
}
