//! What a request's and an answer's header lines may hold, and what we write into them.

use http::HeaderName;

use crate::setting;

setting::section! {
    /// `[identity]`: the names of the headers that say who calls; `""` leaves one out.
    pub struct Names {
        /// Who they are in their app.
        openid: Option<HeaderName> = Some(HeaderName::from_static("x-wx-openid")),
        /// The app they signed in with.
        appid: Option<HeaderName> = Some(HeaderName::from_static("x-wx-appid")),
        /// Who they are in all apps of the company.
        unionid: Option<HeaderName> = Some(HeaderName::from_static("x-wx-unionid")),
        /// Always `wx_client`, with a session.
        source: Option<HeaderName> = Some(HeaderName::from_static("x-wx-source")),
        /// The phone number without the country code.
        phone: Option<HeaderName> = Some(HeaderName::from_static("x-wx-phone")),
        /// The country code in digits.
        phone_country: Option<HeaderName> = Some(HeaderName::from_static("x-wx-phone-country")),
    }
    later { "assertion": "signed assertions" }
}
