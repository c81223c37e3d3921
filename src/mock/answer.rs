//! What goes back: WeChat's JSON and its errors, which come with HTTP 200.

use serde_json::{Value, json};

use crate::auth::{UnixSeconds, crypto};

/// An answer, ready to be written.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// JSON under WeChat's own label for it.
    pub(super) fn json(value: &Value) -> Self {
        Self::new(200, "application/json; encoding=utf-8", value.to_string())
    }

    /// Anything.
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }

    /// The same under `text/plain`, as everything below `/sns` is labelled.
    pub(super) fn into_text(mut self) -> Self {
        "text/plain".clone_into(&mut self.content_type);
        self
    }
}

/// WeChat's JSON for `errcode`. `nonce` makes the request id differ.
pub(super) fn failure(errcode: i64, now: UnixSeconds, nonce: [u8; 16]) -> Value {
    let digits = crypto::hex(&nonce);
    let (a, b) = digits.split_at_checked(8).unwrap_or_default();
    let b = b.get(..8).unwrap_or_default();
    json!({
        "errcode": errcode,
        "errmsg": format!("{}, rid: {now:08x}-{a}-{b}", message(errcode)),
    })
}

/// What WeChat writes before the request id.
fn message(errcode: i64) -> &'static str {
    match errcode {
        -1 => "system error",
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken"
        }
        40002 => "invalid grant_type",
        40003 => "invalid openid",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40029 => "invalid code",
        40066 => "invalid url",
        40097 => "invalid args",
        40125 => "invalid appsecret",
        40163 => "code been used",
        40164 => "invalid ip, not in whitelist",
        40226 => "code blocked",
        40243 => "appsecret has been frozen",
        41001 => "access_token missing",
        41002 => "appid missing",
        41004 => "appsecret missing",
        41008 => "missing code",
        42001 => "access_token expired",
        43001 => "require GET method",
        43002 => "require POST method",
        44002 => "empty post data",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        47001 => "data format error",
        48001 => "api unauthorized",
        50002 => "user limited",
        61004 => "access clientip is not registered",
        87008 => "invalid sig_method",
        87009 => "invalid signature",
        _ => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_like_wechats() {
        let error = failure(40029, 0x62ce_8a6d, [0xab; 16]);
        assert_eq!(
            error,
            json!({"errcode": 40029, "errmsg": "invalid code, rid: 62ce8a6d-abababab-abababab"})
        );
    }
}
