//! `wxgate health`: asks the operator's listener whether the gateway lives. For containers, which
//! have no other client.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::cli::terminal::{End, complain, refuse};
use crate::config::{Config, Sources};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `/livez` on `admin.listen`.
pub(super) fn health(sources: &Sources) -> End {
    let config = match Config::load(sources) {
        Ok(config) => config,
        Err(report) => return refuse(&report),
    };
    let Some(address) = config.admin.listen else {
        complain("admin.listen is empty: nothing can be asked");
        return End::Wrong;
    };
    match ask(address) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => End::Good,
        Ok(answer) => {
            complain(&format!(
                "{address} answers: {}",
                answer.lines().next().unwrap_or_default()
            ));
            End::Failed
        }
        Err(error) => {
            complain(&format!("{address} does not answer: {error}"));
            End::Failed
        }
    }
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(
        format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}
