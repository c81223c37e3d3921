//! Over random heads: nothing that reads like a reserved name is left but what was injected.

use http::{HeaderMap, HeaderName, header};
use proptest::prelude::*;

use super::sample::{forwarded, nobody, permit};
use crate::proxy::headers::{Fields, Names, Rules, name};

/// A name that reads like `name`: other case, other bytes for its dashes.
fn spelled(name: &'static str) -> impl Strategy<Value = String> {
    let odd = prop::sample::select(b"-_.!~^".to_vec());
    prop::collection::vec((any::<bool>(), odd), name.len()).prop_map(move |changes| {
        let spell = |(letter, (upper, odd)): (char, (bool, u8))| match letter {
            '-' => char::from(odd),
            letter if upper => letter.to_ascii_uppercase(),
            letter => letter,
        };
        name.chars().zip(changes).map(spell).collect()
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "x-wx-openid",
        "x-wx-source",
        "x-wx-phone",
        "x-wx-x",
        "remote-user",
        "x-forwarded-for",
        "x-forwarded-x",
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-original-forwarded-for",
        "x-rewrite-url",
        "proxy",
        "accept",
        "te",
        "upgrade",
        "traceparent",
        "x-request-id",
        "odd-name",
    ]);
    prop_oneof![4 => known.prop_flat_map(spelled), 1 => "[a-z_.-]{1,8}"]
}

proptest! {
    #[test]
    fn nothing_reserved_is_left_but_what_was_injected(
        sent in prop::collection::vec((any_name(), "[a-z, -]{0,12}"), 0..24),
        connection in prop::collection::vec("(close|keep-alive|accept|te|x-a)?(, ?(x-b|upgrade))?", 0..3),
        listed in prop::collection::vec(any_name(), 0..4),
        known in any::<bool>(),
    ) {
        let names = Names {
            phone: Some(HeaderName::from_static("remote-user")),
            ..Names::default()
        };
        let odd: Vec<_> = listed.iter().map(|name| HeaderName::from_bytes(name.as_bytes()).unwrap()).collect();
        let rules = Rules::new(&names, &odd, &super::bearer());
        let mut headers = HeaderMap::new();
        for (name, value) in &sent {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        for line in &connection {
            headers.append(header::CONNECTION, line.parse().unwrap());
        }
        rules.request(&mut headers).unwrap();
        let permit = if known { permit(true) } else { nobody() };
        rules.inject(&mut headers, &permit, Fields::default(), None, forwarded());

        let mut written = HeaderMap::new();
        rules.inject(&mut written, &permit, Fields::default(), None, forwarded());
        for name in headers.keys() {
            let folded: String = name.as_str().chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
                .collect();
            let reserved = folded.starts_with("x-wx-") || folded.starts_with("x-forwarded-")
                || ["remote-user", "forwarded", "x-real-ip", "x-original-url", "x-original-forwarded-for", "x-rewrite-url", "proxy"]
                    .contains(&folded.as_str());
            if reserved {
                let all: Vec<_> = headers.get_all(name).iter().collect();
                prop_assert_eq!(all, written.get_all(name).iter().collect::<Vec<_>>(), "{}", name);
            }
            let plain = name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            prop_assert!(plain || odd.contains(name), "{}", name);
            prop_assert!(!["te", "upgrade", "connection"].contains(&folded.as_str()) || !plain);
        }
        for (name, value) in &written {
            if name.as_str().starts_with("x-") {
                prop_assert_eq!(headers.get_all(name).iter().collect::<Vec<_>>(), vec![value]);
            }
        }
    }

    #[test]
    fn a_fold_is_the_same_for_every_spelling(name in spelled("x-wx-phone-country")) {
        prop_assert_eq!(&*name::fold(name.as_bytes()), "x-wx-phone-country");
    }
}
