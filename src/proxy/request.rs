//! The request line and the framing that we write, and a second copy of a request for a second try.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};

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

/// A second copy of `request`, if it may be repeated.
pub(super) fn spare(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let has_body = !request.body().is_empty();
    retry::is_repeatable(request.method(), has_body).then(|| {
        let mut copy = Request::new(Outgoing::Empty);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        copy
    })
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
