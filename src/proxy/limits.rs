//! How large a request's head may be.

use http::Request;

use crate::proxy::Error;
use crate::setting::Size;

/// `limits.uri`, `limits.headers` and `limits.header_count`, beyond which hyper would refuse without
/// a word.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Bytes of the target.
    pub uri: Size,
    /// Bytes of the whole head.
    pub headers: Size,
    /// Header lines.
    pub count: u32,
}

impl HeadLimits {
    /// Whether `request`'s head keeps within the limits.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), Error> {
        let size = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let target = request
            .uri()
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        if size(target) > self.uri.0 {
            return Err(Error::UriTooLong);
        }
        if request.headers().len() > usize::try_from(self.count).unwrap_or(usize::MAX) {
            return Err(Error::HeadTooLarge);
        }
        let lines: usize = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        if size(lines + target) > self.headers.0 {
            return Err(Error::HeadTooLarge);
        }
        Ok(())
    }
}
