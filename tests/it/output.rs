//! What a process writes, read until it says what a test waits for.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::mpsc;
use std::time::Duration;

/// No process takes longer to be ready, or the test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first line of `output` that holds `sign`. The rest is read and dropped, so that the process never
/// waits to be read.
pub fn line_with(output: impl Read + Send + 'static, sign: &str) -> String {
    let (lines, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once the sign was seen.
            let _ = lines.send(line);
        }
    });
    let mut before = String::new();
    loop {
        let line = heard
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|why| panic!("{sign:?} was not said ({why}):\n{before}"));
        if line.contains(sign) {
            return line;
        }
        before.push_str(&line);
        before.push('\n');
    }
}
