//! Heads of HTTP/1.1: a request's as it is written, an answer's as it is read.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use httparse::ParserConfig;
use hyper::ext::ReasonPhrase;

use super::chunks::Chunks;
use super::fault::Fault;

/// Answers have fewer lines than this; those that have more are read a second time.
const FEW: usize = 32;

/// The most lines of an answer's head.
const MOST: usize = 1000;

/// How the body of an answer ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Box<Chunks>),
    /// With the connection.
    UntilClosed,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) answer: Response<()>,
    /// How its body ends.
    pub(super) coding: Coding,
    /// Whether the connection goes on after it.
    pub(super) keeps_alive: bool,
}

/// Appends the head of `request` to `out` (RFC 9112 §3, §5). What frames its body stands among its headers.
pub(in crate::upstream) fn write<B>(request: &Request<B>, out: &mut Vec<u8>) {
    let target = request.uri().path_and_query();
    let target = target.map_or("/", PathAndQuery::as_str);
    out.reserve(1024);
    for part in [request.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    write_lines(request.headers(), out);
}

/// Appends header or trailer lines, and the empty line behind them.
pub(super) fn write_lines(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Reads the head with which `bytes` begin, the answer to a request by `method`: the head and its length, or
/// `None` where it is not there whole.
pub(super) fn read(bytes: &Bytes, method: &Method) -> Result<Option<(Head, usize)>, Fault> {
    let mut lines = [httparse::EMPTY_HEADER; FEW];
    match parse(bytes, &mut lines, method) {
        Err(Fault::Head(httparse::Error::TooManyHeaders)) => {
            parse(bytes, &mut vec![httparse::EMPTY_HEADER; MOST], method)
        }
        read => read,
    }
}

fn parse<'b>(
    bytes: &'b Bytes,
    lines: &mut [httparse::Header<'b>],
    method: &Method,
) -> Result<Option<(Head, usize)>, Fault> {
    let mut read = httparse::Response::new(lines);
    let parsed = ParserConfig::default().parse_response(&mut read, bytes);
    let httparse::Status::Complete(length) = parsed.map_err(Fault::Head)? else {
        return Ok(None);
    };
    let mut answer = Response::new(());
    // httparse lets three digits through; those below 100 are no status (RFC 9110 §15).
    let status = StatusCode::from_u16(read.code.unwrap_or_default());
    *answer.status_mut() = status.map_err(|_| Fault::Head(httparse::Error::Status))?;
    let is_old = read.version != Some(1);
    if is_old {
        *answer.version_mut() = Version::HTTP_10;
    }
    if let Some(reason) = read.reason
        && Some(reason) != answer.status().canonical_reason()
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
    {
        answer.extensions_mut().insert(reason);
    }
    let headers = answer.headers_mut();
    // Room for what we add.
    headers.reserve(read.headers.len() + 4);
    let (mut closes, mut keeps) = (false, false);
    for line in read.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let name = name.map_err(|_| Fault::Head(httparse::Error::HeaderName))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value));
        let value = value.map_err(|_| Fault::Head(httparse::Error::HeaderValue))?;
        if name == header::CONNECTION {
            closes |= has(&value, "close");
            keeps |= has(&value, "keep-alive");
        }
        headers.append(name, value);
    }
    let coding = coding(&answer, method, is_old)?;
    let goes_on = if is_old { keeps } else { true };
    // Who says both is not to be believed about what comes next (RFC 9112 §6.3).
    let is_framed_twice = matches!(coding, Coding::Chunked(_))
        && answer.headers().contains_key(header::CONTENT_LENGTH);
    let is_switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    let keeps_alive = goes_on && !closes && !is_framed_twice && !is_switched;
    Ok(Some((
        Head {
            answer,
            coding,
            keeps_alive,
        },
        length,
    )))
}

