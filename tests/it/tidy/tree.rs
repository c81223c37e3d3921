//! A source tree as the rules see it: its files, and which file and item each path leads to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::file::{File, Import};

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The item in it; none: the module itself.
    pub item: Option<String>,
}

/// All files.
#[derive(Debug)]
pub struct Tree(BTreeMap<String, File>);

impl Tree {
    /// The files of `folders` under `root`.
    pub fn read(root: &Path, folders: &[&str]) -> Self {
        let mut files = Vec::new();
        for folder in folders {
            collect(root, Path::new(folder), &mut files);
        }
        Self::from(files)
    }

    /// The files, in order of their paths.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        self.0.values()
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    /// The file and the item that `path` leads to, through every `pub use` on the way.
    pub fn place(&self, path: &[String]) -> Place {
        self.follow(path, 8)
    }

    fn follow(&self, path: &[String], patience: usize) -> Place {
        let mut depth = 0;
        while depth < path.len() && self.0.contains_key(&file_of(&path[..=depth])) {
            depth += 1;
        }
        let file = file_of(&path[..depth]);
        let Some(item) = path.get(depth) else {
            return Place { file, item: None };
        };
        let passed_on = self.0.get(&file).map_or(&[][..], |file| &file.passed_on);
        let by_name = passed_on.iter().find(|(name, _)| name == item);
        let from = by_name.or_else(|| {
            let mut all = passed_on.iter().filter(|(name, _)| name == "*");
            all.find(|(_, from)| self.declares(from, item))
        });
        match from {
            Some((name, from)) if patience > 0 => {
                let mut next = from.clone();
                let rest = if name == "*" { depth } else { depth + 1 };
                next.extend_from_slice(&path[rest..]);
                self.follow(&next, patience - 1)
            }
            _ => Place {
                file,
                item: Some(item.clone()),
            },
        }
    }

    fn declares(&self, module: &[String], item: &str) -> bool {
        self.0
            .get(&file_of(module))
            .is_some_and(|file| file.declared.contains_key(item))
    }

    /// Where each import of `file` leads, but for those within the file itself. A name that stands for
    /// an item and not for a module tells nothing more where it is used.
    pub fn imports<'a>(&'a self, file: &'a File) -> impl Iterator<Item = (&'a Import, Place)> {
        let written_out = |import: &&Import| {
            import.by_name == 0 || self.place(&import.path[..import.by_name]).item.is_none()
        };
        let places = file
            .imports
            .iter()
            .filter(written_out)
            .map(|import| (import, self.place(&import.path)));
        places.filter(|(_, place)| place.file != file.path)
    }

    /// What `item` of `file` is: `struct`, `fn` …, or `section` for a section of the config.
    pub fn kind(&self, place: &Place) -> Option<&'static str> {
        let item = place.item.as_ref()?;
        self.0.get(&place.file)?.declared.get(item).copied()
    }
}

impl<P: Into<String>, T: Into<String>> FromIterator<(P, T)> for Tree {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Self {
        let read = |(path, text): (P, T)| (path.into(), text.into());
        Self(
            files
                .into_iter()
                .map(read)
                .map(|(path, text)| (path.clone(), File::new(path, text)))
                .collect(),
        )
    }
}

impl From<Vec<(String, String)>> for Tree {
    fn from(files: Vec<(String, String)>) -> Self {
        files.into_iter().collect()
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((
                path.display().to_string(),
                fs::read_to_string(entry.path()).unwrap(),
            ));
        }
    }
}

/// `src/a/b.rs` for `[a, b]`.
fn file_of(module: &[String]) -> String {
    if module.is_empty() {
        "src/lib.rs".to_owned()
    } else {
        format!("src/{}.rs", module.join("/"))
    }
}
