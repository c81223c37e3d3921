//! The operator's listener: probes.

use std::net::SocketAddr;

use crate::setting;

setting::section! {
    /// `[admin]`: the operator's listener.
    pub struct Config {
        /// Where it is bound; empty: nowhere.
        listen: Option<SocketAddr> = Some(SocketAddr::from(([127, 0, 0, 1], 9180))),
    }
    later { "token": "the operators' page" }
}
