//! One value on its way into the config, with the place it comes from, and what is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::setting::schema::Setting;

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is a default, or it is not there.
    Nowhere,
    /// In the file, at these bytes.
    File(Range<usize>),
    /// In this environment variable.
    Variable(String),
    /// By this flag.
    Flag(String),
}

/// What a value is, before a word has read it.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The text of a variable or a flag: each word has its own reading of it.
    Given(String),
    /// A quoted text.
    Text(String),
    /// A whole number.
    Whole(i128),
    /// Another number.
    Number,
    /// `true` or `false`.
    Truth(bool),
    /// A date or a time.
    Date,
    /// Values in a row.
    List(Vec<Value>),
    /// Keys, each with the bytes of its name, and their values.
    Table(Vec<(String, Place, Value)>),
}

/// A value, its name and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Its full name: `route[0].path`; empty for the whole.
    pub path: String,
    /// Where it was said.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

impl Value {
    /// The value of `key`, in a table that has it.
    pub fn find(&self, key: &str) -> Option<&Value> {
        match &self.kind {
            Kind::Table(entries) => entries
                .iter()
                .find(|(name, ..)| name == key)
                .map(|(.., value)| value),
            _ => None,
        }
    }

    /// The value with this full name, somewhere below.
    pub fn descendant(&self, path: &str) -> Option<&Value> {
        if self.path == path {
            return Some(self);
        }
        match &self.kind {
            Kind::Table(entries) => entries.iter().find_map(|(.., v)| v.descendant(path)),
            Kind::List(items) => items.iter().find_map(|v| v.descendant(path)),
            _ => None,
        }
    }

    /// The full name of `key` below this value.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The text, quoted or given.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) | Kind::Given(text) => Some(text),
            _ => None,
        }
    }

    /// Checks that this is a table with none but these keys; `None` if it is no table.
    pub fn offers(&self, keys: &[&str], later: &[(&str, &str)], reader: &mut Reader) -> Option<()> {
        let Kind::Table(entries) = &self.kind else {
            let name = self.path.rsplit('.').next().unwrap_or_default();
            reader.push(
                self.fault(format!("`{}` is a table, not {}", self.path, self.found()))
                    .help(format!(
                        "write `[{name}]` on a line of its own, and its keys below it"
                    )),
            );
            return None;
        };
        for (key, place, value) in entries {
            if !keys.contains(&key.as_str()) {
                reader.unknown(self, key, place, value, keys, later);
            }
        }
        Some(())
    }

    /// Reads one of `words`, or says which there are.
    pub fn choose(
        &self,
        what: &str,
        words: &[&'static str],
        later: &[(&str, &str)],
        reader: &mut Reader,
    ) -> Option<&'static str> {
        let Some(text) = self.text() else {
            reader.push(self.mismatch(what).help(one_of(words)));
            return None;
        };
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        if let Some((word, why)) = later.iter().find(|(word, _)| *word == text) {
            reader.push(
                self.fault(format!(
                    "`{} = \"{word}\"` is not built yet: {why}",
                    self.path
                ))
                .help(one_of(words)),
            );
            return None;
        }
        let fault = self.mismatch(what);
        reader.push(match closest(text, words.iter().copied()) {
            Some(word) => fault.help(format!("did you mean \"{word}\"? {}", one_of(words))),
            None => fault.help(one_of(words)),
        });
        None
    }

    /// Reads a text by `parse`, whose error says what to write instead.
    pub fn parse<T: Setting>(
        &self,
        reader: &mut Reader,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(text) = self.text() else {
            reader.push(
                self.mismatch(T::WHAT)
                    .help(format!("write it in quotes, such as {}", T::EXAMPLE)),
            );
            return None;
        };
        parse(text)
            .map_err(|help| reader.push(self.mismatch(T::WHAT).help(help)))
            .ok()
    }

    /// A fault of this value.
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(&self.path, &self.place, message)
    }

    /// "`session.idle` is not a duration: "soon"".
    pub fn mismatch(&self, what: &str) -> Fault {
        self.fault(format!("`{}` is not {what}: {}", self.path, self.found()))
    }

    /// What stands here, as far as it may be shown.
    pub fn found(&self) -> String {
        match &self.kind {
            Kind::Given(text) | Kind::Text(text) if text.is_empty() => "an empty text".to_owned(),
            Kind::Given(text) | Kind::Text(text)
                if looks_secret(text) || text.chars().any(char::is_control) =>
            {
                "a text (not shown)".to_owned()
            }
            Kind::Given(text) | Kind::Text(text) => format!("\"{text}\""),
            Kind::Whole(number) => format!("the number {number}"),
            Kind::Number => "a number that is too large or not whole".to_owned(),
            Kind::Truth(truth) => truth.to_string(),
            Kind::Date => "a date".to_owned(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Table(_) => "a table".to_owned(),
        }
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("write {last}"),
        Some((last, rest)) => format!("write {} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Whether `text` might be a secret in a place where none belongs: long, with digits, without
/// the marks of addresses and paths.
pub fn looks_secret(text: &str) -> bool {
    text.len() >= 20
        && text.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'=' | b'_' | b'-'))
}

/// The one of `words` that `typed` was most likely meant to be.
pub fn closest<'w>(typed: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let typed = typed.to_ascii_lowercase().replace('-', "_");
    let far = 1 + typed.chars().count() / 4;
    words
        .into_iter()
        .map(|word| {
            let plain = word.to_ascii_lowercase().replace('-', "_");
            (strsim::damerau_levenshtein(&typed, &plain), word)
        })
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The full name of what is wrong.
    pub path: String,
    /// Where it was said.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Another place that has to do with it, and what is there.
    pub also: Option<(Place, String)>,
    /// The key that was probably meant, for an unknown one.
    meant: Option<String>,
}

