//! The route table: host, path and method to the one route that is meant.
//!
//! The most specific route wins, wherever it stands: a host named over `*.` over any host, then the
//! longer path, then methods given over none given. The path decides before the method does: where
//! the most specific path leaves a method out, no shorter one is asked.

use std::collections::HashMap;

use http::{HeaderValue, Method};

use crate::auth::{AppId, Policy, Require};
use crate::proxy::{host, path};
use crate::setting::{self, Size};

mod explain;
mod table;
mod target;

pub use explain::{Explanation, Taken};
use table::{HostRule, Strip};
pub use table::{Miss, Route, Table};
pub use target::Target;

setting::section! {
    /// One `[[route]]`.
    pub struct Config {
        /// Hosts it answers for; empty: any.
        host: Vec<String> = Vec::new(),
        /// The path prefix, in whole segments.
        path: String,
        /// Methods it answers; empty: all.
        methods: Vec<Method> = Vec::new(),
        /// How much must be known of the caller.
        require: Require = Require::Login,
        /// Refuse everybody.
        deny: bool = false,
        /// Where requests go: `http://host:port` and a path that is put first. Needed unless `deny`.
        to: Option<String> = None,
        /// A path prefix that is taken off before forwarding.
        strip: String = String::new(),
        /// The apps whose users may pass; empty: all.
        apps: Vec<AppId> = Vec::new(),
        /// The largest request body here; `limits.body` where absent.
        body: Option<Size> = None,
    }
    later {
        "response": "a time-out of its own per route",
        "websocket": "WebSocket", "websocket_token": "WebSocket", "cors": "CORS", "rate": "rate limits",
        "identity": "identity fields per route", "set": "request headers per route", "response_set": "response headers per route",
    }
}

/// A mistake in one `[[route]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which route, from 0.
    pub route: usize,
    /// The key that is wrong.
    pub key: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// The earlier route that it collides with.
    pub other: Option<usize>,
}

impl Table {
    /// Builds the table of all `[[route]]`s, or tells every mistake in them. `body` is the limit of
    /// routes that have none of their own.
    pub fn build(configs: &[Config], body: Size) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut routes = Vec::with_capacity(configs.len());
        for (index, config) in configs.iter().enumerate() {
            let mut fault = |key, message: String| {
                faults.push(Fault {
                    route: index,
                    key,
                    message,
                    other: None,
                });
            };
            routes.extend(route(index, config, body, &mut fault));
        }
        equal_routes(&routes, &mut faults);
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.route);
            return Err(faults);
        }
        Ok(Self::of(routes))
    }
}

/// One route; `None` if its path says nothing. Other mistakes are told and passed over.
fn route(
    index: usize,
    config: &Config,
    body: Size,
    fault: &mut impl FnMut(&'static str, String),
) -> Option<Route> {
    let hosts = hosts(config, fault);
    if config.methods.iter().any(is_never_forwarded) {
        fault(
            "methods",
            "CONNECT and TRACE are never forwarded".to_owned(),
        );
    }
    if !config.apps.is_empty() && config.require == Require::None {
        fault(
            "apps",
            "a route that requires nothing lets users of every app pass".to_owned(),
        );
    }
    let to = match config.to.as_deref().map(Target::parse) {
        Some(Ok(target)) => Some(target),
        Some(Err(message)) => {
            fault("to", message);
            None
        }
        None => {
            if !config.deny {
                fault("to", "a route says where its requests go".to_owned());
            }
            None
        }
    };
    let prefix = prefix("path", &config.path, fault);
    let strip = prefix_to_strip(config, prefix.as_deref(), fault);
    Some(Route {
        index,
        policy: Policy {
            require: config.require,
            deny: config.deny,
            apps: config.apps.clone(),
        },
        to,
        body: config.body.unwrap_or(body),
        hosts,
        path: path::as_read(&prefix?).into(),
        methods: config.methods.clone(),
        strip,
    })
}

fn hosts(config: &Config, fault: &mut impl FnMut(&'static str, String)) -> Vec<HostRule> {
    let mut rules = Vec::with_capacity(config.host.len().max(1));
    for text in &config.host {
        let (name, wild) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (text.as_str(), false),
        };
        // No port is the default here, so each that is written shows.
        let rule = match host::Host::parse(name, 0) {
            Ok(host) if host.as_str() == host.name() => Box::from(host.name()),
            Ok(_) => {
                fault("host", format!("`{text}`: a route's host has no port"));
                continue;
            }
            Err(_) => {
                fault(
                    "host",
                    format!("`{text}` is no host: write `api.example.com` or `*.example.com`"),
                );
                continue;
            }
        };
        let rule = if wild {
            HostRule::Wildcard(rule)
        } else {
            HostRule::Named(rule)
        };
        if rules.contains(&rule) {
            fault("host", format!("`{text}` stands here twice"));
        } else {
            rules.push(rule);
        }
    }
    if config.host.is_empty() {
        rules.push(HostRule::Any);
    }
    rules
}

fn prefix(
    key: &'static str,
    text: &str,
    fault: &mut impl FnMut(&'static str, String),
) -> Option<Box<str>> {
    match path::normalise(text) {
        Ok(path) => Some(path.trim_end_matches('/').into()),
        Err(refused) => {
            fault(key, format!("`{text}`: {refused}"));
            None
        }
    }
}

fn prefix_to_strip(
    config: &Config,
    path: Option<&str>,
    fault: &mut impl FnMut(&'static str, String),
) -> Option<Strip> {
    if config.strip.is_empty() {
        return None;
    }
    let prefix = prefix("strip", &config.strip, fault)?;
    if let Some(path) = path
        && path::after_prefix(path, &prefix).is_none()
        && path::after_prefix(&prefix, path).is_none()
    {
        fault(
            "strip",
            format!("no path of this route begins with `{}`", config.strip),
        );
    }
    let header = HeaderValue::from_str(&prefix).ok()?;
    (!prefix.is_empty()).then_some(Strip { prefix, header })
}

fn is_never_forwarded(method: &Method) -> bool {
    matches!(*method, Method::CONNECT | Method::TRACE)
}

/// Tells the later one of two routes that some request fits equally.
fn equal_routes(routes: &[Route], faults: &mut Vec<Fault>) {
    let mut seen: HashMap<(&HostRule, &str, Option<&Method>), usize> = HashMap::new();
    for route in routes {
        let methods = route.methods.iter().map(Some);
        let all = route.methods.is_empty().then_some(None);
        let mut collides = None;
        for method in methods.chain(all) {
            for host in &route.hosts {
                let first = *seen
                    .entry((host, &route.path, method))
                    .or_insert(route.index);
                if first != route.index {
                    collides = collides.or(Some(first));
                }
            }
        }
        if let Some(other) = collides {
            faults.push(Fault {
                route: route.index,
                key: "path",
                message: format!(
                    "another route answers the same requests for `{}`: same host, path and method",
                    route.path()
                ),
                other: Some(other),
            });
        }
    }
}

#[cfg(test)]
mod tests;
