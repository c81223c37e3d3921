//! What the process is told while it runs: by signals, and by files that change.

use std::io;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::cli::run::files::{Files, LOOK};

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// SIGTERM or SIGINT: drain and end.
    End,
    /// SIGHUP, or a changed file: read the config again.
    Reload,
    /// SIGUSR1: open the logs anew.
    Reopen,
}

/// Where orders come from.
pub(super) struct Orders {
    signals: Signals,
    look: Interval,
}

impl Orders {
    /// From now on signals are orders. Needs a tokio runtime.
    pub(super) fn listen() -> io::Result<Self> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            signals: Signals::listen()?,
            look,
        })
    }

    /// Waits for the next order.
    pub(super) async fn next(&mut self, files: &mut Files) -> Order {
        loop {
            tokio::select! {
                biased;
                order = self.signals.next() => return order,
                _ = self.look.tick() => {
                    if files.have_changed() {
                        return Order::Reload;
                    }
                }
            }
        }
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    rotated: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            rotated: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Order::End,
            _ = self.interrupt.recv() => Order::End,
            _ = self.hang_up.recv() => Order::Reload,
            _ = self.rotated.recv() => Order::Reopen,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Order {
        // Without Ctrl-C nothing but the system can end the process.
        match tokio::signal::ctrl_c().await {
            Ok(()) => Order::End,
            Err(_) => std::future::pending().await,
        }
    }
}
