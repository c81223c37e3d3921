//! Framing on its own: what goes on, what waits, what is refused; however the bytes come in pieces.

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    target: 100,
    lines: 400,
    count: 5,
};

/// What is left of `bytes` to go on, fed in pieces of `size`: how many went on, and why no more.
fn feed(bytes: &[u8], size: usize) -> (usize, Option<Refusal>) {
    let (mut framing, mut held, mut gone) = (Framing::new(false), Vec::new(), 0);
    for piece in bytes.chunks(size.max(1)) {
        held.extend_from_slice(piece);
        loop {
            let blank = framing.blank(&held);
            held.drain(..blank);
            gone += blank;
            match framing.scan(&held, &BOUNDS) {
                Ok(0) => break,
                Ok(free) => {
                    held.drain(..free);
                    gone += free;
                }
                Err(refusal) => return (gone, Some(refusal)),
            }
        }
    }
    (gone, None)
}

/// The same in every size of pieces.
#[track_caller]
fn fed(bytes: &str) -> (usize, Option<Refusal>) {
    let whole = feed(bytes.as_bytes(), bytes.len());
    for size in 1..bytes.len() {
        assert_eq!(
            feed(bytes.as_bytes(), size),
            whole,
            "pieces of {size}: {bytes:?}"
        );
    }
    whole
}

#[track_caller]
fn passes(bytes: &str) {
    assert_eq!(fed(bytes), (bytes.len(), None), "{bytes:?}");
}

#[track_caller]
fn waits(bytes: &str) {
    assert_eq!(fed(bytes), (0, None), "{bytes:?}");
}

#[track_caller]
fn refused(bytes: &str, refusal: Refusal) {
    assert_eq!(fed(bytes), (0, Some(refusal)), "{bytes:?}");
}

fn with(lines: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

#[test]
fn messages_follow_one_another() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    passes(get);
    passes(&format!("{get}{get}\r\n{get}"));
    passes(&format!("{}hello{get}", with("Content-Length: 5\r\n")));
    passes(&format!("{}{get}", with("content-length:0\r\n")));
    passes(&format!("{}{get}", with("CONTENT-LENGTH: \t 0 \t\r\n")));
    let chunks = "5\r\nhello\r\n0A;a=\"b\"\r\n0123456789\r\n0\r\n";
    passes(&format!(
        "{}{chunks}\r\n{get}",
        with("Transfer-Encoding: Chunked\r\n")
    ));
    passes(&format!(
        "{}{chunks}X: y\r\n\r\n{get}",
        with("Transfer-Encoding: chunked\r\n")
    ));
    passes("GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn a_head_goes_on_whole_or_not_at_all() {
    let head = with("X: 1\r\n");
    for end in 1..head.len() {
        waits(&head[..end]);
    }
    let two = format!("{head}{}", &head[..20]);
    assert_eq!(fed(&two), (head.len(), None));
}

#[test]
fn http_2_is_known_by_its_whole_preface() {
    let after = [PREFACE, b"\0\0\0\x04\0\0\0\0\0 any bytes"].concat();
    for size in 1..after.len() {
        let (mut framing, mut gone, mut held) = (Framing::new(true), 0, Vec::new());
        for piece in after.chunks(size) {
            held.extend_from_slice(piece);
            let free = framing.scan(&held, &BOUNDS).unwrap();
            assert!(free == 0 || framing.is_foreign());
            held.drain(..free);
            gone += free;
        }
        assert_eq!(gone, after.len());
    }
    let mut framing = Framing::new(true);
    let post = b"POST / HTTP/1.1\r\n\r\n";
    assert_eq!(framing.scan(post, &BOUNDS), Ok(post.len()));
    assert!(!framing.is_foreign());
    // Once HTTP/1 is spoken, and where nobody expects it, it is no request.
    assert_eq!(framing.scan(PREFACE, &BOUNDS), Err(Refusal::BadRequest));
    assert_eq!(
        Framing::new(false).scan(PREFACE, &BOUNDS),
        Err(Refusal::BadRequest)
    );
}

#[test]
fn empty_lines_before_the_first_request_are_passed_over_where_http_2_may_come_too() {
    let get = b"\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    for knows_http2 in [false, true] {
        let mut framing = Framing::new(knows_http2);
        let blank = framing.blank(get);
        assert_eq!(blank, 4);
        let rest = &get[blank..];
        assert_eq!(framing.scan(rest, &BOUNDS), Ok(rest.len()));
    }
    // Behind one, HTTP/2's preface is no request.
    let mut framing = Framing::new(true);
    assert_eq!(framing.blank(b"\r\n"), 2);
    assert_eq!(framing.scan(PREFACE, &BOUNDS), Err(Refusal::BadRequest));
}

