//! A source tree as the rules see it: files, what each declares, and which file each path leads to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::tokens::{self, Token};

/// A file, read.
#[derive(Debug)]
pub struct File {
    /// From the root of the project: `src/proxy/route.rs`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// What is built for use.
    pub code: Vec<Token>,
    /// What is built for tests only.
    pub tests: Vec<Token>,
    /// Every path into this crate that the code names.
    pub imports: Vec<Import>,
    /// The items that it declares: name → kind.
    declared: BTreeMap<String, &'static str>,
    /// Names that it passes on (`pub use`): name → where from; `*` for all of a module's.
    passed_on: Vec<(String, Vec<String>)>,
}

/// A path into this crate, as some file names it.
#[derive(Debug, Clone)]
pub struct Import {
    /// From the crate's root.
    pub path: Vec<String>,
    /// Where it stands.
    pub line: usize,
}

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
        let declared = self
            .0
            .get(&file)
            .is_some_and(|file| file.declared.contains_key(item));
        let from = passed_on.iter().find(|(name, _)| name == item).or_else(|| {
            let all =
                |(name, from): &&(String, Vec<String>)| name == "*" && self.declares(from, item);
            passed_on.iter().find(all)
        });
        match from {
            Some((name, from)) if !declared && patience > 0 => {
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

/// `[a, b]` for `src/a/b.rs`.
pub fn module_of(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    if inside == "lib" || inside == "main" {
        Vec::new()
    } else {
        inside.split('/').map(str::to_owned).collect()
    }
}

impl File {
    fn new(path: String, text: String) -> Self {
        let all = tokens::of(&text);
        let (code, tests) = if path.starts_with("tests/") || path.ends_with("/tests.rs") {
            (Vec::new(), all)
        } else {
            tokens::without_tests(&all)
        };
        let mut file = Self {
            imports: Vec::new(),
            declared: declared(&code),
            passed_on: Vec::new(),
            path,
            text,
            code,
            tests,
        };
        file.read_paths();
        file
    }

    fn read_paths(&mut self) {
        let here = module_of(&self.path);
        let code = std::mem::take(&mut self.code);
        let mut at = 0;
        while at < code.len() {
            let end = if tokens::spells(&code[at..], &["pub", "(", "in"]) {
                tokens::after_closing(&code, at + 1)
            } else if tokens::spells(&code[at..], &["use"]) {
                let public = public_before(&code, at);
                let mut leaves = Vec::new();
                let end = use_tree(&code, at + 1, Vec::new(), &mut leaves);
                for (path, name) in leaves {
                    self.note(&here, &path, code[at].line, public.then_some(name));
                }
                end
            } else if code[at].word().is_some() && !follows_path(&code, at) {
                let (path, end) = plain_path(&code, at);
                if path.len() > 1 && is_ours(&path[0]) {
                    self.note(&here, &path, code[at].line, None);
                }
                end
            } else {
                at + 1
            };
            at = end.max(at + 1);
        }
        self.code = code;
    }

    fn note(
        &mut self,
        here: &[String],
        path: &[String],
        line: usize,
        passed_on_as: Option<String>,
    ) {
        let child = self.declared.get(&path[0]) == Some(&"mod");
        let Some(path) = absolute(here, path, child) else {
            return;
        };
        if let Some(name) = passed_on_as {
            let module = if name == "*" {
                path[..path.len() - 1].to_vec()
            } else {
                path.clone()
            };
            self.passed_on.push((name, module));
        }
        self.imports.push(Import { path, line });
    }
}

fn is_ours(first: &str) -> bool {
    matches!(first, "crate" | "super" | "self" | "wxgate")
}

fn absolute(here: &[String], path: &[String], child: bool) -> Option<Vec<String>> {
    let mut base = here.to_vec();
    let mut rest = path;
    if child {
        base.extend_from_slice(rest);
        return Some(base);
    }
    match path[0].as_str() {
        "crate" | "wxgate" => base.clear(),
        "self" => {}
        "super" => {
            while rest.first().is_some_and(|word| word == "super") {
                base.pop();
                rest = &rest[1..];
            }
            base.extend_from_slice(rest);
            return Some(base);
        }
        _ => return None,
    }
    base.extend_from_slice(&path[1..]);
    Some(base)
}

/// Whether what stands before `at` is `pub` or `pub(…)`.
fn public_before(code: &[Token], at: usize) -> bool {
    let mut before = &code[..at];
    if before.last().is_some_and(|token| token.is(')')) {
        let open = before.iter().rposition(|token| token.is('(')).unwrap_or(0);
        before = &before[..open];
    }
    before.last().and_then(Token::word) == Some("pub")
}

fn follows_path(code: &[Token], at: usize) -> bool {
    at >= 2 && code[at - 1].is(':') && code[at - 2].is(':')
}

/// The words of `a::b::c` at `at`, and the place after them.
fn plain_path(code: &[Token], at: usize) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut next = at;
    while let Some(word) = code.get(next).and_then(Token::word) {
        path.push(word.to_owned());
        next += 1;
        if !tokens::spells(&code[next..], &[":", ":"]) {
            break;
        }
        next += 2;
    }
    (path, next)
}

/// Every leaf of a `use` and the name that it gets here; the place after the tree.
fn use_tree(
    code: &[Token],
    at: usize,
    before: Vec<String>,
    leaves: &mut Vec<(Vec<String>, String)>,
) -> usize {
    let (words, mut next) = plain_path(code, at);
    let mut path = before;
    path.extend(words);
    if code.get(next).is_some_and(|token| token.is('{')) {
        next += 1;
        while next < code.len() && !code[next].is('}') {
            next = use_tree(code, next, path.clone(), leaves).max(next + 1);
            if code.get(next).is_some_and(|token| token.is(',')) {
                next += 1;
            }
        }
        return next + 1;
    }
    if code.get(next).is_some_and(|token| token.is('*')) {
        path.push("*".to_owned());
        next += 1;
    }
    if path.len() > 1 && path.last().is_some_and(|word| word == "self") {
        path.pop();
    }
    let renamed = tokens::spells(&code[next.min(code.len())..], &["as"]);
    let name = if renamed {
        next += 2;
        code.get(next - 1).and_then(Token::word).map(str::to_owned)
    } else {
        path.last().cloned()
    };
    if !path.is_empty() {
        leaves.push((path, name.unwrap_or_default()));
    }
    next
}

fn declared(code: &[Token]) -> BTreeMap<String, &'static str> {
    const KINDS: [&str; 8] = [
        "mod", "struct", "enum", "type", "const", "static", "trait", "fn",
    ];
    let mut declared = BTreeMap::new();
    let mut sections_end = 0;
    for (at, token) in code.iter().enumerate() {
        if tokens::spells(&code[at..], &["section", "!", "{"]) {
            sections_end = tokens::after_closing(code, at + 2);
        }
        let kind = token
            .word()
            .and_then(|word| KINDS.into_iter().find(|kind| *kind == word));
        let name = code.get(at + 1).and_then(Token::word);
        if let (Some(kind), Some(name)) = (kind, name) {
            let kind = if kind == "struct" && at < sections_end {
                "section"
            } else {
                kind
            };
            declared.entry(name.to_owned()).or_insert(kind);
        }
    }
    declared
}
