//! Certificates read again: when their files change, and when somebody asks.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::tls::Error;
use crate::tls::files::Files;
use crate::tls::server::Server;

/// How often the files are looked at. What changed is read when two looks saw the same.
const LOOK: Duration = Duration::from_millis(500);

/// How often the operator is told of what expires.
const REMIND: Duration = Duration::from_secs(86_400);

impl Server {
    /// Reads the certificates again, and says in the log how that went. On an error those in use
    /// stay.
    pub fn reread(&self) -> Result<(), Error> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.read = Files::of(&source.config);
        let reread = self.show(&source.config);
        if let Err(error) = &reread {
            tracing::error!(%error, "the certificates were not read again: those in use stay");
        }
        reread
    }

    /// Reads the certificates again whenever their files have changed. It never ends.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut seen = None;
        let mut told = Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            let server = Arc::clone(&self);
            let look = tokio::task::spawn_blocking(move || server.look(seen.as_ref()));
            seen = look.await.ok();
            if told.elapsed() >= REMIND {
                told = Instant::now();
                self.announce();
            }
        }
    }

    /// Reads what has changed and is as the look before saw it: who writes a pair writes one file
    /// after the other.
    fn look(&self, before: Option<&Files>) -> Files {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Files::of(&source.config);
        let has_changed = now != source.read && before == Some(&now);
        drop(source);
        if has_changed {
            // It has told why.
            let _ = self.reread();
        }
        now
    }
}
