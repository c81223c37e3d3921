//! A moment in the words of RFC 3339, in UTC, to the millisecond.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes moments; those of one second share most of their text.
#[derive(Debug, Default)]
pub(super) struct Timestamp {
    second: u64,
    text: String,
}

impl Timestamp {
    /// `2026-11-21T15:03:33.007Z`. A moment before 1970 is the beginning of 1970.
    pub(super) fn write(&mut self, at: SystemTime) -> &str {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs();
        if self.text.is_empty() || second != self.second {
            self.second = second;
            self.text.clear();
            let (year, month, day) = date(second / 86_400);
            let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
            // Writing to a String cannot fail.
            let _ = write!(
                self.text,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}",
                second % 60
            );
        }
        self.text.truncate("2026-11-21T15:03:33".len());
        let _ = write!(self.text, ".{:03}Z", since.subsec_millis());
        &self.text
    }
}

/// Year, month and day of a day since 1970-01-01, by eras of 400 years that begin in March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    (era * 400 + year, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn known_moments_come_out_right() {
        let rows = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_001, "2000-03-01T00:00:00.001Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (1_735_689_600_010, "2025-01-01T00:00:00.010Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        let mut timestamp = Timestamp::default();
        for (millis, expected) in rows {
            let at = UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(timestamp.write(at), expected);
            let later = at + Duration::from_millis(5);
            assert_eq!(timestamp.write(later).len(), expected.len());
        }
    }
}
