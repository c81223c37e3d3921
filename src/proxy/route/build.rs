//! From `[[route]]`s to the table, or to every mistake in them.

use std::collections::HashMap;

use http::{HeaderValue, Method};

use super::Config;
use super::extras;
use super::fault::{Fault, Wrong};
use super::table::{HostRule, Route, Strip, Table};
use super::target::Target;
use crate::auth::{Policy, Require};
use crate::proxy::cors::Cors;
use crate::proxy::headers::Fields;
use crate::proxy::lines::Lines;
use crate::proxy::{host, path, prefix};
use crate::rate::Per;
use crate::setting::{Size, shown};

impl Table {
    /// Builds the table of all `[[route]]`s, or tells every mistake in them. `body` is the limit of
    /// routes that have none of their own.
    pub fn build(configs: &[Config], body: Size) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut routes = Vec::with_capacity(configs.len());
        for (index, config) in configs.iter().enumerate() {
            let mut mistakes = Mistakes {
                route: index,
                faults: &mut faults,
            };
            routes.extend(route(index, config, body, &mut mistakes));
        }
        equal_routes(&routes, &mut faults);
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.route);
            return Err(faults);
        }
        Ok(Self::of(routes))
    }
}

/// The mistakes of one route.
struct Mistakes<'a> {
    route: usize,
    faults: &'a mut Vec<Fault>,
}

impl Mistakes<'_> {
    fn tell(&mut self, key: &'static str, message: impl Into<String>, help: &str) {
        let wrong = Wrong {
            message: message.into(),
            help: help.to_owned(),
        };
        self.put(key, None, wrong);
    }

    fn put(&mut self, key: &'static str, item: Option<usize>, wrong: Wrong) {
        self.faults.push(Fault {
            route: self.route,
            key,
            item,
            name: None,
            wrong,
            other: None,
        });
    }
}

/// One route; `None` if its path says nothing. Other mistakes are told and passed over.
fn route(index: usize, config: &Config, body: Size, mistakes: &mut Mistakes<'_>) -> Option<Route> {
    let hosts = hosts(config, mistakes);
    methods(config, mistakes);
    if !config.apps.is_empty() && config.require == Require::None {
        mistakes.tell(
            "apps",
            "has no effect: a route with `require = \"none\"` knows no users",
            "take `apps` out, or write another `require`",
        );
    }
    if config.body == Some(Size(0)) && !config.deny {
        mistakes.tell(
            "body",
            "is zero",
            "name the methods that may come in `methods`, or write a size such as \"1KiB\"",
        );
    }
    if config.response.is_some_and(|wait| wait.is_zero()) {
        let help = "every wait needs an end, and a beginning: write \"10s\", for instance";
        mistakes.tell("response", "is zero", help);
    }
    extras::check(config, mistakes.route, mistakes.faults);
    websocket_token(config, mistakes);
    let by_user = config
        .rate
        .as_ref()
        .is_some_and(|rate| rate.per == Per::User);
    if by_user && config.require == Require::None {
        mistakes.tell(
            "rate.per",
            "cannot be \"user\": a route with `require = \"none\"` knows no users",
            "write \"address\", or another `require`",
        );
    }
    let to = target(config, mistakes);
    let path = prefix("path", &config.path, mistakes);
    let path = path.map(|path| Box::from(path::as_read(&path)));
    let strip = strip(config, path.as_deref(), mistakes);
    Some(Route {
        index,
        policy: Policy {
            require: config.require,
            deny: config.deny,
            apps: config.apps.clone(),
        },
        audience: to.as_ref().map(|to| to.audience().into()),
        to,
        body: config.body.unwrap_or(body),
        response: config.response,
        fields: Fields::of(&config.identity),
        set: Lines::new(&config.set),
        response_set: Lines::new(&config.response_set),
        cors: Cors::new(&config.cors),
        websocket: config.websocket,
        websocket_token: config.websocket_token.clone(),
        rate: config.rate.clone(),
        hosts,
        path: path?,
        methods: config.methods.clone(),
        strip,
    })
}

fn websocket_token(config: &Config, mistakes: &mut Mistakes<'_>) {
    if config.websocket_token.is_empty() {
        return;
    }
    let gets = config.methods.is_empty() || config.methods.contains(&Method::GET);
    let why = if config.deny || config.require == Require::None {
        "the route reads no credential"
    } else if !config.websocket {
        "the route has `websocket = false`"
    } else if !gets {
        "a handshake is a GET, which `methods` leaves out"
    } else {
        return;
    };
    let message = format!("has no effect: {why}");
    mistakes.tell("websocket_token", message, "take it out");
}

