//! A config written back as TOML.

/// How a value stands in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Printed {
    /// Not at all: it has no value.
    Absent,
    /// One value.
    Word(toml::Value),
    /// A value that is written as it stands here.
    Verbatim(String),
    /// Values in a row.
    List(Vec<Printed>),
    /// Keys with values.
    Table(Vec<(&'static str, Printed)>),
}

impl Printed {
    /// A quoted text.
    pub fn text(text: &str) -> Self {
        Self::Word(toml::Value::String(text.to_owned()))
    }

    /// The whole as a file; `remark` says what comes after a value, by its full name.
    pub fn file(&self, remark: &dyn Fn(&str) -> Option<String>) -> String {
        let mut text = String::new();
        if let Self::Table(entries) = self {
            section(entries, "", "", remark, &mut text);
        }
        text
    }

    fn tables(&self) -> Option<&[Printed]> {
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
            Self::Verbatim(text) => text.clone(),
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
    text: &mut String,
) {
    let join = |at: &str, key: &str| {
        if at.is_empty() {
            key.to_owned()
        } else {
            format!("{at}.{key}")
        }
    };
    for (key, value) in entries {
        if *value == Printed::Absent || matches!(value, Printed::Table(_)) {
            continue;
        }
        if value.tables().is_some() {
            continue;
        }
        text.push_str(&format!("{key} = {}", value.inline()));
        if let Some(remark) = remark(&join(path, key)) {
            text.push_str("  # ");
            text.push_str(&remark);
        }
        text.push('\n');
    }
    for (key, value) in entries {
        let header = join(header, key);
        if let Printed::Table(entries) = value {
            text.push_str(&format!("\n[{header}]\n"));
            section(entries, &header, &join(path, key), remark, text);
        }
        for (index, item) in value.tables().unwrap_or_default().iter().enumerate() {
            if let Printed::Table(entries) = item {
                text.push_str(&format!("\n[[{header}]]\n"));
                let path = format!("{}[{index}]", join(path, key));
                section(entries, &header, &path, remark, text);
            }
        }
    }
}
