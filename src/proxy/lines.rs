//! Header lines of a route's own: `set` for requests, `response_set` for answers.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::setting::HeaderLines;

/// The lines of one route, ready to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(Box<[(HeaderName, Option<HeaderValue>)]>);

impl Lines {
    /// What `lines` of the config say.
    pub fn new(lines: &HeaderLines) -> Self {
        let lines = lines.iter();
        Self(
            lines
                .map(|line| (line.name.clone(), line.value()))
                .collect(),
        )
    }

    /// Writes each in place of what stands there, or takes out what it leaves empty.
    pub fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            match value {
                Some(value) => drop(headers.insert(name, value.clone())),
                None => drop(headers.remove(name)),
            }
        }
    }

    /// The names that are written or taken out.
    pub fn names(&self) -> impl Iterator<Item = (&HeaderName, bool)> {
        self.0.iter().map(|(name, value)| (name, value.is_some()))
    }
}
