//! Routes, found by host, path and method.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};

use super::target::Target;
use crate::auth::Policy;
use crate::proxy::cors::{Access, Asker, Cors};
use crate::proxy::handshake::TokenPlace;
use crate::proxy::headers::Fields;
use crate::proxy::lines::Lines;
use crate::proxy::path;
use crate::rate::Rule;
use crate::setting::Size;

/// One route, ready for requests.
#[derive(Debug)]
pub struct Route {
    /// Where it stands among the `[[route]]`s, from 0.
    pub index: usize,
    /// What it asks of a caller.
    pub policy: Policy,
    /// Where requests go; absent only where `policy.deny`.
    pub to: Option<Target>,
    /// Whom assertions are for: the upstream.
    pub audience: Option<Arc<str>>,
    /// The largest request body.
    pub body: Size,
    /// From a request to the head of the answer, where that is not as everywhere.
    pub response: Option<Duration>,
    /// What of the identity the service gets.
    pub fields: Fields,
    /// Header lines of requests.
    pub set: Lines,
    /// Header lines of answers.
    pub response_set: Lines,
    /// Which pages of other origins may ask.
    pub cors: Option<Cors>,
    /// Whether a WebSocket may pass.
    pub websocket: bool,
    /// Where in a handshake a token may stand beside header and cookie.
    pub websocket_token: Vec<TokenPlace>,
    /// How often it may be asked.
    pub rate: Option<Rule>,
    pub(super) hosts: Vec<HostRule>,
    /// As it is read, without a `/` at its end; `""` stands for every path.
    pub(super) path: Box<str>,
    pub(super) methods: Vec<Method>,
    pub(super) strip: Option<Strip>,
}

/// All routes.
#[derive(Debug, Default)]
pub struct Table {
    routes: Vec<Route>,
    named: HashMap<Box<str>, Node>,
    /// By what follows `*.`.
    wildcards: HashMap<Box<str>, Node>,
    any: Option<Node>,
}

/// Why no route takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The host is known, or any is; the path is not.
    NoRoute,
    /// Every route names its hosts, and this is none of them.
    UnknownHost,
    /// The route of this path leaves the method out; the value is for `Allow`.
    MethodNotAllowed(HeaderValue),
    /// Without its parameters (`/a;x`) the path is another route's.
    Parameter,
}

impl Table {
    /// The table of `routes`, no two of which are equal.
    pub(super) fn of(routes: Vec<Route>) -> Self {
        let mut table = Self::default();
        for route in &routes {
            for host in &route.hosts {
                let root = match host {
                    HostRule::Any => table.any.get_or_insert_default(),
                    HostRule::Wildcard(suffix) => {
                        table.wildcards.entry(suffix.clone()).or_default()
                    }
                    HostRule::Named(name) => table.named.entry(name.clone()).or_default(),
                };
                root.insert(route, &routes);
            }
        }
        table.routes = routes;
        table
    }

    /// The route for a request: `host` is a [`host::Host::name`](crate::proxy::host::Host::name),
    /// `path` is normal. CONNECT and TRACE are in no route.
    pub fn find(&self, host: &str, path: &str, method: &Method) -> Result<&Route, Miss> {
        let path = &*path::as_read(path);
        let route = self.find_read(host, path, method)?;
        // SECURITY: servlet containers cut parameters off before they look at a path, others do not. What
        // they would take for another route's must not pass by this one's policy (R8).
        if path.contains(';') {
            let other = self.find_read(host, &path::without_parameters(path), method);
            if !other.is_ok_and(|other| other.index == route.index) {
                return Err(Miss::Parameter);
            }
        }
        Ok(route)
    }

    fn find_read(&self, host: &str, path: &str, method: &Method) -> Result<&Route, Miss> {
        let mut known = false;
        for node in self.nodes(host) {
            known = true;
            if let Some(leaf) = node.longest(path) {
                return leaf.pick(&self.routes, method);
            }
        }
        Err(if known || self.routes.is_empty() {
            Miss::NoRoute
        } else {
            Miss::UnknownHost
        })
    }

    /// Whether a route names `host`; one for every host does not.
    pub fn names(&self, host: &str) -> bool {
        let any = usize::from(self.any.is_some());
        self.nodes(host).count() > any
    }

    /// All routes, in the order of the file.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// What the page that asks may do on `host` where no route is meant: what it may on any of the host's.
    pub fn access(&self, host: &str, asker: &Asker) -> Option<Access> {
        let routes = self.routes.iter().filter(|route| route.is_at(host));
        let all = routes.filter_map(|route| route.cors.as_ref()?.access(asker.origin()));
        all.min_by_key(|access| *access != Access::Named)
    }

    /// The trees of paths that answer for `host`, the most specific first.
    fn nodes<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Node> {
        let named = (!self.named.is_empty())
            .then(|| self.named.get(host))
            .flatten();
        let suffixes = (!self.wildcards.is_empty()).then_some(host);
        let wild = suffixes
            .into_iter()
            .flat_map(|host| host.match_indices('.'))
            .filter_map(|(dot, _)| self.wildcards.get(host.get(dot + 1..)?));
        named.into_iter().chain(wild).chain(self.any.as_ref())
    }
}

impl Route {
    /// The path prefix that it answers.
    pub fn path(&self) -> &str {
        if self.path.is_empty() {
            "/"
        } else {
            &self.path
        }
    }

