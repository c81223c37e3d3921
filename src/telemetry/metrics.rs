//! What is counted for the operator, and the page that shows it.
//!
//! Each worker counts for itself, on memory of its own; the sums are made when somebody asks for the page.
//! What a config's routes have counted stays when another config takes its place.

mod calls;
mod connections;
mod count;
mod page;
mod servers;
mod tally;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::calls::{Calls, Said};
pub use self::connections::{Connections, Doing};
pub use self::servers::Behind;
pub use self::tally::{Outcome, Place, Row, Sheet, Tally, Word};
use crate::telemetry::access_log::Entry;
use crate::telemetry::metrics::page::Page;
use crate::telemetry::metrics::tally::Sums;

/// All that is counted in this process.
#[derive(Debug)]
pub struct Metrics {
    words: Arc<[Word]>,
    books: Mutex<Books>,
    calls: Arc<Calls>,
}

#[derive(Debug, Default)]
struct Books {
    sheets: Vec<Arc<Sheet>>,
    /// What sheets counted that are over.
    past: BTreeMap<Place, Sums>,
    connections: Vec<Arc<Connections>>,
    log: Option<Entry>,
    /// Each certificate's file, and when it expires, in seconds since 1970.
    certificates: Told<(String, u64)>,
    servers: Told<Behind>,
}

/// What somebody tells whenever the page is asked for.
struct Told<T>(Option<Teller<T>>);

type Teller<T> = Box<dyn Fn() -> Vec<T> + Send + Sync>;

impl<T> Told<T> {
    fn ask(&self) -> Vec<T> {
        self.0.as_ref().map_or_else(Vec::new, |tell| tell())
    }
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> fmt::Debug for Told<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told(…)")
    }
}

impl Metrics {
    /// Nothing is counted yet; refusals are known by `words`.
    pub fn new(words: Vec<Word>) -> Arc<Self> {
        Arc::new(Self {
            words: words.into(),
            books: Mutex::default(),
            calls: Arc::default(),
        })
    }

    /// A sheet for the places of a config: those that are no routes, `own`, and the routes in the order
    /// of the config.
    pub fn sheet(&self, own: Vec<Place>, routes: Vec<Place>) -> Arc<Sheet> {
        let sheet = Arc::new(Sheet::new(own, routes, &self.words));
        let mut books = self.books();
        books.close();
        books.sheets.push(Arc::clone(&sheet));
        sheet
    }

    /// The connections of one more worker.
    pub fn connections(&self) -> Arc<Connections> {
        let connections = Arc::new(Connections::default());
        self.books().connections.push(Arc::clone(&connections));
        connections
    }

    /// The calls of WeChat's API.
    pub fn calls(&self) -> Arc<Calls> {
        Arc::clone(&self.calls)
    }

    /// Shows what is dropped from the access log behind `entry`.
    pub fn watch(&self, entry: Entry) {
        self.books().log = Some(entry);
    }

    /// Shows the certificates that `expiries` tells: each one's file, and when it expires, in seconds since
    /// 1970.
    pub fn watch_certificates(
        &self,
        expiries: impl Fn() -> Vec<(String, u64)> + Send + Sync + 'static,
    ) {
        self.books().certificates = Told(Some(Box::new(expiries)));
    }

    /// Shows the servers that `servers` tells, and none that were told before.
    pub fn watch_servers(&self, servers: impl Fn() -> Vec<Behind> + Send + Sync + 'static) {
        self.books().servers = Told(Some(Box::new(servers)));
    }

    /// The page, in Prometheus' text format 0.0.4.
    pub fn page(&self) -> String {
        let mut books = self.books();
        books.close();
        let mut page = Page {
            words: Arc::clone(&self.words),
            places: books.past.clone(),
            connections: connections::Crowd::default(),
            calls: self.calls.sums(),
            certificates: books.certificates.ask(),
            servers: books.servers.ask(),
            dropped: books.log.as_ref().map_or(0, Entry::dropped),
        };
        for sheet in &books.sheets {
            sheet.add_to(&mut page.places);
        }
        for connections in &books.connections {
            connections.add_to(&mut page.connections);
        }
        drop(books);
        page.text()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Puts what the sheets that are over have counted to what is past.
    fn close(&mut self) {
        let Self { sheets, past, .. } = self;
        sheets.retain_mut(|sheet| {
            let over = Arc::get_mut(sheet).is_some_and(Sheet::is_over);
            if over {
                sheet.add_to(past);
            }
            !over
        });
    }
}

#[cfg(test)]
mod tests;
