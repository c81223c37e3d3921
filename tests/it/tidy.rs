//! The tree keeps its rules: floors, no cycles, purity, sizes, names, and tests that wait for nothing.
//!
//! Std only. Each rule is seen to fail on a small tree of its own. `docs/architecture.md` says why.

mod file;
mod rules;
mod tokens;
mod tree;

use std::io::Write as _;
use std::path::Path;

use tree::Tree;

type Rule = fn(&Tree) -> Vec<String>;

#[test]
fn the_source_tree_keeps_its_rules() {
    let tree = Tree::read(Path::new(env!("CARGO_MANIFEST_DIR")), &["src", "tests"]);
    assert!(tree.file("src/lib.rs").is_some(), "the tree was not read");
    for warning in rules::long(&tree) {
        // Past the capture of the test's output: a warning is for eyes.
        writeln!(std::io::stderr(), "warning: {warning}").unwrap();
    }
    let rules: [Rule; 7] = [
        rules::floors,
        rules::children,
        rules::cycles,
        rules::purity,
        rules::sizes,
        rules::names,
        rules::tests,
    ];
    let complaints: Vec<String> = rules.iter().flat_map(|rule| rule(&tree)).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// `rule` complains of exactly this.
fn complains(rule: Rule, files: &[(&str, &str)], expected: &[&str]) {
    let tree: Tree = files.iter().copied().collect();
    assert_eq!(rule(&tree), expected, "{files:#?}");
}

#[test]
fn an_import_that_goes_up_or_sideways_is_seen() {
    let auth = ("src/auth.rs", "pub struct Token;");
    let session = (
        "src/session.rs",
        "use crate::auth::Token; pub struct Sessions;",
    );
    complains(rules::floors, &[auth, session], &[]);
    for (path, text, complaint) in [
        (
            "src/auth/token.rs",
            "use crate::session::Sessions;",
            "src/auth/token.rs:1: auth must not use session",
        ),
        (
            "src/wechat.rs",
            "\nfn f() { crate::session::f() }",
            "src/wechat.rs:2: wechat must not use session",
        ),
        (
            "src/wechat.rs",
            "use super::{auth, session as s};",
            "src/wechat.rs:1: wechat must not use session",
        ),
        (
            "src/tls.rs",
            "use crate::{auth::{Token}};",
            "src/tls.rs:1: tls must not use auth",
        ),
        (
            "src/mock.rs",
            "use crate::session;",
            "src/mock.rs:1: mock must not use session",
        ),
        (
            "src/gateway.rs",
            "use crate::mock;\nmod mock;",
            "src/gateway.rs:1: gateway must not use mock",
        ),
        (
            "src/cellar.rs",
            "",
            "src/cellar.rs: no floor is known for the room cellar",
        ),
    ] {
        let mock = ("src/mock.rs", "");
        let others = if path == mock.0 {
            vec![auth, session]
        } else {
            vec![auth, session, mock]
        };
        let files: Vec<_> = others
            .into_iter()
            .filter(|file| file.0 != path)
            .chain([(path, text)])
            .collect();
        complains(rules::floors, &files, &[complaint]);
    }
}

#[test]
fn the_mock_stands_on_pure_files_of_wechat_only() {
    let decrypt = ("src/wechat/decrypt.rs", "pub fn seal() {}");
    let wechat = ("src/wechat.rs", "pub mod decrypt; pub struct Client;");
    complains(
        rules::floors,
        &[
            wechat,
            decrypt,
            ("src/mock.rs", "use crate::wechat::decrypt;"),
        ],
        &[],
    );
    let client = ("src/mock.rs", "use crate::wechat::{decrypt, Client};");
    complains(
        rules::floors,
        &[wechat, decrypt, client],
        &["src/mock.rs:1: mock must not use wechat"],
    );
    let command = ("src/cli/mock.rs", "use crate::mock::Mock;");
    complains(
        rules::floors,
        &[("src/mock.rs", "pub struct Mock;"), command],
        &[],
    );
}

#[test]
fn imports_of_tests_comments_and_texts_do_not_count() {
    let text = "//! crate::session::x\nconst A: &str = \"crate::session\"; #[cfg(test)] mod tests { use crate::session; }";
    complains(
        rules::floors,
        &[("src/auth.rs", text), ("src/session.rs", "")],
        &[],
    );
}

#[test]
fn a_child_that_calls_its_head_is_seen() {
    let head = (
        "src/session.rs",
        "mod near; mod user; pub use user::Record; pub enum Error {} pub fn open() {}",
    );
    let user = ("src/session/user.rs", "pub struct Record;");
    for (text, expected) in [
        ("use crate::session::{Error, Record};", &[][..]),
        ("use super::user; pub(in crate::session) struct Near;", &[]),
        (
            "use crate::session::open;",
            &["src/session/near.rs:1: a child must not use open of src/session.rs"],
        ),
        (
            "use super::*;",
            &["src/session/near.rs:1: a child must not use * of src/session.rs"],
        ),
        (
            "fn f() { crate::session::open() }",
            &["src/session/near.rs:1: a child must not use open of src/session.rs"],
        ),
        (
            "use crate::session;\nfn f(e: session::Error) { session::open() }",
            &["src/session/near.rs:2: a child must not use open of src/session.rs"],
        ),
    ] {
        complains(
            rules::children,
            &[head, user, ("src/session/near.rs", text)],
            expected,
        );
    }
}

#[test]
fn a_cycle_is_seen_through_what_is_passed_on() {
    let head = ("src/auth.rs", "mod a; mod b; pub use a::A; pub use b::*;");
    let a = ("src/auth/a.rs", "use crate::auth::B; pub struct A;");
    complains(
        rules::cycles,
        &[head, a, ("src/auth/b.rs", "pub struct B;")],
        &[],
    );
    complains(
        rules::cycles,
        &[
            head,
            a,
            ("src/auth/b.rs", "use crate::auth::A; pub struct B(A);"),
        ],
        &["src/auth/a.rs: a cycle: src/auth/a.rs → src/auth/b.rs"],
    );
}

#[test]
fn a_pure_file_with_a_clock_or_a_socket_is_seen() {
    let decrypt = "src/wechat/decrypt.rs";
    complains(
        rules::purity,
        &[(decrypt, "use std::net::IpAddr; use std::time::Duration;")],
        &[],
    );
    for (text, word) in [
        ("fn f() { let t = Instant::now(); }", "Instant::now"),
        (
            "use std::time; fn f() { time::SystemTime::now(); }",
            "SystemTime::now",
        ),
        ("use tokio::sync::Mutex;", "tokio"),
        ("use std::net::TcpStream;", "TcpStream"),
        ("fn f() { std::fs::read(p) }", "fs"),
        ("use std::{env, fs};", "fs"),
        ("fn f() { tracing::info!(\"x\") }", "tracing"),
    ] {
        complains(
            rules::purity,
            &[(decrypt, text)],
            &[&format!("{decrypt}:1: a pure file with {word}")],
        );
        complains(rules::purity, &[("src/wechat.rs", text)], &[]);
    }
    let wechat = ("src/wechat.rs", "mod access_token;");
    let token = ("src/wechat/access_token.rs", "pub fn fetch() {}");
    let user = (decrypt, "use super::access_token::fetch;");
    complains(
        rules::purity,
        &[wechat, token, user],
        &["src/wechat/decrypt.rs:1: a pure file on src/wechat/access_token.rs"],
    );
}

#[test]
fn a_long_file_is_warned_of_and_then_refused() {
    let (long, too_long) = ("//\n".repeat(401), "//\n".repeat(601));
    complains(
        rules::long,
        &[("src/a.rs", &long), ("src/b.rs", "//\n")],
        &["src/a.rs: 401 lines, more than 400"],
    );
    complains(rules::sizes, &[("src/a.rs", &long)], &[]);
    complains(
        rules::sizes,
        &[("tests/it/a.rs", &too_long)],
        &["tests/it/a.rs: 601 lines, more than 600"],
    );
}

#[test]
fn an_empty_name_and_a_file_without_a_purpose_are_seen() {
    complains(rules::names, &[("src/auth.rs", "//! Who.\n")], &[]);
    complains(
        rules::names,
        &[("src/auth/mod.rs", "//! Who.\n")],
        &["src/auth/mod.rs: a name that says nothing"],
    );
    complains(
        rules::names,
        &[("tests/it/util.rs", "//! All.\n")],
        &["tests/it/util.rs: a name that says nothing"],
    );
    let complaint = "src/auth.rs: the first line must say what it is for (`//! …`)";
    complains(
        rules::names,
        &[("src/auth.rs", "use std::fmt;\n//! Who.\n")],
        &[complaint],
    );
}

#[test]
fn tests_that_sleep_are_ignored_or_fix_a_port_are_seen() {
    let it = |text: &str, fault: &str| {
        complains(
            rules::tests,
            &[("tests/it/a.rs", text)],
            &[&format!("tests/it/a.rs:1: {fault}")],
        );
        complains(rules::tests, &[("src/a.rs", text)], &[]);
        let inside = format!("#[cfg(test)] mod tests {{ {text} }}");
        complains(
            rules::tests,
            &[("src/a.rs", &inside)],
            &[&format!("src/a.rs:1: {fault}")],
        );
    };
    it("#[ignore = \"slow\"] fn f() {}", "an ignored test");
    it("fn f() { std::thread::sleep(d) }", "a test that sleeps");
    it("async fn f() { sleep(d).await }", "a test that sleeps");
    it(
        "fn f() { TcpListener::bind(\"127.0.0.1:8080\") }",
        "a fixed port",
    );
    it(
        "fn f() { TcpListener::bind((\"::1\", 8080)) }",
        "a fixed port",
    );
    it(
        "const C: &str = \"listen = [\\\"127.0.0.1:8080\\\"]\";",
        "a fixed port",
    );
    let free = "fn f() { TcpListener::bind(\"127.0.0.1:0\"); bind(SocketAddr::from(([127, 0, 0, 1], 0))); bind(addr) }";
    complains(rules::tests, &[("tests/it/a.rs", free)], &[]);
}
