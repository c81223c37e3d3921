//! `gateway.toml`: all settings, each at its default.

use std::collections::BTreeMap;
use std::fs;

use wxgate::config::Config;
use wxgate::setting::Setting as _;

use super::{PrintAll as _, SMALLEST, load, root};

fn example() -> String {
    fs::read_to_string(root().join("gateway.toml")).unwrap()
}

/// A line that shows a key: its name and value, without the `# ` before it.
fn shown(line: &str) -> Option<&str> {
    let bare = line.strip_prefix("# ").unwrap_or(line);
    let (key, _) = bare.split_once(" = ")?;
    key.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        .then_some(bare)
}

/// A line that begins a section, which may be commented out too.
fn header(line: &str) -> Option<&str> {
    let bare = line.strip_prefix("# ").unwrap_or(line);
    (bare.starts_with('[') && bare.ends_with(']')).then_some(bare)
}

/// The keys of a table on one line: `{ per = "user", burst = 20 }`.
fn inner_keys(value: &str) -> impl Iterator<Item = &str> {
    let inner = value
        .strip_prefix("{ ")
        .and_then(|value| value.strip_suffix(" }"));
    inner
        .into_iter()
        .flat_map(|inner| inner.split(", "))
        .filter_map(|pair| Some(pair.split_once(" = ")?.0))
}

#[test]
fn gateway_toml_shows_every_key_once_and_invents_none() {
    let mut known = Config::shape().leaves();
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in example().lines() {
        if let Some(name) = header(line) {
            section = name.trim_matches(['[', ']']).to_owned() + ".";
        } else if let Some(bare) = shown(line) {
            let (key, value) = bare.split_once(" = ").unwrap();
            let key = format!("{section}{key}");
            if known.contains(&key) {
                keys.push(key);
            } else {
                keys.extend(inner_keys(value).map(|inner| format!("{key}.{inner}")));
            }
        }
    }
    keys.sort();
    known.sort();
    assert_eq!(keys, known);
}

#[test]
fn gateway_toml_shows_every_default() {
    let text = example();
    // A site of TLS has nothing at its default.
    let mut is_left_out = false;
    let all: Vec<_> = text
        .lines()
        .filter(|line| {
            is_left_out = match header(line) {
                Some(name) => name == "[[tls.site]]",
                None => is_left_out,
            };
            !is_left_out
        })
        .map(|line| shown(line).or(header(line)).unwrap_or(line))
        .collect();
    let (as_is, uncommented) = (load(&text), load(&all.join("\n")));

    // What has no default is shown by an example.
    let mut expected = as_is.print_all();
    for (key, value) in [
        ("body", "\"16MiB\""),
        ("response", "\"1m\""),
        ("rate.per", "\"address\""),
        ("rate.limit", "\"100/s\""),
        ("rate.burst", "200"),
    ] {
        expected.insert(format!("route[0].{key}"), value.to_owned());
    }
    expected.insert(
        "session.secret".to_owned(),
        "{ env = \"WX_SESSION_SECRET\" }".to_owned(),
    );
    let tables = format!(
        "{SMALLEST}
         [[upstream]]
         name = \"billing\"
         servers = [\"http://10.0.0.1:3000\", \"http://10.0.0.2:3000\"]"
    );
    let tables = load(&tables).print_all().into_iter();
    expected.extend(tables.filter(|(key, _)| key.starts_with("upstream")));
    expected.remove("upstream");
    assert_eq!(uncommented.print_all(), expected);

    let defaults = Config::default().print_all();
    let given: BTreeMap<_, _> = as_is
        .print_all()
        .into_iter()
        .filter(|(key, _)| !key.starts_with("app") && !key.starts_with("route"))
        .collect();
    let defaults: BTreeMap<_, _> = defaults
        .into_iter()
        .filter(|(key, _)| !key.starts_with("app") && !key.starts_with("route"))
        .collect();
    assert_eq!(given, defaults);
}
