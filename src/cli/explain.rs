//! `wxgate explain METHOD URL`: which route, policy and upstream a request gets, and why.
//!
//! It goes the way that a request goes: the same refusals, the same table.

use std::fmt::{self, Write as _};

use http::{HeaderValue, Method, Request, Uri, header};

use crate::auth::{Denial, Require};
use crate::cli::terminal::{End, complain, refuse, say, warn};
use crate::config::{Config, Sources};
use crate::error::Problem;
use crate::gateway::way::{Crossing, Scheme, Sign, Way};
use crate::proxy;
use crate::proxy::Lines;
use crate::proxy::headers::{Field, Names};
use crate::proxy::route::{Explanation, Route, Table, To};
use crate::rate::{Per, Rule};
use crate::setting::{Origin, Setting};

/// Loads the config and follows one request to its end.
pub(super) fn explain(method: &str, url: &str, sources: &Sources) -> End {
    let (config, places) = match Config::load_with_places(sources) {
        Ok(loaded) => loaded,
        Err(report) => return refuse(&report),
    };
    warn(&config);
    let request = match request(method, url) {
        Ok(request) => request,
        Err(why) => {
            complain(&why);
            return End::Wrong;
        }
    };
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = follow(&request, &config, &places, &mut text);
    say(&text);
    End::Good
}

/// The request that a client makes for `url`.
fn request(method: &str, url: &str) -> Result<Request<()>, String> {
    let no_url = || format!("`{url}` is no URL: write http://host/path or /path");
    let method: Method = method
        .parse()
        .map_err(|_| format!("`{method}` is no method: write GET, POST …"))?;
    let uri: Uri = url.parse().map_err(|_| no_url())?;
    if uri.path_and_query().is_none() && method != Method::CONNECT {
        return Err(no_url());
    }
    let host = uri.authority().map_or("localhost", |host| host.as_str());
    let host = HeaderValue::from_str(host).map_err(|_| "this is no host".to_owned())?;
    let target: Uri = match uri.path_and_query() {
        Some(target) if method != Method::CONNECT => target.clone().into(),
        _ => uri,
    };
    let request = Request::builder().method(method).uri(target);
    let request = request.header(header::HOST, host).body(());
    request.map_err(|_| "this is no request".to_owned())
}

fn follow(
    request: &Request<()>,
    config: &Config,
    places: &[String],
    out: &mut String,
) -> fmt::Result {
    let sign = Sign::of(request);
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    line(
        out,
        "request",
        format_args!("{} {} for {host}", request.method(), request.uri()),
    )?;
    match Crossing::new(config).way(request, &sign, scheme(config)) {
        Err(problem) => line(out, "refused", &problem),
        Ok(Way::Own(endpoint, _)) => {
            let prefix = &config.endpoints.prefix;
            let name = format!("{endpoint:?}").to_lowercase();
            line(
                out,
                "endpoint",
                format_args!(
                    "{name}: the gateway answers it itself, under endpoints.prefix {prefix}"
                ),
            )
        }
        Ok(Way::Routes(host, path)) => {
            let table = match Table::build(&config.route, config.limits.body) {
                Ok(table) => table,
                // A config that was loaded has no such faults.
                Err(faults) => {
                    return faults
                        .iter()
                        .try_for_each(|fault| line(out, "fault", fault));
                }
            };
            let explanation = table.explain(host.name(), &path, request.method());
            routed(
                out,
                &explanation,
                (request.method(), &path, request.uri().query()),
                config,
                places,
            )
        }
    }
}

/// What clients come by: what the listeners speak.
fn scheme(config: &Config) -> Scheme {
    match config.tls.cert {
        Some(_) => Scheme::Https,
        None => Scheme::Http,
    }
}

fn routed(
    out: &mut String,
    explanation: &Explanation<'_>,
    (method, path, query): (&Method, &str, Option<&str>),
    config: &Config,
    places: &[String],
) -> fmt::Result {
    let name = |index: usize| match places.get(index) {
        Some(place) => format!("route[{index}] ({place})"),
        None => format!("route[{index}]"),
    };
    match &explanation.verdict {
        Ok(route) => {
            line(
                out,
                "route",
                format_args!("{}: {}", name(route.index), route.answered()),
            )?;
            line(out, "policy", route.asked())?;
            passed(out, route, path, query, config)?;
            if *method == Method::GET {
                websocket(out, route)?;
            }
        }
        Err(miss) => {
            let problem = Problem::from(&proxy::Error::from(miss.clone()));
            line(out, "refused", problem)?;
        }
    }
    for (index, why) in &explanation.others {
        line(out, "not", format_args!("{}: {why}", name(*index)))?;
    }
    Ok(())
}

