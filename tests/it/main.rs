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

mod assertion;
mod cli;
mod client;
mod config;
mod corpus;
mod crowd;
mod demo;
mod deploy;
mod docs;
mod endpoints;
mod groups;
mod harness;
mod http2;
mod http2_suite;
mod image;
mod journey;
mod keep_alive;
mod logging;
mod memory;
mod metrics;
mod operation;
mod output;
mod phone_code;
mod proxies;
mod rate;
mod rows;
mod rules;
mod secrets;
mod services;
mod sessions;
mod slow;
mod stalled;
mod streaming;
mod tidy;
mod tls;
mod vectors;
mod websocket;
