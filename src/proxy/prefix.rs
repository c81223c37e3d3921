//! A path prefix as an operator writes it.

use crate::proxy::path::normalise;
use crate::setting::looks_secret;

/// The normal form of `text`, without a `/` at its end; `""` is the prefix of every path.
///
/// # Errors
///
/// No request's path begins like that, or not as it looks: what to write instead.
pub fn read(text: &str) -> Result<Box<str>, String> {
    if !text.starts_with('/') {
        return Err(if looks_secret(text) {
            "a path begins with `/`".to_owned()
        } else {
            format!("a path begins with `/`: write \"/{text}\"")
        });
    }
    if let Some(odd) = text.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(format!(
            "take `{odd}` and what follows off: only the path is matched"
        ));
    }
    if text.ends_with("/*") {
        return Err("it is a prefix of whole segments: take the `*` off".to_owned());
    }
    if text.contains(['{', '}']) || text.split('/').any(|segment| segment == "*") {
        return Err(
            "it is a prefix, not a pattern: end it before the first variable part".to_owned(),
        );
    }
    if text.contains("//") {
        return Err("requests come with single slashes: write `/` for `//`".to_owned());
    }
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    if text.split('/').any(is_dots) {
        return Err("requests come without `.` and `..`: write where it leads".to_owned());
    }
    match normalise(text) {
        Ok(path) => Ok(path.trim_end_matches('/').into()),
        Err(refused) => Err(refused.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_one_form() {
        let rows = [
            ("/", ""),
            ("/api", "/api"),
            ("/api/", "/api"),
            ("/%61pi", "/api"),
            ("/a b", "/a%20b"),
            ("/文", "/%E6%96%87"),
            ("/v1*/x", "/v1*/x"),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_begins_no_path_is_told_so() {
        let rows = [
            ("", "begins with `/`"),
            ("api", "write \"/api\""),
            ("/a?b", "take `?`"),
            ("/a#b", "take `#`"),
            ("/a/*", "take the `*` off"),
            ("/a/*/b", "not a pattern"),
            ("/a/{id}", "not a pattern"),
            ("/a//b", "single slashes"),
            ("//", "single slashes"),
            ("/a/../b", "where it leads"),
            ("/a/.", "where it leads"),
            ("/a%2fb", "no encoded"),
            ("/%2e%2e/b", "dot segments"),
            ("/a\\b", "no control characters"),
            ("/%zz", "hexadecimal"),
        ];
        for (text, expected) in rows {
            let told = read(text).unwrap_err();
            assert!(told.contains(expected), "{text}: {told}");
        }
        let secret = "5ec7e70fa11005ec7e70fa11005ec7e7";
        assert!(!read(secret).unwrap_err().contains(secret));
    }
}
