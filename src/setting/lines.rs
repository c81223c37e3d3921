//! Header lines that an operator writes: `{ "X-Env" = "prod", "X-Key" = { env = "KEY" } }`.

use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::setting::fault::{Fault, Reader};
use crate::setting::print::{Printed, Unshown};
use crate::setting::schema::{Setting, Shape};
use crate::setting::secret::Secret;
use crate::setting::value::{Kind, Value, looks_secret};

/// Header lines, sorted by name. No name is there twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderLines(Vec<HeaderLine>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderLine {
    /// The name as the file has it.
    pub written: String,
    /// The name.
    pub name: HeaderName,
    text: Text,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Text {
    Plain(String),
    Secret(Secret),
}

impl HeaderLines {
    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderLine> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl HeaderLine {
    /// The value; `None` for an empty text, which takes the header out.
    pub fn value(&self) -> Option<HeaderValue> {
        let (text, secret) = match &self.text {
            Text::Plain(text) => (text.as_str(), false),
            Text::Secret(secret) => (secret.expose(), true),
        };
        // It was read from such a text.
        let mut value = HeaderValue::from_str(text)
            .ok()
            .filter(|_| !text.is_empty())?;
        value.set_sensitive(secret);
        Some(value)
    }

    fn read(key: &str, value: &Value, reader: &mut Reader) -> Option<Self> {
        let Ok(name) = HeaderName::try_from(key) else {
            let shown = if looks_secret(key) { "…" } else { key };
            let message = format!("`{shown}` is not the name of a header");
            reader.push(
                Fault::new(&value.path, &value.place, message)
                    .help("write letters, digits and `-`, such as \"X-Name\""),
            );
            return None;
        };
        let text = match &value.kind {
            Kind::Text(text) => Text::Plain(text.clone()),
            Kind::Table(_) => Text::Secret(Secret::read(value, reader)?),
            _ => {
                let help = "write it in quotes; \"\" takes the header out";
                reader.push(value.mismatch("the value of a header").help(help));
                return None;
            }
        };
        let line = Self {
            written: key.to_owned(),
            name,
            text,
        };
        let is_empty = matches!(&line.text, Text::Plain(text) if text.is_empty());
        if line.value().is_none() && !is_empty {
            let message = format!("`{}` has characters that no header can carry", value.path);
            let help = "take control characters and line breaks out";
            reader.push(value.fault(message).help(help));
            return None;
        }
        Some(line)
    }

    fn print(&self) -> String {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let key = if self.written.bytes().all(is_bare) {
            self.written.clone()
        } else {
            quoted(&self.written)
        };
        match &self.text {
            Text::Plain(text) => format!("{key} = {}", quoted(text)),
            Text::Secret(secret) => format!("{key} = {}", secret.print().inline()),
        }
    }
}

impl Setting for HeaderLines {
    const WHAT: &'static str = "header lines";
    const EXAMPLE: &'static str = "{ \"X-Name\" = \"value\" }";

    fn shape() -> Shape {
        Shape::Word
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        let Kind::Table(entries) = &value.kind else {
            let help = "write names and values in braces: { \"X-Name\" = \"value\" }";
            reader.push(value.mismatch(Self::WHAT).help(help));
            return None;
        };
        let mut lines: Vec<HeaderLine> = Vec::with_capacity(entries.len());
        for (key, place, entry) in entries {
            let Some(line) = HeaderLine::read(key, entry, reader) else {
                continue;
            };
            if lines.iter().any(|other| other.name == line.name) {
                let message = format!("`{}` is the same header as one before it", entry.path);
                reader.push(Fault::new(&entry.path, place, message).help("take one of them out"));
                continue;
            }
            lines.push(line);
        }
        Some(Self(lines))
    }

    fn print(&self) -> Printed {
        let lines: Vec<_> = self.0.iter().map(HeaderLine::print).collect();
        let text = if lines.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{ {} }}", lines.join(", "))
        };
        let secrets = self.0.iter().filter_map(|line| match &line.text {
            Text::Plain(_) => None,
            Text::Secret(secret) => Some(secret.expose()),
        });
        let secrets = Zeroizing::new(secrets.collect::<Vec<_>>().join("\0"));
        Printed::Secret(text, Unshown::new(&secrets))
    }
}
