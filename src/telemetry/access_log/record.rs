//! What is remembered of a request until its line is written.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, Uri, header};

/// The most bytes that are kept of a host, a path, a query, a user agent and a request id.
const MOST: [usize; 5] = [256, 1024, 1024, 256, 64];

/// One request, for its line. Texts are copies, cut where they are long.
pub struct Record {
    /// When its head was read.
    pub at: SystemTime,
    /// Whose it is, as far as is known.
    pub client: IpAddr,
    /// The status that was answered.
    pub status: u16,
    /// Bytes of its body.
    pub received: u64,
    /// Bytes of the answer's body.
    pub sent: u64,
    /// From its head to the end of the answer.
    pub took: Duration,
    /// The route's place in the file, from 0.
    pub route: Option<usize>,
    /// The server that answered.
    pub upstream: Option<SocketAddr>,
    /// Whether the client sent headers that only we write.
    pub forged: bool,
    /// The stable word of a refusal or failure of ours.
    pub code: Option<&'static str>,
    /// The openid of the caller, if known. It is written as `log.openid` says.
    pub openid: Option<HeaderValue>,
    pub(super) method: Option<Method>,
    text: Box<[u8]>,
    ends: [u16; 5],
}

impl Record {
    /// Begins the record of a request with what its head says. The rest is filled in later.
    pub fn begin(
        at: SystemTime,
        client: IpAddr,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Self {
        let line = |name| headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
        let query = uri.query().unwrap_or_default();
        // HTTP/2 has it in a pseudo-header.
        let host = uri
            .authority()
            .map_or(&[][..], |host| host.as_str().as_bytes());
        let texts = [
            headers
                .get(header::HOST)
                .map_or(host, HeaderValue::as_bytes),
            uri.path().as_bytes(),
            query.as_bytes(),
            line(header::USER_AGENT),
            request_id.as_bytes(),
        ];
        let mut record = Self::of(at, client, texts);
        record.method = Some(method.clone());
        record
    }

    /// The record of what never became a request.
    pub fn without_head(at: SystemTime, client: IpAddr, request_id: &str) -> Self {
        Self::of(at, client, [b"", b"", b"", b"", request_id.as_bytes()])
    }

    fn of(at: SystemTime, client: IpAddr, texts: [&[u8]; 5]) -> Self {
        let mut kept = Vec::with_capacity(texts.iter().map(|text| text.len()).sum());
        let mut ends = [0; 5];
        for ((text, most), end) in texts.into_iter().zip(MOST).zip(&mut ends) {
            kept.extend_from_slice(text.get(..most).unwrap_or(text));
            // All limits together are far below 64 KiB.
            *end = u16::try_from(kept.len()).unwrap_or(u16::MAX);
        }
        Self {
            at,
            client,
            status: 0,
            received: 0,
            sent: 0,
            took: Duration::ZERO,
            route: None,
            upstream: None,
            code: None,
            forged: false,
            openid: None,
            method: None,
            text: kept.into(),
            ends,
        }
    }

    /// Host, path, query, user agent and request id.
    pub(super) fn texts(&self) -> [&[u8]; 5] {
        let mut start = 0;
        self.ends.map(|end| {
            let end = usize::from(end);
            let text = self.text.get(start..end).unwrap_or_default();
            start = end;
            text
        })
    }
}

/// The query may hold a code, and the openid is written as the config says or not at all.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(…)")
    }
}