impl Fault {
    /// `message` about `path`, which was said at `place`.
    pub fn new(path: &str, place: &Place, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            place: place.clone(),
            message: message.into(),
            help: None,
            also: None,
            meant: None,
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at a second place too.
    #[must_use]
    pub fn also(mut self, place: &Place, label: impl Into<String>) -> Self {
        self.also = Some((place.clone(), label.into()));
        self
    }
}

/// Reads one config: collects the faults, and knows what secrets and paths are read from.
#[derive(Debug, Default)]
pub struct Reader {
    /// The environment, for `{ env = … }`.
    pub(super) variables: BTreeMap<String, String>,
    /// The directory of the file, which its relative paths start from.
    pub(super) base: PathBuf,
    /// All keys there are, to say where a misplaced one belongs.
    leaves: Vec<String>,
    /// The names of list items that were read, in their order.
    pub kept: Vec<String>,
    faults: Vec<Fault>,
}

impl Reader {
    /// Reads with these variables, from a file in `base`, in a config that has `leaves`.
    pub fn new(variables: BTreeMap<String, String>, base: PathBuf, leaves: Vec<String>) -> Self {
        Self {
            variables,
            base,
            leaves,
            ..Self::default()
        }
    }

    /// Notes a mistake.
    pub fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Whether something is known to be wrong with `path` or what is below it.
    pub fn blames(&self, path: &str) -> bool {
        let concerns = |name: &str| {
            name.strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.faults
            .iter()
            .any(|fault| concerns(&fault.path) || fault.meant.as_deref().is_some_and(concerns))
    }

    /// All mistakes that were noted.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    fn unknown(
        &mut self,
        table: &Value,
        key: &str,
        place: &Place,
        value: &Value,
        keys: &[&str],
        later: &[(&str, &str)],
    ) {
        let place = match place {
            Place::Nowhere => &value.place,
            place => place,
        };
        let path = table.path_of(key);
        if let Some((_, why)) = later.iter().find(|(name, _)| *name == key) {
            let message = format!("`{path}` is not built yet: {why}");
            self.push(Fault::new(&path, place, message).help("take it out"));
            return;
        }
        let owner = match table.path.as_str() {
            "" => "at the top".to_owned(),
            owner => format!("in `{owner}`"),
        };
        let shown = if looks_secret(key) { "…" } else { key };
        let mut fault = Fault::new(&path, place, format!("unknown key `{shown}` {owner}"));
        let all = keys
            .iter()
            .copied()
            .chain(later.iter().map(|(name, _)| *name));
        if let Some(word) = closest(key, all) {
            fault.meant = Some(table.path_of(word));
            fault = fault.help(format!("did you mean `{word}`?"));
        } else if let Some(home) = self.home_of(key) {
            fault = fault.help(format!("there is `{home}`"));
        } else {
            fault = fault.help(format!("known here: {}", keys.join(", ")));
        }
        self.push(fault);
    }

    fn home_of(&self, key: &str) -> Option<&str> {
        self.leaves
            .iter()
            .find(|leaf| leaf.rsplit('.').next() == Some(key))
            .map(String::as_str)
    }
}
