//! The routes of a config: what the proxy refuses, and what crosses rooms.

use crate::config::check::Checks;
use crate::proxy::route::{Config, Fault, Table};
use crate::proxy::{path, prefix};
use crate::setting::Size;
use crate::{endpoint, wechat};

/// Checks every `[[route]]` by itself and against the others.
pub(super) fn check(
    checks: &mut Checks<'_>,
    routes: &[Config],
    apps: &[wechat::App],
    endpoints: &endpoint::Config,
) {
    if checks.lacks("route") {
        checks.blame(
            "route",
            "there is no route: nothing could be forwarded",
            "add `[[route]]` with `path = \"/\"` and `to = \"http://127.0.0.1:3000\"`",
        );
    }
    let names = checks.items("route");
    // The limit of bodies is no route's mistake.
    for fault in Table::build(routes, Size(0)).err().unwrap_or_default() {
        blame(checks, &names, &fault);
    }
    for (route, name) in routes.iter().zip(&names) {
        own_paths(checks, route, name, endpoints);
        known_apps(checks, route, name, apps);
    }
}

fn blame(checks: &mut Checks<'_>, names: &[String], fault: &Fault) {
    let Some(route) = names.get(fault.route) else {
        return;
    };
    let list = format!("{route}.{}", fault.key);
    let item = fault
        .item
        .map(|item| checks.items(&list).into_iter().nth(item));
    let line = fault.name.as_ref().map(|name| format!("{list}.{name}"));
    let at = item.flatten().or(line).unwrap_or(list);
    let (message, help) = (&fault.wrong.message, &fault.wrong.help);
    let Some(other) = fault.other.and_then(|other| names.get(other)) else {
        checks.blame(&at, format!("`{at}` {message}"), help);
        return;
    };
    // Whether they are equal is not known where part of one could not be read.
    let unread = ["host", "methods"].iter().any(|key| {
        checks.is_blamed(&format!("{route}.{key}")) || checks.is_blamed(&format!("{other}.{key}"))
    });
    if !unread {
        checks.blame_both(
            &at,
            (&format!("{other}.path"), "it is answered here"),
            format!("`{at}` {message}"),
            help,
        );
    }
}

/// What the gateway answers itself never comes to a route.
fn own_paths(checks: &mut Checks<'_>, route: &Config, name: &str, endpoints: &endpoint::Config) {
    let is_own = prefix::read(&route.path)
        .is_ok_and(|path| path::after_prefix(&path, &endpoints.prefix).is_some());
    if is_own && !checks.is_blamed("endpoints.prefix") {
        let at = format!("{name}.path");
        checks.blame(
            &at,
            format!("`{at}` lies under `endpoints.prefix`, where the gateway answers itself"),
            "choose another path, or move `endpoints.prefix`",
        );
    }
}

fn known_apps(checks: &mut Checks<'_>, route: &Config, name: &str, apps: &[wechat::App]) {
    if checks.is_blamed("app") {
        return;
    }
    let paths = checks.items(&format!("{name}.apps"));
    for (appid, at) in route.apps.iter().zip(paths) {
        if !apps.iter().any(|app| app.appid == *appid) {
            let known: Vec<_> = apps.iter().map(|app| app.appid.to_string()).collect();
            let known = known.join(", ");
            checks.blame(
                &at,
                format!("`{at}` names no `[[app]]`: {appid}"),
                &format!("there is {known}"),
            );
        }
    }
}