#[test]
fn what_came_before_a_bad_head_is_good() {
    let good = with("");
    let both = format!("{good}GARBAGE\r\n\r\n");
    assert_eq!(fed(&both), (good.len(), Some(Refusal::BadRequest)));
}

#[test]
fn two_readings_are_refused() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\ncontent-length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: \u{b}5\r\n",
        "Content-Length: 1234567890123456789\r\n",
        "Content-Length:\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\r\n",
        "X: a\r\n Y: b\r\n",
        "X: a\r\n\tY: b\r\n",
        "X: a\nY: b\r\n",
        "X: a\n\r\n",
    ] {
        refused(&with(lines), Refusal::BadRequest);
    }
}

#[test]
fn request_lines_have_three_words_and_no_fragment() {
    for line in [
        "GET /a#b HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / HTTP/1.2",
        "GET / http/1.1",
        "GET /",
        "GET",
        "GET / HTTP/1.1 ",
        " ",
        "PRI * HTTP/2.0",
        "\u{16}\u{3}\u{1}",
    ] {
        refused(&format!("{line}\r\nHost: a\r\n\r\n"), Refusal::BadRequest);
    }
    refused("GET / HTTP/1.1\nHost: a\n\n", Refusal::BadRequest);
    refused(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        Refusal::BadRequest,
    );
}

#[test]
fn chunks_are_read_to_the_letter() {
    let head = with("Transfer-Encoding: chunked\r\n");
    for chunks in [
        "0x5\r\n",
        "+5\r\n",
        "-1\r\n",
        "\r\n",
        "g\r\n",
        "5 \r\n",
        "5 5\r\n",
        "5\n",
        "5\rhello\r\n",
        "5;a\nb\r\n",
        "5;a\rb\r\n",
        ";a\r\n",
        "1000000000000000\r\n",
    ] {
        let all = format!("{head}{chunks}");
        assert_eq!(
            fed(&all),
            (head.len(), Some(Refusal::BadRequest)),
            "{chunks:?}"
        );
    }
    for (good, bad) in [
        ("5\r\nhello", "X\r\n"),
        ("5\r\nhello", "\n0\r\n"),
        ("5\r\nhello\r\n", "\r\n0\r\n"),
        ("0\r\n", "X: y\n\r\n"),
        ("0\r\n", " folded\r\n"),
    ] {
        let all = format!("{head}{good}{bad}");
        let gone = head.len() + good.len();
        assert_eq!(fed(&all), (gone, Some(Refusal::BadRequest)), "{all:?}");
    }
    let long = format!("{head}5;{}", "a".repeat(CHUNK_LINE));
    assert_eq!(fed(&long), (head.len(), Some(Refusal::BadRequest)));
}

