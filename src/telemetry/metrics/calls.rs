//! Calls of WeChat's server API, by what was asked and what was said.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::telemetry::metrics::count::{Durations, Histogram};

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// An answer with this errcode, which is one that WeChat documents.
    Errcode(i64),
    /// An answer with another one.
    Other,
    /// It was sent, and not answered in time or at all.
    Timeout,
    /// It could not be sent.
    Unreachable,
}

impl Said {
    pub(super) fn label(self) -> String {
        match self {
            Self::Errcode(errcode) => errcode.to_string(),
            Self::Other => "other".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::Unreachable => "unreachable".to_owned(),
        }
    }
}

/// A kind of call: the API's name, and what came of it.
type Kind = (&'static str, Said);

/// How long calls of WeChat's API took. They are few, and wait for WeChat: a lock costs nothing here.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<Kind, Histogram>>);

impl Calls {
    /// A call of `api` has ended.
    pub fn ended(&self, api: &'static str, said: Said, took: Duration) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.entry((api, said)).or_default().observe(took);
    }

    pub(super) fn sums(&self) -> BTreeMap<Kind, Durations> {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = calls.iter().map(|(kind, histogram)| {
            let mut sums = Durations::default();
            histogram.add_to(&mut sums);
            (*kind, sums)
        });
        sums.collect()
    }
}
