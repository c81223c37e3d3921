//! What a page of another origin may ask and read (`cors` of a route), and the headers that say so.
//!
//! The rules are those of the Fetch standard, §3.2. An origin is compared as a whole, byte by byte.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

use crate::proxy::host::Host;
use crate::setting;

/// What of our own answers a page may read beside what each page may.
const EXPOSED: &str = "X-Wxgate-Refusal, Retry-After, X-Request-Id";

/// How long a browser may believe a preflight's answer, in seconds: a changed config is obeyed as soon.
const BELIEVED: &str = "600";

/// All that a preflight's answer depends on.
const PREFLIGHT_VARIES: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// An origin of pages, as a config names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// `*`: every page, without cookies.
    Any,
    /// One origin, as browsers write it (RFC 6454 §6.2).
    At(Box<str>),
}

setting::text!(
    Page,
    "an origin",
    "https://page.example.com",
    Page::parse,
    Page::to_string
);

impl Page {
    /// Reads an origin, or says what to write.
    fn parse(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "write \"https://HOST\", with a port if there is one";
        if text == "*" {
            return Ok(Self::Any);
        }
        if text == "null" {
            return Err(
                "every page that hides where it comes from is `null`: name an origin".to_owned(),
            );
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(EXAMPLE.to_owned());
        };
        let scheme = scheme.to_ascii_lowercase();
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if rest.contains('*') {
            return Err("name each origin in full; \"*\" alone stands for all".to_owned());
        }
        let bare = rest.strip_suffix('/').unwrap_or(rest);
        if bare.contains(['/', '?', '#']) {
            return Err("an origin has no path: end it after the host and port".to_owned());
        }
        let default = if scheme == "https" { 443 } else { 80 };
        match Host::parse(bare, default) {
            Ok(host) if is_scheme => Ok(Self::At(format!("{scheme}://{}", host.as_str()).into())),
            _ => Err(EXAMPLE.to_owned()),
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "*",
            Self::At(origin) => origin,
        })
    }
}

/// What a page is let do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is named: it may ask with cookies, too.
    Named,
    /// Every page may ask, without cookies.
    Any,
}

/// `cors` of a route that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors(Box<[Page]>);

impl Cors {
    /// Lets these pages ask; `None` where there are none, and browsers keep every page out.
    pub fn new(pages: &[Page]) -> Option<Self> {
        (!pages.is_empty()).then(|| Self(pages.into()))
    }

    /// What a page at `origin` may do here.
    pub fn access(&self, origin: &HeaderValue) -> Option<Access> {
        let named =
            |page: &Page| matches!(page, Page::At(name) if name.as_bytes() == origin.as_bytes());
        if self.0.iter().any(named) {
            return Some(Access::Named);
        }
        self.0.contains(&Page::Any).then_some(Access::Any)
    }

    /// The origins, in words.
    pub fn pages(&self) -> String {
        let pages: Vec<_> = self.0.iter().map(Page::to_string).collect();
        pages.join(" ")
    }

    /// Puts into an answer of the route what `cors` says, in place of what a service said of it. Of that
    /// only the names of headers that pages may read are kept: what they are for, the service knows.
    pub fn rule(&self, asker: Option<&Asker>, headers: &mut HeaderMap) {
        let exposed = exposed_by_service(headers);
        let theirs = headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"));
        for name in theirs.cloned().collect::<Vec<_>>() {
            headers.remove(name);
        }
        if !self.0.contains(&Page::Any) {
            vary(headers);
        }
        if let Some(asker) = asker
            && let Some(access) = self.access(&asker.origin)
        {
            asker.admit(access, &exposed, headers);
        }
    }
}

/// A page that asks: a request with `Origin`.
#[derive(Debug)]
pub struct Asker {
    origin: HeaderValue,
    preflight: Option<Preflight>,
}

/// What a browser asks before a page's request: whether to send it (Fetch §3.2.2).
#[derive(Debug)]
pub struct Preflight {
    /// The method of the real request.
    pub method: Method,
    headers: Option<HeaderValue>,
}