    /// A name that no other route has: methods, the first host and the path, as far as they are given.
    pub fn name(&self) -> String {
        let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        let mut name = methods.join(",");
        if !name.is_empty() {
            name.push(' ');
        }
        match self.hosts.first() {
            Some(HostRule::Named(host)) => name.push_str(host),
            Some(HostRule::Wildcard(suffix)) => name.extend(["*.", suffix]),
            Some(HostRule::Any) | None => {}
        }
        name + self.path()
    }

    /// The path that is forwarded for the normal path `path` of this route: `strip` taken off, the
    /// path of `to` put first. It is normal again, and borrowed where nothing is put first.
    pub fn forward_path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let rest = match &self.strip {
            Some(strip) => behind(path, strip.segments),
            None => path,
        };
        let base = self.to.as_ref().map_or("", Target::base);
        match (base, rest) {
            ("", "") => Cow::Borrowed("/"),
            ("", rest) => Cow::Borrowed(rest),
            (base, rest) => Cow::Owned([base, rest].concat()),
        }
    }

    /// `X-Forwarded-Prefix`: what is stripped, if something is.
    pub fn forwarded_prefix(&self) -> Option<HeaderValue> {
        self.strip.as_ref().map(|strip| strip.header.clone())
    }

    /// Whether `cors` names the origin of a page, so that it may come with cookies.
    pub fn names_page(&self, origin: &HeaderValue) -> bool {
        let cors = self.cors.as_ref();
        cors.is_some_and(|cors| cors.access(origin) == Some(Access::Named))
    }

    /// Whether it answers for `host`.
    fn is_at(&self, host: &str) -> bool {
        self.hosts.iter().any(|rule| rule.rank(host).is_some())
    }

    pub(super) fn answers(&self, method: &Method) -> bool {
        if self.methods.is_empty() {
            !matches!(*method, Method::CONNECT | Method::TRACE)
        } else {
            self.methods.contains(method)
        }
    }
}

/// What follows the first `segments` segments of `path`: nothing or a text that begins with `/`.
fn behind(path: &str, segments: usize) -> &str {
    let end = path.match_indices('/').nth(segments);
    end.and_then(|(at, _)| path.get(at..)).unwrap_or_default()
}

/// A host as a route names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum HostRule {
    Any,
    /// What follows `*.`: every name that ends with a dot and this.
    Wildcard(Box<str>),
    Named(Box<str>),
}

impl HostRule {
    /// How exactly it fits `host`, if it does: greater is better.
    pub(super) fn rank(&self, host: &str) -> Option<(u8, usize)> {
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

#[derive(Debug)]
pub(super) struct Strip {
    /// How many segments come off: the path of the route begins with them, however they are escaped.
    pub(super) segments: usize,
    /// The same as `X-Forwarded-Prefix`.
    pub(super) header: HeaderValue,
}

/// The paths of one host, by segments.
#[derive(Debug, Default)]
struct Node {
    /// Sorted by segment.
    children: Vec<(Box<str>, Self)>,
    here: Option<Leaf>,
}

/// The routes of one host and path.
#[derive(Debug)]
struct Leaf {
    /// Indexes of routes; those that give methods come first.
    routes: Vec<usize>,
    allow: HeaderValue,
}

impl Node {
    fn insert(&mut self, route: &Route, routes: &[Route]) {
        let mut node = self;
        for segment in route.path.split('/').skip(1) {
            let at = match node
                .children
                .binary_search_by(|(name, _)| (**name).cmp(segment))
            {
                Ok(at) => at,
                Err(at) => {
                    node.children.insert(at, (segment.into(), Self::default()));
                    at
                }
            };
            let Some((_, child)) = node.children.get_mut(at) else {
                return;
            };
            node = child;
        }
        let mut indexes = node.here.take().map_or_else(Vec::new, |leaf| leaf.routes);
        indexes.push(route.index);
        indexes.sort_by_key(|index| {
            let methods = routes.get(*index).map(|route| route.methods.is_empty());
            (methods, *index)
        });
        node.here = Some(Leaf {
            allow: allow(&indexes, routes),
            routes: indexes,
        });
    }

    fn longest(&self, path: &str) -> Option<&Leaf> {
        let mut node = self;
        let mut found = node.here.as_ref();
        for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
            let Ok(at) = node
                .children
                .binary_search_by(|(name, _)| (**name).cmp(segment))
            else {
                break;
            };
            let Some((_, child)) = node.children.get(at) else {
                break;
            };
            node = child;
            found = node.here.as_ref().or(found);
        }
        found
    }
}

impl Leaf {
    fn pick<'a>(&self, routes: &'a [Route], method: &Method) -> Result<&'a Route, Miss> {
        self.routes
            .iter()
            .filter_map(|index| routes.get(*index))
            .find(|route| route.answers(method))
            .ok_or_else(|| Miss::MethodNotAllowed(self.allow.clone()))
    }
}

/// `Allow` for what the routes at `indexes` answer (RFC 9110 §10.2.1).
fn allow(indexes: &[usize], routes: &[Route]) -> HeaderValue {
    let routes = || indexes.iter().filter_map(|index| routes.get(*index));
    if routes().any(|route| route.methods.is_empty()) {
        return HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    let mut names: Vec<&str> = Vec::new();
    for method in routes().flat_map(|route| &route.methods) {
        if !names.contains(&method.as_str()) {
            names.push(method.as_str());
        }
    }
    HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}
