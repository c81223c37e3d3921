//! The header names of a config, as the proxy judges them.

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
