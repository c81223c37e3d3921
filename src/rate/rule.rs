//! The words of a rule: whose requests are counted together, how many in how long, how many at once.

use std::time::Duration;

use crate::setting;

setting::section! {
    /// How often somebody may ask for something.
    pub struct Rule {
        /// Whose requests are counted together.
        per: Per = Per::Address,
        /// How many, and in how long.
        limit: Pace,
        /// How many at once; 0: as many as `limit` says.
        burst: u32 = 0,
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Those of an address; IPv6 by /64.
    Address,
    /// Those of a user of an app; those of strangers by address.
    User,
}

setting::choice! { Per, "a way to count" { "address" => Self::Address, "user" => Self::User } }

/// So many in a unit of time, written `"300/m"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many; at least 1.
    pub count: u32,
    /// In how long.
    pub unit: Unit,
}

/// The unit of a [`Pace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
}

impl Unit {
    const ALL: [(&'static str, Self, u64); 4] = [
        ("s", Self::Second, 1),
        ("m", Self::Minute, 60),
        ("h", Self::Hour, 3_600),
        ("d", Self::Day, 86_400),
    ];

    fn row(self) -> (&'static str, u64) {
        let row = Self::ALL.into_iter().find(|(_, unit, _)| *unit == self);
        row.map_or(("s", 1), |(name, _, seconds)| (name, seconds))
    }
}

/// The most that a [`Pace`] and a burst may be.
pub const MOST: u32 = 1_000_000;

/// The longest that a rule may remember: a burst has come back by then.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);

impl Pace {
    /// `count` a `unit`.
    pub const fn new(count: u32, unit: Unit) -> Self {
        Self { count, unit }
    }

    /// From one to the next.
    pub fn interval(self) -> Duration {
        Duration::from_secs(self.unit.row().1) / self.count.max(1)
    }
}

setting::text!(
    Pace,
    "a number of requests in a time",
    "300/m",
    |text| {
        let advice =
            "write a number up to 1000000 and a unit: \"10/s\", \"300/m\", \"100/h\" or \"1000/d\"";
        let pace = || {
            let (count, unit) = text.split_once('/')?;
            let (_, unit, _) = Unit::ALL.into_iter().find(|(name, ..)| *name == unit)?;
            let digits = count.bytes().all(|byte| byte.is_ascii_digit());
            let count = count.parse().ok().filter(|_| digits)?;
            (1..=MOST).contains(&count).then_some(Pace { count, unit })
        };
        pace().ok_or_else(|| advice.to_owned())
    },
    |pace| format!("{}/{}", pace.count, pace.unit.row().0)
);

impl Rule {
    /// How many may come at once.
    pub fn at_once(&self) -> u32 {
        match self.burst {
            0 => self.limit.count,
            burst => burst,
        }
    }

    /// How long it takes until a burst may come again.
    pub fn recovery(&self) -> Duration {
        self.limit.interval().saturating_mul(self.at_once())
    }
}
