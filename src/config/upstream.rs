//! The groups of servers of a config, and the routes that lead to them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::bounds;
use crate::config::check::Checks;
use crate::proxy::host::Host;
use crate::proxy::route::{self, Target, To, is_name};
use crate::setting::{ListenAddress, Origin, closest};
use crate::upstream::{Config, PRESERVE};

/// The most weight of a server.
const HEAVIEST: u32 = 1000;

/// Checks every `[[upstream]]`, and that every route's is there.
pub(super) fn check(checks: &mut Checks<'_>, groups: &[Config], routes: &[route::Config]) {
    let paths = checks.items("upstream");
    for (at, (group, path)) in groups.iter().zip(&paths).enumerate() {
        name(checks, group, path);
        let first = groups.iter().zip(&paths).take(at);
        if let Some((_, first)) = { first }.find(|(first, _)| first.name == group.name) {
            checks.blame_both(
                &format!("{path}.name"),
                (&format!("{first}.name"), "it is here too"),
                format!("two upstreams have the name \"{}\"", group.name),
                "give each its own",
            );
        }
        servers(checks, group, path);
        host(checks, group, path);
        health(checks, group, &format!("{path}.health"));
        secure(checks, group, path);
    }
    for (route, path) in routes.iter().zip(checks.items("route")) {
        known(checks, route, &path, groups);
    }
}

fn name(checks: &mut Checks<'_>, group: &Config, path: &str) {
    if !is_name(&group.name) {
        let at = format!("{path}.name");
        let message = format!("`{at}` is not a name: {}", checks.found(&at));
        checks.blame(
            &at,
            message,
            "write up to 64 letters, digits, `-` and `_`, such as \"billing\"",
        );
    }
}

fn servers(checks: &mut Checks<'_>, group: &Config, path: &str) {
    let list = format!("{path}.servers");
    if checks.lacks(&list) {
        checks.blame(
            &list,
            format!("`{list}` is empty: nothing could be forwarded"),
            "write [\"http://10.0.0.1:3000\", \"http://10.0.0.2:3000\"]",
        );
    }
    let items = checks.items(&list);
    for (at, (member, item)) in group.servers.iter().zip(&items).enumerate() {
        if !(1..=HEAVIEST).contains(&member.weight) {
            checks.blame(
                &format!("{item}.weight"),
                format!("`{item}.weight` is not between 1 and {HEAVIEST}"),
                "a server that is to get nothing is left out",
            );
        }
        let mut first = group.servers.iter().zip(&items).take(at);
        if let Some((_, first)) = first.find(|(first, _)| first.url == member.url) {
            checks.blame_both(
                item,
                (first, "it is here too"),
                format!("`{path}` has the server {} twice", member.url),
                "give it a weight instead: { url = \"…\", weight = 2 }",
            );
        }
    }
}

fn host(checks: &mut Checks<'_>, group: &Config, path: &str) {
    let good = group.host == PRESERVE
        || Host::parse(&group.host, 80).is_ok_and(|host| host.as_str() == group.host);
    if !good {
        let at = format!("{path}.host");
        let message = format!("`{at}` is not the name of a host: {}", checks.found(&at));
        checks.blame(
            &at,
            message,
            "write \"preserve\" for the client's, or a name such as \"app.internal\"",
        );
    }
}

/// Certificates, where servers are reached by https.
fn secure(checks: &mut Checks<'_>, group: &Config, path: &str) {
    let [ca, cert, key] = ["ca", "client_cert", "client_key"].map(|key| format!("{path}.{key}"));
    let files = [
        (&ca, &group.ca),
        (&cert, &group.client_cert),
        (&key, &group.client_key),
    ];
    if !group.has_tls() {
        for (at, _) in files.iter().filter(|(_, file)| file.is_some()) {
            checks.blame(
                at,
                format!("`{at}` has no effect: no server is reached by https"),
                "write https:// in `servers`, or take this out",
            );
        }
        return;
    }
    for (one, other) in [(&files[1], &files[2]), (&files[2], &files[1])] {
        if one.1.is_some() && other.1.is_none() {
            let message = format!("`{}` needs `{}`", one.0, other.0);
            checks.blame(
                one.0,
                message,
                "a certificate is shown with its private key",
            );
        }
    }
    for error in group.tls_files().faults() {
        let is_own = |file: &Option<PathBuf>| file.as_deref().is_some_and(|file| error.is_of(file));
        let at = match files.iter().find(|(_, file)| is_own(file)) {
            Some((at, _)) => at.as_str(),
            None => path,
        };
        checks.blame(
            at,
            format!("`{at}`: {error}"),
            "PEM files are read, one certificate after the other",
        );
    }
}

