//! Why a request goes where it goes, for `wxgate explain`.

use http::Method;

use super::table::{HostRule, Miss, Route, Table};
use crate::auth::{AppId, Require};
use crate::proxy::path;

/// What is decided for one request, and why.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The route taken, or why there is none.
    pub verdict: Result<&'a Route, Miss>,
    /// Every other route, by its place in the file from 0, and why it is not the one.
    pub others: Vec<(usize, String)>,
}

impl Table {
    /// What [`Self::find`] decides, in words.
    pub fn explain(&self, host: &str, path: &str, method: &Method) -> Explanation<'_> {
        let verdict = self.find(host, path, method);
        let taken = verdict.as_ref().ok().map(|route| route.index);
        let best = self
            .routes()
            .iter()
            .filter_map(|route| route.rank(host, path))
            .max();
        let others = self
            .routes()
            .iter()
            .filter(|route| taken != Some(route.index))
            .map(|route| (route.index, why_not(route, host, path, method, best)))
            .collect();
        Explanation { verdict, others }
    }
}

impl Route {
    /// What it answers, in words: path, host, methods.
    pub fn answered(&self) -> String {
        let (hosts, methods) = (hosts(self), methods(self));
        format!("path {}, host {hosts}, methods {methods}", self.path())
    }

    /// What it asks of a caller, in words.
    pub fn asked(&self) -> String {
        if self.policy.deny {
            return "nobody may pass".to_owned();
        }
        let requires = match self.policy.require {
            Require::None => "everybody may pass; no credential is read",
            Require::Optional => "everybody may pass; whoever is signed in is named",
            Require::Login => "callers must be signed in",
            Require::Phone => "callers must be signed in and have shared a phone number",
        };
        let apps: Vec<_> = self.policy.apps.iter().map(AppId::as_str).collect();
        if apps.is_empty() {
            requires.to_owned()
        } else {
            format!("{requires}; users of {} only", apps.join(" "))
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
