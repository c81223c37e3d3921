//! `wxgate run`: the gateway, until it is told to stop.

use crate::cli::{End, complain, refuse, warn};
use crate::config::{Config, Sources};

/// Loads the config and starts the gateway with it.
pub(super) fn run(sources: &Sources) -> End {
    match Config::load(sources) {
        Ok(config) => {
            warn(&config);
            start(config)
        }
        Err(report) => refuse(&report),
    }
}

/// Hands `config` to the gateway.
fn start(_config: Config) -> End {
    complain("the gateway itself is not built yet");
    End::Failed
}
