//! The listener's pure files, and what fuzzes them.

pub(crate) mod announced;
#[rustfmt::skip]
#[path = "../../src/listener/framing.rs"]
mod framing;
pub(crate) mod http1;
#[rustfmt::skip]
#[path = "../../src/listener/proxy_protocol.rs"]
mod proxy_protocol;

pub(crate) use wxgate::listener::{Limits, Refusal};
