//! The pure files of HTTP/1.1 to servers, and what fuzzes them.

pub(crate) mod answer;

#[expect(dead_code, reason = "the gateway's own needs")]
#[rustfmt::skip]
#[path = "../../../src/upstream/http1/chunks.rs"]
mod chunks;
#[expect(dead_code, reason = "the gateway's own needs")]
#[rustfmt::skip]
#[path = "../../../src/upstream/http1/fault.rs"]
mod fault;
#[expect(dead_code, reason = "the gateway's own needs")]
#[rustfmt::skip]
#[path = "../../../src/upstream/http1/head.rs"]
mod head;
