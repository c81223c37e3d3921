//! The pure core: who somebody is, what they show us, and what that lets them do.
//!
//! No clock, no I/O, no logging below this line: `now` and random bytes are arguments.

pub mod assertion;
pub mod credential;
pub mod crypto;
pub mod identity;
pub mod origin;
pub mod policy;

pub use credential::{Carrier, Credential, Digest, Locator, Token};
pub use identity::{AppId, Identity, OpenId, Phone, SessionKey, UnionId};
pub use origin::Origin;
pub use policy::{Denial, Permit, Policy, Require};

/// Seconds since 1970-01-01 UTC, as WeChat's watermarks count them.
pub type UnixSeconds = u64;
