//! Numbers with a unit: durations `"30s"` and sizes `"16MiB"`.

use std::time::Duration;

use crate::setting::declare;

/// A number of bytes, written `"16MiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const DURATIONS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const SIZES: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

declare::text!(
    Duration,
    "a duration",
    "30s",
    |text| {
        quantity(text, &DURATIONS)
            .map(Duration::from_millis)
            .ok_or_else(|| {
                "write a whole number and a unit: \"250ms\", \"30s\", \"15m\", \"1h\" or \"30d\""
                    .to_owned()
            })
    },
    |duration| {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return "0s".to_owned();
        }
        written(millis, &DURATIONS)
    }
);

declare::text!(
    Size,
    "a size",
    "16MiB",
    |text| {
        quantity(text, &SIZES).map(Size).ok_or_else(|| {
            match text
                .strip_suffix("B")
                .filter(|rest| rest.ends_with(['K', 'M', 'G']))
            {
                Some(rest) => format!("sizes count in 1024: write \"{rest}iB\""),
                None => {
                    "write a whole number and a unit: \"512B\", \"64KiB\", \"16MiB\" or \"1GiB\""
                        .to_owned()
                }
            }
        })
    },
    |size| written(size.0, &SIZES)
);

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn written(number: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor))
        .map_or_else(
            || format!("{number}B"),
            |(unit, factor)| format!("{}{unit}", number / factor),
        )
}
