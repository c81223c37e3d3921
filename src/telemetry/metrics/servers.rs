//! The servers behind us, as the page shows them.

use prometheus_client::metrics::MetricType;

/// One server of an upstream, at the moment when the page is made.
#[derive(Debug, Clone)]
pub struct Behind {
    /// The upstream that it is one of.
    pub upstream: String,
    /// What the config calls it.
    pub server: String,
    /// The address, of those that its name has.
    pub address: String,
    /// Whether it is to be asked: neither sick by the checks nor taken out for its failures.
    pub is_up: bool,
    /// Whether its failures have taken it out for now.
    pub is_ejected: bool,
    /// Requests sent to it, second tries too.
    pub requests: u64,
    /// Requests that it did not answer, and connections that it did not take.
    pub failures: u64,
    /// How often it was taken out.
    pub ejections: u64,
}

/// A name, a help, a kind, and what of a server it shows.
type Family = (&'static str, &'static str, MetricType, fn(&Behind) -> u64);

/// What is shown of each server.
pub(super) const FAMILIES: &[Family] = &[
    (
        "wxgate_upstream_server_up",
        "1 while a server is to be asked; 0 while checks find it sick or its failures have taken it out.",
        MetricType::Gauge,
        |server| u64::from(server.is_up),
    ),
    (
        "wxgate_upstream_server_ejected",
        "1 while a server's failures have taken it out.",
        MetricType::Gauge,
        |server| u64::from(server.is_ejected),
    ),
    (
        "wxgate_upstream_server_requests_total",
        "Requests sent to a server, second tries included.",
        MetricType::Counter,
        |server| server.requests,
    ),
    (
        "wxgate_upstream_server_failures_total",
        "Requests that a server did not answer, and connections that it did not take.",
        MetricType::Counter,
        |server| server.failures,
    ),
    (
        "wxgate_upstream_server_ejections_total",
        "How often a server's failures have taken it out.",
        MetricType::Counter,
        |server| server.ejections,
    ),
];
