//! A source file as the rules see it: what it declares, what it passes on, and every path that it names.

use std::collections::BTreeMap;

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
    pub declared: BTreeMap<String, &'static str>,
    /// Names that it passes on (`pub use`): name → where from; `*` for all of a module's.
    pub passed_on: Vec<(String, Vec<String>)>,
}

/// A path into this crate, as some file names it.
#[derive(Debug, Clone)]
pub struct Import {
    /// From the crate's root.
    pub path: Vec<String>,
    /// Where it stands.
    pub line: usize,
    /// How much of it came by a name that an earlier `use` gave; 0: written out.
    pub by_name: usize,
}

impl File {
    /// Reads `text`, which stands at `path`.
    pub fn new(path: String, text: String) -> Self {
        let all = tokens::of(&text);
        let (code, tests) = if is_for_tests(&path) {
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
        let mut named = BTreeMap::new();
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
                    if let Some(path) =
                        self.note(&here, &path, code[at].line, public.then_some(&name))
                    {
                        named.insert(name, path);
                    }
                }
                end
            } else if code[at].word().is_some() && !follows_path(&code, at) {
                let (path, end) = plain_path(&code, at);
                let line = code[at].line;
                if path.len() > 1 && is_ours(&path[0]) {
                    self.note(&here, &path, line, None);
                } else if let (true, Some(base)) = (path.len() > 1, named.get(&path[0])) {
                    let whole = base.iter().chain(&path[1..]).cloned().collect();
                    self.imports.push(Import {
                        path: whole,
                        line,
                        by_name: base.len(),
                    });
                }
                end
            } else {
                at + 1
            };
            at = end.max(at + 1);
        }
        self.code = code;
    }

    /// Keeps an import and says where it leads, unless it leads out of this crate.
    fn note(
        &mut self,
        here: &[String],
        path: &[String],
        line: usize,
        passed_on_as: Option<&String>,
    ) -> Option<Vec<String>> {
        let child = self.declared.get(&path[0]) == Some(&"mod");
        let path = absolute(here, path, child)?;
        if let Some(name) = passed_on_as {
            let module = if name == "*" {
                path[..path.len() - 1].to_vec()
            } else {
                path.clone()
            };
            self.passed_on.push((name.clone(), module));
        }
        self.imports.push(Import {
            path: path.clone(),
            line,
            by_name: 0,
        });
        Some(path)
    }
}

/// Whether a file is built for tests only.
pub fn is_for_tests(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
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

/// `[a, b]` for `src/a/b.rs`.
pub fn module_of(path: &str) -> Vec<String> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    if inside == "lib" || inside == "main" {
        Vec::new()
    } else {
        inside.split('/').map(str::to_owned).collect()
    }
}
