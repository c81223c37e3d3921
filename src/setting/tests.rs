//! Each word reads what it writes, and refuses what is nearly right.

use std::time::Duration;

use proptest::prelude::*;

use crate::auth::AppId;
use crate::setting::{
    Fault, Kind, ListenAddress, Place, Printed, Reader, Secret, Setting, Size, Value, closest,
    looks_secret,
};

fn value(kind: Kind) -> Value {
    Value {
        path: "key".to_owned(),
        place: Place::File(0..0),
        kind,
    }
}

fn read<T: Setting>(kind: Kind) -> (Option<T>, Vec<Fault>) {
    let mut reader = Reader::default();
    let read = T::read(&value(kind), &mut reader);
    (read, reader.into_faults())
}

fn text<T: Setting>(text: &str) -> Option<T> {
    let (read, faults) = read(Kind::Text(text.to_owned()));
    assert_eq!(read.is_none(), !faults.is_empty(), "{text}: {faults:?}");
    read
}

fn given<T: Setting>(text: &str) -> Option<T> {
    read(Kind::Given(text.to_owned())).0
}

#[test]
fn durations_have_one_number_and_one_unit() {
    for (written, millis) in [
        ("250ms", 250),
        ("30s", 30_000),
        ("15m", 900_000),
        ("1h", 3_600_000),
        ("30d", 2_592_000_000),
        ("0s", 0),
    ] {
        assert_eq!(text(written), Some(Duration::from_millis(millis)));
    }
    for wrong in [
        "",
        "30",
        "s",
        "1h30m",
        "-1s",
        "1.5s",
        " 1s",
        "1 s",
        "1S",
        "99999999999999999999s",
        "9999999999999999d",
    ] {
        assert_eq!(text::<Duration>(wrong), None, "{wrong}");
    }
}

#[test]
fn sizes_have_one_number_and_one_unit() {
    for (written, bytes) in [
        ("512B", 512),
        ("8KiB", 8192),
        ("16MiB", 16 << 20),
        ("1GiB", 1 << 30),
    ] {
        assert_eq!(text(written), Some(Size(bytes)));
    }
    for wrong in ["", "16", "16M", "16MB", "1.5GiB", "B", "99999999999999GiB"] {
        assert_eq!(text::<Size>(wrong), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_duration_reads_as_it_was_written(millis in 0..u64::MAX / 1_000_000) {
        let duration = Duration::from_millis(millis);
        let Printed::Word(toml::Value::String(written)) = duration.print() else { panic!() };
        prop_assert_eq!(text(&written), Some(duration));
    }

    #[test]
    fn a_size_reads_as_it_was_written(bytes in any::<u64>()) {
        let Printed::Word(toml::Value::String(written)) = Size(bytes).print() else { panic!() };
        prop_assert_eq!(text(&written), Some(Size(bytes)));
    }

    #[test]
    fn no_text_makes_a_word_panic(any in ".*") {
        let _ = text::<Duration>(&any);
        let _ = text::<Size>(&any);
        let _ = text::<AppId>(&any);
        let _ = text::<ListenAddress>(&any);
        let _ = text::<crate::setting::Network>(&any);
        let _ = text::<http::Method>(&any);
        let _ = text::<http::HeaderName>(&any);
        let _ = given::<Vec<String>>(&any);
        let _ = given::<u32>(&any);
        let _ = closest(&any, ["idle"]);
    }
}

#[test]
fn a_number_in_quotes_is_a_number_only_in_a_variable() {
    assert_eq!(given::<u32>("5"), Some(5));
    assert_eq!(text::<u32>("5"), None);
    assert_eq!(given::<bool>("true"), Some(true));
    assert_eq!(text::<bool>("true"), None);
    let list = Some(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(given::<Vec<String>>("a, b"), list);
    assert_eq!(given::<Vec<String>>("[\"a\", 'b']"), list);
    assert_eq!(given::<Vec<String>>(""), Some(Vec::new()));
}

#[test]
fn a_secret_is_shown_by_nothing() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?}"), "Secret(…)");
    assert_eq!(secret.print().inline(), "\"…\"");
    let (read, faults) = read::<Secret>(Kind::Text("hunter2".to_owned()));
    assert_eq!(read, None);
    assert!(!format!("{faults:?}").contains("hunter2"));
}

#[test]
fn what_is_nearly_a_word_is_found() {
    let words = ["idle", "ttl", "per_user", "header", "capacity"];
    for (typed, meant) in [
        ("idel", Some("idle")),
        ("per-user", Some("per_user")),
        ("peruser", Some("per_user")),
        ("Header", Some("header")),
        ("capcity", Some("capacity")),
        ("zzz", None),
        ("", None),
    ] {
        assert_eq!(closest(typed, words), meant, "{typed}");
    }
}

#[test]
fn long_words_with_digits_might_be_secrets() {
    assert!(looks_secret("5ec7e70fa11005ec7e70fa11005ec7e7"));
    for harmless in [
        "wx0123456789abcdef",
        "http://127.0.0.1:3000/a",
        "X-WX-PHONE-COUNTRY",
        "",
    ] {
        assert!(!looks_secret(harmless), "{harmless}");
    }
}
