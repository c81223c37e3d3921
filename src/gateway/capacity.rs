//! How much of the machine is ours: open files.

use crate::config::Config;

/// `limits.connections`, or 45 % of the hard limit on open files; the soft limit is raised to it.
pub(super) fn most_connections(config: &Config) -> usize {
    let files = raise_file_limit().unwrap_or(1024);
    match usize::try_from(config.limits.connections) {
        Ok(0) | Err(_) => usize::try_from(files.saturating_mul(45) / 100).unwrap_or(usize::MAX),
        Ok(most) => most,
    }
}

#[cfg(unix)]
fn raise_file_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

#[cfg(not(unix))]
fn raise_file_limit() -> Option<u64> {
    None
}
