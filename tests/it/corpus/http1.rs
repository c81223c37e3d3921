//! HTTP/1: framing, lines, names, hosts, targets, and who one says one is.

use super::{Case, FORGED, HIDDEN, play};

fn case(rule: &'static str, bytes: impl Into<Vec<u8>>, statuses: &'static [u16]) -> Case {
    Case {
        rule,
        bytes: bytes.into(),
        statuses,
    }
}

/// A POST with these header lines, and what comes after the head.
fn post(lines: &str, rest: &str) -> String {
    format!("POST /outer HTTP/1.1\r\nHost: a\r\n{lines}\r\n{rest}")
}

fn get(lines: &str) -> String {
    format!("GET /outer HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn refused<'a>(
    rule: &'static str,
    lines: impl IntoIterator<Item = &'a str>,
    rest: &str,
) -> Vec<Case> {
    let lines = lines.into_iter();
    lines
        .map(|lines| case(rule, post(lines, rest), &[400]))
        .collect()
}

#[test]
fn lengths_and_codings_are_read_one_way() {
    let chunked = format!("5\r\nhello\r\n0\r\n\r\n{HIDDEN}");
    let lengths = [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 6\r\nContent-Length: 5\r\n",
        "Content-Length: 0\r\nContent-Length: 41\r\n",
        "Content-Length: 41\r\ncontent-length: 0\r\n",
        "CONTENT-LENGTH: 5\r\nContent-Length: 41\r\n",
        "Content-Length: 5\r\nX: y\r\nContent-Length: 41\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,41\r\n",
        "Content-Length: 5;41\r\n",
        "Content-Length: 5 41\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: -0\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: 5e0\r\n",
        "Content-Length: 5_0\r\n",
        "Content-Length: \"5\"\r\n",
        "Content-Length: five\r\n",
        "Content-Length: \r\n",
        "Content-Length:\r\n",
        "Content-Length: \u{b}5\r\n",
        "Content-Length: \u{c}5\r\n",
        "Content-Length: 5\u{b}\r\n",
        "Content-Length: \u{ff15}\r\n",
        "Content-Length: \u{665}\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: 5\0\r\n",
        "Content-Length : 5\r\n",
        "Content-Length\t: 5\r\n",
        "Content-Length\u{b}: 5\r\n",
        " Content-Length: 5\r\n",
        "X: y\r\n Content-Length: 5\r\n",
        "Content-Length: 0\r\n 5\r\n",
    ];
    let codings = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\ntransfer-encoding: x\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: chun\u{212a}ed\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: 'chunked'\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: chunked chunked\r\n",
        "Transfer-Encoding: \r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding:\u{b}chunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding: \u{a0}chunked\r\n",
        "Transfer-Encoding: chunked\0\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding\0: chunked\r\n",
        "\tTransfer-Encoding: chunked\r\n",
        "X: y\r\n\tTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\r\r\nTransfer-Encoding: chunked\r\n",
    ];
    let mut cases = refused("R5", lengths, &format!("hello{HIDDEN}"));
    cases.extend(refused("R5", codings, &chunked));
    // A name that only looks like one of the two is another header, or none.
    for lines in [
        "Transfer_Encoding: chunked\r\n",
        "Transfer-Encoding-: chunked\r\n",
        "Content_Length: 40\r\n",
        "X-Content-Length: 40\r\n",
    ] {
        cases.push(case("R5", post(lines, ""), &[200]));
    }
    for version in ["1.0\r\nConnection: keep-alive", "1.0\r\nHost: a"] {
        let head = format!("POST / HTTP/{version}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}");
        cases.push(case("R5", head, &[400]));
    }
    play("lengths", &cases);
}

