//! The words that come from elsewhere: numbers, texts, lists, addresses, header names.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::{HeaderName, Method};

use crate::setting::declare;
use crate::setting::fault::Reader;
use crate::setting::listen;
use crate::setting::print::Printed;
use crate::setting::schema::{Setting, Shape};
use crate::setting::value::{Kind, Place, Value, closest, without_user};

impl Setting for bool {
    const WHAT: &'static str = "true or false";
    const EXAMPLE: &'static str = "true";

    fn shape() -> Shape {
        Shape::Word
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        match &value.kind {
            Kind::Truth(truth) => return Some(*truth),
            Kind::Given(text) if text == "true" => return Some(true),
            Kind::Given(text) if text == "false" => return Some(false),
            _ => {}
        }
        let help = match value.text() {
            Some("true" | "false") => "take the quotes off",
            _ => "write true or false",
        };
        reader.push(value.mismatch(Self::WHAT).help(help));
        None
    }

    fn print(&self) -> Printed {
        Printed::Word((*self).into())
    }
}

macro_rules! whole {
    ($($kind:ty),*) => { $(
        impl Setting for $kind {
            const WHAT: &'static str = "a whole number";
            const EXAMPLE: &'static str = "1";

            fn shape() -> Shape {
                Shape::Word
            }

            fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
                let number = match &value.kind {
                    Kind::Whole(number) => Some(*number),
                    Kind::Given(text) => text.replace('_', "").parse().ok(),
                    _ => None,
                };
                let Some(number) = number else {
                    let quoted = value.text().is_some_and(|text| text.parse::<i128>().is_ok());
                    let help = if quoted { "take the quotes off" } else { "write a whole number without a unit" };
                    reader.push(value.mismatch(Self::WHAT).help(help));
                    return None;
                };
                let read = Self::try_from(number).ok();
                if read.is_none() {
                    reader.push(value
                        .fault(format!("`{}` is out of range: {number}", value.path))
                        .help(format!("write a number from 0 to {}", Self::MAX)));
                }
                read
            }

            fn print(&self) -> Printed {
                Printed::Word(toml::Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX)))
            }
        }
    )* };
}

whole!(u8, u32, u64);

declare::text!(String, "a text", "…", |text| Ok(text.to_owned()), |text| without_user(text), stand_in: Some("…".to_owned()));

impl Setting for PathBuf {
    const WHAT: &'static str = "a path";
    const EXAMPLE: &'static str = "\"/var/log/wxgate.log\"";
    const MAY_BE_BLANK: bool = true;

    fn shape() -> Shape {
        Shape::Word
    }

    /// A relative path in a file starts at the file's directory.
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        let base = match value.place {
            Place::File(_) => reader.base.clone(),
            _ => PathBuf::new(),
        };
        value.parse(reader, |text| Ok(base.join(text)))
    }

    fn print(&self) -> Printed {
        Printed::text(&self.display().to_string())
    }
}

declare::text!(
    SocketAddr,
    "an address and a port",
    "127.0.0.1:9180",
    |text| text.parse().map_err(|_| listen::advice(text)),
    SocketAddr::to_string,
    blank: true
);

declare::text!(
    HeaderName,
    "the name of a header",
    "X-Name",
    |text| HeaderName::try_from(text)
        .map_err(|_| "write letters, digits and `-`, such as \"X-Name\"".to_owned()),
    canonical,
    blank: true
);

/// A name as people write it: `X-WX-OPENID`, `Authorization`.
fn canonical(name: &HeaderName) -> String {
    let name = name.as_str();
    if name.starts_with("x-wx-") {
        return name.to_ascii_uppercase();
    }
    let mut first = true;
    name.chars()
        .map(|c| {
            let begins = std::mem::replace(&mut first, c == '-');
            if begins { c.to_ascii_uppercase() } else { c }
        })
        .collect()
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

declare::text!(
    Method,
    "a method",
    "GET",
    |text| {
        if METHODS.contains(&text) {
            return Method::try_from(text).map_err(|error| error.to_string());
        }
        let upper = text.to_ascii_uppercase();
        let meant =
            closest(&upper, METHODS).filter(|word| strsim::damerau_levenshtein(&upper, word) <= 1);
        match (meant, Method::try_from(text)) {
            (Some(word), _) => Err(format!("did you mean \"{word}\"?")),
            (None, Ok(method)) if upper == text => Ok(method),
            _ => Err("write it in capitals, such as \"GET\" or \"POST\"".to_owned()),
        }
    },
    Method::to_string
);

impl<T: Setting> Setting for Option<T> {
    const WHAT: &'static str = T::WHAT;
    const EXAMPLE: &'static str = T::EXAMPLE;

    fn shape() -> Shape {
        T::shape()
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        if T::MAY_BE_BLANK && value.text() == Some("") {
            return Some(None);
        }
        T::read(value, reader).map(Some)
    }

    fn print(&self) -> Printed {
        match self {
            Some(value) => value.print(),
            None if T::MAY_BE_BLANK => Printed::text(""),
            None => Printed::Absent,
        }
    }
}

impl<T: Setting> Setting for Vec<T> {
    const WHAT: &'static str = "a list";
    const EXAMPLE: &'static str = "[]";

    fn shape() -> Shape {
        match T::shape() {
            Shape::Table { keys, later } => Shape::Tables(Box::new(Shape::Table { keys, later })),
            _ => Shape::Word,
        }
    }

    /// Items that have faults are left out; the names of the others are in [`Reader::kept`].
    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        let given;
        let items = match &value.kind {
            Kind::List(items) => items,
            Kind::Given(text) => {
                given = split(value, text);
                &given
            }
            Kind::Table(_) if matches!(T::shape(), Shape::Table { .. }) => {
                let message = format!("`{}` is a list of tables, not one table", value.path);
                let help = format!("write `[[{}]]`, with two pairs of brackets", value.path);
                reader.push(value.fault(message).help(help));
                return None;
            }
            _ => {
                let help = match value.text().filter(|text| !text.is_empty()) {
                    Some(_) => format!("put it in brackets: [{}]", value.found()),
                    None => format!("write a list in brackets, such as [{}]", T::EXAMPLE),
                };
                reader.push(value.mismatch(Self::WHAT).help(help));
                return None;
            }
        };
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            if let Some(word) = T::read(item, reader) {
                reader.kept.push(item.path.clone());
                read.push(word);
            }
        }
        Some(read)
    }

    fn print(&self) -> Printed {
        Printed::List(self.iter().map(Setting::print).collect())
    }
}

/// A list as variables and flags hold it: `a,b`, or as in the file, `["a", "b"]`.
fn split(value: &Value, text: &str) -> Vec<Value> {
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    inner
        .split(',')
        .map(|item| item.trim().trim_matches(['"', '\'']))
        .filter(|item| !item.is_empty())
        .enumerate()
        .map(|(index, item)| Value {
            path: format!("{}[{index}]", value.path),
            place: value.place.clone(),
            kind: Kind::Given(item.to_owned()),
        })
        .collect()
}
