//! `WXGATE_SESSION__IDLE=1h`: which variables are ours, and which keys they set.

use std::collections::{BTreeMap, BTreeSet};

use crate::setting::{Fault, Place, Shape, closest};

/// The appid of a single app.
pub(super) const APPID: &str = "WXGATE_APPID";
/// The secret of a single app.
pub(super) const SECRET: &str = "WXGATE_SECRET";

const PREFIX: &str = "WXGATE_";

/// Keys and the texts that they are given.
pub(super) type Texts = Vec<(Vec<String>, String)>;

/// The variable that sets `path`.
pub(super) fn name_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

/// Takes what is ours from `variables`. Those that the file reads by `{ env = … }` are its own.
pub(super) fn read(
    variables: &BTreeMap<String, String>,
    named_in_file: &BTreeSet<String>,
    shape: &Shape,
    faults: &mut Vec<Fault>,
) -> Texts {
    let mut texts = Vec::new();
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if named_in_file.contains(name) || is_of_kubernetes(rest, text) || is_of_one_app(name) {
            continue;
        }
        let keys: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        let place = Place::Variable(name.clone());
        match settable(&keys, shape, name, &|leaf| name_of(leaf)) {
            Ok(()) => texts.push((keys, text.clone())),
            Err((message, help)) => {
                faults.push(Fault::new(&keys.join("."), &place, message).help(help));
            }
        }
    }
    texts
}

/// Takes `KEY=VALUE` flags.
pub(super) fn read_flags(
    flags: &[(String, String)],
    shape: &Shape,
    faults: &mut Vec<Fault>,
) -> Texts {
    let mut texts = Vec::new();
    for (key, text) in flags {
        let keys: Vec<String> = key.split('.').map(str::to_owned).collect();
        let place = Place::Flag(format!("--set {key}"));
        match settable(&keys, shape, key, &str::to_owned) {
            Ok(()) => texts.push((keys, text.clone())),
            Err((message, help)) => faults.push(Fault::new(key, &place, message).help(help)),
        }
    }
    texts
}

/// Whether `rest` is what Kubernetes tells of a Service whose name is ours or begins like it.
fn is_of_kubernetes(rest: &str, text: &str) -> bool {
    if rest.starts_with("PORT") || rest.starts_with("SERVICE_") {
        return true;
    }
    let other = !rest.contains("__");
    let port = rest.ends_with("_PORT") && text.contains("://");
    let service = rest.ends_with("_SERVICE_HOST") || rest.contains("_SERVICE_PORT");
    let detail = ["_TCP", "_UDP", "_SCTP"]
        .iter()
        .any(|protocol| rest.ends_with(protocol) || rest.contains(&format!("{protocol}_")))
        && rest.contains("_PORT_");
    other && (port || service || detail)
}

fn is_of_one_app(name: &str) -> bool {
    name == APPID || name == SECRET
}

/// Whether one text can set `keys`, which were `said` so; else what is wrong and what to do.
fn settable(
    keys: &[String],
    shape: &Shape,
    said: &str,
    name: &dyn Fn(&str) -> String,
) -> Result<(), (String, String)> {
    let mut here = shape;
    for (depth, key) in keys.iter().enumerate() {
        let path = keys.get(..=depth).unwrap_or_default().join(".");
        here = match here {
            Shape::Secret if (key == "env" || key == "file") && depth + 1 == keys.len() => {
                return Ok(());
            }
            Shape::Table { keys: known, later } => {
                if let Some((_, why)) = later.iter().find(|(word, _)| word == key) {
                    return Err((
                        format!("`{path}` is not built yet: {why}"),
                        "take it out".to_owned(),
                    ));
                }
                match known.iter().find(|(word, _)| word == key) {
                    Some((_, below)) => below,
                    None => return Err(unknown(keys, shape, said, name)),
                }
            }
            _ => return Err(unknown(keys, shape, said, name)),
        };
        if let Shape::Tables(_) = here {
            let app = if key == "app" {
                format!("; {APPID} and {SECRET} serve a single app")
            } else {
                String::new()
            };
            return Err((
                format!("`[[{path}]]` is a list of tables: only the file can hold it"),
                format!("write it in the file{app}"),
            ));
        }
    }
    match here {
        Shape::Table { keys: known, .. } => {
            let path = keys.join(".");
            let example = known.first().map(|(key, _)| name(&format!("{path}.{key}")));
            Err((
                format!("`{path}` is a table, and this sets one value"),
                format!(
                    "set one of its keys, such as {}",
                    example.unwrap_or_default()
                ),
            ))
        }
        _ => Ok(()),
    }
}

fn unknown(
    keys: &[String],
    shape: &Shape,
    said: &str,
    name: &dyn Fn(&str) -> String,
) -> (String, String) {
    let path = keys.join(".");
    let leaves = shape.leaves();
    let settable = leaves
        .iter()
        .map(String::as_str)
        .filter(|leaf| !leaf.starts_with("app.") && !leaf.starts_with("route."));
    let help = match closest(&path.replace('.', "_"), settable) {
        Some(leaf) => format!("did you mean {}?", name(leaf)),
        None => "`wxgate check --print` shows all keys".to_owned(),
    };
    (format!("{said} names no key"), help)
}
