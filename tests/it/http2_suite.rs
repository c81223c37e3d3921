//! HTTP/2 frame by frame, as others' clients write it: every section of its RFCs, and every abuse (R6, R13).
//!
//! The suite is in Python, with libraries that share nothing with ours: see `docs/http2.md`.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn every_section_of_the_rfcs_is_kept() {
    play("conformance", 200);
}

/// Plays a part of the suite, which must have at least so many cases.
fn play(part: &str, least: usize) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = project.join(".tools/python/bin/python");
    let run = Command::new(&python)
        .args(["-c", "import h2, hpack, hyperframe"])
        .stdin(Stdio::null())
        .output();
    assert!(
        run.is_ok_and(|run| run.status.success()),
        "{} has not what tests/http2 needs: run `make tools` first",
        python.display()
    );
    let run = Command::new(python)
        .arg(project.join("tests/http2/run.py"))
        .arg(part)
        .env("WXGATE", env!("CARGO_BIN_EXE_wxgate"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{complained}");
    println!("{said}");
    let count = said
        .lines()
        .find_map(|line| line.strip_suffix(" cases, 0 wrong"))
        .and_then(|count| count.parse::<usize>().ok());
    assert!(count.is_some_and(|count| count >= least), "{said}");
}
