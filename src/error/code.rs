//! The words that a refusal or failure is known by, each with its status, action and title.

use http::StatusCode;

/// A stable word of the contract. A client may depend on it; it never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Not a request that we could read one way only, or a value that makes no sense.
    BadRequest,
    /// Open data that was damaged on the way.
    DamagedData,
    /// `WeChat` does not take this phone code.
    PhoneCodeRejected,
    /// No credential came.
    SessionMissing,
    /// One came and is not good, whatever the reason.
    SessionExpired,
    /// `WeChat` does not take this login code.
    CodeRejected,
    /// This login code was used before.
    CodeUsed,
    /// The route wants a phone number.
    PhoneRequired,
    /// `WeChat` has blocked this user.
    UserBlocked,
    /// Nobody passes here, or not this app's users.
    RouteDenied,
    /// No route has this path.
    NoRoute,
    /// No route has this host.
    UnknownHost,
    /// The path is known, the method is not.
    MethodNotAllowed,
    /// The body is larger than the route takes.
    BodyTooLarge,
    /// The request target is longer than `limits.uri`.
    UriTooLong,
    /// A body that is not JSON.
    NotJson,
    /// The head is larger than `limits.headers` or has too many lines.
    HeadTooLarge,
    /// The client was too slow.
    RequestTimeout,
    /// No session key of ours opens or signs this.
    SessionKeyStale,
    /// Phone data older than `endpoints.phone_age`.
    DataExpired,
    /// Open data of another app or user.
    WrongApp,
    /// `encryptedData` opened under a key that the signature does not fit.
    WrongSignature,
    /// Too often.
    RateLimited,
    /// A mistake of ours.
    Internal,
    /// A mistake of the operator's: the log has the cure.
    Misconfigured,
    /// `WeChat` failed.
    WechatFailed,
    /// The upstream failed after the request was forwarded.
    UpstreamFailed,
    /// Sessions cannot be read.
    StoreUnavailable,
    /// No server of the upstream takes connections.
    NoUpstream,
    /// Too much at once.
    Overloaded,
    /// `WeChat` did not answer in time.
    WechatTimeout,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// `WeChat`'s quota of the day is used up.
    QuotaExhausted,
}

/// All that is fixed about a [`Code`].
pub(super) struct Row {
    pub(super) status: StatusCode,
    pub(super) word: &'static str,
    /// What the mini-program should do.
    pub(super) action: &'static str,
    pub(super) title: &'static str,
}

impl Code {
    /// All of them, in their order.
    pub const ALL: [Self; 33] = [
        Self::BadRequest,
        Self::DamagedData,
        Self::PhoneCodeRejected,
        Self::SessionMissing,
        Self::SessionExpired,
        Self::CodeRejected,
        Self::CodeUsed,
        Self::PhoneRequired,
        Self::UserBlocked,
        Self::RouteDenied,
        Self::NoRoute,
        Self::UnknownHost,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::UriTooLong,
        Self::NotJson,
        Self::HeadTooLarge,
        Self::RequestTimeout,
        Self::SessionKeyStale,
        Self::DataExpired,
        Self::WrongApp,
        Self::WrongSignature,
        Self::RateLimited,
        Self::Internal,
        Self::Misconfigured,
        Self::WechatFailed,
        Self::UpstreamFailed,
        Self::StoreUnavailable,
        Self::NoUpstream,
        Self::Overloaded,
        Self::WechatTimeout,
        Self::UpstreamTimeout,
        Self::QuotaExhausted,
    ];

    /// Its place in [`Self::ALL`].
    pub fn place(self) -> usize {
        self as usize
    }

    /// The status and the word of each, in their order.
    pub fn words() -> Vec<(u16, &'static str)> {
        let words = Self::ALL.map(|code| (code.row().status.as_u16(), code.word()));
        words.into()
    }

    /// The row of the contract's table.
    pub(super) fn row(self) -> Row {
        let (status, word, action, title) = self.columns();
        Row {
            status,
            word,
            action,
            title,
        }
    }

