//! The commands as a shell sees them: output, and the code that they end with.

use std::path::PathBuf;

const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `wxgate` where the fixtures are, with nothing but `WX_SECRET` in the environment.
fn wxgate(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_wxgate"))
        .args(arguments)
        .current_dir(root().join("tests/fixtures/config"))
        .env_clear()
        .env("WX_SECRET", APP_SECRET)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_command_ends_with_two_when_it_or_its_config_is_wrong() {
    let wrong = ["-c", "two_mistakes.toml"];
    for command in ["check", "run"] {
        let (code, out, told) = wxgate(&[&[command], &wrong[..]].concat());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{command}");
        assert!(told.ends_with("two_mistakes.toml: 2 mistakes\n"), "{told}");
        assert!(
            !told.contains('\u{1b}'),
            "colours where nobody looks: {told}"
        );
    }
    assert_eq!(wxgate(&["chekc"]).0, Some(2));
    assert_eq!(wxgate(&["check", "--set", "idle"]).0, Some(2));
    let (code, _, told) = wxgate(&["check"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("gateway.toml"), "{told}");
    assert!(told.contains("the smallest useful one"), "{told}");
}

#[test]
fn a_good_config_is_called_good() {
    let example = root().join("gateway.toml").display().to_string();
    let (code, out, told) = wxgate(&["check", "-c", &example]);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{told}");
    assert_eq!(told, format!("{example}: good\n"));
    let (code, out, told) = wxgate(&[
        "check",
        "--print",
        "-c",
        &example,
        "--set",
        "log.level=debug",
    ]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(
        out.contains("level = \"debug\"  # flag --set log.level\n"),
        "{out}"
    );
}
