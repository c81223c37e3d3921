//! Which endpoint a path and a method name. Pure.

use http::Method;

use crate::endpoint::error::Error;

/// One of the gateway's own endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST …/login`
    Login,
    /// `POST …/phone`
    Phone,
    /// `POST …/userinfo`
    UserInfo,
    /// `POST …/decrypt`
    Decrypt,
    /// `GET …/session`
    Session,
    /// `POST …/logout`
    Logout,
    /// `GET …/health`
    Health,
    /// `GET …/jwks.json`
    Jwks,
}

impl Endpoint {
    const ALL: [(&'static str, Self); 8] = [
        ("login", Self::Login),
        ("phone", Self::Phone),
        ("userinfo", Self::UserInfo),
        ("decrypt", Self::Decrypt),
        ("session", Self::Session),
        ("logout", Self::Logout),
        ("health", Self::Health),
        ("jwks.json", Self::Jwks),
    ];

    /// The name of each, in an order that stays.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(|(name, _)| name)
    }

    /// Its place among [`Self::names`].
    pub fn place(self) -> usize {
        let at = Self::ALL.iter().position(|(_, endpoint)| *endpoint == self);
        at.unwrap_or_default()
    }

    /// The endpoint at `path`, as it stands after the prefix.
    fn named(path: &str) -> Option<Self> {
        let name = path.strip_prefix('/')?;
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, endpoint)| *endpoint)
    }

    /// The value of `Allow`, and what to send instead of another method.
    fn methods(self) -> (&'static str, &'static str) {
        match self {
            Self::Login => (
                "POST",
                "send POST with the JSON body {\"code\": \"…\"}, the code being what wx.login gave; in a URL it would end up in logs",
            ),
            Self::Phone => (
                "POST",
                "send POST with the JSON body {\"code\": \"…\"}, or {\"encryptedData\": \"…\", \"iv\": \"…\"}, from the phone button's event",
            ),
            Self::UserInfo => (
                "POST",
                "send POST with the JSON body {\"rawData\": \"…\", \"signature\": \"…\"}, or {\"encryptedData\": \"…\", \"iv\": \"…\"}, or all four",
            ),
            Self::Decrypt => (
                "POST",
                "send POST with the JSON body {\"encryptedData\": \"…\", \"iv\": \"…\"}",
            ),
            Self::Logout => (
                "POST",
                "send POST without a body, or with the JSON body {\"everywhere\": true}",
            ),
            Self::Session | Self::Health | Self::Jwks => ("GET, HEAD", "send GET"),
        }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Self::Session | Self::Health | Self::Jwks => {
                matches!(*method, Method::GET | Method::HEAD)
            }
            _ => *method == Method::POST,
        }
    }
}

/// The endpoint that `method` and the normal `path` name under `prefix` (normal, no `/` at its end), or why
/// there is none. `None`: the path is not under it, so it is the routes'.
pub fn route(prefix: &str, method: &Method, path: &str) -> Option<Result<Endpoint, Error>> {
    let rest = path.strip_prefix(prefix)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let Some(endpoint) = Endpoint::named(rest) else {
        return Some(Err(Error::NoRoute));
    };
    if !endpoint.takes(method) {
        let (allow, detail) = endpoint.methods();
        return Some(Err(Error::MethodNotAllowed { allow, detail }));
    }
    Some(Ok(endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(method: &str, path: &str) -> Option<Result<Endpoint, Error>> {
        route("/wxgate", &method.parse().unwrap(), path)
    }

    #[test]
    fn each_endpoint_has_its_path_and_method() {
        for (name, endpoint) in Endpoint::ALL {
            let (allow, _) = endpoint.methods();
            for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
                let routed = routed(method, &format!("/wxgate/{name}")).unwrap();
                if allow.split(", ").any(|allowed| allowed == method) {
                    assert_eq!(routed, Ok(endpoint), "{method} {name}");
                } else {
                    assert!(
                        matches!(routed, Err(Error::MethodNotAllowed { allow: a, .. }) if a == allow),
                        "{method} {name}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_prefix_ends_where_a_segment_ends() {
        for foreign in [
            "/",
            "/wx",
            "/wxgates/login",
            "/wxgate2",
            "/api/wxgate/login",
        ] {
            assert_eq!(routed("POST", foreign), None, "{foreign}");
        }
        for unknown in [
            "/wxgate",
            "/wxgate/",
            "/wxgate/nothing",
            "/wxgate/login/",
            "/wxgate/Login",
        ] {
            assert_eq!(
                routed("POST", unknown),
                Some(Err(Error::NoRoute)),
                "{unknown}"
            );
        }
    }

    #[test]
    fn who_logs_in_by_get_is_told_what_to_send() {
        let Some(Err(Error::MethodNotAllowed { allow, detail })) = routed("GET", "/wxgate/login")
        else {
            panic!("not refused");
        };
        assert_eq!(allow, "POST");
        assert!(detail.contains("POST") && detail.contains("wx.login"));
    }
}
