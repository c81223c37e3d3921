//! What the workers count of requests: by place, which is a route or an endpoint, and by outcome.
//!
//! A place is a number that is known when the config is read, so to count a request is to look into an
//! array: nothing is hashed, and no label is a client's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::telemetry::metrics::count::{Count, Durations, Histogram};

/// Where requests go, as it stands in labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The route, or the path of an endpoint; empty for what never got so far.
    pub route: String,
    /// The upstream that the route leads to; empty where there is none.
    pub upstream: String,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome(usize);

/// Outcomes beside the refusals: the client hung up, or an answer of the class 1xx to 5xx.
const ANSWERS: usize = 6;

impl Outcome {
    /// The client hung up before there was an answer.
    pub const GONE: Self = Self(0);

    /// An answer with this status, which is no refusal of ours.
    pub fn answered(status: u16) -> Self {
        Self(usize::from(status / 100).clamp(1, ANSWERS - 1))
    }

    /// A refusal or failure of ours, by its place among the words that [`Sheet`] was made with.
    pub fn refused(word: usize) -> Self {
        Self(ANSWERS + word)
    }
}

/// A word that refusals are known by, and its status.
pub type Word = (u16, &'static str);

/// The status class and the word of an outcome, as they stand in labels.
pub(super) fn labels(outcome: usize, words: &[Word]) -> (String, &'static str) {
    match outcome.checked_sub(ANSWERS) {
        None if outcome == Outcome::GONE.0 => ("4xx".to_owned(), "client_gone"),
        None => (format!("{outcome}xx"), ""),
        Some(word) => {
            let (status, word) = words.get(word).copied().unwrap_or((500, "unknown"));
            (format!("{}xx", status / 100), word)
        }
    }
}

/// What one worker counts of one place beside the outcomes.
#[derive(Debug, Default)]
pub struct Row {
    duration: Histogram,
    upstream: Histogram,
    reused: Count,
    opened: Count,
    retried: Count,
}

impl Row {
    /// The upstream has begun its answer, this long after it was asked.
    pub fn answered(&self, took: Duration) {
        self.upstream.observe(took);
    }

    /// A request is sent on a connection that carried one before, or on a new one.
    pub fn sent(&self, reused: bool) {
        if reused { &self.reused } else { &self.opened }.add(1);
    }

    /// A request is tried once more.
    pub fn retried(&self) {
        self.retried.add(1);
    }
}

/// The counts of one worker.
#[derive(Debug)]
pub struct Tally {
    /// For each place its outcomes.
    outcomes: Box<[Count]>,
    kinds: usize,
    rows: Box<[Row]>,
    /// Places that are no routes; they come first.
    own: usize,
}

impl Tally {
    /// The place of the route at `index` of the config.
    #[inline]
    pub fn place(&self, index: usize) -> usize {
        self.own + index
    }

    /// The counts of the route at `index` of the config.
    #[inline]
    pub fn route(&self, index: usize) -> Option<&Row> {
        self.rows.get(self.place(index))
    }

    /// A request has ended, this long after its head.
    #[inline]
    pub fn done(&self, place: usize, outcome: Outcome, took: Duration) {
        if let Some(count) = self.outcomes.get(place * self.kinds + outcome.0) {
            count.add(1);
        }
        if let Some(row) = self.rows.get(place) {
            row.duration.observe(took);
        }
    }
}

/// The places of one config, and what all workers count of them.
#[derive(Debug)]
pub struct Sheet {
    places: Vec<Place>,
    own: usize,
    kinds: usize,
    tallies: Mutex<Vec<Arc<Tally>>>,
}

impl Sheet {
    /// A sheet of the places that are no routes, `own`, and of the routes in the order of the config;
    /// refusals are known by `words`.
    pub(super) fn new(own: Vec<Place>, routes: Vec<Place>, words: &[Word]) -> Self {
        let count = own.len();
        Self {
            places: own.into_iter().chain(routes).collect(),
            own: count,
            kinds: ANSWERS + words.len(),
            tallies: Mutex::default(),
        }
    }

    /// Counts for one more worker; to be called on its thread, so that they lie among what is its own.
    pub fn tally(&self) -> Arc<Tally> {
        let empty = || std::iter::repeat_with(Count::default);
        let tally = Arc::new(Tally {
            outcomes: empty().take(self.places.len() * self.kinds).collect(),
            kinds: self.kinds,
            rows: self.places.iter().map(|_| Row::default()).collect(),
            own: self.own,
        });
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.push(Arc::clone(&tally));
        tally
    }

    /// Whether nobody counts on it any more.
    pub(super) fn is_over(&mut self) -> bool {
        let tallies = self.tallies.get_mut();
        let tallies = tallies.unwrap_or_else(PoisonError::into_inner);
        tallies
            .iter_mut()
            .all(|tally| Arc::get_mut(tally).is_some())
    }

    /// Adds what was counted to the sums of each place.
    pub(super) fn add_to(&self, sums: &mut BTreeMap<Place, Sums>) {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, place) in self.places.iter().enumerate() {
            let sums = sums.entry(place.clone()).or_default();
            sums.outcomes.resize(self.kinds, 0);
            for tally in tallies.iter() {
                let outcomes = tally.outcomes.iter().skip(at * self.kinds);
                for (sum, count) in sums.outcomes.iter_mut().zip(outcomes) {
                    *sum += count.read();
                }
                if let Some(row) = tally.rows.get(at) {
                    row.duration.add_to(&mut sums.duration);
                    row.upstream.add_to(&mut sums.upstream);
                    sums.reused += row.reused.read();
                    sums.opened += row.opened.read();
                    sums.retried += row.retried.read();
                }
            }
        }
    }
}

/// What the [`Tally`]s of all workers come to for one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    pub(super) outcomes: Vec<u64>,
    pub(super) duration: Durations,
    pub(super) upstream: Durations,
    pub(super) reused: u64,
    pub(super) opened: u64,
    pub(super) retried: u64,
}