impl Asker {
    /// Which page asks, if one does.
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        let headers = request.headers();
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let method = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        let preflight = method
            .filter(|_| request.method() == Method::OPTIONS)
            .map(|method| Preflight {
                method,
                headers: headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
            });
        Some(Self {
            origin: origin.clone(),
            preflight,
        })
    }

    /// Its origin.
    pub fn origin(&self) -> &HeaderValue {
        &self.origin
    }

    /// The question, if it is only that.
    pub fn preflight(&self) -> Option<&Preflight> {
        self.preflight.as_ref()
    }

    /// Lets the page read an answer. `exposed` are header names beside our own.
    pub fn admit(&self, access: Access, exposed: &str, headers: &mut HeaderMap) {
        match access {
            Access::Named => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
                let yes = HeaderValue::from_static("true");
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
                vary(headers);
            }
            Access::Any => {
                let any = HeaderValue::from_static("*");
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
            }
        }
        if self.preflight.is_some() {
            return;
        }
        let exposed = match exposed {
            "" => HeaderValue::from_static(EXPOSED),
            exposed => HeaderValue::from_str(&format!("{EXPOSED}, {exposed}"))
                .unwrap_or_else(|_| HeaderValue::from_static(EXPOSED)),
        };
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

impl Preflight {
    /// Answers yes: the method that was asked for, and the headers, which are no danger: what a client
    /// may not say is taken out of the real request.
    pub fn allow(&self, headers: &mut HeaderMap) {
        if let Ok(method) = HeaderValue::from_str(self.method.as_str()) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method);
        }
        if let Some(asked) = &self.headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        let believed = HeaderValue::from_static(BELIEVED);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, believed);
        let varies = HeaderValue::from_static(PREFLIGHT_VARIES);
        headers.insert(header::VARY, varies);
    }
}

/// Says that an answer is for pages of one origin (RFC 9110 §12.5.5), unless that was said.
fn vary(headers: &mut HeaderMap) {
    let said = headers.get_all(header::VARY).iter().any(|line| {
        let mut names = line.as_bytes().split(|byte| *byte == b',');
        names.any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(b"origin")
        })
    });
    if !said {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// The names of headers that a service lets pages read. `*` is none: with cookies it would mean itself.
fn exposed_by_service(headers: &HeaderMap) -> String {
    let lines = headers.get_all(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    let names: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|name| *name != "*" && HeaderName::try_from(*name).is_ok())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_browsers_write_it() {
        let rows = [
            ("https://page.example", "https://page.example"),
            ("HTTPS://Page.Example:443/", "https://page.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://a:80", "http://a"),
            ("https://a:80", "https://a:80"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("*", "*"),
        ];
        for (text, origin) in rows {
            assert_eq!(Page::parse(text).unwrap().to_string(), origin, "{text}");
        }
        for wrong in [
            "",
            "null",
            "page.example",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://*.a",
            "https://u@a",
            "://a",
            "1a://b",
        ] {
            assert!(Page::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_compared_as_a_whole() {
        let page = |text: &str| Page::parse(text).unwrap();
        let cors = Cors::new(&[page("https://a.example"), page("https://b.example:8443")]).unwrap();
        let rows = [
            ("https://a.example", true),
            ("https://b.example:8443", true),
            ("https://b.example", false),
            ("http://a.example", false),
            ("https://a.example.evil", false),
            ("https://xa.example", false),
            ("https://A.example", false),
            ("null", false),
            ("", false),
        ];
        for (origin, named) in rows {
            let access = cors.access(&HeaderValue::from_static(origin));
            assert_eq!(access, named.then_some(Access::Named), "{origin}");
        }
        let any = Cors::new(&[Page::Any]).unwrap();
        let access = any.access(&HeaderValue::from_static("null"));
        assert_eq!(access, Some(Access::Any));
        assert_eq!(Cors::new(&[]), None);
    }

    #[test]
    fn vary_is_said_once() {
        for (before, after) in [
            (&[][..], &["Origin"][..]),
            (&["Accept-Encoding"], &["Accept-Encoding", "Origin"]),
            (&["accept, origin"], &["accept, origin"]),
            (&["*"], &["*"]),
        ] {
            let mut headers = HeaderMap::new();
            for line in before {
                headers.append(header::VARY, HeaderValue::from_static(line));
            }
            vary(&mut headers);
            let lines: Vec<_> = headers.get_all(header::VARY).iter().collect();
            assert_eq!(lines, after);
        }
    }
}
