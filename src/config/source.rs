//! What a config is read from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use figment::value::Dict;
use toml::de::DeTable;

use crate::config::diagnostic::Report;
use crate::config::layers::{self, Layer, Spans};
use crate::config::syntax;
use crate::config::variables::{self, APPID, SECRET};
use crate::setting::{Fault, Kind, Place, Printed, Reader, Shape, Value};

/// A file, the environment and the flags: all that a config comes from. No `Debug`: the
/// environment holds secrets.
#[derive(Clone)]
pub struct Sources {
    file: PathBuf,
    text: Option<String>,
    variables: BTreeMap<String, String>,
    flags: Vec<(String, String)>,
}

impl Sources {
    /// The file at `path`, alone.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            file: path.into(),
            text: None,
            variables: BTreeMap::new(),
            flags: Vec::new(),
        }
    }

    /// A text instead of a file; reports call it `gateway.toml`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::named_text("gateway.toml", text)
    }

    /// A text instead of the file at `path`, which is what it is called and its paths start from.
    pub fn named_text(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::file(path)
        }
    }

    /// Adds the environment of this process.
    #[must_use]
    pub fn with_environment(self) -> Self {
        std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
            .fold(self, |sources, (name, text)| sources.variable(name, text))
    }

    /// Adds one environment variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.variables.insert(name.into(), text.into());
        self
    }

    /// Adds a flag that sets `key` (`session.idle`).
    #[must_use]
    pub fn flag(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.flags.push((key.into(), text.into()));
        self
    }

    /// What the file is called.
    pub fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.file.clone()
    }

    /// The file's text.
    pub(super) fn read(&self) -> Result<String, Report> {
        if let Some(text) = &self.text {
            return Ok(text.clone());
        }
        let bytes = std::fs::read(&self.file).map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let message = if missing {
                "there is no such file".to_owned()
            } else {
                format!("this file cannot be read: {}", error.kind())
            };
            let fault = Fault::new("", &Place::Nowhere, message);
            self.report("", vec![if missing { fault.help(BEGIN) } else { fault }])
        })?;
        String::from_utf8(bytes).map_err(|error| {
            // What stands before the first odd byte has the same places in both.
            let start = error.utf8_error().valid_up_to();
            let odd = Place::File(start..start + char::REPLACEMENT_CHARACTER.len_utf8());
            let fault = Fault::new("", &odd, "this file is not UTF-8 text")
                .help("save it as UTF-8, also where only a comment has other characters");
            self.report(&String::from_utf8_lossy(error.as_bytes()), vec![fault])
        })
    }

    pub(super) fn report(&self, text: &str, faults: Vec<Fault>) -> Report {
        Report::new(self.name(), text, faults)
    }

    fn base(&self) -> PathBuf {
        self.file.parent().map(Path::to_owned).unwrap_or_default()
    }
}

const BEGIN: &str = "name another by `-c FILE`, or begin with the smallest useful one:

[[app]]
appid = \"wx0123456789abcdef\"
secret = { env = \"WX_SECRET\" }

[[route]]
path = \"/\"
to = \"http://127.0.0.1:3000\"";

/// Merges all of `sources` over `defaults`; what is wrong so far is in the reader.
pub(super) fn tree(
    sources: &Sources,
    text: &str,
    defaults: &Printed,
    shape: &Shape,
) -> Result<(Value, Reader), Report> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What was mended to read on is not what was meant: no other mistakes are looked for.
        return Err(sources.report(text, syntax::faults(text, &errors)));
    }
    let spans = Spans::of(&table);
    let file = layers::merge([Layer::file(table.get_ref())], &spans);
    let mut faults = Vec::new();
    let mut texts = variables::read(
        &sources.variables,
        &variables_named_in(&file),
        shape,
        &mut faults,
    );
    texts.sort();
    let flags = variables::read_flags(&sources.flags, shape, &mut faults);
    let app = single_app(sources, &file, &mut faults);
    let tree = layers::merge(
        [
            Layer::defaults(defaults),
            Layer::file(table.get_ref()),
            Layer::app(app),
            Layer::variables(&texts),
            Layer::flags(&flags),
        ],
        &spans,
    );
    let variables = sources.variables.clone();
    let mut reader = Reader::new(variables, sources.base(), shape.leaves());
    for fault in faults {
        reader.push(fault);
    }
    Ok((tree, reader))
}

/// `WXGATE_APPID` and `WXGATE_SECRET`, as the one app they are.
fn single_app(sources: &Sources, file: &Value, faults: &mut Vec<Fault>) -> Option<Dict> {
    let named = variables_named_in(file);
    let given = |name: &str| {
        sources
            .variables
            .get(name)
            .filter(|_| !named.contains(name))
            .cloned()
    };
    let mut fault = |name: &str, path: &str, message: String, help: &str| {
        let place = Place::Variable(name.to_owned());
        faults.push(Fault::new(path, &place, message).help(help));
        None
    };
    let (appid, secret) = (given(APPID), given(SECRET));
    let set = if appid.is_some() { APPID } else { SECRET };
    if appid.is_none() && secret.is_none() {
        return None;
    }
    if file.find("app").is_some() {
        return fault(
            set,
            "app",
            format!("{APPID} and {SECRET} serve a single app, and the file has `[[app]]` too"),
            "take the variables or the `[[app]]` out",
        );
    }
    match (appid, secret) {
        (Some(appid), Some(secret)) => Some(Dict::from([
            ("appid".to_owned(), appid.into()),
            ("secret".to_owned(), secret.into()),
        ])),
        (Some(_), None) => fault(
            APPID,
            "app",
            format!("{APPID} needs {SECRET}"),
            "set both, or write `[[app]]` in the file",
        ),
        _ => fault(
            SECRET,
            "app",
            format!("{SECRET} needs {APPID}"),
            "set both, or write `[[app]]` in the file",
        ),
    }
}

/// The variables that `{ env = … }` anywhere in the file reads.
fn variables_named_in(value: &Value) -> BTreeSet<String> {
    match &value.kind {
        Kind::Table(entries) => entries
            .iter()
            .flat_map(|(key, _, value)| match value.text() {
                Some(text) if key == "env" => BTreeSet::from([text.to_owned()]),
                _ => variables_named_in(value),
            })
            .collect(),
        Kind::List(items) => items.iter().flat_map(variables_named_in).collect(),
        _ => BTreeSet::new(),
    }
}