/// How the body of `answer` ends (RFC 9112 §6.3).
fn coding(answer: &Response<()>, method: &Method, is_old: bool) -> Result<Coding, Fault> {
    let (status, headers) = (answer.status(), answer.headers());
    let is_bare = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if is_bare || *method == Method::HEAD {
        return Ok(Coding::Length(0));
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(only) = codings.next() {
        // We ask for no other coding, and a client would not hear of it.
        let is_chunked = only
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked");
        if is_old || !is_chunked || codings.next().is_some() {
            return Err(Fault::Framing);
        }
        return Ok(Coding::Chunked(Box::default()));
    }
    let mut length = None;
    for line in headers.get_all(header::CONTENT_LENGTH) {
        for word in line.as_bytes().split(|byte| *byte == b',') {
            let same = digits(word.trim_ascii()).ok_or(Fault::Framing)?;
            if *length.get_or_insert(same) != same {
                return Err(Fault::Framing);
            }
        }
    }
    Ok(length.map_or(Coding::UntilClosed, Coding::Length))
}

/// A number of digits alone; `u64::MAX` is kept for none.
fn digits(word: &[u8]) -> Option<u64> {
    let is_number = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(word).ok().filter(|_| is_number)?;
    number.parse().ok().filter(|number| *number < u64::MAX)
}

fn has(line: &HeaderValue, option: &str) -> bool {
    let mut words = line.as_bytes().split(|byte| *byte == b',');
    words.any(|word| word.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, method: &Method) -> Result<Option<(Coding, bool, usize)>, Fault> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let read = read(&bytes, method)?;
        Ok(read.map(|(head, length)| (head.coding, head.keeps_alive, length)))
    }

    #[test]
    fn a_head_says_how_its_body_ends() {
        let chunked = || Coding::Chunked(Box::default());
        let length = Coding::Length;
        for (lines, coding, keeps_alive) in [
            ("Content-Length: 5", length(5), true),
            ("Content-Length: 5, 5", length(5), true),
            ("Content-Length: 5\r\ncontent-length: 5", length(5), true),
            ("Transfer-Encoding: chunked", chunked(), true),
            ("Transfer-Encoding: Chunked ", chunked(), true),
            (
                "Content-Length: 9\r\nTransfer-Encoding: chunked",
                chunked(),
                false,
            ),
            ("Connection: x, Close", Coding::UntilClosed, false),
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nrest");
            let expected = Some((coding, keeps_alive, text.len() - 4));
            assert_eq!(told(&text, &Method::GET).unwrap(), expected, "{lines}");
            for cut in 0..text.len() - 4 {
                let part = told(&text[..cut], &Method::GET).unwrap();
                assert_eq!(part, None, "{cut} of {lines}");
            }
            let none = told(&text, &Method::HEAD).unwrap().unwrap().0;
            assert_eq!(none, length(0), "{lines}");
        }
        for (head, length, keeps_alive) in [
            ("1.1 204 No Content\r\nContent-Length: 5", 0, true),
            ("1.1 304 Not Modified\r\nContent-Length: 5", 0, true),
            ("1.1 101 Switching Protocols\r\nUpgrade: x", 0, false),
            ("1.0 200 OK\r\nContent-Length: 5", 5, false),
            (
                "1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive",
                5,
                true,
            ),
        ] {
            let text = format!("HTTP/{head}\r\n\r\n");
            let expected = Some((Coding::Length(length), keeps_alive, text.len()));
            assert_eq!(told(&text, &Method::GET).unwrap(), expected, "{head}");
        }
    }

    #[test]
    fn what_frames_its_body_in_two_ways_is_refused() {
        for lines in [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5, 6",
            "Content-Length: +5",
            "Content-Length:",
            "Content-Length: 5,",
            "Content-Length: 0x5",
            "Transfer-Encoding: é, chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Content-Length: 18446744073709551615",
            "Content-Length: 99999999999999999999",
            "X: a\r\n folded",
            "X : a",
            "X\0: a",
            "X: a\0",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
            assert!(told(&text, &Method::GET).is_err(), "{lines}");
        }
        for text in [
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 099 Low\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "junk\r\n\r\n",
        ] {
            assert!(told(text, &Method::GET).is_err(), "{text}");
        }
    }

    #[test]
    fn many_lines_are_read_and_a_reason_of_its_own_is_kept() {
        let text = format!("HTTP/1.1 200 Fine\r\n{}\r\n", "a: b\r\n".repeat(900));
        let (head, _) = read(&Bytes::from(text), &Method::GET).unwrap().unwrap();
        assert_eq!(head.answer.headers().len(), 900);
        let reason = head.answer.extensions().get::<ReasonPhrase>();
        assert_eq!(reason.unwrap().as_bytes(), b"Fine");
        let text = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1001));
        assert!(told(&text, &Method::GET).is_err());
    }

    #[test]
    fn a_request_is_written_as_it_is() {
        let request = Request::put("/a?b=c")
            .header("Host", "x")
            .header("Set", "é")
            .body(());
        let mut out = Vec::new();
        write(&request.unwrap(), &mut out);
        assert_eq!(
            out,
            "PUT /a?b=c HTTP/1.1\r\nhost: x\r\nset: é\r\n\r\n".as_bytes()
        );
    }
}