fn hosts(config: &Config, mistakes: &mut Mistakes<'_>) -> Vec<HostRule> {
    let mut rules = Vec::with_capacity(config.host.len().max(1));
    for (item, text) in config.host.iter().enumerate() {
        let wrong = match host_rule(text) {
            Ok(rule) if rules.contains(&rule) => Wrong {
                message: format!("is in this list twice: {}", shown(text)),
                help: "take one of them out".to_owned(),
            },
            Ok(rule) => {
                rules.push(rule);
                continue;
            }
            Err(help) => Wrong {
                message: format!("is not the name of a host: {}", shown(text)),
                help: help.to_owned(),
            },
        };
        mistakes.put("host", Some(item), wrong);
    }
    if config.host.is_empty() {
        rules.push(HostRule::Any);
    }
    rules
}

/// Reads `api.example.com` or `*.example.com`, or says what to write.
fn host_rule(text: &str) -> Result<HostRule, &'static str> {
    let (name, wild) = match text.strip_prefix("*.") {
        Some(suffix) => (suffix, true),
        None => (text, false),
    };
    if name.contains('/') {
        return Err("write the name alone, such as \"api.example.com\"");
    }
    if name.contains('*') {
        return Err(
            "`*.` at the beginning stands for every name below one: \"*.example.com\"; leave `host` out for all hosts",
        );
    }
    let after_address = name.rsplit_once(']').map_or(name, |(_, rest)| rest);
    let (Ok(host), false) = (host::Host::parse(name, 80), wild && name.starts_with('[')) else {
        return Err("write a name such as \"api.example.com\"; others than ASCII as \"xn--…\"");
    };
    if after_address.contains(':') {
        return Err("take the port off: requests are matched by name");
    }
    let name = host.name().into();
    Ok(if wild {
        HostRule::Wildcard(name)
    } else {
        HostRule::Named(name)
    })
}

fn methods(config: &Config, mistakes: &mut Mistakes<'_>) {
    for (item, method) in config.methods.iter().enumerate() {
        if matches!(*method, Method::CONNECT | Method::TRACE) {
            let wrong = Wrong {
                message: format!("cannot be {method}: it is never forwarded"),
                help: "take it out".to_owned(),
            };
            mistakes.put("methods", Some(item), wrong);
        }
    }
}

fn target(config: &Config, mistakes: &mut Mistakes<'_>) -> Option<Target> {
    match config.to.as_deref().filter(|to| !to.is_empty()) {
        None if config.deny => None,
        None => {
            mistakes.tell(
                "to",
                "is missing: the route has no upstream",
                "add `to = \"http://127.0.0.1:3000\"`, or `deny = true` to refuse everybody",
            );
            None
        }
        Some(_) if config.deny => {
            mistakes.tell(
                "to",
                "stands beside `deny = true`, with which nothing is ever forwarded",
                "take one of them out",
            );
            None
        }
        Some(to) => match Target::parse(to) {
            Ok(target) => Some(target),
            Err(wrong) => {
                mistakes.put("to", None, wrong);
                None
            }
        },
    }
}

fn prefix(key: &'static str, text: &str, mistakes: &mut Mistakes<'_>) -> Option<Box<str>> {
    match prefix::read(text) {
        Ok(prefix) => Some(prefix),
        Err(help) => {
            let message = format!("is not a path prefix: {}", shown(text));
            mistakes.tell(key, message, &help);
            None
        }
    }
}

fn strip(config: &Config, path: Option<&str>, mistakes: &mut Mistakes<'_>) -> Option<Strip> {
    if config.strip.is_empty() {
        return None;
    }
    let prefix = prefix("strip", &config.strip, mistakes)?;
    if path.is_some_and(|path| path::after_prefix(path, &path::as_read(&prefix)).is_none()) {
        let (path, strip) = (shown(&config.path), shown(&config.strip));
        mistakes.tell(
            "strip",
            format!("is not a prefix of the route's path {path}: {strip}"),
            "it is taken off the path, so it must begin it, in whole segments",
        );
    }
    let segments = prefix.matches('/').count();
    let header = HeaderValue::from_str(&prefix).ok()?;
    (segments > 0).then_some(Strip { segments, header })
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
                item: None,
                name: None,
                wrong: Wrong {
                    message: "is taken: another route answers the same host, path and method"
                        .to_owned(),
                    help: "the most specific route wins whatever the order, so equal ones are a mistake: change `host`, `path` or `methods` of one".to_owned(),
                },
                other: Some(other),
            });
        }
    }
}
