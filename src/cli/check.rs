//! `wxgate check`: all that is wrong with a config, at once.

use crate::cli::terminal::{End, complain, refuse, say, warn};
use crate::config::{Config, Sources};

/// Loads the config, secrets too, and says what it found; with `print` the config in force.
pub(super) fn check(sources: &Sources, print: bool) -> End {
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(report) => return refuse(&report),
    };
    warn(&config);
    if !print {
        complain(&format!("{}: good", sources.name()));
        return End::Good;
    }
    match Config::print(sources) {
        Ok(text) => {
            say(&text);
            End::Good
        }
        Err(report) => refuse(&report),
    }
}
