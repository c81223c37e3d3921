//! `wxgate demo --once`: what a newcomer sees first.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

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

#[test]
fn the_lines_to_copy_do_what_they_say() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_wxgate"))
        .arg("demo")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let told: Vec<_> = BufReader::new(demo.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .skip_while(|line| !line.starts_with("It stays up"))
        // The last line of all.
        .take_while(|line| !line.contains("login-2"))
        .filter_map(|line| line.strip_prefix("    ").map(str::to_owned))
        .collect();
    let script = format!(
        "curl() {{ command curl --silent --output /dev/null --write-out '%{{http_code}} ' \"$@\"; }}\n{}\n  -d '{{\"code\":\"login-2\"}}'",
        told.join("\n")
    );
    let played = Command::new("sh").args(["-c", &script]).output().unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    // Refused, seen, a forged name, no phone; a phone, and now it opens; who it is, out, in; WeChat is told
    // to refuse, and does.
    assert_eq!(
        String::from_utf8_lossy(&played.stdout),
        "401 200 200 403 200 200 200 204 200 200 429 ",
        "{script}\n{}",
        String::from_utf8_lossy(&played.stderr)
    );
}
