//! Paths, hosts and URLs as people write them, and how they should have.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

/// `text` as a URL of scheme http(s), a host and at most a port.
pub(super) fn bare_url(text: &str) -> Option<Uri> {
    let uri = http_url(text)?;
    (uri.path() == "/" && !text.ends_with("//")).then_some(uri)
}

/// `text` as an absolute http(s) URL without user, query and fragment.
pub(super) fn http_url(text: &str) -> Option<Uri> {
    let uri = text.parse::<Uri>().ok()?;
    let authority = uri.authority()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let port = authority.as_str().get(host.len()..)?;
    let port_is_good = port.is_empty() || uri.port_u16().is_some_and(|port| port != 0);
    let plain = !authority.as_str().contains('@') && uri.query().is_none() && !text.contains('#');
    (matches!(uri.scheme_str(), Some("http" | "https")) && plain && port_is_good).then_some(uri)
}

/// Whether `uri` is on this machine.
pub(super) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether `path` is `prefix` or lies below it, in whole segments.
pub(super) fn is_within(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a request's path, once normal, could begin like `path`; else what to write (R8).
pub(super) fn normal_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err(format!("a path begins with `/`: write \"/{path}\""));
    }
    if let Some(odd) = path
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(*c)))
    {
        return Err(match odd {
            '?' | '#' => format!("take `{odd}` and what follows off: only the path is matched"),
            '{' | '}' => {
                "it is a prefix, not a pattern: end it before the first variable part".to_owned()
            }
            _ => format!("it holds {odd:?}: a path has letters, digits, `/` and -._~!$&'()*+,;=:@"),
        });
    }
    if path.ends_with('*') {
        return Err("it is a prefix of whole segments: take the `*` off".to_owned());
    }
    if path.contains("//") {
        return Err("requests come with single slashes: write `/` for `//`".to_owned());
    }
    if path
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return Err("requests come without `.` and `..`: write where it leads".to_owned());
    }
    Ok(())
}

/// Whether a `Host` could name `host`, once normal; else what to write (R9).
pub(super) fn host_name(host: &str) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    let v6 = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if v6.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) {
        return Ok(());
    }
    if host.contains("://") || host.contains('/') {
        return Err("write the name alone, such as \"api.example.com\"".to_owned());
    }
    if host.contains('*') {
        return Err(
            "a name is matched whole: name each host, or leave `host` out for all".to_owned(),
        );
    }
    if host.contains(':') {
        return Err("take the port off: requests are matched by name".to_owned());
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!(
            "write it in small letters: \"{}\"",
            host.to_ascii_lowercase()
        ));
    }
    let labels = host
        .split('.')
        .all(|label| !label.is_empty() && label.len() <= 63);
    if !labels || !host.bytes().all(good) {
        return Err("write a name such as \"api.example.com\", without a dot at its end; others than ASCII as \"xn--…\"".to_owned());
    }
    Ok(())
}
