//! Bind, accept, limit: where connections come in.

use std::time::Duration;

use http::HeaderName;

use crate::setting::{self, Size};

setting::section! {
    /// `[limits]`: how much a client may ask of us.
    pub struct Limits {
        /// The largest request body, unless the route says otherwise.
        body: Size = Size(16 << 20),
        /// The largest head of a request: request line and header lines.
        headers: Size = Size(32 << 10),
        /// The most header lines of a request.
        header_count: u32 = 100,
        /// The longest request target.
        uri: Size = Size(8 << 10),
        /// Connections at once; 0: 45 % of the hard limit on open files.
        connections: u32 = 0,
        /// Header names with other bytes than letters, digits and `-` to let through (R2).
        header_names: Vec<HeaderName> = Vec::new(),
    }
    later { "per_address": "a limit on connections per address", "h2_streams": "HTTP/2" }
}

setting::section! {
    /// `[timeouts]`: how long each wait may last.
    pub struct Timeouts {
        /// From the first byte of a head to its last.
        header: Duration = Duration::from_secs(10),
        /// To connect to an upstream.
        connect: Duration = Duration::from_secs(2),
        /// From the request sent to the head of the upstream's answer.
        response: Duration = Duration::from_secs(60),
        /// From SIGTERM to the end of what still runs.
        drain: Duration = Duration::from_secs(30),
        /// The longest silence within a request body.
        body: Duration = Duration::from_secs(30),
        /// The longest silence between two requests of a connection.
        idle: Duration = Duration::from_secs(75),
        /// The longest silence within an answer, on either side.
        stream: Duration = Duration::from_secs(300),
    }
    later { "handshake": "TLS" }
}
