//! `wxgate explain METHOD URL`: which route, policy and upstream a request gets, and why.

use http::{Method, Uri};

use crate::cli::terminal::{End, complain, refuse, say, warn};
use crate::config::{Config, Sources};
use crate::proxy::host::Host;
use crate::proxy::path;
use crate::proxy::route::Table;

/// Loads the config and follows one request through its routes.
pub(super) fn explain(method: &str, url: &str, sources: &Sources) -> End {
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(report) => return refuse(&report),
    };
    warn(&config);
    match follow(method, url, &config) {
        Ok(text) => {
            say(&text);
            End::Good
        }
        Err(why) => {
            complain(&why);
            End::Wrong
        }
    }
}

/// What becomes of the request, in words.
fn follow(method: &str, url: &str, config: &Config) -> Result<String, String> {
    let method: Method = method
        .parse()
        .map_err(|_| format!("`{method}` is no method: write GET, POST …"))?;
    let url: Uri = url
        .parse()
        .map_err(|_| format!("`{url}` is no URL: write http://host/path or /path"))?;
    let host = url
        .authority()
        .map_or("localhost", http::uri::Authority::as_str);
    let host = Host::parse(host, 80).map_err(|refused| format!("400 bad_request: {refused}"))?;
    let normal =
        path::normalise(url.path()).map_err(|refused| format!("400 bad_request: {refused}"))?;
    if path::after_prefix(&normal, &config.endpoints.prefix).is_some() {
        return Ok(format!(
            "{method} {normal}\nanswered by the gateway itself: it is under endpoints.prefix \"{}\"\n",
            config.endpoints.prefix
        ));
    }
    let table = Table::build(&config.route, config.limits.body).map_err(|faults| {
        faults
            .into_iter()
            .map(|fault| fault.to_string())
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    Ok(table.explain(host.name(), &normal, &method).to_string())
}
