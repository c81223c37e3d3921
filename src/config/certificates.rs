//! `[tls]`: certificates that are there, fit their keys, and are for the names that they are shown for.

use std::collections::HashMap;
use std::path::Path;

use crate::config::check::Checks;
use crate::tls::{self, Certificate, names};

/// What to do about a certificate that cannot be taken.
const HELP: &str =
    "write the paths of PEM files: the certificate with its chain, and its private key";

/// Certificates that can be shown, or none and nothing that needs them.
pub(super) fn check(checks: &mut Checks<'_>, tls: &tls::Config) {
    let (cert, key) = match (&tls.cert, &tls.key) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return unneeded(checks, tls),
        (Some(_), None) => return half(checks, "tls.key", "tls.cert"),
        (None, Some(_)) => return half(checks, "tls.cert", "tls.key"),
    };
    read(checks, "tls", cert, key);
    let mut taken: HashMap<String, String> = HashMap::new();
    for (site, at) in tls.site.iter().zip(checks.items("tls.site")) {
        let Some(certificate) = read(checks, &at, &site.cert, &site.key) else {
            continue;
        };
        if site.hosts.is_empty() && certificate.names.is_empty() {
            let message = format!("`{at}.cert` has no names (subjectAltName)");
            checks.blame(&format!("{at}.cert"), message, "take one that has");
        }
        let hosts: Vec<(String, String)> = if site.hosts.is_empty() {
            let own = certificate.names.iter();
            own.map(|name| (format!("{at}.cert"), name.clone()))
                .collect()
        } else {
            let said = site.hosts.iter().enumerate();
            said.filter_map(|(index, host)| {
                let at = format!("{at}.hosts[{index}]");
                wanted(checks, &at, host, &certificate).map(|name| (at, name))
            })
            .collect()
        };
        for (at, name) in hosts {
            if let Some(other) = taken.insert(name.clone(), at.clone()) {
                checks.blame_both(
                    &at,
                    (&other, "the other one"),
                    format!("`{at}` and `{other}` are both for {name}"),
                    "give each site names of its own in `hosts`",
                );
            }
        }
    }
}

/// Without a certificate nothing else of `[tls]` has a meaning.
fn unneeded(checks: &mut Checks<'_>, tls: &tls::Config) {
    let said = match tls {
        tls::Config { site, .. } if !site.is_empty() => "tls.site",
        tls::Config { redirect, .. } if redirect.is_some() => "tls.redirect",
        _ => return,
    };
    let message = format!("`{said}` has no effect: without `tls.cert` there is no TLS");
    checks.blame(said, message, "write `cert` and `key` in `[tls]`");
}

fn half(checks: &mut Checks<'_>, missing: &str, said: &str) {
    let message = format!("`{missing}` is missing: `{said}` needs it");
    checks.blame_both(missing, (said, "this needs it"), message, HELP);
}

/// The certificate at `at`, unless it cannot be taken.
fn read(checks: &mut Checks<'_>, at: &str, cert: &Path, key: &Path) -> Option<Certificate> {
    Certificate::read(cert, key)
        .map_err(|error| {
            let place = if error.is_of_key(key) { "key" } else { "cert" };
            let at = format!("{at}.{place}");
            checks.blame(&at, format!("`{at}` cannot be taken: {error}"), HELP);
        })
        .ok()
}

/// The name that `host` is, which `certificate` must be for.
fn wanted(
    checks: &mut Checks<'_>,
    at: &str,
    host: &str,
    certificate: &Certificate,
) -> Option<String> {
    let found = checks.found(at);
    let Some(name) = names::normal(host) else {
        let message = format!("`{at}` is not the name of a host: {found}");
        checks.blame(at, message, "write \"example.com\" or \"*.example.com\"");
        return None;
    };
    if !certificate.is_for(&name) {
        let message = format!("`{at}`: the certificate is not for {found}");
        let help = match certificate.names.as_slice() {
            [] => "the certificate has no names".to_owned(),
            names => format!("it is for {}", names.join(", ")),
        };
        checks.blame(at, message, &help);
        return None;
    }
    Some(name)
}
