//! `GET …/health`: whether to send this gateway requests; for load balancers, so without details.

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;

use crate::endpoint::call::Reply;
use crate::endpoint::error::Error;

/// Whether the gateway is staying.
#[derive(Debug, Default)]
pub(super) struct Health {
    leaving: AtomicBool,
}

impl Health {
    /// From now on no more requests should come.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    pub(super) fn answer(&self) -> Result<Reply, Error> {
        if self.leaving.load(Ordering::Relaxed) {
            return Err(Error::Draining);
        }
        Ok(Reply::empty(StatusCode::OK))
    }
}
