//! The sessions that both peers look tokens up in: a file of lines `token openid phone`.

use std::collections::HashMap;
use std::io;

use http::HeaderValue;

/// Who a token stands for, as the values that the service is shown.
#[derive(Clone)]
pub struct User {
    pub openid: HeaderValue,
    pub phone: HeaderValue,
}

/// The headers that say who calls.
pub const OPENID: &str = "x-wx-openid";
pub const PHONE: &str = "x-wx-phone";

/// What all users have in common: the app, the source, the country.
pub const SAME: [(&str, HeaderValue); 3] = [
    ("x-wx-appid", HeaderValue::from_static("wx0123456789abcdef")),
    ("x-wx-source", HeaderValue::from_static("wx_client")),
    ("x-wx-phone-country", HeaderValue::from_static("86")),
];

/// All users, by what their `Authorization` says.
pub struct Users(HashMap<Vec<u8>, User>);

impl Users {
    pub fn read(path: &str) -> io::Result<Self> {
        let wrong = |line: &str| io::Error::other(format!("{path}: {line}"));
        let mut users = HashMap::new();
        for line in std::fs::read_to_string(path)?.lines() {
            let mut words = line.split(' ');
            let (Some(token), Some(openid), Some(phone)) =
                (words.next(), words.next(), words.next())
            else {
                return Err(wrong(line));
            };
            let value = |word: &str| HeaderValue::from_str(word).map_err(|_| wrong(line));
            let user = User {
                openid: value(openid)?,
                phone: value(phone)?,
            };
            users.insert(format!("Bearer {token}").into_bytes(), user);
        }
        Ok(Self(users))
    }

    pub fn find(&self, authorization: Option<&HeaderValue>) -> Option<&User> {
        self.0.get(authorization?.as_bytes())
    }
}
