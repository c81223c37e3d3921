//! The rules, each a function from a tree to its complaints.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{File, is_for_tests, module_of};
use super::tokens::{self, Kind, Token};
use super::tree::{Place, Tree};

/// From the ground up: a room uses rooms of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["setting", "stamp"],
    &["auth", "telemetry", "tls", "deadline"],
    &["listener", "session", "upstream", "wechat", "rate"],
    &["proxy", "endpoint", "admin"],
    &["config", "error"],
    &["gateway"],
    &["cli"],
];

/// What the mock may use, and nobody but the commands uses the mock.
const MOCK_USES: &[&str] = &[
    "src/auth",
    "src/setting",
    "src/wechat/address",
    "src/wechat/decrypt",
    "src/wechat/errcode",
];

/// No clock, no I/O, no logging, no randomness: these files, and those below them, are given what they need.
const PURE: &[&str] = &[
    "src/auth",
    "src/endpoint/path",
    "src/listener/flood",
    "src/listener/framing",
    "src/listener/networks",
    "src/listener/proxy_protocol",
    "src/proxy/client_address",
    "src/proxy/cors",
    "src/proxy/handshake",
    "src/proxy/headers",
    "src/proxy/hops",
    "src/proxy/host",
    "src/proxy/limits",
    "src/proxy/lines",
    "src/proxy/path",
    "src/proxy/prefix",
    "src/proxy/retry",
    "src/proxy/route",
    "src/proxy/trace",
    "src/rate/rule",
    "src/session/packed",
    "src/session/user",
    "src/tls/names",
    "src/upstream/balance",
    "src/upstream/frame",
    "src/upstream/http1/chunks",
    "src/upstream/http1/fault",
    "src/upstream/http1/head",
    "src/wechat/address",
    "src/wechat/decrypt",
    "src/wechat/errcode",
];

/// What a pure file has no word of.
const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "tokio",
    "tracing",
    "getrandom",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
    "fs",
    "env::",
    "process::",
    "thread::",
    "println",
    "eprintln",
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &[
    "mod", "util", "utils", "common", "helper", "helpers", "misc",
];

/// Lines that are worth a warning, and lines that are too many; tests count.
const LONG: usize = 400;
const TOO_LONG: usize = 600;

/// Imports only go down, never up and never sideways.
pub fn floors(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in sources(tree) {
        let from = room(&file.path);
        if from.is_empty() {
            continue;
        }
        if from != "mock" && floor(&from).is_none() {
            complaints.push(format!(
                "{}: no floor is known for the room {from}",
                file.path
            ));
            continue;
        }
        for (import, place) in tree.imports(file) {
            let to = room(&place.file);
            if to == from || to.is_empty() {
                continue;
            }
            let fits = match (from.as_str(), to.as_str()) {
                ("mock", _) => within(MOCK_USES, &place.file),
                ("cli", "mock") => true,
                _ => floor(&to).is_some_and(|to| Some(to) < floor(&from)),
            };
            if !fits {
                complaints.push(format!(
                    "{}:{}: {from} must not use {to}",
                    file.path, import.line
                ));
            }
        }
    }
    complaints
}

/// A file uses no function of the files above it in its own room, only words: types, constants, errors,
/// sections of the config, macros.
pub fn children(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in sources(tree) {
        for (import, place) in tree.imports(file) {
            // A module's name alone is nothing yet: what is taken through it counts.
            let Some(name) = place.item.as_deref() else {
                continue;
            };
            if is_above(&place.file, &file.path) && !is_word(tree, &place) {
                let (path, line, head) = (&file.path, import.line, &place.file);
                complaints.push(format!(
                    "{path}:{line}: a child must not use {name} of {head}"
                ));
            }
        }
    }
    complaints
}

/// No file needs, by any way, itself. Words of the files above do not count: [`children`] keeps them.
pub fn cycles(tree: &Tree) -> Vec<String> {
    let mut needs: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in sources(tree) {
        let needed = needs.entry(&file.path).or_default();
        for (_, place) in tree.imports(file) {
            if place.file != file.path && !is_above(&place.file, &file.path) {
                needed.insert(place.file);
            }
        }
    }
    let mut complaints = BTreeSet::new();
    for start in needs.keys() {
        if let Some(mut ring) = way_back(start, &needs) {
            let first = ring
                .iter()
                .enumerate()
                .min_by_key(|(_, path)| (*path).clone())
                .map_or(0, |(at, _)| at);
            ring.rotate_left(first);
            complaints.insert(format!("{}: a cycle: {}", ring[0], ring.join(" → ")));
        }
    }
    complaints.into_iter().collect()
}

/// Pure files have no word of clock, I/O, logging or randomness, and stand on pure files only.
pub fn purity(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in sources(tree).filter(|file| is_pure(&file.path)) {
        for (at, token) in file.code.iter().enumerate() {
            if let Some(word) = impure(&file.code[at..]) {
                complaints.push(format!(
                    "{}:{}: a pure file with {word}",
                    file.path, token.line
                ));
            }
        }
        for (import, place) in tree.imports(file) {
            let fits = place.item.is_none()
                || is_pure(&place.file)
                || room(&place.file) == "setting"
                || is_word(tree, &place);
            if !fits {
                complaints.push(format!(
                    "{}:{}: a pure file on {}",
                    file.path, import.line, place.file
                ));
            }
        }
    }
    complaints
}