#[test]
fn a_body_ends_where_its_head_says() {
    let coded = "Transfer-Encoding: chunked\r\n";
    let mut cases: Vec<Case> = [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5,5\r\nhello\r\n0\r\n\r\n",
        "5h\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX y\r\n\r\n",
        "5\r\nhello\r\n0\r\n folded: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\n\r\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    ]
    .into_iter()
    .map(|chunks| case("R5", post(coded, &format!("{chunks}{HIDDEN}")), &[400]))
    .collect();
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n{HIDDEN}", "a".repeat(20_000));
    cases.push(case("R5", post(coded, &long), &[400]));
    let trailers = format!("0\r\n{}\r\n{HIDDEN}", "X: y\r\n".repeat(200));
    cases.push(case("R12", post(coded, &trailers), &[400]));
    // Forged in a trailer: the body is good, and the forged line is gone.
    for line in [
        "X-WX-OPENID",
        "x_wx_openid",
        "Content-Length",
        "Host",
        "Authorization",
    ] {
        let body = format!("5\r\nhello\r\n0\r\n{line}: {FORGED}\r\n\r\n");
        cases.push(case("R1", post(coded, &body), &[200]));
        // Announced, so that the parser hands it on.
        let announced = format!("Trailer: {line}\r\n{coded}");
        cases.push(case("R1", post(&announced, &body), &[200]));
    }
    // Two good ones are two.
    let both = format!("{}{}", post(coded, "5\r\nhello\r\n0\r\n\r\n"), get(""));
    cases.push(case("R5", both, &[200, 200]));
    let both = format!("{}{}", post("Content-Length: 5\r\n", "hello"), get(""));
    cases.push(case("R5", both, &[200, 200]));
    play("bodies", &cases);
}

#[test]
fn a_head_has_one_form() {
    let mut cases: Vec<Case> = [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\rHost: a\r\r",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\"X\": y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{7f}\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\tx\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\r\n\r\n",
        "GET\r\n\r\n",
        "/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET / HTTP/2\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/11\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP 1.1\r\nHost: a\r\n\r\n",
        "GET / ICY/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\0GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\u{feff}GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{1}\u{2}\r\n\r\n",
        "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
    .into_iter()
    .map(|head| case("R5", format!("{head}{HIDDEN}"), &[400]))
    .collect();
    cases.push(case("R5", format!("\r\n\r\n{}", get("")), &[200]));
    // A head that ends before it is whole gets no answer: nobody waits for one.
    for end in [10, 30, get("X: y\r\n").len() - 2] {
        cases.push(case("R5", get("X: y\r\n")[..end].to_owned(), &[]));
    }
    play("heads", &cases);
}

#[test]
fn what_is_too_large_has_its_status() {
    let name = |n: usize| format!("X-{n}: y\r\n");
    let many: String = (0..200).map(name).collect();
    play(
        "sizes",
        &[
            case(
                "R12",
                format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000)),
                &[414],
            ),
            case(
                "R12",
                format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000)),
                &[414],
            ),
            case(
                "R12",
                format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000)),
                &[414],
            ),
            case("R12", "G".repeat(70_000), &[414]),
            case("R12", get(&many), &[431]),
            case(
                "R12",
                get(&format!("X: {}\r\n", "a".repeat(40_000))),
                &[431],
            ),
            case(
                "R12",
                get(&format!("{}: a\r\n", "X".repeat(40_000))),
                &[431],
            ),
            case(
                "R12",
                get(&format!("X: {}\r\n", "a".repeat(9000)).repeat(4)),
                &[431],
            ),
            // Too large before it is whole.
            case(
                "R12",
                format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(70_000)),
                &[431],
            ),
            case("R14", post("Content-Length: 17000000\r\n", ""), &[413]),
        ],
    );
}

#[test]
fn a_target_is_read_one_way() {
    let mut cases: Vec<Case> = [
        "/a#b",
        "/#",
        "/closed#",
        "/%",
        "/%2",
        "/%zz",
        "/%00",
        "/a%00b",
        "/%2f",
        "/%2Fclosed",
        "/a%5cb",
        "/a\\b",
        "/..%2fclosed",
        "/%2e%2e/closed",
        "/.%2e/closed",
        "/a/..;/closed",
        "/..;x=y/closed",
        "/%252e%252e/%00",
        "/\u{1}",
        "/\u{7f}",
        "x",
        "*",
        "a:80",
        "http:///",
        "http://a@b/",
        "http://b/",
        "ftp://a/",
        "http://a:x/",
        "http://a:99999/",
    ]
    .into_iter()
    .map(|target| {
        case(
            "R8",
            format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"),
            &[400],
        )
    })
    .collect();
    for closed in [
        "/closed",
        "/closed/",
        "/closed/x",
        "//closed",
        "/./closed",
        "/x/../closed",
        "/%63losed",
        "/%63%6c%6f%73%65%64",
        "http://a/closed",
        "/closed?x",
        "/x/.././closed",
        "///closed///",
        "/a;/../closed",
    ] {
        let head = format!("GET {closed} HTTP/1.1\r\nHost: a\r\n\r\n");
        cases.push(case("R8", head, &[403]));
    }
    for method in ["CONNECT", "TRACE"] {
        cases.push(case(
            "R7",
            format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"),
            &[405],
        ));
    }
    play("targets", &cases);
}

