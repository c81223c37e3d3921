//! The upstream's pure files, and what fuzzes them.

#[expect(dead_code, reason = "the gateway's own needs")]
#[rustfmt::skip]
#[path = "../../src/upstream/frame.rs"]
mod frame;
pub(crate) mod http1;
pub(crate) mod websocket;
