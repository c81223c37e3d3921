//! The names, paths and methods of WeChat's server API.

use crate::mock::answer::Answer;

/// The endpoints that the mock has. A text names one by the last part of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// `GET /sns/jscode2session` (WeChat: code2Session)
    CodeToSession,
    /// `POST /cgi-bin/stable_token` (WeChat: getStableAccessToken)
    StableToken,
    /// `POST /wxa/business/getuserphonenumber` (WeChat: getPhoneNumber)
    PhoneNumber,
    /// `GET /wxa/checksession` (WeChat: checkSessionKey)
    CheckSession,
    /// `GET /wxa/resetusersessionkey` (WeChat: `resetUserSessionKey`)
    ResetSessionKey,
    /// `POST /wxa/business/checkencryptedmsg` (WeChat: checkEncryptedData)
    CheckEncryptedData,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::CodeToSession,
        Self::StableToken,
        Self::PhoneNumber,
        Self::CheckSession,
        Self::ResetSessionKey,
        Self::CheckEncryptedData,
    ];

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::CodeToSession => "/sns/jscode2session",
            Self::StableToken => "/cgi-bin/stable_token",
            Self::PhoneNumber => "/wxa/business/getuserphonenumber",
            Self::CheckSession => "/wxa/checksession",
            Self::ResetSessionKey => "/wxa/resetusersessionkey",
            Self::CheckEncryptedData => "/wxa/business/checkencryptedmsg",
        }
    }

    /// The last part of its path.
    pub fn name(self) -> &'static str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// The only method that it takes.
    pub fn method(self) -> &'static str {
        match self {
            Self::CodeToSession | Self::CheckSession | Self::ResetSessionKey => "GET",
            Self::StableToken | Self::PhoneNumber | Self::CheckEncryptedData => "POST",
        }
    }

    /// The API of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.name() == name)
    }

    /// The API at this path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.path() == path)
    }

    /// `answer` under the label that WeChat gives it: everything below `/sns` is text.
    pub(super) fn labelled(self, answer: Answer) -> Answer {
        match self {
            Self::CodeToSession => answer.into_text(),
            _ => answer,
        }
    }
}
