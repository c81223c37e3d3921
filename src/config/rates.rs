//! The rules of `[rate]` and of routes: what no client could live with, and what could not be kept.

use crate::config::check::Checks;
use crate::proxy::route;
use crate::rate::rule::{LONGEST, MOST};
use crate::rate::{Config, Per, Rule};
use crate::setting::Setting as _;

/// Checks every rule. One of `[rate]` that says its limit and no burst does not keep the default's.
pub(super) fn check(checks: &mut Checks<'_>, config: &mut Config, routes: &[route::Config]) {
    for (name, own) in [
        ("rate.login", &mut config.login),
        ("rate.phone", &mut config.phone),
        ("rate.decrypt", &mut config.decrypt),
    ] {
        let said = |key: &str| checks.is_said(&format!("{name}.{key}"));
        if said("limit") && !said("burst") {
            own.burst = 0;
        }
        rule(checks, name, own);
    }
    if config.login.per == Per::User {
        checks.blame(
            "rate.login.per",
            "`rate.login.per` cannot be \"user\": nobody is known before the login",
            "write \"address\"",
        );
    }
    let names = checks.items("route");
    for (route, name) in routes.iter().zip(&names) {
        if let Some(limit) = &route.rate {
            rule(checks, &format!("{name}.rate"), limit);
        }
    }
}

fn rule(checks: &mut Checks<'_>, name: &str, rule: &Rule) {
    let at = format!("{name}.burst");
    if rule.burst > MOST {
        let help = "a limit that lets as many through at once is none";
        checks.blame(&at, format!("`{at}` is more than {MOST}"), help);
    } else if rule.recovery() > LONGEST {
        let longest = LONGEST.print().inline();
        let message = format!("`{at}` would take more than {longest} to come back at this `limit`");
        let help = "lower this, or raise `limit`: a client is remembered for as long";
        checks.blame(&at, message, help);
    }
}
