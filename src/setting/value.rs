//! One value on its way into the config, with the place it comes from.

use std::ops::Range;

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

/// What a value is, before a word has read it. It may hold a secret, so it has no `Debug`.
#[derive(Clone, PartialEq)]
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
#[derive(Clone, PartialEq)]
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

    /// What stands here, as far as it may be shown.
    pub fn found(&self) -> String {
        match &self.kind {
            Kind::Given(text) | Kind::Text(text) => shown(text),
            Kind::Whole(number) => format!("the number {number}"),
            Kind::Number => "a fraction, or a number too large".to_owned(),
            Kind::Truth(truth) => truth.to_string(),
            Kind::Date => "a date".to_owned(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Table(_) => "a table".to_owned(),
        }
    }
}

/// `text` in quotes, as far as it may be shown.
pub fn shown(text: &str) -> String {
    if text.is_empty() {
        "an empty text".to_owned()
    } else if looks_secret(text) || text.chars().any(char::is_control) {
        "a text (not shown)".to_owned()
    } else {
        format!("\"{}\"", without_user(text))
    }
}

/// Whether `text` might be a secret in a place where none belongs: long, with digits, and without
/// the marks of addresses. What has slashes is base64 only if it has all sorts of letters too.
pub fn looks_secret(text: &str) -> bool {
    let has = |sort: fn(&u8) -> bool| text.as_bytes().iter().any(sort);
    let is_path = text.contains('/')
        && (text.starts_with('/') || !has(u8::is_ascii_uppercase) || !has(u8::is_ascii_lowercase));
    text.len() >= 20
        && has(u8::is_ascii_digit)
        && !is_path
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+=_-/".contains(&b))
}

/// What stands for `c` where it must not be seen, of as many bytes: a caret behind it keeps its place.
pub fn star(c: char) -> char {
    match c.len_utf8() {
        1 => '*',
        2 => '·',
        3 => '＊',
        _ => '🞶',
    }
}

/// `text` with stars for the name and password that addresses in it carry; it keeps its length.
pub fn without_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(['/', '"', '\'', ' ']).unwrap_or(after.len());
        let user = after.get(..end).and_then(|authority| authority.rfind('@'));
        let (user, host) = after.split_at(user.unwrap_or_default());
        out.extend(user.chars().map(star));
        rest = host;
    }
    out.push_str(&without_bare_user(rest));
    out
}

/// The same for `name:password@host`, whose scheme was forgotten.
fn without_bare_user(text: &str) -> String {
    let (before, host) = text.split_at(text.rfind('@').unwrap_or_default());
    let start = before
        .rfind(['/', '"', '\'', ' ', '='])
        .map_or(0, |at| at + 1);
    let (before, user) = before.split_at(start);
    if user.contains(':') {
        let masked: String = user.chars().map(star).collect();
        format!("{before}{masked}{host}")
    } else {
        text.to_owned()
    }
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
