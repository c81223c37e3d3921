//! What must hold between the values of a config, beyond each being well-formed.

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;

use crate::setting::{Fault, Place, Reader, Size, Value};
use crate::{endpoint, listener, session, wechat};

/// The tree that a config was read from, to say where a mistake is.
pub(super) struct Checks<'a> {
    tree: &'a Value,
    reader: &'a mut Reader,
}

impl<'a> Checks<'a> {
    /// Checks against `tree`; mistakes go to `reader`.
    pub(super) fn new(tree: &'a Value, reader: &'a mut Reader) -> Self {
        Self { tree, reader }
    }

    /// Says what is wrong with `path`, unless something is known to be wrong with it already.
    pub(super) fn blame(&mut self, path: &str, message: impl Into<String>, help: &str) {
        if !self.reader.blames(path) {
            let place = self.place(path);
            self.reader
                .push(Fault::new(path, &place, message).help(help));
        }
    }

    /// The same, with a second place that has to do with it.
    pub(super) fn blame_both(
        &mut self,
        path: &str,
        other: (&str, &str),
        message: impl Into<String>,
        help: &str,
    ) {
        if !self.reader.blames(path) {
            let (place, also) = (self.place(path), self.place(other.0));
            let fault = Fault::new(path, &place, message).help(help);
            self.reader.push(fault.also(&also, other.1));
        }
    }

    /// The full names of the items of `list` that could be read, in their order.
    pub(super) fn items(&self, list: &str) -> Vec<String> {
        let begins = format!("{list}[");
        let is_item = |path: &&String| {
            path.starts_with(&begins) && path.matches('[').count() == 1 && path.ends_with(']')
        };
        self.reader.kept.iter().filter(is_item).cloned().collect()
    }

    /// Whether `list` has no item, read or not.
    pub(super) fn lacks(&self, list: &str) -> bool {
        match self.tree.find(list) {
            Some(value) => value.kind == crate::setting::Kind::List(Vec::new()),
            None => true,
        }
    }

    /// What stands at `path`, as far as it may be shown.
    pub(super) fn found(&self, path: &str) -> String {
        self.tree
            .descendant(path)
            .map(Value::found)
            .unwrap_or_default()
    }

    fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(value) = self.tree.descendant(path)
                && value.place != Place::Nowhere
            {
                return value.place.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return Place::Nowhere,
            }
        }
    }

    /// Sizes and waits that nobody can live with.
    pub(super) fn listeners(
        &mut self,
        workers: u32,
        limits: &listener::Limits,
        timeouts: &listener::Timeouts,
    ) {
        if workers > 1024 {
            self.blame(
                "workers",
                "`workers` is more than 1024",
                "0 takes one per core",
            );
        }
        self.at_least(
            "limits.body",
            limits.body,
            Size(1 << 10),
            "the gateway's own endpoints need as much",
        );
        self.at_least(
            "limits.headers",
            limits.headers,
            Size(8 << 10),
            "mini-programs and proxies need as much",
        );
        self.at_least(
            "limits.uri",
            limits.uri,
            Size(256),
            "a path and a query need as much",
        );
        if limits.headers > Size(1 << 20) {
            self.blame(
                "limits.headers",
                "`limits.headers` is more than \"1MiB\"",
                "each connection may hold as much in memory",
            );
        }
        if limits.uri > limits.headers {
            self.blame(
                "limits.uri",
                "`limits.uri` is more than `limits.headers`, which it is part of",
                "raise `limits.headers` or lower this",
            );
        }
        if !(16..=1000).contains(&limits.header_count) {
            self.blame(
                "limits.header_count",
                "`limits.header_count` is not between 16 and 1000",
                "100 is what most servers take",
            );
        }
        for (key, wait) in [
            ("header", timeouts.header),
            ("connect", timeouts.connect),
            ("response", timeouts.response),
            ("drain", timeouts.drain),
            ("body", timeouts.body),
            ("idle", timeouts.idle),
            ("stream", timeouts.stream),
        ] {
            self.not_zero(&format!("timeouts.{key}"), wait);
        }
    }

    fn at_least(&mut self, path: &str, size: Size, least: Size, why: &str) {
        if size < least {
            let least = crate::setting::Setting::print(&least).inline();
            self.blame(path, format!("`{path}` is less than {least}"), why);
        }
    }

    fn not_zero(&mut self, path: &str, wait: Duration) {
        if wait.is_zero() {
            self.blame(
                path,
                format!("`{path}` is zero"),
                "every wait needs an end, and a beginning: write \"10s\", for instance",
            );
        }
    }

    /// The prefix of our own paths.
    pub(super) fn endpoints(&mut self, endpoints: &endpoint::Config) {
        let prefix = &endpoints.prefix;
        let message = format!(
            "`endpoints.prefix` is not a path prefix: {}",
            self.found("endpoints.prefix")
        );
        let path = "endpoints.prefix";
        if prefix == "/" || prefix.is_empty() {
            self.blame(
                path,
                "`endpoints.prefix` would take every path from the routes",
                "write a path such as \"/wxgate\"",
            );
        } else if prefix.ends_with('/') {
            self.blame(path, message, "take the `/` at its end off");
        } else if let Err(help) = super::route::normal_path(prefix) {
            self.blame(path, message, &help);
        }
        if endpoints.phone_by.is_empty() {
            self.blame(
                "endpoints.phone_by",
                "`endpoints.phone_by` lets no phone number in",
                "write [\"code\", \"encrypted\"], or one of them",
            );
        }
    }

    /// Where WeChat is, and how it is called.
    pub(super) fn wechat(&mut self, wechat: &wechat::Config) {
        if wechat.api.is_empty() {
            self.blame(
                "wechat.api",
                "`wechat.api` is empty",
                "write [\"https://api.weixin.qq.com\"]",
            );
        }
        for (api, path) in wechat.api.iter().zip(self.items("wechat.api")) {
            let Some(uri) = bare_url(api) else {
                let message = format!(
                    "`{path}` is not the address of a server: {}",
                    self.found(&path)
                );
                self.blame(
                    &path,
                    message,
                    "write scheme, host and at most a port: \"https://api.weixin.qq.com\"",
                );
                continue;
            };
            if uri.scheme_str() == Some("http") && !is_loopback(&uri) {
                self.blame(
                    &path,
                    format!(
                        "`{path}` is plain http to another machine: {}",
                        self.found(&path)
                    ),
                    "app secrets go there: write https, or an address on loopback (a mock)",
                );
            }
        }
        self.not_zero("wechat.timeout", wechat.timeout);
        if wechat.concurrency == 0 {
            self.blame(
                "wechat.concurrency",
                "`wechat.concurrency` is zero: nobody could log in",
                "write how many calls may run at once, such as 200",
            );
        }
        let proxy = wechat.proxy.parse::<Uri>().ok();
        let known = proxy.as_ref().is_some_and(|uri| {
            matches!(
                uri.scheme_str(),
                Some("http" | "https" | "socks5" | "socks5h")
            ) && uri.host().is_some()
        });
        if !wechat.proxy.is_empty() && !known {
            self.blame(
                "wechat.proxy",
                "`wechat.proxy` is not the address of a proxy",
                "write \"http://proxy:3128\" or \"socks5h://proxy:1080\"",
            );
        }
    }

    /// The apps, each once and with its whole secret.
    pub(super) fn apps(&mut self, apps: &[wechat::App]) {
        if self.lacks("app") {
            self.blame(
                "app",
                "there is no app: nobody could log in",
                "add `[[app]]` with `appid` and `secret`, or set WXGATE_APPID and WXGATE_SECRET",
            );
        }
        let paths = self.items("app");
        for (index, (app, path)) in apps.iter().zip(&paths).enumerate() {
            let secret = app.secret.expose();
            if secret.len() != 32 || !secret.bytes().all(|b| b.is_ascii_hexdigit()) {
                self.blame(
                    &format!("{path}.secret"),
                    format!("`{path}.secret` is not an app secret: it has {} characters, or others than digits and a to f", secret.chars().count()),
                    "WeChat's console shows an app secret as 32 digits and letters a to f",
                );
            }
            let first = apps
                .iter()
                .zip(&paths)
                .take(index)
                .find(|(first, _)| first.appid == app.appid);
            if let Some((_, first)) = first {
                self.blame_both(
                    &format!("{path}.appid"),
                    (&format!("{first}.appid"), "it is here too"),
                    format!("two apps have the appid {}", app.appid),
                    "keep one of them",
                );
            }
        }
    }

    /// What is remembered, for how long, under which names. The cookie gets its `__Host-`.
    pub(super) fn session(&mut self, session: &mut session::Config) {
        if let Some(secret) = &session.secret
            && secret.expose().len() < 32
        {
            self.blame(
                "session.secret",
                format!(
                    "`session.secret` has {} bytes: less than 32",
                    secret.expose().len()
                ),
                "make one with `openssl rand -base64 32`",
            );
        }
        self.not_zero("session.ttl", session.ttl);
        self.not_zero("session.idle", session.idle);
        if session.idle > session.ttl {
            self.blame(
                "session.idle",
                "`session.idle` is longer than `session.ttl`, which ends every session",
                "lower this or raise `session.ttl`",
            );
        }
        if session.capacity == 0 {
            self.blame(
                "session.capacity",
                "`session.capacity` is zero: nobody could log in",
                "write how many users are remembered at once",
            );
        }
        if session.per_user == 0 {
            self.blame(
                "session.per_user",
                "`session.per_user` is zero: nobody could log in",
                "write how many devices one user may have, such as 5",
            );
        }
        if session.cookie.is_empty() {
            return;
        }
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if !session.cookie.bytes().all(is_token) || session.cookie == HOST_PREFIX {
            let message = format!(
                "`session.cookie` is not the name of a cookie: {}",
                self.found("session.cookie")
            );
            self.blame("session.cookie", message, "write letters, digits, `-` and `_`, such as \"wxgate\"; `__Host-` is put before it");
        } else if !session.cookie.starts_with(HOST_PREFIX) {
            session.cookie.insert_str(0, HOST_PREFIX);
        }
    }
}

