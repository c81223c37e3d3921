//! The commands as a shell sees them: output, and the code that they end with.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::Folder;

mod decrypt;
mod explain;
mod start;

const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `wxgate` where the fixtures are, with nothing but `WX_SECRET` in the environment.
fn wxgate(arguments: &[&str]) -> (Option<i32>, String, String) {
    wxgate_reading("", arguments)
}

/// The same, with a text on standard input.
fn wxgate_reading(input: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wxgate"))
        .args(arguments)
        .current_dir(root().join("tests/fixtures/config"))
        .env_clear()
        .env("WX_SECRET", APP_SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that reads no input may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A config file of this test alone, removed when it is dropped.
struct File(PathBuf);

impl File {
    fn of(name: &str, text: &str) -> Self {
        let name = format!("{name}-{}.toml", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const SMALLEST: &str = "\
[[app]]
appid = \"wx0123456789abcdef\"
secret = { env = \"WX_SECRET\" }
[[route]]
path = \"/\"
to = \"http://127.0.0.1:3000\"
";

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
fn a_file_in_another_encoding_says_where() {
    let folder = Folder::new("encoding");
    let file = folder.file("gbk.toml");
    std::fs::write(&file, b"[[app]]\n# \xd6\xd0\xce\xc4\n").unwrap();
    let (code, _, told) = wxgate(&["check", "-c", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(
        told.starts_with("error: this file is not UTF-8 text\n"),
        "{told}"
    );
    assert!(told.contains("gbk.toml:2:3\n"), "{told}");
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

#[test]
fn a_printed_config_is_a_config_that_says_the_same() {
    let file = File::of("print", SMALLEST);
    let (code, printed, told) = wxgate(&["check", "--print", "-c", file.path()]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(!printed.contains(APP_SECRET), "{printed}");
    let again = File::of("printed", &printed);
    let (code, twice, told) = wxgate(&["check", "--print", "-c", again.path()]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    let bare = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.split("  # ").next());
        lines.map(|line| line.unwrap().to_owned()).collect()
    };
    assert_eq!(bare(&printed), bare(&twice));
}
