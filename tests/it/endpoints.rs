//! The gateway's own paths, line by line.

mod apps;
mod cookie;
mod login;
mod open_data;
mod paths;
mod phone;
mod session;

use wxgate::mock::{Kind, Order, Sealed};

use crate::harness::Bed;

/// A second app.
const OTHER_APP: &str = "wxfedcba9876543210";

/// `[[app]]`s of these ids.
fn apps(appids: &[&str]) -> String {
    appids
        .iter()
        .map(|appid| {
            format!("[[app]]\nappid = \"{appid}\"\nsecret = {{ file = \"tests/fixtures/app-secret\" }}\n")
        })
        .collect()
}

/// The open data of `openid`, ordered with changes.
fn open_data(bed: &Bed, openid: &str, kind: Kind, change: impl FnOnce(&mut Order)) -> Sealed {
    let mut order = Order::new(openid, kind);
    change(&mut order);
    bed.mock.seal(&order).unwrap()
}
