//! `wxgate demo --once`: what a newcomer sees first.

use std::process::{Command, Output};

fn demo() -> Output {
    let wxgate = env!("CARGO_BIN_EXE_wxgate");
    Command::new(wxgate)
        .args(["demo", "--once"])
        .output()
        .unwrap()
}

#[test]
fn the_demo_holds_and_fits_a_screen_of_80_columns() {
    let ended = demo();
    let text = String::from_utf8(ended.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{text}{complaints}");
    assert!(complaints.is_empty(), "{complaints}");
    assert!(text.contains("steps hold."), "{text}");
    assert!(!text.contains('\x1b'), "colours are for terminals");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert_eq!(line, line.trim_end(), "a space at the end");
    }
}
