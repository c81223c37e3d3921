//! Commands that start something, or ask what was started: `run`, `mock`, `health`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::{File, SMALLEST, wxgate};
use crate::harness::{Bed, ROUTES};

/// `run` ends with this code, and says this in one line.
fn does_not_start(arguments: &[&str], code: i32, expected: &str) {
    let (ended, out, told) = wxgate(&[&["run"], arguments].concat());
    assert_eq!((ended, out.as_str()), (Some(code), ""), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with(expected), "{told}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let file = File::of("taken", SMALLEST);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for workers in ["workers=1", "workers=2"] {
        let listen = format!("listen={address}");
        let flags = ["-c", file.path(), "--set", &listen, "--set", workers];
        let flags = [&flags[..], &["--set", "admin.listen="]].concat();
        does_not_start(&flags, 1, &format!("wxgate: cannot listen on {address}: "));
    }
    let admin = format!("admin.listen={address}");
    let flags = [
        "-c",
        file.path(),
        "--set",
        "listen=127.0.0.1:0",
        "--set",
        &admin,
    ];
    let expected = format!("wxgate: cannot listen on {address} (admin.listen): ");
    does_not_start(&flags, 1, &expected);
}

#[test]
fn a_log_that_cannot_be_written_is_named() {
    let file = File::of("log", SMALLEST);
    let flags = [
        "-c",
        file.path(),
        "--set",
        "log.file=/no/such/directory/log",
    ];
    let expected = "wxgate: the log cannot be written: /no/such/directory/log: ";
    does_not_start(&flags, 1, expected);
}

#[test]
fn a_gateway_does_not_start_with_half_a_config() {
    let secret = SMALLEST.replace("env = \"WX_SECRET\"", "file = \"no-such-secret\"");
    let secret = File::of("no-secret", &secret);
    for (arguments, expected) in [
        (["-c", "there_is_none.toml"], "there is no such file"),
        (["-c", "equal_routes.toml"], "`route[1].path` is taken"),
        (["-c", secret.path()], "no-such-secret"),
    ] {
        let (code, out, told) = wxgate(&[&["run"], &arguments[..]].concat());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn health_asks_the_gateway_that_runs() {
    let file = File::of("health", SMALLEST);
    let ask = |address: &str| {
        let admin = format!("admin.listen={address}");
        wxgate(&["health", "-c", file.path(), "--set", &admin])
    };
    let bed = Bed::with("[admin]\nlisten = \"127.0.0.1:0\"\n", ROUTES);
    let address = bed.gateway.admin_address().unwrap().to_string();
    assert_eq!(ask(&address), (Some(0), String::new(), String::new()));
    drop(bed);

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let (code, out, told) = ask(&address);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{told}");
    assert!(
        told.starts_with(&format!("{address} does not answer: ")),
        "{told}"
    );

    let (code, _, told) = ask("");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("admin.listen is empty"), "{told}");
    assert_eq!(wxgate(&["health", "-c", "two_mistakes.toml"]).0, Some(2));
}

#[test]
fn the_mock_says_where_it_is_and_what_it_answers() {
    let mut mock = Command::new(env!("CARGO_BIN_EXE_wxgate"))
        .args(["mock", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(mock.stdout.take().unwrap()).lines();
    let mut welcome = String::new();
    while !welcome.contains("Ctrl-C ends it.") {
        welcome.push_str(&lines.next().expect("it ended too early").unwrap());
        welcome.push('\n');
    }
    let url = welcome.lines().next().unwrap().rsplit(' ').next().unwrap();
    let address = url.strip_prefix("http://").unwrap().to_owned();
    let mut client = crate::harness::Client::connect(address.parse().unwrap());
    let reply = client.send("GET", "/mock", &[("Host", &address)], b"");
    mock.kill().unwrap();
    mock.wait().unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(welcome.contains("/sns/jscode2session"), "{welcome}");
    assert!(welcome.lines().all(|line| line.chars().count() <= 80));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, out, told) = wxgate(&["mock", "--listen", &address]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{told}");
    assert!(
        told.contains(&address) && told.lines().count() == 1,
        "{told}"
    );
    assert_eq!(wxgate(&["mock", "--listen", "nonsense"]).0, Some(2));
}
