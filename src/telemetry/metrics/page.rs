//! All numbers as the page that Prometheus reads: its text format 0.0.4.
//!
//! The library writes `OpenMetrics`, which is the same but for counters: there the family has no `_total`,
//! only its samples have. So counters are written as the format 0.0.4 has them: families by their whole
//! name, samples without a suffix of the library's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::telemetry::metrics::calls::Said;
use crate::telemetry::metrics::connections::{Crowd, DOING, LIMITS};
use crate::telemetry::metrics::count::Durations;
use crate::telemetry::metrics::servers::{Behind, FAMILIES};
use crate::telemetry::metrics::tally::{Place, Sums, Word, labels};

/// All numbers at one moment.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) words: Arc<[Word]>,
    pub(super) places: BTreeMap<Place, Sums>,
    pub(super) connections: Crowd,
    pub(super) calls: BTreeMap<(&'static str, Said), Durations>,
    pub(super) dropped: u64,
    pub(super) certificates: Vec<(String, u64)>,
    pub(super) servers: Vec<Behind>,
}

impl Page {
    /// The page.
    pub(super) fn text(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut text, &registry);
        text
    }

    /// The sums of each upstream.
    fn upstreams(&self) -> BTreeMap<&str, Vec<&Sums>> {
        let mut upstreams: BTreeMap<&str, Vec<&Sums>> = BTreeMap::new();
        for (place, sums) in &self.places {
            if !place.upstream.is_empty() {
                upstreams.entry(&place.upstream).or_default().push(sums);
            }
        }
        upstreams
    }
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut pen = Pen(encoder);
        self.requests(&mut pen)?;
        self.exchanges(&mut pen)?;
        self.servers(&mut pen)?;
        self.others(&mut pen)
    }
}

impl Page {
    fn requests(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let mut family = pen.counter(
            "wxgate_requests_total",
            "Requests that have ended, by where they went and how they ended.",
        )?;
        for (place, sums) in &self.places {
            for (outcome, count) in sums.outcomes.iter().enumerate() {
                if *count > 0 {
                    let (status, code) = labels(outcome, &self.words);
                    let labels = [
                        ("route", place.route.as_str()),
                        ("upstream", &place.upstream),
                        ("status", &status),
                        ("code", code),
                    ];
                    family.encode_family(&labels)?.encode_gauge(count)?;
                }
            }
        }
        let mut family = pen.histogram(
            "wxgate_request_duration_seconds",
            "From a request's head to the end of its answer.",
        )?;
        for (place, sums) in &self.places {
            write(&mut family, [("route", &place.route)], &sums.duration)?;
        }
        Ok(())
    }

    fn exchanges(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let upstreams = self.upstreams();
        let mut family = pen.histogram(
            "wxgate_upstream_duration_seconds",
            "From a request that is sent to an upstream to the head of its answer.",
        )?;
        for (upstream, sums) in &upstreams {
            let mut all = Durations::default();
            for sums in sums {
                all.add(&sums.upstream);
            }
            write(&mut family, [("upstream", *upstream)], &all)?;
        }
        let mut family = pen.counter(
            "wxgate_upstream_requests_total",
            "Requests sent to an upstream, on a new connection or on one that carried others before.",
        )?;
        for (upstream, sums) in &upstreams {
            let (opened, reused) = (|sums: &&Sums| sums.opened, |sums: &&Sums| sums.reused);
            let counts = [
                ("new", sums.iter().map(opened).sum::<u64>()),
                ("reused", sums.iter().map(reused).sum()),
            ];
            for (connection, count) in counts {
                let labels = [("upstream", *upstream), ("connection", connection)];
                family.encode_family(&labels)?.encode_gauge(&count)?;
            }
        }
        let mut family = pen.counter(
            "wxgate_upstream_retries_total",
            "Requests that were sent to an upstream once more.",
        )?;
        for (upstream, sums) in &upstreams {
            let count: u64 = sums.iter().map(|sums| sums.retried).sum();
            let labels = [("upstream", *upstream)];
            family.encode_family(&labels)?.encode_gauge(&count)?;
        }
        Ok(())
    }

    fn servers(&self, pen: &mut Pen<'_>) -> fmt::Result {
        for (name, help, kind, value) in FAMILIES {
            let mut family = pen.0.encode_descriptor(name, help, None, *kind)?;
            for server in &self.servers {
                let labels = [
                    ("upstream", server.upstream.as_str()),
                    ("server", &server.server),
                    ("address", &server.address),
                ];
                family
                    .encode_family(&labels)?
                    .encode_gauge(&value(server))?;
            }
        }
        Ok(())
    }

    fn others(&self, pen: &mut Pen<'_>) -> fmt::Result {
        let mut family = pen.histogram(
            "wxgate_wechat_duration_seconds",
            "Calls of WeChat's server API, by what was said.",
        )?;
        for ((api, said), durations) in &self.calls {
            let labels = [("api", *api), ("errcode", &said.label())];
            write(&mut family, labels, durations)?;
        }
        let crowd = &self.connections;
        let mut family = pen.gauge("wxgate_connections", "Connections, by what they do.")?;
        for (state, count) in DOING.iter().zip(&crowd.now) {
            let labels = [("state", *state)];
            family.encode_family(&labels)?.encode_gauge(count)?;
        }
        let mut family = pen.counter(
            "wxgate_connections_accepted_total",
            "Connections that were accepted, those that were refused then included.",
        )?;
        family.encode_gauge(&crowd.accepted)?;
        let mut family = pen.counter(
            "wxgate_connections_refused_total",
            "Connections that were refused, by the limit that they were beyond.",
        )?;
        for (limit, count) in LIMITS.iter().zip(&crowd.refused) {
            let labels = [("limit", *limit)];
            family.encode_family(&labels)?.encode_gauge(count)?;
        }
        let mut family = pen.counter(
            "wxgate_access_log_dropped_total",
            "Lines of the access log that were dropped, because nobody took them fast enough.",
        )?;
        family.encode_gauge(&self.dropped)?;
        let mut family = pen.gauge(
            "wxgate_certificate_expiry_timestamp_seconds",
            "When a certificate that clients are shown expires, in seconds since 1970.",
        )?;
        for (file, expiry) in &self.certificates {
            let labels = [("file", file.as_str())];
            family.encode_family(&labels)?.encode_gauge(expiry)?;
        }
        let mut family = pen.gauge("wxgate_build_info", "Always 1; the version that runs.")?;
        let labels = [("version", env!("CARGO_PKG_VERSION"))];
        family.encode_family(&labels)?.encode_gauge(&1_u64)
    }
}

/// Begins families.
struct Pen<'a>(DescriptorEncoder<'a>);

impl Pen<'_> {
    fn counter<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0
            .encode_descriptor(name, help, None, MetricType::Counter)
    }

    fn gauge<'s>(&'s mut self, name: &'s str, help: &str) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0
            .encode_descriptor(name, help, None, MetricType::Gauge)
    }

    fn histogram<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0
            .encode_descriptor(name, help, None, MetricType::Histogram)
    }
}

fn write<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: [(&str, &str); N],
    durations: &Durations,
) -> fmt::Result {
    let count = durations.count();
    if count == 0 {
        return Ok(());
    }
    let mut metric = family.encode_family(&labels)?;
    metric.encode_histogram::<NoLabelSet>(durations.seconds(), count, &durations.spans(), None)
}
