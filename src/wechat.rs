//! The client of `WeChat`'s server API.

use std::time::Duration;

use crate::auth::AppId;
use crate::setting::{self, Secret};

setting::section! {
    /// `[wechat]`: how `WeChat` is reached.
    pub struct Config {
        /// Its addresses; the second and further are fall-backs.
        api: Vec<String> = vec!["https://api.weixin.qq.com".to_owned()],
        /// A proxy on the way there; empty: none.
        proxy: String = String::new(),
        /// The longest wait for an answer.
        timeout: Duration = Duration::from_secs(5),
        /// Calls at once, for each app; as many again may wait.
        concurrency: u32 = 200,
        /// Whether a phone code is sent with the openid that it must belong to.
        phone_openid: bool = true,
    }
}

setting::section! {
    /// One `[[app]]`: a mini-program whose users sign in here.
    pub struct App {
        /// Its id.
        appid: AppId,
        /// Its secret: 32 characters.
        secret: Secret,
    }
    later { "platform": "platforms other than WeChat", "component_appid": "third-party platforms", "component_token": "third-party platforms", "private_key": "Douyin" }
}
