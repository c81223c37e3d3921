//! Who may ask how often.
//!
//! A limiter is shared by all workers. It remembers a client until its requests have been paid for by
//! the time that has passed, and has an end to whom it remembers.

mod limiter;
pub mod rule;

pub use limiter::{Exceeded, Limiter};
pub use rule::{Pace, Per, Rule};

use crate::setting;
use rule::Unit;

setting::section! {
    /// `[rate]`: how often the gateway's own endpoints may be called.
    pub struct Config {
        /// Logins.
        login: Rule = Rule { per: Per::Address, limit: Pace::new(300, Unit::Minute), burst: 300 },
        /// Phone numbers, by code or by data.
        phone: Rule = Rule { per: Per::User, limit: Pace::new(10, Unit::Minute), burst: 20 },
        /// Profiles and other open data.
        decrypt: Rule = Rule { per: Per::User, limit: Pace::new(60, Unit::Minute), burst: 60 },
    }
}

/// All limiters of the gateway.
#[derive(Debug)]
pub struct Limits {
    /// Of logins.
    pub login: Limiter,
    /// Of phone numbers.
    pub phone: Limiter,
    /// Of profiles and other open data.
    pub decrypt: Limiter,
    /// Of each route that has one.
    pub routes: Vec<Option<Limiter>>,
}

impl Limits {
    /// Limiters by the rules of `config` and of each route, in the order of the file.
    pub fn new<'a>(config: &Config, routes: impl Iterator<Item = Option<&'a Rule>>) -> Self {
        Self {
            login: Limiter::new(&config.login),
            phone: Limiter::new(&config.phone),
            decrypt: Limiter::new(&config.decrypt),
            routes: routes.map(|rule| rule.map(Limiter::new)).collect(),
        }
    }

    /// Forgets everybody of whom there is nothing left to remember. Call it about once a second.
    pub fn sweep(&self) {
        let own = [&self.login, &self.phone, &self.decrypt];
        for limiter in own.into_iter().chain(self.routes.iter().flatten()) {
            limiter.sweep();
        }
    }
}

#[cfg(test)]
mod tests;
