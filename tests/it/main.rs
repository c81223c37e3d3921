//! Everything that crosses a socket: the real gateway, the mock WeChat, recording upstreams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::format_push_string,
    unreachable_pub
)]

mod harness;

mod config;
mod image;
mod keep_alive;
mod services;
mod streaming;
mod tidy;
mod vectors;