#[test]
fn a_request_has_one_host() {
    let cases: Vec<Case> = [
        "",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: a@b\r\n",
        "Host: user:pass@a\r\n",
        "Host: a/b\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: a\\b\r\n",
        "Host: a:x\r\n",
        "Host: a:99999\r\n",
        "Host: [::1\r\n",
        "Host: ::1\r\n",
        "Host: a%00b\r\n",
        "Host: %61\r\n",
        "Host: a..b\r\n",
        "Host: \"a\"\r\n",
        "Host: a\u{0}b\r\n",
        "Host : a\r\n",
        "Host: http://a\r\n",
        "Host: a;b\r\n",
        "Host: \u{e9}\r\n",
    ]
    .into_iter()
    .map(|host| case("R9", format!("GET / HTTP/1.1\r\n{host}\r\n"), &[400]))
    .collect();
    play("hosts", &cases);
}

#[test]
fn nobody_says_who_he_is() {
    let names = [
        "X-WX-OPENID",
        "x-wx-openid",
        "X_WX_OPENID",
        "X-WX_OPENID",
        "X.WX.OPENID",
        "X-WX-OPENID-",
        "x-Wx-OpenId",
        "X-WX-UNIONID",
        "X-WX-APPID",
        "X-WX-SOURCE",
        "X-WX-PHONE",
        "X-WX-PHONE-COUNTRY",
        "X-WX-ANYTHING",
        "X-WX-FROM-OPENID",
        "X~WX~OPENID",
        "X!WX!OPENID",
        "X'WX'OPENID",
        "X*WX*OPENID",
        "X|WX|OPENID",
        "X-Real-IP",
        "X_Real_IP",
        "Forwarded",
        "X-Forwarded-User",
        "X-Forwarded-Host",
        "X_Forwarded_For",
        "X-Original-URL",
        "X-Original-Forwarded-For",
        "X-Rewrite-URL",
        "X_Original_URL",
        "Proxy",
    ];
    let mut cases = Vec::new();
    for name in names {
        cases.push(case("R1", get(&format!("{name}: {FORGED}\r\n")), &[200]));
        cases.push(case(
            "R1",
            get(&format!("{name}: {FORGED}\r\n{name}: {FORGED}2\r\n")),
            &[200],
        ));
    }
    for name in [
        "X-WX-OPENID",
        "x-wx-openid",
        "X-Wx-Source",
        "close, X-WX-OPENID",
        "x-wx-phone ,close",
    ] {
        cases.push(case("R3", get(&format!("Connection: {name}\r\n")), &[400]));
        cases.push(case(
            "R3",
            get(&format!("Connection: close\r\nConnection: {name}\r\n")),
            &[400],
        ));
    }
    // What a hop is told is not forwarded, whatever it is called.
    for lines in [
        format!("Connection: X-Mine\r\nX-Mine: {FORGED}\r\n"),
        format!("Keep-Alive: {FORGED}\r\n"),
        format!("Proxy-Authorization: {FORGED}\r\n"),
        format!("TE: {FORGED}\r\n"),
        format!("Upgrade: {FORGED}\r\nConnection: upgrade\r\n"),
        format!("Proxy-Connection: {FORGED}\r\n"),
        format!(
            "HTTP2-Settings: {FORGED}\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        ),
    ] {
        cases.push(case("R3", get(&lines), &[200]));
    }
    play("names", &cases);
}
