//! The routes of a config: each leads somewhere, no two are equal.

use http::Method;

use crate::config::address::{host_name, http_url, is_within, normal_path};
use crate::config::check::Checks;
use crate::proxy::route::Config;
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
    let paths = checks.items("route");
    for (index, (route, path)) in routes.iter().zip(&paths).enumerate() {
        matching(checks, route, path, endpoints);
        destination(checks, route, path);
        known_apps(checks, route, path, apps);
        if route.body == Some(Size(0)) && !route.deny {
            checks.blame(
                &format!("{path}.body"),
                format!("`{path}.body` is zero"),
                "name the methods that may come in `methods`, or write a size such as \"1KiB\"",
            );
        }
        let equal = routes
            .iter()
            .zip(&paths)
            .take(index)
            .find(|(first, _)| are_equal(first, route));
        if let Some((_, first)) = equal {
            checks.blame_both(
                &format!("{path}.path"),
                (&format!("{first}.path"), "it is answered here"),
                "two routes answer the same host, path and method",
                "the most specific route wins whatever the order, so equal ones are a mistake: change `host`, `path` or `methods` of one",
            );
        }
    }
}

fn matching(checks: &mut Checks<'_>, route: &Config, path: &str, endpoints: &endpoint::Config) {
    let at = format!("{path}.path");
    if let Err(help) = normal_path(&route.path) {
        let message = format!("`{at}` is not a path prefix: {}", checks.found(&at));
        checks.blame(&at, message, &help);
    } else if is_within(&route.path, &endpoints.prefix) && !checks.is_blamed("endpoints.prefix") {
        checks.blame(
            &at,
            format!("`{at}` lies under `endpoints.prefix`, where the gateway answers itself"),
            "choose another path, or move `endpoints.prefix`",
        );
    }
    for (index, host) in route.host.iter().enumerate() {
        if let Err(help) = host_name(host) {
            let at = format!("{path}.host[{index}]");
            let message = format!("`{at}` is not the name of a host: {}", checks.found(&at));
            checks.blame(&at, message, &help);
        }
    }
    if route.strip.is_empty() {
        return;
    }
    let at = format!("{path}.strip");
    if !is_within(&route.path, &route.strip) && !checks.is_blamed(&format!("{path}.path")) {
        let message = format!(
            "`{at}` is not a prefix of the route's path \"{}\": {}",
            route.path,
            checks.found(&at)
        );
        checks.blame(
            &at,
            message,
            "it is taken off the path, so it must begin it, in whole segments",
        );
    }
}

fn destination(checks: &mut Checks<'_>, route: &Config, path: &str) {
    let at = format!("{path}.to");
    match route.to.as_deref() {
        None | Some("") if route.deny => {}
        None | Some("") => checks.blame(
            &at,
            format!("missing upstream: `{path}` has no `to`"),
            "add `to = \"http://127.0.0.1:3000\"`, or `deny = true` to refuse everybody",
        ),
        Some(_) if route.deny => checks.blame(
            &at,
            format!("`{path}` has `deny = true` and `to`: nothing is ever forwarded"),
            "take one of them out",
        ),
        Some(to) => upstream(checks, to, &at),
    }
}

fn upstream(checks: &mut Checks<'_>, to: &str, at: &str) {
    let message = format!(
        "`{at}` is not the address of a service: {}",
        checks.found(at)
    );
    let help = "write \"http://HOST:PORT\", and a path if there is one";
    if to.starts_with("https://") {
        checks.blame(
            at,
            format!("`{at}` is not built yet: https to an upstream"),
            "write an http address on a network you trust",
        );
    } else if to.starts_with("unix:") {
        checks.blame(
            at,
            format!("`{at}` is not built yet: unix sockets of upstreams"),
            help,
        );
    } else if !to.contains([':', '/', '.']) && !to.is_empty() {
        checks.blame(
            at,
            format!(
                "`{at}` is not built yet: groups of upstream servers, named {}",
                checks.found(at)
            ),
            help,
        );
    } else if !to.contains("://") {
        checks.blame(
            at,
            message,
            &format!("write the scheme too: \"http://{to}\""),
        );
    } else {
        match http_url(to) {
            None => checks.blame(at, message, help),
            Some(uri) if normal_path(uri.path()).is_err() => checks.blame(
                at,
                message,
                "its path must be normal: no `//`, no `.` or `..`",
            ),
            Some(_) => {}
        }
    }
}

fn known_apps(checks: &mut Checks<'_>, route: &Config, path: &str, apps: &[wechat::App]) {
    let listed = !checks.is_blamed("app");
    for (index, appid) in route.apps.iter().enumerate() {
        if listed && !apps.iter().any(|app| app.appid == *appid) {
            let at = format!("{path}.apps[{index}]");
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

/// Whether a request could belong to both, with neither more specific.
fn are_equal(one: &Config, other: &Config) -> bool {
    let bare = |path: &str| path.trim_end_matches('/').to_owned();
    let shares = |one: &[String], other: &[String]| {
        (one.is_empty() && other.is_empty()) || one.iter().any(|host| other.contains(host))
    };
    let meets = |one: &[Method], other: &[Method]| {
        (one.is_empty() && other.is_empty()) || one.iter().any(|method| other.contains(method))
    };
    bare(&one.path) == bare(&other.path)
        && shares(&one.host, &other.host)
        && meets(&one.methods, &other.methods)
}
