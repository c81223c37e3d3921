//! `GET …/jwks.json`: the public keys of assertions, for the services that check them.

use serde_json::Value;

use crate::endpoint::call::Reply;
use crate::endpoint::error::Error;

/// The keys, where there are assertions.
pub(super) struct Keys(pub(super) Option<Value>);

impl Keys {
    pub(super) fn answer(&self) -> Result<Reply, Error> {
        let keys = self.0.clone().ok_or(Error::NoRoute)?;
        Ok(Reply::json(keys))
    }
}
