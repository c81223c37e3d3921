//! The mini-program's side keeps its promises against this gateway: the npm package, and the examples that use it.
//! Their own tests run with it, and with the mock WeChat.

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_npm_package_keeps_its_promises_against_this_gateway() {
    passes("client");
}

#[test]
fn the_pages_and_buttons_of_the_examples_work_with_this_gateway() {
    passes("tests/miniprogram");
}

/// `npm test` there, and nothing of it left out.
fn passes(folder: &str) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    for needed in ["client", folder] {
        assert!(
            project.join(needed).join("node_modules").exists(),
            "{needed}/node_modules is missing: run `make tools` first"
        );
    }
    let run = Command::new("npm")
        .arg("test")
        .current_dir(project.join(folder))
        .env("WXGATE", env!("CARGO_BIN_EXE_wxgate"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{complained}");
    // Node's reporters begin these lines differently.
    let counts: Vec<&str> = said
        .lines()
        .map(|line| line.trim_start_matches(['#', 'ℹ', ' ']))
        .collect();
    for count in ["fail 0", "cancelled 0", "skipped 0", "todo 0"] {
        assert!(counts.contains(&count), "{count}: {said}");
    }
    assert!(!counts.contains(&"tests 0"), "{folder} has no tests");
}
