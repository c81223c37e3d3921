//! Why a request goes where it goes, for `wxgate explain`.

use std::fmt;

use http::Method;

use super::table::{HostRule, Miss, Route, Table};
use crate::auth::{AppId, Require};
use crate::proxy::path;

/// What is decided for one request, and why. `Display` shows it on several lines.
#[derive(Debug)]
pub struct Explanation {
    /// What was asked: method, host and normal path.
    pub request: String,
    /// The route taken, in words, or why there is none.
    pub verdict: Result<Taken, Miss>,
    /// Every other route, by its place in the file from 0, and why it is not the one.
    pub others: Vec<(usize, String)>,
}

/// The route that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its place in the file, from 0.
    pub route: usize,
    /// What it answers: hosts, path, methods.
    pub fits: String,
    /// What it asks of a caller.
    pub policy: String,
    /// Where the request goes, with the path as it is forwarded; `None` where nobody may pass.
    pub upstream: Option<String>,
}

impl Table {
    /// What [`Self::find`] decides, in words.
    pub fn explain(&self, host: &str, path: &str, method: &Method) -> Explanation {
        let found = self.find(host, path, method);
        let best = self
            .routes()
            .iter()
            .filter_map(|route| route.rank(host, path))
            .max();
        let others = self
            .routes()
            .iter()
            .filter(|route| {
                found
                    .as_ref()
                    .map_or(true, |taken| taken.index != route.index)
            })
            .map(|route| (route.index, why_not(route, host, path, method, best)))
            .collect();
        Explanation {
            request: format!("{method} {host} {path}"),
            verdict: found.map(|route| taken(route, path)),
            others,
        }
    }
}

/// How exactly a route's host and path fit: greater is better.
type Rank = ((u8, usize), usize);

impl Route {
    fn rank(&self, host: &str, path: &str) -> Option<Rank> {
        path::after_prefix(&path::as_read(path), &self.path)?;
        let host = self.hosts.iter().filter_map(|rule| rule.rank(host)).max()?;
        Some((host, self.path.len()))
    }
}

impl HostRule {
    fn rank(&self, host: &str) -> Option<(u8, usize)> {
        match self {
            Self::Any => Some((0, 0)),
            Self::Wildcard(suffix) => host
                .strip_suffix(&**suffix)
                .is_some_and(|rest| rest.ends_with('.'))
                .then_some((1, suffix.len())),
            Self::Named(name) => (**name == *host).then_some((2, 0)),
        }
    }
}

fn why_not(route: &Route, host: &str, path: &str, method: &Method, best: Option<Rank>) -> String {
    let host_fits = route.hosts.iter().any(|rule| rule.rank(host).is_some());
    match (route.rank(host, path), best) {
        (None, _) if !host_fits => format!("its host is {}", hosts(route)),
        (None, _) => format!("its path is {}", route.path()),
        (Some(rank), Some(best)) if rank.0 < best.0 => {
            format!("its host ({}) is less exact", hosts(route))
        }
        (Some(rank), Some(best)) if rank.1 < best.1 => {
            format!("its path ({}) is shorter", route.path())
        }
        _ if !route.answers(method) => format!("its methods are {}", methods(route)),
        _ => "it gives no methods".to_owned(),
    }
}

fn taken(route: &Route, path: &str) -> Taken {
    let target = route.to.as_ref().filter(|_| !route.policy.deny);
    Taken {
        route: route.index,
        fits: format!(
            "path {}, host {}, methods {}",
            route.path(),
            hosts(route),
            methods(route)
        ),
        policy: policy(route),
        upstream: target.map(|target| {
            let forwarded = route.forward_path(path);
            format!("http://{}{forwarded}", target.authority())
        }),
    }
}

fn hosts(route: &Route) -> String {
    let names = route.hosts.iter().map(|rule| match rule {
        HostRule::Any => "any".to_owned(),
        HostRule::Wildcard(suffix) => format!("*.{suffix}"),
        HostRule::Named(name) => name.to_string(),
    });
    names.collect::<Vec<_>>().join(" ")
}

fn methods(route: &Route) -> String {
    if route.methods.is_empty() {
        return "all".to_owned();
    }
    let names = route.methods.iter().map(Method::as_str);
    names.collect::<Vec<_>>().join(" ")
}

fn policy(route: &Route) -> String {
    if route.policy.deny {
        return "nobody may pass".to_owned();
    }
    let requires = match route.policy.require {
        Require::None => "everybody may pass; no credential is read",
        Require::Optional => "everybody may pass; whoever is signed in is named",
        Require::Login => "callers must be signed in",
        Require::Phone => "callers must be signed in and have shared a phone number",
    };
    let apps: Vec<_> = route.policy.apps.iter().map(AppId::as_str).collect();
    if apps.is_empty() {
        requires.to_owned()
    } else {
        format!("{requires}; apps {}", apps.join(" "))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request   {}", self.request)?;
        match &self.verdict {
            Ok(taken) => {
                writeln!(f, "route     #{}: {}", taken.route + 1, taken.fits)?;
                writeln!(f, "policy    {}", taken.policy)?;
                let upstream = taken
                    .upstream
                    .as_deref()
                    .unwrap_or("none: 403 route_denied");
                writeln!(f, "upstream  {upstream}")?;
            }
            Err(Miss::NoRoute) => writeln!(f, "route     none: 404 no_route")?,
            Err(Miss::UnknownHost) => writeln!(f, "route     none: 421 unknown_host")?,
            Err(Miss::MethodNotAllowed(allow)) => {
                let allow = allow.to_str().unwrap_or_default();
                writeln!(
                    f,
                    "route     none: 405 method_not_allowed, allowed are {allow}"
                )?;
            }
        }
        for (index, why) in &self.others {
            writeln!(f, "not #{:<5} {why}", index + 1)?;
        }
        Ok(())
    }
}
