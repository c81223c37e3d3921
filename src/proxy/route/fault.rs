//! What is wrong with a route, for whoever wrote it.

use std::fmt;

/// A mistake in one `[[route]]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Which route, from 0.
    pub route: usize,
    /// The key that is wrong.
    pub key: &'static str,
    /// The item that is wrong, in a key that holds a list.
    pub item: Option<usize>,
    /// The name that is wrong, in a key that holds a table.
    pub name: Option<String>,
    /// What is wrong with it, and what to write instead.
    pub wrong: Wrong,
    /// The earlier route that it collides with.
    pub other: Option<usize>,
}

/// What is wrong with a value. No secret or password is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong, to be read after the name of the key: `is not a path prefix: "api"`.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// "`route[0].host[1]` is not the name of a host …"
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`route[{}].{}", self.route, self.key)?;
        if let Some(item) = self.item {
            write!(f, "[{item}]")?;
        }
        if let Some(name) = &self.name {
            write!(f, ".{name}")?;
        }
        write!(f, "` {}", self.wrong.message)
    }
}
