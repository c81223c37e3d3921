//! Everything that crosses a socket: the real gateway, the mock WeChat, recording upstreams.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub
)]

mod image;
mod services;
mod tidy;
