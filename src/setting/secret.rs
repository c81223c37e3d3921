//! Texts that are never shown, and where they are read from.

use std::fmt;
use std::path::Path;

use zeroize::{Zeroize as _, Zeroizing};

use crate::setting::fault::{Fault, Reader};
use crate::setting::print::{Printed, Unshown};
use crate::setting::schema::{Setting, Shape};
use crate::setting::value::{Kind, Place, Value, closest, looks_secret};

/// A text that is never printed: redacted in `Debug`, no `Display`, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: Zeroizing<String>,
    origin: Origin,
}

#[derive(Clone, PartialEq, Eq)]
enum Origin {
    Given,
    Variable(String),
    File(String),
}

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: Zeroizing::new(text.into()),
            origin: Origin::Given,
        }
    }

    /// The text itself, for the one place that must send or use it.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

const FORMS: &str = "write `{ env = \"NAME\" }` or `{ file = \"PATH\" }`";

impl Setting for Secret {
    const WHAT: &'static str = "a secret";
    const EXAMPLE: &'static str = "{ env = \"WX_SECRET\" }";

    fn shape() -> Shape {
        Shape::Secret
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        let path = &value.path;
        let entries = match (&value.kind, &value.place) {
            (Kind::Table(entries), _) => entries,
            (Kind::Given(text), Place::Variable(name)) if !text.is_empty() => {
                return Some(from(text, Origin::Variable(name.clone())));
            }
            (Kind::Given(_), Place::Variable(_)) => {
                reader.push(
                    value
                        .fault(format!("`{path}` is empty"))
                        .help("unset it, or let it hold the secret"),
                );
                return None;
            }
            (Kind::Given(_), _) => {
                reader.push(
                    value
                        .fault(format!("`{path}` cannot be given by a flag: every user of the machine sees those"))
                        .help("use a variable, or the file"),
                );
                return None;
            }
            _ => {
                reader.push(
                    value
                        .fault(format!("`{path}` must not stand in the file itself"))
                        .help(FORMS),
                );
                return None;
            }
        };
        match entries.as_slice() {
            [(key, _, name)] if key == "env" => from_variable(path, name, reader),
            [(key, _, file)] if key == "file" => from_file(path, file, reader),
            entries => {
                let meant = match entries {
                    [(key, ..)] => closest(key, ["env", "file"]),
                    _ => None,
                };
                let help = meant.map_or_else(
                    || FORMS.to_owned(),
                    |meant| format!("did you mean `{meant}`? {FORMS}"),
                );
                reader.push(
                    value
                        .fault(format!(
                            "`{path}` needs `env` or `file`, and only one of them"
                        ))
                        .help(help),
                );
                None
            }
        }
    }

    fn stand_in() -> Option<Self> {
        Some(Self::new(""))
    }

    fn print(&self) -> Printed {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let origin = match &self.origin {
            Origin::Given => "\"…\"".to_owned(),
            Origin::Variable(name) => format!("{{ env = {} }}", quoted(name)),
            Origin::File(file) => format!("{{ file = {} }}", quoted(file)),
        };
        Printed::Secret(origin, Unshown::new(&self.text))
    }
}

fn from(text: &str, origin: Origin) -> Secret {
    Secret {
        origin,
        ..Secret::new(text)
    }
}

fn from_variable(path: &str, name: &Value, reader: &mut Reader) -> Option<Secret> {
    let Some(variable) = name.text() else {
        reader.push(
            name.fault(format!("`{path}.env` is not the name of a variable"))
                .help(FORMS),
        );
        return None;
    };
    let shown = if is_variable_name(variable) {
        format!("variable {variable}")
    } else {
        "variable named there".to_owned()
    };
    let fault = match reader.variables.get(variable).map(String::as_str) {
        None => "is not set",
        Some("") => "is empty",
        Some(text) => return Some(from(text, Origin::Variable(variable.to_owned()))),
    };
    let help = if is_variable_name(variable) {
        format!("set it first: `export {variable}=…`; or write {{ file = \"…\" }}")
    } else {
        "`env` takes the name of a variable that holds the secret, not the secret".to_owned()
    };
    reader.push(
        name.fault(format!("`{path}`: the {shown} {fault}"))
            .help(help),
    );
    None
}

/// Whether `text` looks so much like a variable's name that it can be shown.
pub fn is_variable_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && text.bytes().filter(u8::is_ascii_digit).count() <= 8
}

fn from_file(path: &str, file: &Value, reader: &mut Reader) -> Option<Secret> {
    let Some(name) = file.text().filter(|name| !name.is_empty()) else {
        reader.push(
            file.fault(format!("`{path}.file` is not the path of a file"))
                .help(FORMS),
        );
        return None;
    };
    let place = match file.place {
        Place::File(_) => reader.base.join(name),
        _ => Path::new(name).to_owned(),
    };
    let shown = if looks_secret(name) {
        "the file named there".to_owned()
    } else {
        place.display().to_string()
    };
    let problem = |what: String| {
        Fault::new(
            &file.path,
            &file.place,
            format!("`{path}`: cannot read {shown}: {what}"),
        )
        .help("`file` takes the path of a file that holds the secret and nothing else")
    };
    match std::fs::read_to_string(&place) {
        Ok(mut text) => {
            let secret = from(
                text.trim_ascii_end(),
                Origin::File(place.display().to_string()),
            );
            text.zeroize();
            reader.files.push(place);
            if secret.expose().is_empty() {
                reader.push(problem("it is empty".to_owned()));
                return None;
            }
            Some(secret)
        }
        Err(error) => {
            reader.push(problem(reason(&error)));
            None
        }
    }
}

/// What is wrong with a file, in words that are the same on every system.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not text".to_owned(),
        kind => kind.to_string(),
    }
}
