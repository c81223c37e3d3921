//! What came in for each API, and what is to go wrong with it: errcodes on demand, delays, cut lines.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use crate::mock::Api;

/// A call as it came in, without the app's secret. It holds what calls hold: no `Debug`.
#[derive(Clone)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The query's parameters.
    pub query: BTreeMap<String, String>,
    /// The body if it is JSON, else `null`.
    pub body: Value,
}

/// What a call gets instead of its answer.
#[derive(Debug, Clone)]
pub enum Instead {
    /// WeChat's JSON for this errcode, with HTTP 200.
    Errcode(i64),
    /// Any status, type and body.
    Reply {
        /// The HTTP status.
        status: u16,
        /// `Content-Type`.
        content_type: String,
        /// The body.
        body: String,
    },
    /// Nothing: the connection is closed.
    Close,
    /// The head and half of the body of the true answer, then the connection is closed.
    CutShort,
}

/// Something that goes wrong with an API's next calls.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What they get.
    pub instead: Instead,
    /// How many calls; they are counted down.
    pub times: u32,
    /// Whether WeChat does its work all the same, so that a code is used up though nobody learns it.
    pub consumes: bool,
}

impl Fault {
    /// The next call gets `instead`.
    pub fn new(instead: Instead) -> Self {
        Self {
            consumes: matches!(instead, Instead::CutShort),
            instead,
            times: 1,
        }
    }

    /// The next call gets this errcode.
    pub fn errcode(errcode: i64) -> Self {
        Self::new(Instead::Errcode(errcode))
    }

    /// The next call gets this HTTP status with a page that is no JSON.
    pub fn status(status: u16) -> Self {
        Self::new(Instead::Reply {
            status,
            content_type: "text/html".to_owned(),
            body: "<html><body>nginx</body></html>".to_owned(),
        })
    }

    /// The next call gets HTTP 200 and this body.
    pub fn body(body: impl Into<String>) -> Self {
        Self::new(Instead::Reply {
            status: 200,
            content_type: "application/json; encoding=utf-8".to_owned(),
            body: body.into(),
        })
    }

    /// The next call's connection is closed without an answer.
    pub fn close() -> Self {
        Self::new(Instead::Close)
    }

    /// The next call's answer breaks off.
    pub fn cut_short() -> Self {
        Self::new(Instead::CutShort)
    }

    /// The same for the next `times` calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same for all calls to come.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u32::MAX)
    }

    /// The same, but WeChat does its work all the same.
    #[must_use]
    pub fn after_handling(mut self) -> Self {
        self.consumes = true;
        self
    }
}

/// All APIs' traffic.
#[derive(Default)]
pub(super) struct Traffic(BTreeMap<Api, Lane>);

/// One API's traffic.
#[derive(Default)]
pub(super) struct Lane {
    /// Calls that came in.
    pub(super) calls: u64,
    /// Calls that are not answered yet, and the most that ever were at once.
    pub(super) in_flight: u32,
    pub(super) peak: u32,
    /// The last one.
    pub(super) last: Option<Call>,
    /// What is to go wrong, in this order.
    pub(super) faults: VecDeque<Fault>,
    /// How long an answer takes.
    pub(super) latency: Duration,
    /// Whether answers wait for a release.
    pub(super) held: bool,
}

impl Traffic {
    /// The lane of `api`.
    pub(super) fn lane(&mut self, api: Api) -> &mut Lane {
        self.0.entry(api).or_default()
    }
}

impl Lane {
    /// Counts a call and gives what is to go wrong with it.
    pub(super) fn begin(&mut self, call: Call) -> Option<Fault> {
        self.calls += 1;
        self.in_flight += 1;
        self.peak = self.peak.max(self.in_flight);
        self.last = Some(call);
        let fault = self.faults.front_mut()?;
        if fault.times < u32::MAX {
            fault.times = fault.times.saturating_sub(1);
        }
        let now = fault.clone();
        if now.times == 0 {
            self.faults.pop_front();
        }
        Some(now)
    }

    /// Counts an answer.
    pub(super) fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}
