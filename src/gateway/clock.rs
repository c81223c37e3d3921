//! The time, for what lives longer than a process.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::auth::UnixSeconds;

/// Seconds since 1970.
pub(super) fn now() -> UnixSeconds {
    seconds(SystemTime::now())
}

/// `time` in seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> UnixSeconds {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
