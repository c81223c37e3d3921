//! Mistakes in what a route adds to the rules that hold everywhere: identity, header lines, `cors`.

use super::Config;
use super::fault::{Fault, Wrong};
use crate::auth::Require;
use crate::proxy::cors::Page;
use crate::proxy::headers::{Field, unsettable};
use crate::setting::HeaderLines;

/// Tells the mistakes of the route at `route`.
pub(super) fn check(config: &Config, route: usize, faults: &mut Vec<Fault>) {
    let mut tell = |key, item, name: Option<&str>, message: String, help: &str| {
        faults.push(Fault {
            route,
            key,
            item,
            name: name.map(str::to_owned),
            wrong: Wrong {
                message,
                help: help.to_owned(),
            },
            other: None,
        });
    };
    for (item, field) in config.identity.iter().enumerate() {
        let before = config.identity.get(..item).unwrap_or_default();
        if before.contains(field) {
            let message = format!("is in this list twice: \"{}\"", field.key());
            tell(
                "identity",
                Some(item),
                None,
                message,
                "take one of them out",
            );
        }
    }
    let signs = config.identity.contains(&Field::Assertion);
    if signs && !config.identity.contains(&Field::OpenId) {
        let message = "has \"assertion\" without \"openid\", which it is about".to_owned();
        let help = "add \"openid\", or take \"assertion\" out";
        tell("identity", None, None, message, help);
    }
    let is_shorter = config.identity.len() < Field::ALL.len();
    if is_shorter && (config.require == Require::None || config.deny) {
        let message = "has no effect: nobody is named on this route".to_owned();
        tell("identity", None, None, message, "take `identity` out");
    }
    for (key, lines, answer) in [
        ("set", &config.set, false),
        ("response_set", &config.response_set, true),
    ] {
        for (name, why) in refused(lines, answer, !config.cors.is_empty()) {
            let message = format!("cannot be written by a route: {why}");
            tell(key, None, Some(name), message, "take it out");
        }
        if config.deny && !lines.is_empty() {
            let message = "stands beside `deny = true`, with which nothing is ever forwarded";
            tell(key, None, None, message.to_owned(), "take one of them out");
        }
    }
    for (item, page) in config.cors.iter().enumerate() {
        let before = config.cors.get(..item).unwrap_or_default();
        if before.contains(page) {
            let message = format!("is in this list twice: \"{page}\"");
            tell("cors", Some(item), None, message, "take one of them out");
        }
    }
    if config.cors.len() > 1 && config.cors.contains(&Page::Any) {
        let message = "has \"*\" beside other origins".to_owned();
        let help = "\"*\" lets every page ask, without cookies: name origins, or write it alone";
        tell("cors", None, None, message, help);
    }
}

/// The names that a route must leave to the gateway, and why.
fn refused(
    lines: &HeaderLines,
    answer: bool,
    cors: bool,
) -> impl Iterator<Item = (&str, &'static str)> {
    lines.iter().filter_map(move |line| {
        let of_cors = line.name.as_str().starts_with("access-control-");
        let why = match unsettable(&line.name, answer) {
            None if answer && cors && of_cors => Some("`cors` of the route writes it"),
            why => why,
        };
        Some((line.written.as_str(), why?))
    })
}
