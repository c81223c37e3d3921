//! `wxgate explain METHOD URL`: which route, policy and upstream a request gets, and why.

use crate::cli::{End, complain, refuse, warn};
use crate::config::{Config, Sources};

/// Loads the config and follows one request through its routes.
pub(super) fn explain(method: &str, url: &str, sources: &Sources) -> End {
    match Config::load(sources) {
        Ok(config) => {
            warn(&config);
            follow(method, url, &config)
        }
        Err(report) => refuse(&report),
    }
}

/// Asks the route table.
fn follow(_method: &str, _url: &str, _config: &Config) -> End {
    complain("the route table is not built yet");
    End::Failed
}
