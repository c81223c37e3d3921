//! What `deploy/` holds for systemd and Kubernetes is what those take, and its settings are ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wxgate::config::Config;

use crate::harness::Folder;

/// The most that `systemd-analyze security` may say of the service, in tenths: below 20 it says "OK".
const EXPOSURE: &str = "--threshold=15";

fn deploy(name: &str) -> String {
    let path = project().join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a tool of systemd's on the units in `folder`; its success, and all that it said.
fn analyze(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("systemd-analyze, which `make packages` installs");
    said(&output)
}

fn said(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

/// The units in a folder, with `change` made to the service's.
fn units(name: &str, change: impl Fn(String) -> String) -> (Folder, PathBuf) {
    let folder = Folder::new(&format!("deploy-{name}"));
    let binary = env!("CARGO_BIN_EXE_wxgate");
    let service = deploy("wxgate.service").replace("/usr/local/bin/wxgate", binary);
    folder.write("wxgate.service", &change(service));
    folder.write("wxgate.socket", &deploy("wxgate.socket"));
    let path = folder.file("");
    (folder, path)
}

#[test]
fn systemd_takes_the_units_and_calls_the_service_safe() {
    let verify = ["verify", "--man=no", "./wxgate.service", "./wxgate.socket"];
    let security = ["security", "--offline=true", EXPOSURE, "./wxgate.service"];
    let (_folder, path) = units("good", |service| service);
    assert_eq!(analyze(&path, &verify), (true, String::new()));
    let (safe, said) = analyze(&path, &security);
    assert!(safe, "{said}");

    // Both tools see what is wrong.
    let misspelt = |service: String| service.replace("UMask=", "UMusk=");
    let (_folder, path) = units("misspelt", misspelt);
    assert!(analyze(&path, &verify).1.contains("UMusk"));
    let open = |service: String| {
        let lines = service
            .lines()
            .filter(|line| !line.starts_with("SystemCallFilter="));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let (_folder, path) = units("open", open);
    assert!(!analyze(&path, &security).0);
}

#[test]
fn what_the_service_says_of_the_config_is_right() {
    let unit = deploy("wxgate.service");
    let line = |what: &str| {
        let line = unit.lines().find(|line| line.contains(what));
        line.unwrap_or_else(|| panic!("{what}"))
            .trim_start_matches("#   ")
    };
    let without_remark = |what| line(what).split("  ").next().unwrap().to_owned();
    let folder = Folder::new("deploy-config");
    folder.write("app-secret", crate::harness::SECRET);
    folder.write("session-secret", "more than thirty-two bytes, surely");
    let text = format!(
        "{}\n[[app]]\nappid = \"wx0123456789abcdef\"\n{}\n[session]\n{}\n{}\n[[route]]\npath = \"/\"\nto = \"http://127.0.0.1:1\"\n",
        without_remark("listen ="),
        without_remark("/app-secret\" }"),
        without_remark("/session-secret\" }"),
        without_remark("snapshot ="),
    );
    let credentials = folder.file("").display().to_string();
    let text = text.replace("/run/credentials/wxgate.service/", &credentials);
    let state = text.replace("/var/lib/wxgate/", &credentials);
    assert!(state != text && unit.contains("StateDirectory=wxgate"));
    let config = Config::from_toml(&state).unwrap_or_else(|report| panic!("{report}"));
    assert!(config.session.snapshot.unwrap().starts_with(&credentials));
    for secret in ["app-secret", "session-secret"] {
        assert!(unit.contains(&format!("LoadCredential={secret}:/etc/wxgate/{secret}")));
    }
    assert!(deploy("wxgate.socket").contains("FileDescriptorName=web\n"));

    let seconds: u64 = line("TimeoutStopSec=")
        .rsplit('=')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds > config.timeouts.drain.as_secs() + 20);
}

#[test]
fn kubernetes_takes_the_manifests() {
    let tool = project().join(".tools/python/bin/kubernetes-validate");
    assert!(tool.exists(), "{}: run `make tools` first", tool.display());
    let check = |text: &str| {
        let folder = Folder::new("deploy-kubernetes");
        let file = folder.write("kubernetes.yaml", text);
        said(
            &Command::new(&tool)
                .args(["--strict", &file])
                .output()
                .unwrap(),
        )
    };
    let text = deploy("kubernetes.yaml");
    let (good, said) = check(&text);
    assert!(
        good && said.matches(" passed for resource ").count() == 4,
        "{said}"
    );
    assert!(!check(&text.replace("preStop", "preStopp")).0);
}

#[test]
fn the_config_in_the_manifests_is_taken_and_fits_them() {
    let manifests = deploy("kubernetes.yaml");
    let (_, rest) = manifests.split_once("gateway.toml: |\n").unwrap();
    let text: String = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    let folder = Folder::new("deploy-manifests");
    folder.write("app-secret", crate::harness::SECRET);
    folder.write("session-secret", "more than thirty-two bytes, surely");
    let here = folder.file("").display().to_string();
    let text = text.replace("/secrets/", &here).replace("/state/", &here);
    let config = Config::from_toml(&text).unwrap_or_else(|report| panic!("{report}"));
    assert!(config.session.snapshot.unwrap().starts_with(&here));
    assert!(manifests.contains("mountPath: /state"));
    let admin = config.admin.listen.unwrap();
    assert!(manifests.contains(&format!("name: admin, containerPort: {}", admin.port())));

    let number = |key: &str| -> u64 {
        let (_, rest) = manifests.split_once(key).unwrap();
        rest.split([' ', '\n', '}'])
            .next()
            .unwrap()
            .parse()
            .unwrap()
    };
    let grace = number("terminationGracePeriodSeconds: ");
    let before = number("sleep: { seconds: ");
    assert!(grace > before + config.timeouts.drain.as_secs() + 20);
}
