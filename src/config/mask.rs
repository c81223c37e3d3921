//! Stars over all in a file that might be a secret.

use crate::setting::{is_variable_name, looks_secret, star, without_user};

/// `text` with the same lines and columns, and `*` for what might be a secret: the values of keys
/// that are named like one, and whatever looks like one.
pub(super) fn masked(text: &str) -> String {
    let mut block: Option<&str> = None;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if let Some(fence) = block {
            // What stands inside a text of several lines is nothing that a caret must show.
            out.push_str(&stars(line));
            block = Some(fence).filter(|fence| !line.contains(fence));
            continue;
        }
        block = ["\"\"\"", "'''"]
            .into_iter()
            .find(|fence| line.matches(fence).count() % 2 == 1);
        out.push_str(&without_user(&masked_line(line)));
    }
    out
}

fn masked_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(&without_tokens(before));
        rest = after;
        if !is_secret_key(before) {
            continue;
        }
        let value = after.trim_start();
        // One reference, or several in a row.
        let closing = match value.strip_prefix('[') {
            Some(list) if list.trim_start().starts_with('{') => Some(']'),
            _ => value.starts_with('{').then_some('}'),
        };
        if let Some(closing) = closing {
            let end = after.find(closing).map_or(after.len(), |end| end + 1);
            let (inside, behind) = after.split_at(end);
            out.push_str(&masked_reference(inside));
            rest = behind;
        } else {
            let end = end_of_value(after);
            let (value, behind) = after.split_at(end);
            out.push_str(&stars(value));
            rest = behind;
        }
    }
    out.push_str(&without_tokens(rest));
    out
}

/// Where the value that begins `text` ends: at its closing quote, or at the end of the line.
fn end_of_value(text: &str) -> usize {
    let value = text.trim_start();
    let start = text.len() - value.len();
    let mut chars = value.char_indices();
    if let Some((_, quote @ ('"' | '\''))) = chars.next() {
        let mut escaped = false;
        for (at, c) in chars {
            if escaped {
                escaped = false;
            } else if c == '\\' && quote == '"' {
                escaped = true;
            } else if c == quote && !value.starts_with("\"\"\"") && !value.starts_with("'''") {
                return start + at + c.len_utf8();
            }
        }
    }
    text.len()
}

/// `{ env = "NAME" }` may be shown if the names look like names; anything else is starred.
fn masked_reference(inside: &str) -> String {
    let mut out = String::new();
    for (index, part) in inside.split(',').enumerate() {
        if index > 0 {
            out.push(',');
        }
        match part.split_once('=') {
            Some((key, value)) if !is_reference(key, value) => {
                out.push_str(key);
                out.push('=');
                out.push_str(&stars(value));
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// Whether `key = value` says where a secret is, and cannot be the secret itself.
fn is_reference(key: &str, value: &str) -> bool {
    let key = key.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let value = value.trim_matches(|c: char| c.is_whitespace() || "\"'}]".contains(c));
    match key {
        "env" => is_variable_name(value),
        "file" => !looks_secret(value) && (value.contains(['/', '.']) || value.len() < 16),
        _ => false,
    }
}

/// Whether the key before a `=` is named like a secret, or nearly.
fn is_secret_key(before: &str) -> bool {
    const WORDS: [&str; 9] = [
        "secret",
        "token",
        "password",
        "passwd",
        "key",
        "private",
        "credential",
        "cookie_key",
        "apikey",
    ];
    let before = before.trim_end_matches('=').trim_end();
    let key = before
        .trim_end_matches(['"', '\''])
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    // It says where a token stands, and holds none.
    if key == "websocket_token" {
        return false;
    }
    WORDS.iter().any(|word| key.contains(word))
        || strsim::damerau_levenshtein(&key, "secret") <= 2
        || strsim::damerau_levenshtein(&key, "token") <= 1
}

/// `text` with stars over every run that looks like a secret.
fn without_tokens(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '_' | '-' | '/');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        out.push_str(before);
        if looks_secret(run) {
            out.push_str(&stars(run));
        } else {
            out.push_str(run);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn stars(text: &str) -> String {
    let is_shown = |c: char| c.is_whitespace() || "\"'{}".contains(c);
    text.chars()
        .map(|c| if is_shown(c) { c } else { star(c) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "5ec7e70fa11005ec7e70fa11005ec7e7";

    #[test]
    fn what_might_be_a_secret_is_starred_in_place() {
        for (line, masked) in [
            ("secret = \"hunter two\"", "secret = \"****** ***\""),
            ("secret='x' # why", "secret='*' # why"),
            ("secret='xé你🦀'", "secret='*·＊🞶'"),
            (
                "app = { secret = \"a\\\"b\", x = 1 }",
                "app = { secret = \"**\"*\", x = 1 }",
            ),
            ("a.\"secret\" = \"x\"", "a.\"secret\" = \"*\""),
            ("secret = bare words", "secret = **** *****"),
            ("apptoken = \"x\"", "apptoken = \"*\""),
            ("secert = \"x\"", "secert = \"*\""),
            (
                "proxy = \"http://me:pw@proxy:1\"",
                "proxy = \"http://*****@proxy:1\"",
            ),
            (
                "to = \"http://你:é@proxy:1\"",
                "to = \"http://＊*·@proxy:1\"",
            ),
            (
                "to = \"me:pw@proxy:1\" # a:b",
                "to = \"*****@proxy:1\" # a:b",
            ),
            (
                "secret = { env = \"hunter2\" }",
                "secret = { env = \"*******\" }",
            ),
            (
                "secret = { vault = \"x\" }, y = 1",
                "secret = { vault = \"*\" }, y = 1",
            ),
        ] {
            assert_eq!(super::masked(line), masked);
        }
        for key in [
            "appid = ",
            "websocket_token = ",
            "to = \"http://a/\" # ",
            "",
            "to = ?",
        ] {
            let line = format!("{key}{SECRET}");
            assert!(!masked(&line).contains("5ec7"), "{line}");
        }
    }

    #[test]
    fn what_helps_is_left() {
        for line in [
            "appid = \"wx0123456789abcdef\"",
            "secret = { env = \"WX_SECRET\" }",
            "secret = { file = \"/run/secrets/wx\" }",
            "to = \"http://127.0.0.1:3000/a/long/path/of/many/segments/1\"",
            "phone_country = \"X-WX-PHONE-COUNTRY\"",
            "path = \"/é\"",
            "websocket_token = [\"protocol\", \"query:token\"]",
        ] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn a_text_of_several_lines_is_starred_to_its_end() {
        let text = "x = \"\"\"\nhunter2\n\"\"\"\nidle = \"1h\"\n";
        assert_eq!(masked(text), "x = \"\"\"\n*******\n\"\"\"\nidle = \"1h\"\n");
    }
}
