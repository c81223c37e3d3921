//! What is wrong with a config, as it is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::setting::value::{Place, Value, closest, looks_secret};

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

impl Value {
    /// A fault of this value.
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(&self.path, &self.place, message)
    }

    /// "`session.idle` is not a duration: "soon"".
    pub fn mismatch(&self, what: &str) -> Fault {
        self.fault(format!("`{}` is not {what}: {}", self.path, self.found()))
    }
}

/// Reads one config: collects the faults, and knows what secrets and paths are read from.
#[derive(Default)]
pub struct Reader {
    /// The environment, for `{ env = … }`.
    pub(super) variables: BTreeMap<String, String>,
    /// The directory of the file, which its relative paths start from.
    pub(super) base: PathBuf,
    /// All keys there are, to say where a misplaced one belongs.
    leaves: Vec<String>,
    /// The names of list items that were read, in their order.
    pub kept: Vec<String>,
    /// The files that secrets were read from.
    pub files: Vec<PathBuf>,
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

    /// Says that nothing is called `key` here, and what might have been meant.
    pub(super) fn unknown(
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
            fault = fault.help(if home == key {
                format!("`{key}` belongs to no section: write it above the first `[`")
            } else {
                format!("there is `{home}`")
            });
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
