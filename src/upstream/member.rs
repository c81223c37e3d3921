//! One item of `servers`: a URL, or a URL and its weight.

use crate::setting::{Kind, Origin, Printed, Reader, Setting, Shape, Value, needed, offered};

/// A server of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where it is; each address of its name is a server.
    pub url: Origin,
    /// How much it takes beside the others.
    pub weight: u32,
}

impl Setting for Member {
    const WHAT: &'static str = Origin::WHAT;
    const EXAMPLE: &'static str = Origin::EXAMPLE;

    fn shape() -> Shape {
        Shape::Word
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        if !matches!(value.kind, Kind::Table(_)) {
            return Origin::read(value, reader).map(|url| Self { url, weight: 1 });
        }
        value.offers(&["url", "weight"], &[], reader)?;
        let url = needed(value, "url", reader);
        let weight = offered(value, "weight", reader).unwrap_or(1);
        Some(Self { url: url?, weight })
    }

    fn print(&self) -> Printed {
        Printed::Table(vec![
            ("url", self.url.print()),
            ("weight", self.weight.print()),
        ])
    }
}
