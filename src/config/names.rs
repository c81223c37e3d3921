//! The header names of a config: none may stand for two things, none may carry the protocol.

use http::HeaderName;

use crate::config::check::Checks;
use crate::proxy::headers::Names;
use crate::{listener, session};

/// Checks `[identity]`, `session.header` and `limits.header_names` against each other.
pub(super) fn check(
    checks: &mut Checks<'_>,
    names: &Names,
    session: &session::Config,
    limits: &listener::Limits,
) {
    let identity = [
        ("openid", &names.openid),
        ("appid", &names.appid),
        ("unionid", &names.unionid),
        ("source", &names.source),
        ("phone", &names.phone),
        ("phone_country", &names.phone_country),
    ];
    let mut taken: Vec<(String, String)> = Vec::new();
    for (key, name) in identity {
        let Some(name) = name else { continue };
        let path = format!("identity.{key}");
        let folded = fold(name);
        if let Some(why) = reserved(&folded) {
            checks.blame(
                &path,
                format!("`{path}` cannot be {}: {why}", shown(name)),
                "choose a name such as \"X-WX-OPENID\"",
            );
        } else if name
            .as_str()
            .bytes()
            .any(|b| !b.is_ascii_alphanumeric() && b != b'-')
        {
            checks.blame(
                &path,
                format!("`{path}` has other characters than letters, digits and `-`"),
                "services read such names in more than one way",
            );
        } else if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == folded) {
            checks.blame_both(
                &path,
                (other, "the same name"),
                format!("`{path}` and `{other}` are the same header"),
                "give each its own name, or leave one out with \"\"",
            );
        }
        taken.push((path, folded));
    }
    credential(checks, &session.header, &taken);
    odd_names(checks, &limits.header_names, &taken);
}

fn credential(checks: &mut Checks<'_>, header: &HeaderName, identity: &[(String, String)]) {
    let folded = fold(header);
    if folded == "authorization" {
        return;
    }
    let path = "session.header";
    if let Some((other, _)) = identity.iter().find(|(_, name)| *name == folded) {
        checks.blame_both(
            path,
            (other, "the same name"),
            format!("`{path}` and `{other}` are the same header"),
            "clients may not write identity headers: choose another name",
        );
    } else if let Some(why) = reserved(&folded) {
        checks.blame(
            path,
            format!("`{path}` cannot be {}: {why}", shown(header)),
            "write \"Authorization\", or a name of your own such as \"X-Session\"",
        );
    } else if folded.starts_with("x-wx-") {
        checks.blame(
            path,
            format!(
                "`{path}` cannot be {}: Tencent's own gateway drops what begins with X-WX-",
                shown(header)
            ),
            "write \"Authorization\", or a name of your own such as \"X-Session\"",
        );
    }
}

fn odd_names(checks: &mut Checks<'_>, names: &[HeaderName], identity: &[(String, String)]) {
    let paths = checks.items("limits.header_names");
    for (name, path) in names.iter().zip(paths) {
        let folded = fold(name);
        let is_identity =
            folded.starts_with("x-wx-") || identity.iter().any(|(_, name)| *name == folded);
        if is_identity || reserved(&folded).is_some() {
            checks.blame(
                &path,
                format!(
                    "`{path}` cannot be {}: services read it as {}",
                    shown(name),
                    folded.to_ascii_uppercase()
                ),
                "a client could forge that header: take it out",
            );
        }
    }
}

/// A name as CGI, WSGI and PHP see it: all else than letters and digits is one character (R1).
fn fold(name: &HeaderName) -> String {
    let fold = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.as_str().chars().map(fold).collect()
}

fn shown(name: &HeaderName) -> String {
    format!("\"{name}\"")
}

/// Why the gateway cannot give this name to something of the operator's choice.
fn reserved(folded: &str) -> Option<&'static str> {
    Some(match folded {
        "connection"
        | "keep-alive"
        | "te"
        | "trailer"
        | "upgrade"
        | "proxy-connection"
        | "proxy-authenticate"
        | "proxy-authorization" => "it concerns one connection only",
        "transfer-encoding" | "content-length" => "it frames the message",
        "host" => "it names the host",
        "authorization" | "cookie" | "set-cookie" => "it carries credentials",
        "content-type" | "content-encoding" | "content-range" | "range" | "expect" | "accept"
        | "accept-encoding" | "date" | "origin" => "it is part of HTTP",
        "forwarded" | "x-real-ip" | "x-request-id" | "traceparent" | "x-original-url"
        | "x-rewrite-url" | "proxy" => "the gateway writes or removes it itself",
        _ if folded.starts_with("x-forwarded-") || folded.starts_with("x-wxgate-") => {
            "the gateway writes or removes it itself"
        }
        _ => return None,
    })
}
