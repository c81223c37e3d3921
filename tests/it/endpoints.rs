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

/// The open data of `openid`, ordered with changes.
fn open_data(bed: &Bed, openid: &str, kind: Kind, change: impl FnOnce(&mut Order)) -> Sealed {
    let mut order = Order::new(openid, kind);
    change(&mut order);
    bed.mock.seal(&order).unwrap()
}
