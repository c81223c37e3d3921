//! `WebSocket` through the gateway (R7): the handshake, the token, the frames, and how a tunnel ends.

mod autobahn;
mod crowd;
mod handshake;
mod leave;
mod smuggling;
mod token;
mod tunnel;
pub mod wire;