/// What may be, and is hardly meant: groups that nobody asks, and limits that workers cannot share.
pub(super) fn warnings(groups: &[Config], routes: &[route::Config], workers: usize) -> Vec<String> {
    let targets = routes.iter().filter_map(|route| route.to.as_deref());
    let targets: Vec<_> = targets.filter_map(|to| Target::parse(to).ok()).collect();
    let is_named = |group: &Config| {
        let names =
            |target: &Target| matches!(target.to(), To::Group(name) if **name == *group.name);
        targets.iter().any(names)
    };
    let mut warnings = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        if !is_named(group) {
            let name = &group.name;
            warnings.push(format!(
                "upstream[{at}]: no route has `to = \"{name}\"`, so nobody asks its servers; name it in a route, or take it out"
            ));
        }
        for (key, most, whose) in [
            ("max_in_flight", group.max_in_flight, "at once"),
            ("max_connections", group.max_connections, "to each server"),
        ] {
            if most > 0 && usize::try_from(most).is_ok_and(|most| most < workers) {
                warnings.push(format!(
                    "upstream[{at}].{key}: {most} is less than there are workers; each of them lets one through, {workers} {whose}; raise it, or lower `workers`"
                ));
            }
        }
    }
    warnings
}

fn health(checks: &mut Checks<'_>, group: &Config, path: &str) {
    let health = &group.health;
    for (key, wait) in [
        ("pause", health.pause),
        ("interval", health.interval),
        ("timeout", health.timeout),
    ] {
        checks.not_zero(&format!("{path}.{key}"), wait);
    }
    for (key, count) in [("rise", health.rise), ("fall", health.fall)] {
        if count == 0 {
            let at = format!("{path}.{key}");
            checks.blame(&at, format!("`{at}` is zero"), "1 believes every answer");
        }
    }
    let is_target = |path: &str| {
        path.starts_with('/') && !path.contains('#') && path.parse::<http::Uri>().is_ok()
    };
    if !health.path.is_empty() && !is_target(&health.path) {
        let at = format!("{path}.path");
        let message = format!("`{at}` is not a path: {}", checks.found(&at));
        checks.blame(&at, message, "write one such as \"/healthz\"");
    }
}

/// A route that names a group names one that is there.
fn known(checks: &mut Checks<'_>, route: &route::Config, path: &str, groups: &[Config]) {
    let Some(Ok(target)) = route.to.as_deref().map(Target::parse) else {
        return;
    };
    let To::Group(name) = target.to() else { return };
    if groups.iter().any(|group| *group.name == **name) || checks.is_blamed("upstream") {
        return;
    }
    let names = groups.iter().map(|group| group.name.as_str());
    let help = match (closest(name, names.clone()), groups) {
        (Some(meant), _) => format!("did you mean \"{meant}\"?"),
        (None, []) => "write \"http://HOST:PORT\", or add `[[upstream]]` with this name".to_owned(),
        (None, _) => format!("there is {}", names.collect::<Vec<_>>().join(", ")),
    };
    let at = format!("{path}.to");
    let message = format!("`{at}` names no `[[upstream]]`: {}", checks.found(&at));
    checks.blame(&at, message, &help);
}

/// What leads back to us would go in a circle until no connection is left.
pub(super) fn circles(
    checks: &mut Checks<'_>,
    groups: &[Config],
    routes: &[route::Config],
    listen: &[ListenAddress],
) {
    for (route, name) in routes.iter().zip(checks.items("route")) {
        if let Some(Ok(target)) = route.to.as_deref().map(Target::parse)
            && let To::Server(origin) = target.to()
        {
            circle(checks, &format!("{name}.to"), origin, listen);
        }
    }
    for (group, name) in groups.iter().zip(checks.items("upstream")) {
        let items = checks.items(&format!("{name}.servers"));
        for (member, at) in group.servers.iter().zip(items) {
            circle(checks, &at, &member.url, listen);
        }
    }
}

fn circle(checks: &mut Checks<'_>, at: &str, origin: &Origin, listen: &[ListenAddress]) {
    let listeners = checks.items("listen");
    let Some((host, port)) = origin.host_and_port() else {
        let own = listen.iter().zip(&listeners).find(|(listen, _)| {
            matches!((listen, origin), (ListenAddress::Unix(own), Origin::Unix(to)) if own == to)
        });
        if let Some((_, listener)) = own {
            blame_circle(checks, at, listener);
        }
        return;
    };
    let ip = match host {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        host => host.parse(),
    };
    let Ok(ip) = ip else { return };
    let own = listen.iter().zip(&listeners).find(|(listen, _)| {
        let Some(address) = bounds::bound(listen) else {
            return false;
        };
        // Of the machine's own addresses these are the ones that are known to be its own.
        (ip.is_loopback() || ip.is_unspecified() || address.ip() == ip)
            && bounds::collide(address, SocketAddr::new(ip, port))
    });
    if let Some((_, listener)) = own {
        blame_circle(checks, at, listener);
    }
}

fn blame_circle(checks: &mut Checks<'_>, at: &str, listener: &str) {
    checks.blame_both(
        at,
        (listener, "this is the gateway"),
        format!("`{at}` leads back to the gateway itself"),
        "write where the service listens; it needs a port of its own",
    );
}