/// What becomes of a request that `route` takes.
fn passed(
    out: &mut String,
    route: &Route,
    path: &str,
    query: Option<&str>,
    config: &Config,
) -> fmt::Result {
    let Some(target) = route.to.as_ref().filter(|_| !route.policy.deny) else {
        return line(out, "refused", Problem::from(Denial::Denied));
    };
    let denials: &[Denial] = match route.policy.require {
        Require::None | Require::Optional => &[],
        Require::Login => &[Denial::SignedOut, Denial::SessionExpired],
        Require::Phone => &[
            Denial::SignedOut,
            Denial::SessionExpired,
            Denial::PhoneRequired,
        ],
    };
    let words: Vec<_> = denials
        .iter()
        .map(|denial| Problem::from(*denial).code().word())
        .collect();
    if !words.is_empty() {
        line(out, "", format_args!("others get {}", words.join(", ")))?;
    }
    if let Some(rule) = &route.rate {
        rate(out, rule)?;
    }
    line(out, "body", format_args!("at most {}", bare(&route.body)))?;
    identity(out, route, &config.identity)?;
    let forwarded = route.forward_path(path);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    line(
        out,
        "upstream",
        format_args!(
            "{}",
            leads(target.to(), &format!("{forwarded}{query}"), config)
        ),
    )?;
    if let Some(prefix) = route.forwarded_prefix() {
        let prefix = prefix.to_str().unwrap_or_default().to_owned();
        line(out, "", format_args!("with X-Forwarded-Prefix: {prefix}"))?;
    }
    lines(out, "", &route.set)?;
    if let Some(wait) = route.response {
        let wait = bare(&wait);
        line(
            out,
            "",
            format_args!("which has {wait} to begin its answer"),
        )?;
    }
    lines(out, "answer", &route.response_set)?;
    if let Some(cors) = &route.cors {
        let pages = cors.pages();
        line(
            out,
            "cors",
            format_args!("pages of {pages} may ask; preflights need no credential"),
        )?;
    }
    Ok(())
}

/// How often the route may be asked, and by whom.
fn rate(out: &mut String, rule: &Rule) -> fmt::Result {
    let (pace, burst) = (bare(&rule.limit), rule.at_once());
    let whose = match rule.per {
        Per::Address => "each address",
        Per::User => "each user, and for each address of those who are not signed in",
    };
    line(
        out,
        "rate",
        format_args!("{pace} for {whose}, {burst} at once; more get rate_limited"),
    )
}

/// Whether a WebSocket may pass, and where its token may stand.
fn websocket(out: &mut String, route: &Route) -> fmt::Result {
    if route.policy.deny {
        return Ok(());
    }
    if !route.websocket {
        return line(
            out,
            "websocket",
            "none passes: its handshake goes on as a plain request",
        );
    }
    let places: Vec<_> = route.websocket_token.iter().map(bare).collect();
    if places.is_empty() {
        return line(out, "websocket", "one may pass");
    }
    let places = places.join(", ");
    line(
        out,
        "websocket",
        format_args!("one may pass, and its token may stand in {places}"),
    )
}

/// The header lines that the route writes itself; their values may be secret.
fn lines(out: &mut String, word: &str, lines: &Lines) -> fmt::Result {
    let named = |written: bool| {
        let names = lines.names().filter(|(_, other)| *other == written);
        let names: Vec<_> = names.map(|(name, _)| bare(name)).collect();
        names.join(", ")
    };
    let (written, taken) = (named(true), named(false));
    let mut word = word;
    if !written.is_empty() {
        line(out, word, format_args!("with {written} as the route says"))?;
        word = "";
    }
    if !taken.is_empty() {
        line(out, word, format_args!("without {taken}"))?;
    }
    Ok(())
}

/// Where a request for `target` is sent.
fn leads(to: &To, target: &str, config: &Config) -> String {
    let name = match to {
        To::Server(Origin::Host { .. }) => return format!("{to}{target}"),
        To::Server(Origin::Unix(_)) => return format!("{target} at {to}"),
        To::Group(name) => name,
    };
    let group = config.upstream.iter().find(|group| *group.name == **name);
    let servers = group.into_iter().flat_map(|group| &group.servers);
    let servers: Vec<_> = servers.map(|member| member.url.to_string()).collect();
    let balance = group.map_or_else(String::new, |group| bare(&group.balance));
    format!("{target} at {name}: {balance} of {}", servers.join(" "))
}

/// The headers that tell the upstream of a caller who is signed in.
fn identity(out: &mut String, route: &Route, names: &Names) -> fmt::Result {
    let nobody = "nobody is named, whoever calls";
    if route.policy.require == Require::None {
        return line(out, "identity", nobody);
    }
    let shown = |fields: &[Field]| {
        let picked = fields.iter().filter(|field| route.fields.has(**field));
        let shown: Vec<_> = picked
            .filter_map(|field| names.of(*field).map(bare))
            .collect();
        shown.join(", ")
    };
    let phone = match route.policy.require {
        Require::Phone => "",
        _ => " once a phone number was shared",
    };
    let rows = [
        (shown(&[Field::OpenId, Field::AppId, Field::Source]), ""),
        (shown(&[Field::UnionId]), " where WeChat gives one"),
        (shown(&[Field::Phone, Field::PhoneCountry]), phone),
        signed(route, names),
    ];
    if rows.iter().all(|(names, _)| names.is_empty()) {
        return line(out, "identity", nobody);
    }
    let mut word = "identity";
    for (names, when) in rows.iter().filter(|(names, _)| !names.is_empty()) {
        line(out, word, format_args!("{names}{when}"))?;
        word = "";
    }
    Ok(())
}

/// The header with a signed statement, and whom it is for.
fn signed<'a>(route: &'a Route, names: &Names) -> (String, &'a str) {
    let config = &names.assertion;
    let is_on = !config.keys.is_empty() && route.fields.has(Field::Assertion);
    match route.audience.as_deref().filter(|_| is_on) {
        Some(audience) => {
            let header = bare(&config.header);
            (format!("{header} signed for {audience}"), "")
        }
        None => (String::new(), ""),
    }
}

/// A word as the config has it, without the quotes.
fn bare(word: &impl Setting) -> String {
    word.print().inline().trim_matches('"').to_owned()
}

fn line(out: &mut String, word: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(out, "{word:9} {text}")
}
