//! Sizes, waits and names that nobody can live with.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::config::check::Checks;
use crate::proxy::prefix;
use crate::setting::{ListenAddress, Size};
use crate::{endpoint, listener, session};

/// Sizes and waits that nobody can live with.
pub(super) fn listeners(
    checks: &mut Checks<'_>,
    workers: u32,
    limits: &listener::Limits,
    timeouts: &listener::Timeouts,
) {
    if workers > 1024 {
        checks.blame(
            "workers",
            "`workers` is more than 1024",
            "0 takes one per core",
        );
    }
    checks.at_least(
        "limits.body",
        limits.body,
        Size(1 << 10),
        "the gateway's own endpoints need as much",
    );
    checks.at_least(
        "limits.headers",
        limits.headers,
        Size(8 << 10),
        "mini-programs and proxies need as much",
    );
    checks.at_least(
        "limits.uri",
        limits.uri,
        Size(256),
        "a path and a query need as much",
    );
    if !(1..=10_000).contains(&limits.h2_streams) {
        checks.blame(
            "limits.h2_streams",
            "`limits.h2_streams` is not from 1 to 10000",
            "clients ask for about 100",
        );
    }
    if limits.headers > Size(1 << 20) {
        checks.blame(
            "limits.headers",
            "`limits.headers` is more than \"1MiB\"",
            "each connection may hold as much in memory",
        );
    }
    if limits.uri > limits.headers && !checks.is_blamed("limits.headers") {
        checks.blame(
            "limits.uri",
            "`limits.uri` is more than `limits.headers`, which it is part of",
            "raise `limits.headers` or lower this",
        );
    }
    if !(16..=1000).contains(&limits.header_count) {
        checks.blame(
            "limits.header_count",
            "`limits.header_count` is not between 16 and 1000",
            "100 is what most servers take",
        );
    }
    for (key, wait) in [
        ("handshake", timeouts.handshake),
        ("header", timeouts.header),
        ("connect", timeouts.connect),
        ("response", timeouts.response),
        ("body", timeouts.body),
        ("idle", timeouts.idle),
        ("stream", timeouts.stream),
    ] {
        checks.not_zero(&format!("timeouts.{key}"), wait);
    }
}

/// Where we listen: somewhere, and nowhere twice.
pub(super) fn addresses(
    checks: &mut Checks<'_>,
    listen: &[ListenAddress],
    redirect: Option<SocketAddr>,
    admin: Option<SocketAddr>,
) {
    if checks.lacks("listen") {
        checks.blame(
            "listen",
            "`listen` is empty: no request could come in",
            "write [\"0.0.0.0:8080\"]",
        );
    }
    let paths = checks.items("listen");
    let mut taken: Vec<(SocketAddr, &str)> = Vec::new();
    let redirect = redirect.map(|address| (address, "tls.redirect"));
    let operators = admin.map(|address| (address, "admin.listen"));
    let public = listen.iter().zip(&paths);
    let public = public.filter_map(|(listen, path)| Some((bound(listen)?, path.as_str())));
    for (address, path) in public.chain(redirect).chain(operators) {
        let other = taken.iter().find(|(taken, _)| collide(*taken, address));
        if let Some((taken, other)) = other {
            let what = if *taken == address {
                "are the same address"
            } else {
                "overlap: one of them is every address of this machine"
            };
            checks.blame_both(
                path,
                (other, "the other one"),
                format!("`{path}` and `{other}` {what}"),
                "give each its own port",
            );
        }
        taken.push((address, path));
    }
    let mut names: Vec<(&ListenAddress, &str)> = Vec::new();
    for (listen, path) in listen.iter().zip(&paths) {
        let cure = match listen {
            ListenAddress::Tcp(_) => continue,
            ListenAddress::Handed(_) => "write it once: all sockets of this name are taken",
            ListenAddress::Unix(_) => "write it once: all workers take from it",
        };
        if let Some((_, other)) = names.iter().find(|(taken, _)| *taken == listen) {
            checks.blame_both(
                path,
                (other, "the other one"),
                format!("`{path}` and `{other}` are the same socket"),
                cure,
            );
        }
        names.push((listen, path));
    }
}