#[test]
fn what_is_too_large_is_told_apart() {
    let long = "a".repeat(101);
    refused(
        &format!("GET {long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        Refusal::UriTooLong,
    );
    refused(&"a".repeat(200), Refusal::UriTooLong);
    passes(&format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", &long[..100]));
    refused(
        &with("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n"),
        Refusal::HeadTooLarge,
    );
    passes(&with("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"));
    refused(
        &with(&format!("A: {}\r\n", "a".repeat(400))),
        Refusal::HeadTooLarge,
    );
    refused(
        &format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(500)),
        Refusal::HeadTooLarge,
    );
    let head = with("Transfer-Encoding: chunked\r\n");
    for trailers in ["A: 1\r\n".repeat(6), format!("A: {}", "a".repeat(500))] {
        let (_, refusal) = fed(&format!("{head}0\r\n{trailers}"));
        assert_eq!(refusal, Some(Refusal::HeadTooLarge));
    }
}

/// Scans until no more goes on; how much did.
fn scanned(framing: &mut Framing, bytes: &[u8]) -> usize {
    let mut gone = 0;
    while let Ok(free @ 1..) = framing.scan(&bytes[gone..], &BOUNDS) {
        gone += free;
    }
    gone
}

#[test]
fn behind_a_head_that_asks_for_another_protocol_nothing_goes_on_until_the_answer_is_known() {
    let asks = "GET / HTTP/1.1\r\nHost: a\r\nuPGRADE: x\r\n\r\n";
    let get = "GET / HTTP/1.1\r\n\r\n";
    for behind in [get, "\x01\u{0}frames\r\n", "\r\n\r\n"] {
        let all = format!("{get}{asks}{behind}{get}");
        let gone = get.len() + asks.len();
        assert_eq!(fed(&all), (gone, None), "{behind:?}");
    }
    // Refused: the next request.
    let mut framing = Framing::new(false);
    assert_eq!(scanned(&mut framing, asks.as_bytes()), asks.len());
    assert!(framing.is_undecided() && framing.scan(get.as_bytes(), &BOUNDS) == Ok(0));
    framing.decide(false);
    assert!(!framing.is_undecided());
    assert_eq!(scanned(&mut framing, get.as_bytes()), get.len());
    assert_eq!(
        framing.scan(b"GARBAGE\r\n", &BOUNDS),
        Err(Refusal::BadRequest)
    );
    // Granted: anything, for ever.
    let mut framing = Framing::new(false);
    scanned(&mut framing, asks.as_bytes());
    framing.decide(true);
    for bytes in [&b"GARBAGE\r\n"[..], asks.as_bytes(), &[0; 5000]] {
        assert_eq!(framing.scan(bytes, &BOUNDS), Ok(bytes.len()));
    }
    framing.decide(false);
    assert_eq!(framing.scan(b"\0", &BOUNDS), Ok(1), "there is no way back");
}

#[test]
fn a_body_or_an_old_version_leaves_nothing_undecided() {
    let get = "GET / HTTP/1.1\r\n\r\n";
    passes(&format!(
        "{}hello{get}",
        with("Upgrade: x\r\nContent-Length: 5\r\n")
    ));
    passes(&format!(
        "{}0\r\n\r\n{get}",
        with("Transfer-Encoding: chunked\r\nUpgrade: x\r\n")
    ));
    passes(&format!("GET / HTTP/1.0\r\nUpgrade: x\r\n\r\n{get}"));
    passes(&format!("{}{get}", with("X-Upgrade: x\r\nUpgrades: x\r\n")));
    let empty = with("Upgrade: x\r\nContent-Length: 0\r\n");
    assert_eq!(fed(&format!("{empty}{get}")), (empty.len(), None));
}

proptest! {
    /// What goes on is framed for hyper's parser as it is for us: the same head, the same body.
    #[test]
    fn nothing_breaks_it_and_pieces_change_nothing(
        bytes in prop::collection::vec(prop::sample::select(&b"GET /\r\n\r\n HTTP/1.1:05achunkedContent-LengthTransfer-Encoding#\t\0"[..]), 0..120),
        size in 1_usize..20,
    ) {
        prop_assert_eq!(feed(&bytes, size), feed(&bytes, bytes.len()));
    }

    #[test]
    fn heads_that_go_on_are_heads_to_the_parser(
        lines in prop::collection::vec("(Content-Length|Transfer-Encoding|X|Host|x-y):[ \t]{0,2}(chunked|[0-9]{0,3}|a b)[ \t]{0,2}", 0..5),
    ) {
        let mut head = String::from("POST / HTTP/1.1\r\n");
        for line in &lines {
            head.push_str(line);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut framing = Framing::new(false);
        if let Ok(free) = framing.scan(head.as_bytes(), &BOUNDS) {
            let mut room = [httparse::EMPTY_HEADER; 8];
            let mut parsed = httparse::Request::new(&mut room);
            prop_assert_eq!(parsed.parse(head.as_bytes()), Ok(httparse::Status::Complete(free)));
            let count = |name: &str| parsed.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name)).count();
            prop_assert!(count("content-length") + count("transfer-encoding") <= 1);
            let length = parsed.headers.iter().find(|line| line.name == "Content-Length");
            let length = length.and_then(|line| str::from_utf8(line.value).ok()?.parse().ok());
            let part = match length {
                _ if count("transfer-encoding") == 1 => Part::ChunkLine,
                None | Some(0) => Part::Head,
                Some(length) => Part::Body(length),
            };
            prop_assert_eq!(framing.part, part);
        }
    }
}
