//! Cuts one crumb out of the cookies and leaves the others as they are (RFC 6265 §4.2).

use http::{HeaderMap, HeaderValue, header};

/// Makes one line of several, as HTTP/2 sends them (RFC 9113 §8.2.3) and nobody reads them in HTTP/1.
pub(super) fn join(headers: &mut HeaderMap) {
    let lines: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if lines.len() < 2 {
        return;
    }
    // What lines hold is fit for a line.
    if let Ok(line) = HeaderValue::from_bytes(&lines.join(b"; ".as_slice())) {
        headers.insert(header::COOKIE, line);
    }
}

/// Cuts every crumb of that name out of all cookie lines; a line without another goes.
pub(super) fn cut(headers: &mut HeaderMap, name: &str) {
    let lines = headers.get_all(header::COOKIE);
    if !lines.iter().any(|line| has(line, name)) {
        return;
    }
    let rest: Vec<HeaderValue> = lines
        .iter()
        .filter_map(|line| without(line, name))
        .collect();
    headers.remove(header::COOKIE);
    for line in rest {
        headers.append(header::COOKIE, line);
    }
}

fn has(line: &HeaderValue, name: &str) -> bool {
    crumbs(line).any(|crumb| is_named(crumb, name))
}

fn without(line: &HeaderValue, name: &str) -> Option<HeaderValue> {
    if !has(line, name) {
        return Some(line.clone());
    }
    let kept: Vec<&[u8]> = crumbs(line)
        .filter(|crumb| !is_named(crumb, name))
        .collect();
    let kept = kept.join(b";".as_slice());
    let kept = kept.trim_ascii();
    if kept.is_empty() {
        return None;
    }
    // What is left of a header's value is fit for a header.
    HeaderValue::from_bytes(kept).ok()
}

fn crumbs(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| *byte == b';')
}

fn is_named(crumb: &[u8], name: &str) -> bool {
    let rest = crumb.trim_ascii_start().strip_prefix(name.as_bytes());
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
}
