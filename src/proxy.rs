//! route → authenticate → authorize → inject → forward → respond

pub mod client_address;
pub mod headers;
pub mod host;
pub mod path;
pub mod retry;
pub mod route;
pub mod trace;
