//! A reload as the operator asks for it: by SIGHUP, or by changing a file; and what is said of it.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{APPID, Folder, Process, SECRET, Upstream, until};

/// Another secret for the app, which nobody may read anywhere.
const OTHER: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f";

struct Stage {
    process: Process,
    upstream: Upstream,
}

impl Stage {
    fn new(name: &str) -> Self {
        let upstream = Upstream::recording();
        let folder = Folder::new(&format!("reload-{name}"));
        folder.write("app-secret", SECRET);
        let process = Process::run_in(folder, &text(&upstream, "", "/one"));
        Self { process, upstream }
    }

    /// Writes the config anew, as an editor does: beside, and renamed into its place.
    fn write(&self, text: &str) {
        let folder = &self.process.folder;
        let new = folder.write("gateway.toml.new", text);
        std::fs::rename(new, folder.file("gateway.toml")).unwrap();
    }

    fn status(&self, path: &str) -> u16 {
        self.process.client().get(path, "").status
    }

    /// The line of the log with this message, once it is there.
    fn line(&self, message: &str) -> Value {
        let find = || {
            let text = self.process.error.text();
            let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            lines.find(|line: &Value| line["message"].as_str().unwrap().contains(message))
        };
        until(message, || find().is_some());
        find().unwrap()
    }
}

fn text(upstream: &Upstream, top: &str, path: &str) -> String {
    format!(
        "listen = [\"127.0.0.1:0\"]\n{top}\n[admin]\nlisten = \"\"\n[[app]]\nappid = \"{APPID}\"\nsecret = {{ file = \"app-secret\" }}\n[[route]]\npath = \"{path}\"\nrequire = \"none\"\nto = \"{}\"\n",
        upstream.url()
    )
}

#[test]
fn sighup_puts_a_new_config_into_force_and_says_what_changed() {
    let stage = Stage::new("signal");
    assert_eq!(stage.status("/one"), 200);
    stage.write(&text(&stage.upstream, "workers = 5", "/two"));
    stage.process.signal(Signal::HUP);
    let line = stage.line("config reloaded");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["changed"], "route[0].path: \"/one\" → \"/two\"");
    let line = stage.line("restart");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["settings"], "workers: 0 → 5");
    assert_eq!((stage.status("/one"), stage.status("/two")), (404, 200));
    let (status, _) = stage.process.end();
    assert!(status.success());
}

#[test]
fn a_broken_config_changes_nothing_and_its_mistake_is_shown() {
    let stage = Stage::new("broken");
    let bad = text(&stage.upstream, "wrokers = 5", "/two");
    stage.write(&bad);
    stage.process.signal(Signal::HUP);
    let line = stage.line("not reloaded");
    assert_eq!(line["level"], "ERROR");
    let reason = line["reason"].as_str().unwrap();
    assert!(
        reason.contains("did you mean `workers`?") && reason.contains("gateway.toml:2:1"),
        "{reason}"
    );
    assert_eq!((stage.status("/one"), stage.status("/two")), (200, 404));

    stage.write(&text(&stage.upstream, "", "/two"));
    stage.line("config reloaded");
    assert_eq!((stage.status("/one"), stage.status("/two")), (404, 200));
}

#[test]
fn a_changed_file_is_a_reload_and_so_is_a_changed_secret() {
    let stage = Stage::new("file");
    stage.write(&text(&stage.upstream, "", "/two"));
    until("it is seen", || stage.status("/two") == 200);
    stage.process.folder.write("app-secret", OTHER);
    let find = || {
        let text = stage.process.error.text();
        text.lines()
            .any(|line| line.contains("holds another secret"))
    };
    until("the secret is seen, too", find);
    let said = stage.process.end().1;
    assert!(said.contains("app[0].secret: "), "{said}");
    assert!(!said.contains(OTHER) && !said.contains(SECRET), "{said}");
}
