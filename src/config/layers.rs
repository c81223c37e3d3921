//! Defaults < file < variables < flags, merged by figment into one tree that knows its places.

use std::collections::BTreeMap;
use std::ops::Range;

use figment::value::{Dict, Map, Num, Tag, Value as Merged};
use figment::{Error, Figment, Metadata, Profile, Provider};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::config::variables::{self, APPID, SECRET};
use crate::setting::{Kind, Place, Printed, Value};

/// The values of one source.
pub(super) struct Layer {
    source: Source,
    values: Dict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Defaults,
    File,
    Variables,
    Flags,
}

impl Source {
    const ALL: [Self; 4] = [Self::Defaults, Self::File, Self::Variables, Self::Flags];

    fn name(self) -> &'static str {
        match self {
            Self::Defaults => "default",
            Self::File => "file",
            Self::Variables => "variable",
            Self::Flags => "flag",
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.name())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

impl Layer {
    /// What holds where nothing is said.
    pub(super) fn defaults(defaults: &Printed) -> Self {
        let values = match printed(defaults) {
            Some(Merged::Dict(_, values)) => values,
            _ => Dict::new(),
        };
        Self {
            source: Source::Defaults,
            values,
        }
    }

    /// The file, already parsed.
    pub(super) fn file(table: &DeTable<'_>) -> Self {
        Self {
            source: Source::File,
            values: parsed_table(table),
        }
    }

    /// Texts by key, from variables.
    pub(super) fn variables(texts: &[(Vec<String>, String)]) -> Self {
        Self {
            source: Source::Variables,
            values: nested(texts),
        }
    }

    /// The single app that two variables make.
    pub(super) fn app(app: Option<Dict>) -> Self {
        let list = |app: Dict| Merged::from(vec![Merged::from(app)]);
        Self {
            source: Source::Variables,
            values: app
                .map(|app| ("app".to_owned(), list(app)))
                .into_iter()
                .collect(),
        }
    }

    /// Texts by key, from flags.
    pub(super) fn flags(texts: &[(Vec<String>, String)]) -> Self {
        Self {
            source: Source::Flags,
            values: nested(texts),
        }
    }
}

/// Where keys and values stand in the file, by their full names.
#[derive(Debug, Default)]
pub(super) struct Spans {
    keys: BTreeMap<String, Range<usize>>,
    values: BTreeMap<String, Range<usize>>,
}

impl Spans {
    /// The places of all that `table` holds.
    pub(super) fn of(table: &Spanned<DeTable<'_>>) -> Self {
        let mut spans = Self::default();
        spans.table("", table.get_ref());
        spans
    }

    fn table(&mut self, at: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = join(at, key.get_ref());
            self.keys.insert(path.clone(), key.span());
            self.value(&path, value);
        }
    }

    fn value(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        self.values.insert(path.to_owned(), value.span());
        match value.get_ref() {
            DeValue::Table(table) => self.table(path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{path}[{index}]"), item);
                }
            }
            _ => {}
        }
    }
}

/// Merges the layers, later ones first in rank, and says of each value where it was said.
pub(super) fn merge(layers: impl IntoIterator<Item = Layer>, spans: &Spans) -> Value {
    let figment = layers.into_iter().fold(Figment::new(), Figment::merge);
    let merged = figment
        .find_value("")
        .unwrap_or_else(|_| Dict::new().into());
    Tree { figment, spans }.value("", merged)
}

struct Tree<'a> {
    figment: Figment,
    spans: &'a Spans,
}

