//! What must hold between the values of a config, beyond each being well-formed.

use std::time::Duration;

use crate::setting::{Fault, Kind, Place, Reader, Setting as _, Size, Value};

/// The tree that a config was read from, to say where a mistake is.
pub(super) struct Checks<'a> {
    tree: &'a Value,
    reader: &'a mut Reader,
}

impl<'a> Checks<'a> {
    /// Checks against `tree`; mistakes go to `reader`.
    pub(super) fn new(tree: &'a Value, reader: &'a mut Reader) -> Self {
        Self { tree, reader }
    }

    /// Says what is wrong with `path`, unless something is known to be wrong with it already.
    pub(super) fn blame(&mut self, path: &str, message: impl Into<String>, help: &str) {
        if !self.reader.blames(path) {
            let place = self.place(path);
            self.reader
                .push(Fault::new(path, &place, message).help(help));
        }
    }

    /// The same, with a second place that has to do with it. Where only that one was said, the
    /// mistake is there.
    pub(super) fn blame_both(
        &mut self,
        path: &str,
        other: (&str, &str),
        message: impl Into<String>,
        help: &str,
    ) {
        if self.reader.blames(path) {
            return;
        }
        let (said, said_too) = (self.is_said(path), self.is_said(other.0));
        let at = if said || !said_too { path } else { other.0 };
        let mut fault = Fault::new(at, &self.place(at), message).help(help);
        if said && said_too {
            fault = fault.also(&self.place(other.0), other.1);
        }
        self.reader.push(fault);
    }

    /// The full names of the items of `list` that could be read, in their order.
    pub(super) fn items(&self, list: &str) -> Vec<String> {
        let is_item = |path: &&String| {
            path.strip_prefix(list)
                .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'))
                .is_some_and(|index| !index.contains(']'))
        };
        self.reader.kept.iter().filter(is_item).cloned().collect()
    }

    /// Whether `list` has no item, read or not.
    pub(super) fn lacks(&self, list: &str) -> bool {
        match self.tree.descendant(list) {
            Some(value) => value.kind == Kind::List(Vec::new()),
            None => true,
        }
    }

    /// What stands at `path`, as far as it may be shown.
    pub(super) fn found(&self, path: &str) -> String {
        self.tree
            .descendant(path)
            .map(Value::found)
            .unwrap_or_default()
    }

    /// Whether somebody said `path`, so that it is no default.
    pub(super) fn is_said(&self, path: &str) -> bool {
        self.tree
            .descendant(path)
            .is_some_and(|value| value.place != Place::Nowhere)
    }

    /// Whether something is known to be wrong with `path`.
    pub(super) fn is_blamed(&self, path: &str) -> bool {
        self.reader.blames(path)
    }

    fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(value) = self.tree.descendant(path)
                && value.place != Place::Nowhere
            {
                return value.place.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = path.get(..end).unwrap_or_default(),
                None => return Place::Nowhere,
            }
        }
    }

    /// Refuses a size below `least`.
    pub(super) fn at_least(&mut self, path: &str, size: Size, least: Size, why: &str) {
        if size < least {
            let least = least.print().inline();
            self.blame(path, format!("`{path}` is less than {least}"), why);
        }
    }

    /// Refuses a wait that has no length.
    pub(super) fn not_zero(&mut self, path: &str, wait: Duration) {
        if wait.is_zero() {
            self.blame(
                path,
                format!("`{path}` is zero"),
                "every wait needs an end, and a beginning: write \"10s\", for instance",
            );
        }
    }
}
