//! route → authenticate → authorize → inject → forward → respond

pub mod client_address;
pub mod headers;
pub mod path;
pub mod route;
