//! `wxgate run`: the gateway, until it is told to stop.

use std::io;

use tokio::runtime::Builder;

use crate::cli::{End, complain, refuse, warn};
use crate::config::{Config, Sources};
use crate::gateway::Gateway;

/// Loads the config, starts the gateway with it, and drains it when the process is told to end.
pub(super) fn run(sources: &Sources) -> End {
    match Config::load(sources) {
        Ok(config) => {
            warn(&config);
            start(&config)
        }
        Err(report) => refuse(&report),
    }
}

fn start(config: &Config) -> End {
    let gateway = match Gateway::start(config) {
        Ok(gateway) => gateway,
        Err(error) => {
            complain(&format!("wxgate: {error}"));
            return End::Failed;
        }
    };
    let addresses: Vec<String> = gateway
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    tracing::info!(listen = addresses.join(", "), "ready");
    if let Err(error) = told_to_end() {
        complain(&format!("wxgate: {error}"));
        return End::Failed;
    }
    tracing::info!("draining");
    if !gateway.drain() {
        tracing::warn!("timeouts.drain has passed: what was still under way is cut off");
    }
    End::Good
}

/// Waits for SIGTERM or SIGINT.
fn told_to_end() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                _ = terminate.recv() => Ok(()),
                interrupted = tokio::signal::ctrl_c() => interrupted,
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    })
}
