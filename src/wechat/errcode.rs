//! What `WeChat`'s errcodes mean, for each API.
//!
//! The same number says different things in different places: 40013 is a wrong appid at login and
//! another app's code at the phone number. Pure.

use std::net::IpAddr;

use Verdict::{Busy, Operator, Refused, StaleKey, Success, TokenRefused};

/// The ways a call to `WeChat` fails. Holds no secret; details are logged where they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A login code that is wrong, expired, or another app's.
    #[error("WeChat does not accept this login code")]
    CodeRejected,
    /// A login code that was used before.
    #[error("this login code was used before")]
    CodeUsed,
    /// A phone code that is wrong, used, expired, or a login code.
    #[error("WeChat does not accept this phone code")]
    PhoneCodeRejected,
    /// What was sent belongs to another app.
    #[error("this belongs to another app")]
    WrongApp,
    /// `WeChat` holds the user for a risk.
    #[error("WeChat blocks this user")]
    UserBlocked,
    /// Too many calls in this minute.
    #[error("WeChat takes no more calls in this minute")]
    RateLimited {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Too many calls today.
    #[error("the day's quota at WeChat is used up")]
    QuotaExhausted,
    /// Only the operator can mend it; the log says how.
    #[error("WeChat refuses this gateway; the log says the cure")]
    Misconfigured,
    /// Too many of our calls are under way.
    #[error("too many calls to WeChat are under way")]
    Overloaded,
    /// `WeChat` could not be reached, was busy, or said what cannot be understood.
    #[error("WeChat failed")]
    Failed,
    /// `WeChat` was asked and did not answer in time.
    #[error("WeChat did not answer in time")]
    Timeout,
    /// A mistake of this gateway.
    #[error("WeChat finds our call malformed (errcode {errcode})")]
    Ours {
        /// What `WeChat` said.
        errcode: i64,
    },
}

/// A call of `WeChat`'s server API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// `code2Session`
    CodeToSession,
    /// `stable_token`
    StableToken,
    /// `getuserphonenumber`
    PhoneNumber,
    /// `checksession`
    CheckSession,
}

impl Api {
    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::CodeToSession => "/sns/jscode2session",
            Self::StableToken => "/cgi-bin/stable_token",
            Self::PhoneNumber => "/wxa/business/getuserphonenumber",
            Self::CheckSession => "/wxa/checksession",
        }
    }

    /// Its name in `WeChat`'s documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeToSession => "code2Session",
            Self::StableToken => "stable_token",
            Self::PhoneNumber => "getuserphonenumber",
            Self::CheckSession => "checksession",
        }
    }

    /// Whether it is called with an access token.
    fn takes_token(self) -> bool {
        matches!(self, Self::PhoneNumber | Self::CheckSession)
    }
}

/// What to do about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is one.
    Success,
    /// `WeChat` is busy: ask once more.
    Busy,
    /// The access token is not good: fetch it again, and if it is another one, ask once more.
    TokenRefused,
    /// The session key is not the current one.
    StaleKey,
    /// The caller must be told.
    Refused(Error),
    /// The operator must be told, and `WeChat` be left alone for a while.
    Operator {
        /// What the caller is told.
        error: Error,
        /// What the operator is told.
        cure: &'static str,
        /// Seconds in which the same call is not made again.
        pause: u64,
    },
}

/// What `errcode` means in an answer of `api`.
pub fn judge(api: Api, errcode: i64) -> Verdict {
    let phone = api == Api::PhoneNumber;
    match errcode {
        0 => Success,
        -1 => Busy,
        40001 | 40014 | 42001 if api.takes_token() => TokenRefused,
        40029 if api == Api::CodeToSession => Refused(Error::CodeRejected),
        40163 if api == Api::CodeToSession => Refused(Error::CodeUsed),
        // The openid is one that WeChat gave us, so it is the code that is another user's.
        40003 | 40029 | 40163 if phone => Refused(Error::PhoneCodeRejected),
        40013 if phone => Refused(Error::WrongApp),
        87009 if api == Api::CheckSession => StaleKey,
        40226 => Refused(Error::UserBlocked),
        45011 if api == Api::StableToken => Operator {
            error: Error::RateLimited { retry_after: 60 },
            cure: "stable_token was called too often in this minute: see who else calls it for this app",
            pause: 10,
        },
        45011 => Refused(Error::RateLimited { retry_after: 60 }),
        45009 => Operator {
            error: Error::QuotaExhausted,
            cure: "the day's quota of this API is used up: wait for midnight (Beijing time), or call clear_quota (10 a month)",
            pause: 60,
        },
        40003 | 40002 | 41001..=41009 | 44002 | 47001 | 87008 => Refused(Error::Ours { errcode }),
        _ => match cure(errcode) {
            Some(cure) => Operator {
                error: Error::Misconfigured,
                cure,
                pause: 10,
            },
            None => Refused(Error::Failed),
        },
    }
}

