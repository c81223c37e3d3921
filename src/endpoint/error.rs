//! What can go wrong at an endpoint of ours. Nothing secret is in here.

use std::borrow::Cow;

use crate::rate::Exceeded;
use crate::wechat::decrypt::Damage;
use crate::{session, wechat};

/// Why an endpoint did not do what was asked. Each variant names the code of the contract that it becomes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 400 `bad_request`: what is wrong with the request, for the mini-program's developer.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// 415 `not_json`: the body says that it is something else, or does not say that it is JSON where it must.
    #[error("send the body as JSON, with `Content-Type: application/json`")]
    NotJson,
    /// 404 `no_route`: nothing is at this path under the prefix.
    #[error("the gateway has no such endpoint")]
    NoRoute,
    /// 405 `method_not_allowed`, with `Allow`.
    #[error("{detail}")]
    MethodNotAllowed {
        /// The methods that the endpoint has.
        allow: &'static str,
        /// What to send.
        detail: &'static str,
    },
    /// 403 `route_denied`: a page of another origin asked, and the credential is one that browsers send by themselves.
    #[error("a page of another origin asks for this, which the cookie does not allow")]
    ForeignOrigin,
    /// 401 `session_missing`: no credential came.
    #[error("no credential came: sign in, and send the token")]
    SessionMissing,
    /// 401 `session_expired`: one came and is not good, whatever the reason.
    #[error("the token is not good, or not any more: sign in again")]
    SessionExpired,
    /// 400 `damaged_data`: open data that no key could open.
    #[error("the data was damaged on its way: {0}")]
    Damaged(#[from] Damage),
    /// 409 `session_key_stale`: no key of ours opens or signs it.
    #[error("no session key of this user fits: call wx.login, sign in, and let the user tap again")]
    KeyStale,
    /// 409 `data_expired`: phone data older than `endpoints.phone_age`.
    #[error("this phone data is too old: let the user tap again")]
    DataExpired,
    /// 422 `wrong_app`: a watermark of another app, or none where one is required.
    #[error("the data is not this app's, or does not say whose it is")]
    WrongApp,
    /// 422 `wrong_app`: another user's.
    #[error("the data is another user's")]
    WrongUser,
    /// 422 `wrong_signature`: `encryptedData` opened, yet no key of ours fits the signature.
    #[error("the signature does not fit, though encryptedData is this user's")]
    WrongSignature,
    /// What `WeChat` said or did not say: 400 `phone_code_rejected`; 401 `code_rejected`, `code_used`; 403
    /// `user_blocked`; 422 `wrong_app`; 429 `rate_limited`; 500 `internal` (its `Ours`); 502 `misconfigured`,
    /// `wechat_failed`; 503 `overloaded`, `quota_exhausted`; 504 `wechat_timeout`.
    #[error(transparent)]
    WeChat(#[from] wechat::Error),
    /// 429 `rate_limited`: more often than `[rate]` lets.
    #[error(transparent)]
    TooOften(#[from] Exceeded),
    /// 503 `store_unavailable`, or 500 `internal` without random numbers.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// 503 `overloaded`: the gateway is leaving; for load balancers, which ask `health`.
    #[error("the gateway is draining")]
    Draining,
    /// 500 `internal`: what the call was doing panicked; the log has more.
    #[error("the gateway failed")]
    Panicked,
}

impl Error {
    /// A request that makes no sense, said so that a mini-program's developer can mend it.
    pub(super) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::BadRequest(detail.into())
    }
}
