//! Every row of the contract's table of statuses, codes and actions, through real sockets.

mod by_client;
mod by_upstream;
mod by_wechat;

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::Reply;

/// The contract: status, code, action.
const CONTRACT: [(u16, &str, &str); 33] = [
    (400, "bad_request", "fix"),
    (400, "damaged_data", "fix"),
    (400, "phone_code_rejected", "tap_again"),
    (401, "session_missing", "login"),
    (401, "session_expired", "login"),
    (401, "code_rejected", "login"),
    (401, "code_used", "login"),
    (403, "phone_required", "phone"),
    (403, "user_blocked", "stop"),
    (403, "route_denied", "stop"),
    (404, "no_route", "stop"),
    (405, "method_not_allowed", "fix"),
    (408, "request_timeout", "retry"),
    (409, "session_key_stale", "login_then_tap"),
    (409, "data_expired", "tap_again"),
    (413, "body_too_large", "fix"),
    (414, "uri_too_long", "fix"),
    (415, "not_json", "fix"),
    (421, "unknown_host", "stop"),
    (422, "wrong_app", "stop"),
    (422, "wrong_signature", "stop"),
    (429, "rate_limited", "wait"),
    (431, "head_too_large", "fix"),
    (500, "internal", "retry"),
    (502, "misconfigured", "stop"),
    (502, "wechat_failed", "retry"),
    (502, "upstream_failed", "retry"),
    (503, "store_unavailable", "retry"),
    (503, "no_upstream", "retry"),
    (503, "overloaded", "retry"),
    (503, "quota_exhausted", "stop"),
    (504, "wechat_timeout", "retry"),
    (504, "upstream_timeout", "retry"),
];

/// Sessions in memory are never out of reach.
const UNREACHED: [&str; 1] = ["store_unavailable"];

/// A way to a row: the row's code, what is done, the answer.
type Way = (&'static str, &'static str, fn() -> Reply);

#[test]
fn every_row_of_the_contract_is_reached_and_looks_as_it_should() {
    let ways = [by_client::WAYS, by_wechat::WAYS, by_upstream::WAYS].concat();
    let rows: BTreeMap<&str, (u16, &str)> = CONTRACT
        .into_iter()
        .map(|(status, code, action)| (code, (status, action)))
        .collect();
    let mut reached = BTreeSet::new();
    for (code, what, way) in ways {
        let (status, action) = rows[code];
        looks_right(&way(), status, code, action, what);
        reached.insert(code);
    }
    let missed: Vec<&str> = rows
        .keys()
        .copied()
        .filter(|code| !reached.contains(code))
        .collect();
    assert_eq!(missed, UNREACHED);
}

fn looks_right(reply: &Reply, status: u16, code: &str, action: &str, what: &str) {
    let at = format!("{code}: {what}: {} {}", reply.status, reply.text());
    assert_eq!(reply.status, status, "{at}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{at}"
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{at}");
    assert_eq!(reply.header("location"), None, "{at}");
    let body = reply.json();
    let mut names: Vec<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "action",
            "code",
            "detail",
            "request_id",
            "status",
            "title",
            "type"
        ],
        "{at}"
    );
    assert_eq!(body["status"], status, "{at}");
    assert_eq!(
        (&body["code"], &body["action"]),
        (&code.into(), &action.into()),
        "{at}"
    );
    for name in ["type", "title", "detail", "request_id"] {
        assert!(
            body[name].as_str().is_some_and(|text| !text.is_empty()),
            "{at}"
        );
    }

    let challenge = match (status, code) {
        (401, "session_expired") => Some("Bearer realm=\"wxgate\", error=\"invalid_token\""),
        (401, _) => Some("Bearer realm=\"wxgate\""),
        _ => None,
    };
    assert_eq!(reply.header("www-authenticate"), challenge, "{at}");
    let wait = reply
        .header("retry-after")
        .map(|text| text.parse::<u64>().unwrap());
    match code {
        "rate_limited" => assert_eq!(wait, Some(60), "{at}"),
        _ => assert_eq!(wait.is_some(), matches!(status, 429 | 503), "{at}"),
    }
    assert_ne!(wait, Some(0), "{at}");
    // Whoever sees it knows that nothing was forwarded.
    let forwarded = ["upstream_failed", "upstream_timeout"].contains(&code)
        || at.contains("while it is forwarded:");
    let refusal = (!forwarded).then_some(code);
    assert_eq!(reply.header("x-wxgate-refusal"), refusal, "{at}");
    assert_eq!(reply.header("allow").is_some(), status == 405, "{at}");
}
