//! The rules that make a gateway one to trust, each shown on the wire.

mod addresses;
mod answer_framing;
mod answers;
mod bodies;
mod cors;
mod credentials;
mod extras;
mod framing;
mod hops;
mod hosts;
mod identity;
mod limits;
mod names;
mod paths;
mod retries;
mod routes;
mod wire;

use crate::harness::{Bed, Client, Reply, Seen};

/// One route for all that asks nothing.
const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

/// Sends `bytes` on a connection of its own and reads one answer.
fn ask(bed: &Bed, bytes: impl AsRef<[u8]>) -> Reply {
    let mut client = bed.client();
    client.write(bytes.as_ref());
    client.reply(false)
}

/// `GET path` with header lines, and what the upstream saw of it.
fn forwarded(bed: &Bed, path: &str, headers: &[(&str, &str)]) -> Seen {
    let before = bed.upstream.seen().len();
    let reply = bed.send("GET", path, headers, b"");
    assert_eq!(reply.status, 200, "{headers:?}: {}", reply.text());
    let seen = bed.upstream.seen();
    assert_eq!(seen.len(), before + 1);
    seen.last().unwrap().clone()
}

/// Reads answers until the gateway closes; it may not end within one.
fn answers(client: &mut Client) -> Vec<Reply> {
    std::iter::from_fn(|| client.try_reply(false)).collect()
}

/// The values of every header of `seen` whose name folds to `name`.
fn values<'a>(seen: &'a Seen, name: &str) -> Vec<&'a str> {
    let lines = seen.headers.iter().chain(&seen.trailers);
    lines
        .filter(|(other, _)| fold(other) == fold(name))
        .map(|(_, value)| value.as_str())
        .collect()
}

/// One name for all that PHP, WSGI and CGI take for one.
fn fold(name: &str) -> String {
    let fold = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(fold).collect()
}
