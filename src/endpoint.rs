//! Own paths: JSON in, JSON out.

use std::time::Duration;

use crate::setting;

setting::section! {
    /// `[endpoints]`: the paths that the gateway answers itself.
    pub struct Config {
        /// Where they begin.
        prefix: String = "/wxgate".to_owned(),
        /// What of the identity a client may see.
        expose: Vec<Expose> = Vec::new(),
        /// The ways a phone number may come.
        phone_by: Vec<PhoneBy> = vec![PhoneBy::Code, PhoneBy::Encrypted],
        /// The oldest encrypted phone data taken; zero: any.
        phone_age: Duration = Duration::from_secs(3600),
    }
    later { "wafer": "wafer clients" }
}

/// A field of the identity that a client may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expose {
    /// `openid`
    OpenId,
    /// `unionid`
    UnionId,
}

setting::choice! { Expose, "a field of the identity" { "openid" => Self::OpenId, "unionid" => Self::UnionId } }

/// A way for a phone number to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneBy {
    /// By the button's `code`, which WeChat turns into a number.
    Code,
    /// By `encryptedData` and `iv`, opened here.
    Encrypted,
}

setting::choice! { PhoneBy, "a way for a phone number to come" { "code" => Self::Code, "encrypted" => Self::Encrypted } }
