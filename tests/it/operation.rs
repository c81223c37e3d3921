//! What an operator does to a running gateway: reload it, restart it, hand its sockets over.

mod drain;
mod handover;
mod reload;
mod reload_by_signal;
mod restarts;
mod snapshot;
mod unix;