/// Keeps a cookie to one host and to https (RFC 6265bis §4.1.3.2).
const HOST_PREFIX: &str = "__Host-";

/// What may be, and should be known at every start (R26).
pub(super) fn warnings(wechat: &wechat::Config) -> Vec<String> {
    wechat
        .api
        .iter()
        .filter(|api| {
            let uri = bare_url(api);
            let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
            !host.to_ascii_lowercase().ends_with(".weixin.qq.com")
        })
        .map(|api| {
            format!(
                "wechat.api: {api} is not Tencent's; whoever answers there decides who everybody is"
            )
        })
        .collect()
}

/// `text` as a URL of scheme http(s), a host and at most a port.
pub(super) fn bare_url(text: &str) -> Option<Uri> {
    let uri = http_url(text)?;
    (uri.path() == "/" && !text.ends_with("//")).then_some(uri)
}

/// `text` as an absolute http(s) URL without user, query and fragment.
pub(super) fn http_url(text: &str) -> Option<Uri> {
    let uri = text.parse::<Uri>().ok()?;
    let authority = uri.authority()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let port = authority.as_str().get(host.len()..)?;
    let port_is_good = port.is_empty() || uri.port_u16().is_some_and(|port| port != 0);
    let plain = !authority.as_str().contains('@') && uri.query().is_none() && !text.contains('#');
    (matches!(uri.scheme_str(), Some("http" | "https")) && plain && port_is_good).then_some(uri)
}

/// Whether `uri` is on this machine.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