impl Tree<'_> {
    fn value(&self, path: &str, merged: Merged) -> Value {
        let tag = merged.tag();
        let given = matches!(self.source(tag), Source::Variables | Source::Flags);
        let place = match (path, self.source(tag)) {
            ("", _) | (_, Source::Defaults) => Place::Nowhere,
            (_, Source::File) => place_of(&self.spans.values, path),
            (_, Source::Variables) => Place::Variable(variable_name(path)),
            (_, Source::Flags) => Place::Flag(format!("--set {path}")),
        };
        let kind = match merged {
            Merged::String(_, text) if given => Kind::Given(text),
            Merged::String(_, text) => Kind::Text(text),
            Merged::Char(_, text) => Kind::Text(text.to_string()),
            Merged::Bool(_, truth) => Kind::Truth(truth),
            Merged::Num(_, number) => number
                .to_i128()
                .filter(|_| !is_real(number))
                .map_or(Kind::Number, Kind::Whole),
            Merged::Empty(..) => Kind::Date,
            Merged::Array(_, items) => Kind::List(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(index, item)| self.value(&format!("{path}[{index}]"), item))
                    .collect(),
            ),
            Merged::Dict(_, entries) => Kind::Table(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let path = join(path, &key);
                        let place = place_of(&self.spans.keys, &path);
                        (key, place, self.value(&path, value))
                    })
                    .collect(),
            ),
        };
        Value {
            path: path.to_owned(),
            place,
            kind,
        }
    }

    fn source(&self, tag: Tag) -> Source {
        self.figment
            .get_metadata(tag)
            .and_then(|metadata| Source::ALL.into_iter().find(|s| s.name() == metadata.name))
            .unwrap_or(Source::Defaults)
    }
}

fn place_of(spans: &BTreeMap<String, Range<usize>>, path: &str) -> Place {
    spans.get(path).cloned().map_or(Place::Nowhere, Place::File)
}

/// The variable that sets `path`; a single app has names of its own.
fn variable_name(path: &str) -> String {
    match path {
        "app" | "app[0]" | "app[0].appid" => APPID.to_owned(),
        "app[0].secret" => SECRET.to_owned(),
        path => variables::name_of(path),
    }
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

fn is_real(number: Num) -> bool {
    matches!(number, Num::F32(_) | Num::F64(_))
}

fn parsed_table(table: &DeTable<'_>) -> Dict {
    table
        .iter()
        .map(|(key, value)| (key.get_ref().to_string(), parsed(value.get_ref())))
        .collect()
}

fn parsed_list(items: &DeArray<'_>) -> Vec<Merged> {
    items.iter().map(|item| parsed(item.get_ref())).collect()
}

fn parsed(value: &DeValue<'_>) -> Merged {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Merged::from(f64::NAN), Merged::from),
        DeValue::Float(_) => Merged::from(f64::NAN),
        DeValue::Boolean(truth) => (*truth).into(),
        // figment knows no dates; nothing in a config is one.
        DeValue::Datetime(_) => Merged::Empty(Tag::Default, figment::value::Empty::Unit),
        DeValue::Array(items) => parsed_list(items).into(),
        DeValue::Table(table) => parsed_table(table).into(),
    }
}

fn printed(value: &Printed) -> Option<Merged> {
    match value {
        Printed::Word(toml::Value::String(text)) => Some(text.clone().into()),
        Printed::Word(toml::Value::Integer(number)) => Some((*number).into()),
        Printed::Word(toml::Value::Boolean(truth)) => Some((*truth).into()),
        Printed::List(items) => Some(items.iter().filter_map(printed).collect::<Vec<_>>().into()),
        Printed::Table(entries) => Some(
            entries
                .iter()
                .filter_map(|(key, value)| Some(((*key).to_owned(), printed(value)?)))
                .collect::<Dict>()
                .into(),
        ),
        Printed::Absent | Printed::Secret(..) | Printed::Word(_) => None,
    }
}

/// `[["session", "idle"], "1h"]` as tables within tables.
fn nested(texts: &[(Vec<String>, String)]) -> Dict {
    let mut root = Dict::new();
    for (keys, text) in texts {
        put(&mut root, keys, text);
    }
    root
}

fn put(table: &mut Dict, keys: &[String], text: &str) {
    match keys {
        [] => {}
        [key] => {
            table.insert(key.clone(), text.to_owned().into());
        }
        [key, rest @ ..] => {
            let entry = table
                .entry(key.clone())
                .or_insert_with(|| Dict::new().into());
            if let Merged::Dict(_, inner) = entry {
                put(inner, rest, text);
            }
        }
    }
}
