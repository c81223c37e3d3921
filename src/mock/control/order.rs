//! The bodies that the control API takes.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::mock::Under;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PutUser {
    pub(super) openid: String,
    pub(super) unionid: Option<String>,
    pub(super) session_key: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) country: Option<String>,
    pub(super) profile: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) default: bool,
}

/// `"current"`, `"former"`, a number of changes ago, or a key itself.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Key {
    Back(usize),
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    #[serde(default)]
    pub(super) openid: String,
    pub(super) kind: Option<String>,
    pub(super) json: Option<Map<String, Value>>,
    pub(super) key: Option<Key>,
    pub(super) appid: Option<String>,
    pub(super) timestamp: Option<u64>,
    pub(super) watermark: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Sign {
    #[serde(default)]
    pub(super) openid: String,
    pub(super) raw_data: Option<String>,
    pub(super) key: Option<Key>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RotateKey {
    pub(super) openid: String,
    pub(super) session_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessToken {
    pub(super) appid: Option<String>,
    pub(super) r#do: Option<String>,
    pub(super) life: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) api: String,
    pub(super) errcode: Option<i64>,
    pub(super) status: Option<u16>,
    pub(super) body: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) line: Option<String>,
    pub(super) times: Option<u32>,
    #[serde(default)]
    pub(super) consumes: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delay {
    pub(super) api: String,
    pub(super) milliseconds: Option<u64>,
    pub(super) hold: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Clock {
    #[serde(default)]
    pub(super) advance: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) rotate_on_login: Option<bool>,
    pub(super) numeric_country: Option<bool>,
}

impl Key {
    /// What `key` says; nothing: the current one.
    pub(super) fn under(key: Option<Self>) -> Under {
        match key {
            None => Under::Current,
            Some(Self::Back(back)) => Under::Former(back),
            Some(Self::Text(text)) => match text.as_str() {
                "current" => Under::Current,
                "former" => Under::Former(1),
                _ => Under::Key(text),
            },
        }
    }
}
