//! Everything that crosses a socket: the real gateway, the mock WeChat, recording upstreams.

mod config;
