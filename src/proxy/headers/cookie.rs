//! One crumb of a cookie: read it, cut it out, leave the others as they are (RFC 6265 §4.2).

use http::{HeaderMap, HeaderValue, header};

/// The value of the first crumb of that name.
pub(super) fn crumb<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    line.split(|byte| *byte == b';')
        .find_map(|crumb| value_of(crumb, name))
}

/// Cuts every crumb of that name out of all cookie lines; a line without another goes.
pub(super) fn cut(headers: &mut HeaderMap, name: &str) {
    let lines = headers.get_all(header::COOKIE);
    if !lines
        .iter()
        .any(|line| crumb(line.as_bytes(), name).is_some())
    {
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

fn without(line: &HeaderValue, name: &str) -> Option<HeaderValue> {
    if crumb(line.as_bytes(), name).is_none() {
        return Some(line.clone());
    }
    let kept: Vec<&[u8]> = line
        .as_bytes()
        .split(|byte| *byte == b';')
        .filter(|crumb| value_of(crumb, name).is_none())
        .collect();
    let kept = kept.join(b";".as_slice());
    let kept = kept.trim_ascii();
    // What is left of a header's value is fit for a header.
    (!kept.is_empty()).then(|| HeaderValue::from_bytes(kept).ok())?
}

fn value_of<'a>(crumb: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let rest = crumb.trim_ascii_start().strip_prefix(name.as_bytes())?;
    let value = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let quoted = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    Some(quoted.unwrap_or(value))
}