/// The address that we bind ourselves.
pub(super) fn bound(listen: &ListenAddress) -> Option<SocketAddr> {
    match listen {
        ListenAddress::Tcp(address) => Some(*address),
        ListenAddress::Handed(_) | ListenAddress::Unix(_) => None,
    }
}

/// Whether the system lets only one of both be bound.
pub(super) fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let (first, second) = (one.ip(), other.ip());
    // `[::]` takes IPv4 too, `0.0.0.0` takes nothing else.
    let covers = |all: IpAddr, ip: IpAddr| {
        all.is_unspecified() && (all.is_ipv6() || ip.to_canonical().is_ipv4())
    };
    let same = first.to_canonical() == second.to_canonical();
    let overlap = same || covers(first, second) || covers(second, first);
    one.port() == other.port() && one.port() != 0 && overlap
}

/// Our own paths. Their prefix becomes normal.
pub(super) fn endpoints(checks: &mut Checks<'_>, endpoints: &mut endpoint::Config) {
    let at = "endpoints.prefix";
    match prefix::read(&endpoints.prefix) {
        Ok(prefix) if prefix.is_empty() => checks.blame(
            at,
            format!("`{at}` would take every path from the routes"),
            "write a path such as \"/wxgate\"",
        ),
        Ok(prefix) => endpoints.prefix = prefix.into(),
        Err(help) => {
            let message = format!("`{at}` is not a path prefix: {}", checks.found(at));
            checks.blame(at, message, &help);
        }
    }
    if endpoints.phone_by.is_empty() {
        checks.blame(
            "endpoints.phone_by",
            "`endpoints.phone_by` lets no phone number in",
            "write [\"code\", \"encrypted\"], or one of them",
        );
    }
}

/// What is remembered, for how long, under which names.
pub(super) fn session(checks: &mut Checks<'_>, session: &session::Config) {
    if let Some(secret) = &session.secret
        && secret.expose().len() < 32
    {
        checks.blame(
            "session.secret",
            format!(
                "`session.secret` has {} bytes: less than 32",
                secret.expose().len()
            ),
            "make one with `openssl rand -base64 32`",
        );
    }
    checks.not_zero("session.ttl", session.ttl);
    checks.not_zero("session.idle", session.idle);
    if session.idle > session.ttl && checks.is_said("session.idle") {
        checks.blame(
            "session.idle",
            "`session.idle` is longer than `session.ttl`, which ends every session",
            "lower this or raise `session.ttl`",
        );
    }
    if session.capacity == 0 {
        checks.blame(
            "session.capacity",
            "`session.capacity` is zero: nobody could log in",
            "write how many users are remembered at once",
        );
    }
    if session.per_user == 0 {
        checks.blame(
            "session.per_user",
            "`session.per_user` is zero: nobody could log in",
            "write how many devices one user may have, such as 5",
        );
    }
    if session.snapshot.is_some() && session.secret.is_none() {
        checks.blame(
            "session.snapshot",
            "`session.snapshot` needs `session.secret`: without it nobody could open the file again",
            "make one with `openssl rand -base64 32`",
        );
    }
    let folder = session.snapshot.as_deref().and_then(Path::parent);
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
    {
        let message = format!(
            "`session.snapshot` cannot be written: {} is no folder that is there",
            folder.display()
        );
        checks.blame(
            "session.snapshot",
            message,
            "make the folder, or write the path of a file in one that is there",
        );
    }
    if session.cookie.is_empty() {
        return;
    }
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !session.cookie.bytes().all(is_token) || session.cookie_name().is_none() {
        let message = format!(
            "`session.cookie` is not the name of a cookie: {}",
            checks.found("session.cookie")
        );
        checks.blame(
            "session.cookie",
            message,
            "write letters, digits, `-` and `_`, such as \"wxgate\"; `__Host-` is put before it",
        );
    }
}
