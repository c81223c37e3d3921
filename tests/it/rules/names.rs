//! Names that only the gateway writes, in every spelling (R1), and odd names (R2).

use super::{PUBLIC, forwarded, values};
use crate::harness::{Bed, ROUTES, Seen};

/// Names that a client may not write, and two that are near them.
pub(super) const RESERVED: &[&str] = &[
    "x-wx-openid",
    "x-wx-appid",
    "x-wx-unionid",
    "x-wx-source",
    "x-wx-phone",
    "x-wx-phone-country",
    "x-wx-from-openid",
    "x-wx-",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-forwarded-port",
    "x-forwarded-anything",
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-original-forwarded-for",
    "x-rewrite-url",
    "proxy",
];

/// What a header's name may hold beside letters, digits and `-` (RFC 9110 §5.6.2).
pub(super) const ODD: &str = "!#$%&'*+.^_`|~";

/// The spellings of `name` that some service reads as `name`.
fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned(), name.to_ascii_uppercase(), title(name)];
    if name.contains('-') {
        all.extend(ODD.chars().map(|odd| name.replace('-', &odd.to_string())));
        all.extend(
            ODD.chars()
                .map(|odd| name.to_ascii_uppercase().replacen('-', &odd.to_string(), 1)),
        );
    }
    all
}

fn title(name: &str) -> String {
    let word =
        |word: &str| word[..word.len().min(1)].to_ascii_uppercase() + word.get(1..).unwrap_or("");
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// Nothing that the client wrote under a reserved name is there.
fn is_clean(seen: &Seen) {
    for (name, value) in seen.headers.iter().chain(&seen.trailers) {
        assert!(!value.contains("forged"), "{name}: {value}");
    }
    for name in [
        "x-wx-openid",
        "x-wx-source",
        "x-original-url",
        "x-original-forwarded-for",
        "forwarded",
        "proxy",
    ] {
        assert!(values(seen, name).is_empty(), "{seen:?}");
    }
    assert_eq!(values(seen, "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(seen, "x-real-ip"), ["127.0.0.1"]);
    assert_eq!(values(seen, "x-forwarded-proto"), ["http"]);
    assert_eq!(values(seen, "x-forwarded-host"), ["gateway.test"]);
    assert!(values(seen, "x-forwarded-prefix").is_empty());
}

#[test]
fn no_spelling_of_a_reserved_name_reaches_the_upstream() {
    let bed = Bed::new();
    let names: Vec<String> = RESERVED.iter().flat_map(|name| spellings(name)).collect();
    assert!(names.len() > 400);
    for path in ["/public/a", "/optional/a"] {
        for names in names.chunks(40) {
            // Each twice: the second line is no way in, either.
            let headers: Vec<_> = names
                .iter()
                .flat_map(|name| [(name.as_str(), "forged"), (name.as_str(), "forged too")])
                .collect();
            is_clean(&forwarded(&bed, path, &headers));
        }
    }
}

#[test]
fn a_name_that_no_service_should_read_is_refused_or_dropped() {
    let bed = Bed::with("", PUBLIC);
    for line in [
        "X-WX-OPENID : forged",
        " X-WX-OPENID: forged",
        "X-WX\tOPENID: forged",
        "X-WX-\u{f6}PENID: forged",
        "X-WX-OPENID\0: forged",
        "X-WX(OPENID): forged",
        ": forged",
        "X-WX-OPENID\r: forged",
    ] {
        let mut client = bed.client();
        client.write(format!("GET /a HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n").as_bytes());
        assert_eq!(client.reply(false).status, 400, "{line:?}");
        assert!(client.is_closed());
    }
    assert!(bed.upstream.seen().is_empty());
}

#[test]
fn configured_identity_names_are_reserved_and_so_are_their_usual_ones() {
    let bed = Bed::with(
        "[identity]\nopenid = \"X-User-Id\"\nphone = \"Mobile\"\nsource = \"\"\n",
        ROUTES,
    );
    let names = [
        "x-user-id",
        "mobile",
        "x-wx-openid",
        "x-wx-phone",
        "x-wx-source",
    ];
    for path in ["/public/a", "/optional/a"] {
        for names in names.map(spellings) {
            let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "forged")).collect();
            let seen = forwarded(&bed, path, &headers);
            is_clean(&seen);
            assert!(values(&seen, "x-user-id").is_empty() && values(&seen, "mobile").is_empty());
        }
    }
}

#[test]
fn trailers_bring_no_reserved_name_in() {
    let bed = Bed::new();
    for path in ["/public/a", "/optional/a"] {
        let names: Vec<String> = RESERVED
            .iter()
            .flat_map(|name| [(*name).to_owned(), title(name), name.replace('-', "_")])
            .chain(
                [
                    "X-Sound",
                    "Authorization",
                    "Cookie",
                    "Host",
                    "Content-Length",
                ]
                .map(String::from),
            )
            .chain(
                [
                    "Transfer-Encoding",
                    "Connection",
                    "X-Wxgate-Refusal",
                    "X_Odd",
                ]
                .map(String::from),
            )
            .collect();
        let lines: String = names
            .iter()
            .map(|name| {
                let value = if name == "X-Sound" { "sound" } else { "forged" };
                format!("{name}: {value}\r\n")
            })
            .collect();
        let mut client = bed.client();
        client.write(
            format!(
                "POST {path} HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\nTrailer: {}\r\n\r\n4\r\nbody\r\n0\r\n{lines}\r\n",
                names.join(", "),
            )
            .as_bytes(),
        );
        assert_eq!(client.reply(false).status, 200);
        let mut seen = bed.upstream.last();
        assert_eq!(seen.body, b"body");
        let trailers = std::mem::take(&mut seen.trailers);
        let expected = [("x-sound".to_owned(), "sound".to_owned())];
        assert_eq!(
            trailers, expected,
            "a sound trailer arrives, and nothing else"
        );
        is_clean(&seen);
    }
}

#[test]
fn odd_names_are_dropped_but_for_those_that_the_operator_lists() {
    let odd: Vec<String> = ODD.chars().map(|odd| format!("a{odd}b")).collect();
    let headers: Vec<_> = odd
        .iter()
        .map(|name| (name.as_str(), "1"))
        .chain([("a_c", "1"), ("a-b", "1"), ("A1", "1")])
        .collect();
    let names = |seen: &Seen| {
        let mut names: Vec<String> = seen.headers.iter().map(|(name, _)| name.clone()).collect();
        names.retain(|name| name.len() <= 3);
        names.sort();
        names
    };
    let bed = Bed::with("", PUBLIC);
    assert_eq!(names(&forwarded(&bed, "/", &headers)), ["a-b", "a1"]);
    let bed = Bed::with("[limits]\nheader_names = [\"a_c\", \"A.B\"]\n", PUBLIC);
    let seen = forwarded(&bed, "/", &headers);
    assert_eq!(names(&seen), ["a-b", "a.b", "a1", "a_c"]);
}

#[test]
fn what_is_not_reserved_passes_as_it_is() {
    let bed = Bed::with("", PUBLIC);
    let headers = [
        ("X-Wxample", "near"),
        ("X-Forward", "near"),
        ("Proxy-Me", "near"),
        ("X-Real-Ip-Not", "near"),
        ("Accept", "*/*"),
        ("Accept", "text/html;q=0.5"),
        ("X-Bytes", "caf\u{e9}  two spaces"),
    ];
    let seen = forwarded(&bed, "/", &headers);
    for (name, value) in headers {
        let pair = (name.to_ascii_lowercase(), value.to_owned());
        assert!(seen.headers.contains(&pair), "{pair:?}: {seen:?}");
    }
}
