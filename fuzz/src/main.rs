//! One binary for all fuzz targets: `FUZZ_TARGET` says which. What each holds is said in its file.
//!
//! Pure files that no other crate can see are compiled in again, as they are: what is public of the
//! product stays what its users need.
#![no_main]

mod client;
mod config;
mod listener;
mod open_data;
mod path;
mod upstream;

/// What the pure files know of `setting`.
mod setting {
    pub(crate) use wxgate::setting::Size;
}

use std::sync::OnceLock;

type Target = fn(&[u8]);

const TARGETS: &[(&str, Target)] = &[
    ("answer", upstream::http1::answer::head_and_body),
    ("client_address", client::address),
    ("config", config::text),
    ("framing", listener::http1::messages),
    ("open_data", open_data::sealed),
    ("path", path::spellings),
    ("proxy_protocol", listener::announced::header),
    ("websocket", upstream::websocket::frames),
];

fn target() -> Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let names = || TARGETS.iter().map(|(known, _)| *known).collect::<Vec<_>>();
    found
        .unwrap_or_else(|| panic!("FUZZ_TARGET is one of {:?}", names()))
        .1
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    CHOSEN.get_or_init(target)(bytes);
});
