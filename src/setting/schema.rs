//! What every word of a config can do, and what keys there are.

use crate::setting::fault::Reader;
use crate::setting::print::Printed;
use crate::setting::value::Value;

/// A type that can stand in a config.
pub trait Setting: Sized {
    /// What it is, for "is not …": `a duration`.
    const WHAT: &'static str;
    /// How it is written, in TOML.
    const EXAMPLE: &'static str;
    /// Whether `""` says "none" where the value is optional.
    const MAY_BE_BLANK: bool = false;

    /// The keys below it, if any.
    fn shape() -> Shape;

    /// Reads `value`; every fault goes to `reader`, and then there is nothing or what remains.
    fn read(value: &Value, reader: &mut Reader) -> Option<Self>;

    /// What takes the place of a needed value that is wrong, so that what stands beside it can be
    /// checked too. It is like no real value, and a config that holds one is never used.
    fn stand_in() -> Option<Self> {
        None
    }

    /// How this value would stand in a file. Secrets show where they come from, not what they are.
    fn print(&self) -> Printed;
}

/// The keys of a config, as the sections declare them.
#[derive(Debug, Clone)]
pub enum Shape {
    /// One value.
    Word,
    /// A secret: one value that has its own notation.
    Secret,
    /// Keys with values.
    Table {
        /// The keys that are read.
        keys: Vec<(&'static str, Shape)>,
        /// Names of features that are not built yet, and what they are.
        later: &'static [(&'static str, &'static str)],
    },
    /// Tables in a row, `[[…]]`.
    Tables(Box<Shape>),
}

impl Shape {
    /// All keys that hold values: `session.idle`; `route.path` within tables in a row.
    pub fn leaves(&self) -> Vec<String> {
        let mut leaves = Vec::new();
        self.walk("", &mut leaves);
        leaves
    }

    fn walk(&self, at: &str, leaves: &mut Vec<String>) {
        match self {
            Self::Word | Self::Secret => leaves.push(at.to_owned()),
            Self::Tables(item) => item.walk(at, leaves),
            Self::Table { keys, .. } => {
                for (key, shape) in keys {
                    let path = if at.is_empty() {
                        (*key).to_owned()
                    } else {
                        format!("{at}.{key}")
                    };
                    shape.walk(&path, leaves);
                }
            }
        }
    }
}
