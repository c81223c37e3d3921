//! How often a request has come through gateways like this one, so that none goes round for ever.
//!
//! It is counted in `CDN-Loop` (RFC 8586), which all others on the way must leave alone. `Via` would say
//! the same, but nginx compresses nothing for requests that have it.

use http::{HeaderMap, HeaderName, HeaderValue};

static CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");

/// How a gateway is named there.
const OURS: &str = "wxgate";

/// The most gateways one behind the other, and the most rounds that a circle makes before it is cut.
const MOST: usize = 8;

/// A request that came through more gateways than anybody puts in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request has come through this gateway too often: a route leads back to it")]
pub struct Circle;

/// Adds this gateway to those that a request came through.
pub fn count(headers: &mut HeaderMap) -> Result<(), Circle> {
    let mut lines = headers.get_all(&CDN_LOOP).iter();
    let Some(first) = lines.next() else {
        headers.insert(&CDN_LOOP, HeaderValue::from_static(OURS));
        return Ok(());
    };
    let mut said = first.as_bytes().to_vec();
    for line in lines {
        said.extend_from_slice(b", ");
        said.extend_from_slice(line.as_bytes());
    }
    if said
        .split(|byte| *byte == b',')
        .filter(|id| is_ours(id))
        .count()
        >= MOST
    {
        return Err(Circle);
    }
    said.extend_from_slice(b", ");
    said.extend_from_slice(OURS.as_bytes());
    // Values joined by a comma are a value.
    if let Ok(value) = HeaderValue::from_bytes(&said) {
        headers.insert(&CDN_LOOP, value);
    }
    Ok(())
}

/// Whether an entry, which may have parameters, is a gateway of ours.
fn is_ours(entry: &[u8]) -> bool {
    let id = entry.split(|byte| *byte == b';').next();
    id.is_some_and(|id| id.trim_ascii().eq_ignore_ascii_case(OURS.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &[&str]) -> Result<String, Circle> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&CDN_LOOP, line.parse().unwrap());
        }
        count(&mut headers)?;
        let mut lines = headers.get_all(&CDN_LOOP).iter();
        let line = lines.next().unwrap().to_str().unwrap().to_owned();
        assert!(lines.next().is_none());
        Ok(line)
    }

    #[test]
    fn each_gateway_adds_itself() {
        let rows: [(&[&str], &str); 4] = [
            (&[], "wxgate"),
            (&["wxgate"], "wxgate, wxgate"),
            (
                &["cloudflare; a=\"b\"", "x"],
                "cloudflare; a=\"b\", x, wxgate",
            ),
            (&[""], ", wxgate"),
        ];
        for (lines, expected) in rows {
            assert_eq!(counted(lines).as_deref(), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn a_circle_is_cut() {
        let seven = ["wxgate"; 7].join(",");
        assert!(counted(&[&seven]).is_ok());
        assert_eq!(counted(&[&seven, "WxGate ;v=1"]), Err(Circle));
        assert!(counted(&[&seven, "wxgate2"]).is_ok());
    }
}
