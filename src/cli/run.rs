//! `wxgate run`: the gateway, until it is told to stop.

mod files;
mod orders;
mod service;

use tokio::runtime::Builder;

use crate::cli::run::files::Files;
use crate::cli::run::orders::{Order, Orders};
use crate::cli::terminal::{End, complain, refuse};
use crate::config::{Config, Sources};
use crate::gateway::Gateway;
use crate::listener::Handed;
use crate::telemetry;

/// Loads the config, starts the gateway with it, and drains it when the process is told to end.
pub(super) fn run(sources: &Sources) -> End {
    // First of all: it needs to be alone.
    let handed = Handed::from_environment();
    match Config::load_with_files(sources) {
        Ok((config, files)) => start(sources, config, Files::new(files), handed),
        Err(report) => refuse(&report),
    }
}

fn start(sources: &Sources, config: Config, mut files: Files, handed: Handed) -> End {
    let _log = match telemetry::install(&config.log) {
        Ok(log) => log,
        Err(error) => return failed(&format!("the log cannot be written: {error}")),
    };
    std::panic::set_hook(Box::new(
        |panic| tracing::error!(%panic, "a bug: something panicked"),
    ));
    warn(&config);
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    // Before the gateway: a SIGHUP while it starts must not end it.
    let mut orders = match runtime.block_on(async { Orders::listen() }) {
        Ok(orders) => orders,
        Err(error) => return failed(&error.to_string()),
    };
    let mut gateway = match Gateway::start_with(&config, handed) {
        Ok(gateway) => gateway,
        Err(error) => return failed(&error.to_string()),
    };
    drop(config);
    tracing::info!(listen = places(&gateway), "ready");
    service::ready("serving");
    loop {
        match runtime.block_on(orders.next(&mut files)) {
            Order::End => break,
            Order::Reopen => reopen(),
            Order::Reload => reload(&mut gateway, sources, &mut files),
        }
    }
    tracing::info!("draining");
    service::stopping();
    if !gateway.drain() {
        tracing::warn!("timeouts.drain has passed: what was still under way is cut off");
    }
    End::Good
}

/// Where it listens, in the words of `listen`.
fn places(gateway: &Gateway) -> String {
    let addresses = gateway.addresses().iter().map(ToString::to_string);
    let files = gateway.socket_files();
    let files = files.map(|path| format!("unix:{}", path.display()));
    listed(&addresses.chain(files).collect::<Vec<_>>())
}

fn failed(reason: &str) -> End {
    complain(&format!("wxgate: {reason}"));
    End::Failed
}

fn warn(config: &Config) {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
}

/// Reads the config again and puts it into force, or says why the one before stays.
fn reload(gateway: &mut Gateway, sources: &Sources, files: &mut Files) {
    service::reloading();
    files.look_again();
    let (config, read) = match Config::load_with_files(sources) {
        Ok(loaded) => loaded,
        Err(report) => return stays(&report.to_string()),
    };
    *files = Files::new(read);
    match gateway.reload(&config) {
        Ok(reloaded) => {
            if reloaded.changed.is_empty() {
                tracing::info!("config read again: no setting has changed");
            } else {
                let changed = listed(&reloaded.changed);
                tracing::info!(changed, "config reloaded");
                warn(&config);
            }
            if !reloaded.needs_restart.is_empty() {
                let settings = listed(&reloaded.needs_restart);
                tracing::warn!(settings, "these settings change with a restart only");
            }
            service::ready("serving");
        }
        Err(error) => stays(&error.to_string()),
    }
}

fn stays(reason: &str) {
    tracing::error!(reason, "config not reloaded: the one before stays in force");
    service::ready("serving with an old config: the new one is wrong, the log says why");
}

fn listed(items: &[impl ToString]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

/// A log that was rotated goes on under its name.
fn reopen() {
    match telemetry::reopen() {
        Ok(()) => tracing::info!("logs reopened"),
        Err(error) => tracing::error!(%error, "a log cannot be reopened"),
    }
}