/// Files that are too long.
pub fn sizes(tree: &Tree) -> Vec<String> {
    longer_than(tree, TOO_LONG)
}

/// Files that are long enough to be looked at.
pub fn long(tree: &Tree) -> Vec<String> {
    longer_than(tree, LONG)
}

/// Each file says on its first line what it is for, and its name says something.
pub fn names(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.files() {
        if !file.text.starts_with("//! ") {
            complaints.push(format!(
                "{}: the first line must say what it is for (`//! …`)",
                file.path
            ));
        }
        let stem = file
            .path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".rs");
        if EMPTY_NAMES.contains(&stem) {
            complaints.push(format!("{}: a name that says nothing", file.path));
        }
    }
    complaints
}

/// Tests are never ignored, never sleep, and leave the choice of a port to the system.
pub fn tests(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in tree.files() {
        for (at, token) in file.tests.iter().enumerate() {
            let rest = &file.tests[at..];
            let fault = if tokens::spells(rest, &["#", "[", "ignore"]) {
                "an ignored test"
            } else if token
                .word()
                .is_some_and(|word| word == "sleep" || word == "sleep_until")
            {
                "a test that sleeps"
            } else if token.word() == Some("bind") && binds_a_port(rest) || listens_on_a_port(token)
            {
                "a fixed port"
            } else {
                continue;
            };
            complaints.push(format!("{}:{}: {fault}", file.path, token.line));
        }
    }
    complaints
}

fn sources(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files()
        .filter(|file| file.path.starts_with("src/") && !is_for_tests(&file.path))
}

/// The first module of a file: empty for `lib.rs` and `main.rs`.
fn room(path: &str) -> String {
    module_of(path).into_iter().next().unwrap_or_default()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn is_above(head: &str, file: &str) -> bool {
    head != file
        && head != "src/lib.rs"
        && file.starts_with(&format!("{}/", head.trim_end_matches(".rs")))
}

fn is_word(tree: &Tree, place: &Place) -> bool {
    matches!(
        tree.kind(place),
        Some("struct" | "enum" | "type" | "const" | "section" | "macro")
    )
}

fn is_pure(path: &str) -> bool {
    within(PURE, path)
}

/// Whether `path` is one of `files`, which are named without `.rs`, or below one.
fn within(files: &[&str], path: &str) -> bool {
    files.iter().any(|file| {
        let rest = path.strip_prefix(file);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

fn impure(rest: &[Token]) -> Option<&'static str> {
    IMPURE.iter().copied().find(|path| {
        let colons = path.replace("::", " : : ");
        tokens::spells(rest, &colons.split_whitespace().collect::<Vec<_>>())
    })
}

fn way_back(start: &str, needs: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<String, String> = BTreeMap::new();
    let mut next = vec![start.to_owned()];
    while let Some(here) = next.pop() {
        for to in needs.get(here.as_str()).into_iter().flatten() {
            if to == start {
                let mut ring = vec![here.clone()];
                while ring[ring.len() - 1] != start {
                    ring.push(came_from[&ring[ring.len() - 1]].clone());
                }
                ring.reverse();
                return Some(ring);
            }
            if !came_from.contains_key(to) {
                came_from.insert(to.clone(), here.clone());
                next.push(to.clone());
            }
        }
    }
    None
}

fn longer_than(tree: &Tree, most: usize) -> Vec<String> {
    let lines = |file: &File| file.text.lines().count();
    let long = tree.files().filter(|file| lines(file) > most);
    long.map(|file| format!("{}: {} lines, more than {most}", file.path, lines(file)))
        .collect()
}

/// Whether the call at `bind` names a port other than 0.
fn binds_a_port(rest: &[Token]) -> bool {
    if !rest.get(1).is_some_and(|token| token.is('(')) {
        return false;
    }
    let call = &rest[1..tokens::after_closing(rest, 1)];
    let in_text = call
        .iter()
        .any(|token| matches!(&token.kind, Kind::Text(text) if ends_in_port(text)));
    let in_tuple = call.windows(3).any(|three| match &three[1].kind {
        Kind::Number(number) => number != "0" && three[0].is(',') && three[2].is(')'),
        _ => false,
    });
    in_text || in_tuple
}

/// Whether a piece of config listens on a port other than 0.
fn listens_on_a_port(token: &Token) -> bool {
    let Kind::Text(text) = &token.kind else {
        return false;
    };
    let lines = text
        .lines()
        .filter(|line| line.trim_start().starts_with("listen"));
    lines
        .flat_map(|line| line.split('"'))
        .any(|word| ends_in_port(word.trim_end_matches('\\')))
}

fn ends_in_port(text: &str) -> bool {
    let Some((_, port)) = text.rsplit_once(':') else {
        return false;
    };
    port.parse::<u16>().is_ok_and(|port| port != 0)
}
