//! What a request is called on its way: its id, and W3C trace context.

use http::{HeaderMap, HeaderName, HeaderValue};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Leaves one sound `traceparent` as it is; otherwise starts a trace from `random` and removes
/// `tracestate`, which belongs to the one that was there (W3C Trace Context §3.2, §4.3).
pub fn join_or_start(headers: &mut HeaderMap, random: &[u8; 24]) {
    let mut lines = headers.get_all(&TRACEPARENT).iter();
    let first = lines.next();
    if lines.next().is_none() && first.is_some_and(|value| is_sound(value.as_bytes())) {
        return;
    }
    headers.remove(&TRACESTATE);
    headers.insert(TRACEPARENT.clone(), start(random));
}

/// A name for a request: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// `random` in digits.
    pub fn new(random: &[u8; 16]) -> Self {
        let mut text = [0; 32];
        write_hex(&mut text, random);
        Self(text)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digits for `X-Request-Id`.
    pub fn header(&self) -> HeaderValue {
        value(&self.0)
    }
}

fn start(random: &[u8; 24]) -> HeaderValue {
    // Sampled: with 00, services that heed their caller (OpenTelemetry's default) would record no
    // trace at all, as soon as they stand behind a gateway that records none itself.
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    let (trace, parent) = random.split_at(16);
    for (start, end, bytes) in [(3, 35, trace), (36, 52, parent)] {
        let id = text.get_mut(start..end).unwrap_or_default();
        write_hex(id, bytes);
        // An id of zeros only is not sound (§3.2.2.3); a last digit that is not 0 makes each sound.
        if let Some(last) = id.last_mut().filter(|last| **last == b'0') {
            *last = b'1';
        }
    }
    value(&text)
}

/// `version-trace-parent-flags` in lower-case hexadecimal, no id of zeros only (§3.2.2).
fn is_sound(text: &[u8]) -> bool {
    let hex = |part: &[u8]| {
        part.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let named = |part: &[u8]| hex(part) && part.iter().any(|byte| *byte != b'0');
    let mut parts = text.split(|byte| *byte == b'-');
    let mut part = |length: usize| parts.next().filter(|part| part.len() == length);
    let (Some(version), Some(trace), Some(parent), Some(flags)) =
        (part(2), part(32), part(16), part(2))
    else {
        return false;
    };
    // A later version may have more parts; this one has four (§4.3).
    let ends = text.len() == 55 || version != b"00";
    hex(version) && version != b"ff" && named(trace) && named(parent) && hex(flags) && ends
}

fn write_hex(to: &mut [u8], bytes: &[u8]) {
    let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
    for (pair, byte) in to.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

fn value(text: &[u8]) -> HeaderValue {
    // Digits and dashes are fit for every header.
    HeaderValue::from_bytes(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn joined(lines: &[&str]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&TRACEPARENT, line.parse().unwrap());
        }
        headers.insert(&TRACESTATE, HeaderValue::from_static("a=1"));
        join_or_start(&mut headers, &[0xab; 24]);
        assert_eq!(headers.get_all(&TRACEPARENT).iter().count(), 1);
        let text = headers[&TRACEPARENT].to_str().unwrap().to_owned();
        (text, headers.contains_key(&TRACESTATE))
    }

    #[test]
    fn a_sound_trace_is_joined() {
        assert_eq!(joined(&[SOUND]), (SOUND.to_owned(), true));
        let later = format!("01{}-more", &SOUND[2..]);
        assert_eq!(joined(&[&later]), (later.clone(), true));
    }

    #[test]
    fn another_trace_is_started_in_place_of_an_unsound_one() {
        let started = format!("00-{}-{}-01", "ab".repeat(16), "ab".repeat(8));
        let rows: &[&[&str]] = &[
            &[],
            &[SOUND, SOUND],
            &[""],
            &["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"],
            &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
            &["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"],
        ];
        for lines in rows {
            assert_eq!(joined(lines), (started.clone(), false), "{lines:?}");
        }
    }

    #[test]
    fn what_is_started_is_sound_whatever_the_random_bytes() {
        for byte in 0..=255 {
            assert!(is_sound(start(&[byte; 24]).as_bytes()), "{byte}");
        }
        assert_eq!(RequestId::new(&[0x0f; 16]).header(), "0f".repeat(16));
    }
}
