//! What differs between two configs, key by key.

use std::fmt;

use crate::setting::{Printed, without_user};

/// What tells one table of a list from another.
const NAMES: [&str; 3] = ["appid", "name", "path"];

/// One difference. A secret is named by where it comes from, and never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key: `session.idle`, `route[2].to`; `route[2]` for all of it.
    pub path: String,
    /// What became of it: `"7d" → "1h"`.
    pub what: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// All that `new` has other than `old`.
pub(super) fn between(old: &Printed, new: &Printed) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", old, new, &mut changes);
    changes
}

fn compare(path: &str, old: &Printed, new: &Printed, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Printed::Table(before), Printed::Table(after)) => {
            for ((key, old), (_, new)) in before.iter().zip(after) {
                let path = match path {
                    "" => (*key).to_owned(),
                    path => format!("{path}.{key}"),
                };
                compare(&path, old, new, changes);
            }
        }
        (Printed::List(before), Printed::List(after)) if are_tables(before, after) => {
            lists(path, before, after, changes);
        }
        (Printed::Secret(old, _), Printed::Secret(new, _)) if old == new => {
            changes.push(change(path, format!("{new} holds another secret")));
        }
        (old, new) => changes.push(change(path, format!("{} → {}", said(old), said(new)))),
    }
}

fn are_tables(before: &[Printed], after: &[Printed]) -> bool {
    let mut items = before.iter().chain(after);
    items.all(|item| matches!(item, Printed::Table(_)))
}

/// Tables in a row. Where there are more or fewer than before, which one became which is nobody's
/// guess: those that are new are named, and those that are gone.
fn lists(path: &str, before: &[Printed], after: &[Printed], changes: &mut Vec<Change>) {
    if before.len() == after.len() {
        for (at, (old, new)) in before.iter().zip(after).enumerate() {
            compare(&format!("{path}[{at}]"), old, new, changes);
        }
        return;
    }
    for (items, others, what) in [(before, after, "removed"), (after, before, "added")] {
        for (at, item) in items.iter().enumerate() {
            if !others.contains(item) {
                let path = format!("{path}[{at}]");
                changes.push(change(&path, format!("{what}{}", name(item))));
            }
        }
    }
}

/// `, path = "/x"`: what a person knows a table by.
fn name(item: &Printed) -> String {
    let Printed::Table(entries) = item else {
        return String::new();
    };
    entries
        .iter()
        .find(|(key, _)| NAMES.contains(key))
        .map(|(key, value)| format!(", {key} = {}", said(value)))
        .unwrap_or_default()
}

fn said(value: &Printed) -> String {
    match value {
        Printed::Absent => "nothing".to_owned(),
        value => without_user(&value.inline()),
    }
}

fn change(path: &str, what: String) -> Change {
    Change {
        path: path.to_owned(),
        what,
    }
}
