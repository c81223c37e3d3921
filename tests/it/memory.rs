//! What a signed-in user costs: the short form of `make proof-sessions`.

use std::process::Command;

#[test]
fn a_signed_in_user_costs_little_memory() {
    // `cargo test` builds the examples beside the tests.
    let deps = std::env::current_exe().unwrap();
    let example = deps
        .parent()
        .unwrap()
        .with_file_name("examples")
        .join("session_memory");
    // Fixed costs weigh more on fewer users: a million may cost 512 bytes each, these 640.
    let output = Command::new(example)
        .args(["50000", "640"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("50,000") || said.contains("50000"), "{said}");
}
