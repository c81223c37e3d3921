//! What each room's errors are to a client.

use crate::auth::Denial;
use crate::error::{Code, Problem};
use crate::listener::Refusal;
use crate::proxy::body::Fault;
use crate::rate::Exceeded;
use crate::{proxy, session, upstream};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BadRequest => Self::new(
                Code::BadRequest,
                "what came is not the head of an HTTP/1.1 request",
            ),
            Refusal::UriTooLong => Self::new(
                Code::UriTooLong,
                "the request target is longer than limits.uri",
            ),
            Refusal::HeadTooLarge => Self::new(
                Code::HeadTooLarge,
                "the headers are larger than limits.headers, or more than limits.header_count",
            ),
            Refusal::RequestTimeout => Self::new(
                Code::RequestTimeout,
                "the head of the request did not come whole within timeouts.header",
            ),
            Refusal::Overloaded => Self::new(
                Code::Overloaded,
                "there are limits.connections connections already",
            )
            .retry_after(5),
            // Not `rate_limited`, which is about how often: this is too much at once, like the other.
            Refusal::Crowded => Self::new(
                Code::Overloaded,
                "there are limits.per_address connections from this address already",
            )
            .retry_after(5),
        }
    }
}

impl From<&proxy::Error> for Problem {
    fn from(error: &proxy::Error) -> Self {
        use proxy::Error;
        match error {
            Error::Path(refused) => Self::new(Code::BadRequest, refused.to_string()),
            Error::Host(refused) => Self::new(Code::BadRequest, refused.to_string()),
            Error::Headers(refused) => Self::new(Code::BadRequest, refused.to_string()).closing(),
            Error::Circle(circle) => Self::new(Code::Misconfigured, circle.to_string()),
            Error::UriTooLong => Self::new(
                Code::UriTooLong,
                "the request target is longer than limits.uri",
            ),
            Error::HeadTooLarge => Self::new(
                Code::HeadTooLarge,
                "the headers are larger than limits.headers, or more than limits.header_count",
            ),
            Error::NoRoute => Self::new(Code::NoRoute, "no route has this path"),
            Error::UnknownHost => Self::new(Code::UnknownHost, "no route has this host"),
            Error::MethodNotAllowed(allow) => {
                Self::new(Code::MethodNotAllowed, "the route leaves this method out")
                    .allow(allow.clone())
            }
            Error::Denied(denial) => (*denial).into(),
            Error::ForeignOrigin => Self::new(Code::RouteDenied, error.to_string()),
            Error::TooOften(exceeded) => (*exceeded).into(),
            Error::Body(fault) => (*fault).into(),
            Error::BodyUnderway(fault) => Self::from(*fault).forwarded(),
            Error::Unsigned(unsigned) => Self::new(Code::Internal, unsigned.to_string()),
            Error::Session(error) => error.into(),
            Error::Upstream(error) => error.into(),
        }
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Denied => Self::new(Code::RouteDenied, "this route is closed to everybody"),
            Denial::WrongApp => Self::new(
                Code::RouteDenied,
                "this route is for the users of another app",
            ),
            Denial::SignedOut => Self::new(
                Code::SessionMissing,
                "send `Authorization: Bearer TOKEN` with the token that the login endpoint gave",
            ),
            Denial::SessionExpired => Self::new(
                Code::SessionExpired,
                "the token is not good any more: call wx.login and sign in again",
            ),
            Denial::PhoneRequired => Self::new(
                Code::PhoneRequired,
                "let the user tap the phone button, and send what it gives to the phone endpoint",
            ),
        }
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(Code::RateLimited, exceeded.to_string()).retry_after(exceeded.retry_after)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge => Self::new(
                Code::BodyTooLarge,
                "the body is larger than this route takes",
            ),
            Fault::Silent => Self::new(
                Code::RequestTimeout,
                "nothing of the body came for timeouts.body",
            ),
            Fault::Broken => Self::new(Code::BadRequest, "the body broke off before its end"),
        }
        .closing()
    }
}

impl From<&session::Error> for Problem {
    fn from(error: &session::Error) -> Self {
        match error {
            session::Error::Unavailable => Self::new(
                Code::StoreUnavailable,
                "nobody was signed out: try again in a moment",
            ),
            session::Error::Random => {
                Self::new(Code::Internal, "the system gave no random numbers")
            }
        }
    }
}

impl From<&upstream::Error> for Problem {
    fn from(error: &upstream::Error) -> Self {
        match error {
            upstream::Error::Unresolved(_) | upstream::Error::Unreachable(..) => Self::new(
                Code::NoUpstream,
                "no server behind this route takes connections; nothing was forwarded",
            ),
            upstream::Error::Busy { .. } => Self::new(
                Code::Overloaded,
                "the service has as many requests as it may; nothing was forwarded",
            ),
            upstream::Error::Late => Self::new(
                Code::UpstreamTimeout,
                "the service did not begin its answer within timeouts.response, or the route's `response`",
            ),
            upstream::Error::Silent => Self::new(
                Code::UpstreamTimeout,
                "the service stopped within its answer",
            ),
            upstream::Error::Http1(_)
            | upstream::Error::Http2(_)
            | upstream::Error::Cut
            | upstream::Error::Switched => Self::new(
                Code::UpstreamFailed,
                "the service closed the connection, or what it said is not HTTP",
            ),
        }
    }
}
