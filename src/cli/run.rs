//! `wxgate run`: the gateway, until it is told to stop.

use std::io;

use tokio::runtime::Builder;

use crate::cli::terminal::{End, complain, refuse};
use crate::config::{Config, Sources};
use crate::gateway::Gateway;
use crate::telemetry;

/// Loads the config, starts the gateway with it, and drains it when the process is told to end.
pub(super) fn run(sources: &Sources) -> End {
    match Config::load(sources) {
        Ok(config) => start(&config),
        Err(report) => refuse(&report),
    }
}

fn start(config: &Config) -> End {
    let _log = match telemetry::install(&config.log) {
        Ok(log) => log,
        Err(error) => {
            complain(&format!("wxgate: the log cannot be written: {error}"));
            return End::Failed;
        }
    };
    std::panic::set_hook(Box::new(
        |panic| tracing::error!(%panic, "a bug: something panicked"),
    ));
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
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

/// A log that was rotated goes on under its name.
#[cfg(unix)]
fn reopen() {
    match telemetry::reopen() {
        Ok(()) => tracing::info!("logs reopened"),
        Err(error) => tracing::error!(%error, "a log cannot be reopened"),
    }
}

/// Waits for SIGTERM or SIGINT; SIGUSR1 reopens logs meanwhile.
fn told_to_end() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut rotated = signal(SignalKind::user_defined1())?;
            loop {
                tokio::select! {
                    _ = terminate.recv() => return Ok(()),
                    _ = interrupt.recv() => return Ok(()),
                    _ = rotated.recv() => reopen(),
                }
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    })
}
