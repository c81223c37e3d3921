//! The request line and the framing that we write, and a request read back for a second try.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};

use crate::proxy::body::Outgoing;
use crate::proxy::{path, retry};

/// Writes the one framing of a forwarded request (RFC 9112 §6). Without one hyper would leave out the
/// body of a GET.
pub(super) fn frame(headers: &mut HeaderMap, method: &Method, body: &Outgoing) {
    use http_body::Body as _;
    let had_length = headers.remove(header::CONTENT_LENGTH).is_some();
    match body.size_hint().exact() {
        Some(0) if !had_length || *method == Method::GET || *method == Method::HEAD => {}
        Some(length) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        None => {
            let chunked = HeaderValue::from_static("chunked");
            headers.insert(header::TRANSFER_ENCODING, chunked);
        }
    }
}

/// Whether `request` may be sent a second time should a reused connection die under it.
pub(super) fn may_be_repeated(request: &Request<Outgoing>) -> bool {
    retry::is_repeatable(request.method(), !request.body().is_empty())
}

/// A request without a body, out of the bytes that were written for it. To read them back once in a
/// while costs less than to copy each request beforehand.
pub(super) fn reread(written: &[u8]) -> Option<Request<Outgoing>> {
    let mut lines = [httparse::EMPTY_HEADER; 256];
    let mut read = httparse::Request::new(&mut lines);
    if !read.parse(written).ok()?.is_complete() {
        return None;
    }
    let mut request = Request::new(Outgoing::Empty);
    *request.method_mut() = read.method?.parse().ok()?;
    *request.uri_mut() = read.path?.parse().ok()?;
    for line in read.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(line.value).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

/// The target in origin form: `path` and the query of `uri`, which takes no part in routing.
pub(super) fn target(uri: &Uri, path: &str) -> Result<Uri, path::Refused> {
    if uri.path() == path
        && uri.authority().is_none()
        && let Some(same) = uri.path_and_query()
    {
        return Ok(Uri::from(same.clone()));
    }
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    PathAndQuery::from_maybe_shared(Bytes::from(text))
        .map(Uri::from)
        .map_err(|_| path::Refused::Character)
}
