//! The header names of a config, as the proxy judges them.

use std::time::Duration;

use crate::auth::assertion::{self, Signer};
use crate::config::check::Checks;
use crate::proxy::headers::Names;
use crate::proxy::route;
use crate::{listener, session};

/// Checks `[identity]`, `session.header` and `limits.header_names` against each other.
pub(super) fn check(
    checks: &mut Checks<'_>,
    names: &Names,
    session: &session::Config,
    limits: &listener::Limits,
) {
    for fault in names.faults(&session.header, &limits.header_names) {
        let item = fault
            .item
            .and_then(|item| checks.items(&fault.key).into_iter().nth(item));
        let at = item.unwrap_or(fault.key);
        let message = format!("`{at}` {}", fault.message);
        match fault.other {
            Some(other) => {
                checks.blame_both(&at, (&other, "the same name"), message, fault.help);
            }
            None => checks.blame(&at, message, fault.help),
        }
    }
}

/// No route may write a header of `[identity]`, however it is called there.
pub(super) fn routes(checks: &mut Checks<'_>, names: &Names, routes: &[route::Config]) {
    let paths = checks.items("route");
    for (route, path) in routes.iter().zip(&paths) {
        for line in route.set.iter() {
            let Some(key) = names.key_of(&line.name) else {
                continue;
            };
            let at = format!("{path}.set.{}", line.written);
            let other = format!("identity.{key}");
            checks.blame_both(
                &at,
                (&other, "the same name"),
                format!("`{at}` is the same header as `{other}`"),
                "it says who calls: choose another name",
            );
        }
    }
}

/// What signs assertions, and for how long they are good.
pub(super) fn assertion(checks: &mut Checks<'_>, config: &assertion::Config) {
    let list = "identity.assertion.keys";
    let paths = checks.items(list);
    for (index, fault) in Signer::new(config).err().unwrap_or_default() {
        let at = paths.get(index).map_or(list, String::as_str);
        let help = match fault {
            assertion::Fault::Unreadable => {
                "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem`"
            }
            assertion::Fault::Twice => "take one of them out",
        };
        checks.blame(at, format!("`{at}` {fault}"), help);
    }
    let sane = Duration::from_secs(10)..=Duration::from_secs(3600);
    if !sane.contains(&config.ttl) {
        checks.blame(
            "identity.assertion.ttl",
            "`identity.assertion.ttl` is not between \"10s\" and \"1h\"",
            "an assertion that is stolen is good for as long; clocks must differ by less",
        );
    }
}
