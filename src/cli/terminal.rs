//! What a command says, where it says it, and how it ends.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::config::{Config, Report};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It did what it should.
    Good,
    /// It could not.
    Failed,
    /// It was called wrongly, or with a wrong config.
    Wrong,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        Self::from(match end {
            End::Good => 0,
            End::Failed => 1,
            End::Wrong => 2,
        })
    }
}

/// Writes to standard output; whoever closed it does not want the rest.
pub(super) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Writes a line to standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Shows what is wrong with a config, in colours where somebody looks.
pub(super) fn refuse(report: &Report) -> End {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = if coloured {
        report.coloured()
    } else {
        report.to_string()
    };
    complain(text.trim_end());
    End::Wrong
}

/// Shows what is allowed and should be known.
pub(super) fn warn(config: &Config) {
    for warning in config.warnings() {
        complain(&format!("warning: {warning}"));
    }
}
