//! Everything that crosses a socket: the real gateway, the mock WeChat, recording upstreams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::format_collect,
    clippy::format_push_string,
    unreachable_pub,
    reason = "a test that cannot go on says so by a panic"
)]

mod cli;
mod config;
mod demo;
mod docs;
mod endpoints;
mod harness;
#[cfg(target_os = "linux")]
mod image;
mod journey;
mod keep_alive;
mod output;
mod rules;
mod services;
mod streaming;
mod tidy;
