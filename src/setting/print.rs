//! A config written back as TOML.

use std::fmt;

use zeroize::Zeroizing;

/// How a value stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Printed {
    /// Not at all: it has no value.
    Absent,
    /// One value.
    Word(toml::Value),
    /// A secret: where it comes from is written, and what it is tells it from another.
    Secret(String, Unshown),
    /// Values in a row.
    List(Vec<Printed>),
    /// Keys with values.
    Table(Vec<(&'static str, Printed)>),
}

/// A text that can be compared and not be seen.
#[derive(Clone, PartialEq)]
pub struct Unshown(Zeroizing<String>);

impl Unshown {
    /// Keeps `text`.
    pub(super) fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unshown(…)")
    }
}

impl Printed {
    /// A quoted text.
    pub fn text(text: &str) -> Self {
        Self::Word(toml::Value::String(text.to_owned()))
    }

    /// The whole as a file; `remark` says what comes after a value, by its full name.
    pub fn file(&self, remark: &dyn Fn(&str) -> Option<String>) -> String {
        let mut lines = Vec::new();
        if let Self::Table(entries) = self {
            section(entries, "", "", remark, &mut lines);
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// The tables of a list that has some.
    pub fn tables(&self) -> Option<&[Printed]> {
        match self {
            Self::List(items) if matches!(items.first(), Some(Self::Table(_))) => Some(items),
            _ => None,
        }
    }

    /// The value on one line.
    pub fn inline(&self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Word(value) => value.to_string(),
            Self::Secret(origin, _) => origin.clone(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::inline).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .filter(|(_, value)| *value != Self::Absent)
                    .map(|(key, value)| format!("{key} = {}", value.inline()))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}

fn section(
    entries: &[(&'static str, Printed)],
    header: &str,
    path: &str,
    remark: &dyn Fn(&str) -> Option<String>,
    lines: &mut Vec<String>,
) {
    for (key, value) in entries {
        let is_section = matches!(value, Printed::Table(_)) || value.tables().is_some();
        if *value != Printed::Absent && !is_section {
            let remark = remark(&join(path, key)).map(|remark| format!("  # {remark}"));
            let value = value.inline();
            lines.push(format!("{key} = {value}{}", remark.unwrap_or_default()));
        }
    }
    for (key, value) in entries {
        let header = join(header, key);
        let path = join(path, key);
        if let Printed::Table(entries) = value {
            lines.push(format!("\n[{header}]"));
            section(entries, &header, &path, remark, lines);
        }
        for (index, item) in value.tables().unwrap_or_default().iter().enumerate() {
            if let Printed::Table(entries) = item {
                lines.push(format!("\n[[{header}]]"));
                section(entries, &header, &format!("{path}[{index}]"), remark, lines);
            }
        }
    }
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}
