//! Paths, hosts and URLs as people write them, and how they should have.

use std::net::IpAddr;

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