/// How the operator mends `errcode`; `None` if it is none of theirs.
pub fn cure(errcode: i64) -> Option<&'static str> {
    Some(match errcode {
        40001 | 40125 => {
            "the app secret is wrong: copy it again from the WeChat console (Development > Development settings)"
        }
        40013 => "the appid is wrong: compare `appid` with the WeChat console",
        40243 => {
            "the app secret is frozen: thaw it in the WeChat console, or make a new one (freezing takes 10 minutes to act)"
        }
        40164 | 61004 => {
            "this gateway's address is not on the app's IP whitelist: add it in the WeChat console, and wait 5 to 10 minutes (`ipv6 ::ffff:…` is only a spelling of an IPv4 address)"
        }
        43002 => {
            "a POST arrived as another method: look at `wechat.proxy` and what else stands on the way to WeChat"
        }
        48001 => {
            "the app may not call this API, or the access token is of the wrong kind: look at the app's type, its verification and its API permissions"
        }
        50002 | 50007 => {
            "WeChat has limited or frozen this account: see the notices in the WeChat console"
        }
        50004 => {
            "WeChat forbids this app to use access tokens: see the notices in the WeChat console"
        }
        61003 => "the app has not authorised the third-party platform: authorise it again",
        61024 => "this app must be called with a third-party platform's token",
        40230..=40239 => {
            "\"API encryption\" is switched on for this app in the WeChat console, and the gateway does not speak it: switch it off"
        }
        89501..=89510 => {
            "WeChat waits for an administrator of the app to confirm calls from this address: confirm in the WeChat message that they received"
        }
        _ => return None,
    })
}

/// The request id in an `errmsg` (`rid: …` or `req_id: …`), which `WeChat`'s diagnosis tool takes.
pub fn request_id(errmsg: &str) -> Option<&str> {
    let (_, rest) = errmsg
        .split_once("req_id:")
        .or_else(|| errmsg.split_once("rid:"))?;
    let rest = rest.trim_start();
    let end = rest
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
        .unwrap_or(rest.len());
    rest.get(..end.min(64)).filter(|id| !id.is_empty())
}

/// The address that `WeChat` saw us come from, as an `errmsg` about the whitelist tells it.
pub fn address(errmsg: &str) -> Option<IpAddr> {
    errmsg
        .split(|c: char| c.is_whitespace() || c == ',')
        .find_map(|word| word.parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_errcode_means_what_the_documentation_says() {
        use Api::{CheckSession, CodeToSession, PhoneNumber, StableToken};
        let rows = [
            (CodeToSession, 40029, Error::CodeRejected),
            (CodeToSession, 40163, Error::CodeUsed),
            (CodeToSession, 40226, Error::UserBlocked),
            (CodeToSession, 45011, Error::RateLimited { retry_after: 60 }),
            (CodeToSession, 41002, Error::Ours { errcode: 41002 }),
            (CodeToSession, 41004, Error::Ours { errcode: 41004 }),
            (CodeToSession, 41008, Error::Ours { errcode: 41008 }),
            (CodeToSession, 99999, Error::Failed),
            (PhoneNumber, 40029, Error::PhoneCodeRejected),
            (PhoneNumber, 40163, Error::PhoneCodeRejected),
            (PhoneNumber, 40013, Error::WrongApp),
            (PhoneNumber, 45011, Error::RateLimited { retry_after: 60 }),
            (PhoneNumber, 47001, Error::Ours { errcode: 47001 }),
            (CheckSession, 87008, Error::Ours { errcode: 87008 }),
            (CheckSession, 40003, Error::Ours { errcode: 40003 }),
            (StableToken, 47001, Error::Ours { errcode: 47001 }),
            (StableToken, 87009, Error::Failed),
        ];
        for (api, errcode, error) in rows {
            assert_eq!(judge(api, errcode), Refused(error), "{api:?} {errcode}");
        }
        for api in [CodeToSession, StableToken, PhoneNumber, CheckSession] {
            assert_eq!(judge(api, 0), Success);
            assert_eq!(judge(api, -1), Busy);
        }
        assert_eq!(judge(CheckSession, 87009), StaleKey);
    }

    #[test]
    fn a_refused_token_is_a_wrong_secret_where_no_token_is_shown() {
        for errcode in [40001, 40014, 42001] {
            for api in [Api::PhoneNumber, Api::CheckSession] {
                assert_eq!(judge(api, errcode), TokenRefused);
            }
        }
        for api in [Api::CodeToSession, Api::StableToken] {
            assert!(matches!(judge(api, 40001), Operator { cure, .. } if cure.contains("secret")));
        }
    }

    #[test]
    fn operators_errors_come_with_a_cure_and_a_pause() {
        let codes = [
            40001, 40013, 40125, 40164, 40234, 40237, 40243, 43002, 48001, 50002, 50004, 61003,
            61004, 61024, 89503,
        ];
        for errcode in codes {
            let verdict = judge(Api::StableToken, errcode);
            assert!(
                matches!(verdict, Operator { error: Error::Misconfigured, cure, pause: 10 } if !cure.is_empty()),
                "{errcode}: {verdict:?}"
            );
        }
        assert!(matches!(
            judge(Api::PhoneNumber, 48001),
            Operator {
                error: Error::Misconfigured,
                ..
            }
        ));
        assert!(matches!(
            judge(Api::CodeToSession, 45009),
            Operator {
                error: Error::QuotaExhausted,
                pause: 60,
                ..
            }
        ));
    }

    #[test]
    fn request_ids_and_addresses_are_read_from_messages() {
        let rows = [
            ("invalid code, rid: 5f7d-1a_2b", Some("5f7d-1a_2b")),
            ("invalid code rid:66aa ", Some("66aa")),
            ("bad, hints: [ req_id: mjjAIA0Ce-q ]", Some("mjjAIA0Ce-q")),
            ("rid: \r\nforged", Some("forged")),
            ("rid: ", None),
            ("system error", None),
        ];
        for (errmsg, id) in rows {
            assert_eq!(request_id(errmsg), id, "{errmsg}");
        }
        let refused =
            "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist, rid: 1-2-3";
        assert_eq!(address(refused), "203.0.113.9".parse().ok());
        assert_eq!(address("system error"), None);
    }
}