    /// The word itself.
    pub fn word(self) -> &'static str {
        self.columns().1
    }

    #[rustfmt::skip]
    fn columns(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => (S::BAD_REQUEST, "bad_request", "fix", "The request cannot be understood"),
            Self::DamagedData => (S::BAD_REQUEST, "damaged_data", "fix", "The data was damaged on the way"),
            Self::PhoneCodeRejected => (S::BAD_REQUEST, "phone_code_rejected", "tap_again", "WeChat does not take this phone code"),
            Self::SessionMissing => (S::UNAUTHORIZED, "session_missing", "login", "Sign in first"),
            Self::SessionExpired => (S::UNAUTHORIZED, "session_expired", "login", "Sign in again"),
            Self::CodeRejected => (S::UNAUTHORIZED, "code_rejected", "login", "WeChat does not take this login code"),
            Self::CodeUsed => (S::UNAUTHORIZED, "code_used", "login", "This login code was used before"),
            Self::PhoneRequired => (S::FORBIDDEN, "phone_required", "phone", "Share a phone number first"),
            Self::UserBlocked => (S::FORBIDDEN, "user_blocked", "stop", "WeChat has blocked this user"),
            Self::RouteDenied => (S::FORBIDDEN, "route_denied", "stop", "Nobody may pass here"),
            Self::NoRoute => (S::NOT_FOUND, "no_route", "stop", "Nothing is here"),
            Self::UnknownHost => (S::MISDIRECTED_REQUEST, "unknown_host", "stop", "This host is not served here"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "fix", "The method is not allowed here"),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "body_too_large", "fix", "The body is too large"),
            Self::UriTooLong => (S::URI_TOO_LONG, "uri_too_long", "fix", "The address is too long"),
            Self::NotJson => (S::UNSUPPORTED_MEDIA_TYPE, "not_json", "fix", "The body must be JSON"),
            Self::HeadTooLarge => (S::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "fix", "The headers are too large"),
            Self::RequestTimeout => (S::REQUEST_TIMEOUT, "request_timeout", "retry", "The request did not come in time"),
            Self::SessionKeyStale => (S::CONFLICT, "session_key_stale", "login_then_tap", "The session key has been replaced"),
            Self::DataExpired => (S::CONFLICT, "data_expired", "tap_again", "The data is too old"),
            Self::WrongApp => (S::UNPROCESSABLE_ENTITY, "wrong_app", "stop", "The data belongs to another app or user"),
            Self::WrongSignature => (S::UNPROCESSABLE_ENTITY, "wrong_signature", "stop", "The signature does not fit the data"),
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "rate_limited", "wait", "Too many requests"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "retry", "The gateway failed"),
            Self::Misconfigured => (S::BAD_GATEWAY, "misconfigured", "stop", "The gateway is not set up rightly"),
            Self::WechatFailed => (S::BAD_GATEWAY, "wechat_failed", "retry", "WeChat failed"),
            Self::UpstreamFailed => (S::BAD_GATEWAY, "upstream_failed", "retry", "The service failed"),
            Self::StoreUnavailable => (S::SERVICE_UNAVAILABLE, "store_unavailable", "retry", "Sessions cannot be read right now"),
            Self::NoUpstream => (S::SERVICE_UNAVAILABLE, "no_upstream", "retry", "The service cannot be reached"),
            Self::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded", "retry", "Too much at once"),
            Self::WechatTimeout => (S::GATEWAY_TIMEOUT, "wechat_timeout", "retry", "WeChat did not answer in time"),
            Self::UpstreamTimeout => (S::GATEWAY_TIMEOUT, "upstream_timeout", "retry", "The service did not answer in time"),
            Self::QuotaExhausted => (S::SERVICE_UNAVAILABLE, "quota_exhausted", "stop", "WeChat's quota of the day is used up"),
        }
    }

    /// Whether the request may have reached an upstream.
    pub(super) fn is_forwarded(self) -> bool {
        matches!(self, Self::UpstreamFailed | Self::UpstreamTimeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_at_its_place() {
        let rows = include_str!("code.rs")
            .matches(concat!("=> ", "(S::"))
            .count();
        assert_eq!(Code::ALL.len(), rows);
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code.place(), at, "{code:?}");
        }
    }
}
