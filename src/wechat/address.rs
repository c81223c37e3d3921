//! The addresses of `[wechat]`: which are servers, which are proxies, and whose they are. Pure.

use std::net::IpAddr;

use reqwest::{Proxy, Url};

/// `text` as the address of a server: scheme http or https, a host, and at most a port.
pub fn server(text: &str) -> Option<Url> {
    let url = url(text)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let known = matches!(url.scheme(), "http" | "https") && url.port() != Some(0);
    let anonymous = url.username().is_empty() && url.password().is_none();
    (bare && known && anonymous).then_some(url)
}

/// `text` as the address of a proxy.
pub fn proxy(text: &str) -> Option<Proxy> {
    let url = url(text)?;
    let known = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
    (known && url.has_host()).then(|| Proxy::all(url).ok())?
}

/// Whether plain http to `server` leaves this machine, with an app secret in it.
pub fn is_exposed(server: &Url) -> bool {
    server.scheme() == "http" && !is_loopback(server)
}

/// Whether Tencent answers at `server`, by its name.
pub fn is_tencents(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default();
    host.ends_with(".weixin.qq.com")
}

fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// `text` as a URL with nothing in it that the parser passes over in silence.
fn url(text: &str) -> Option<Url> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (plain && text.contains("://")).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_scheme_and_a_host_and_no_more() {
        for text in [
            "https://api.weixin.qq.com",
            "https://api.weixin.qq.com/",
            "HTTP://127.0.0.1:9",
            "http://[::1]:9",
        ] {
            assert!(server(text).is_some(), "{text}");
        }
        for text in [
            "",
            "api.weixin.qq.com",
            "https:api.weixin.qq.com",
            "https://api.weixin.qq.com//",
            "https://api.weixin.qq.com/sns",
            "https://api.weixin.qq.com?a",
            "https://api.weixin.qq.com#a",
            "https://a:b@api.weixin.qq.com",
            "https://a@api.weixin.qq.com",
            "https://api.weixin.qq.com:0",
            "https://api.weixin.qq.com:99999",
            "https:\\\\api.weixin.qq.com",
            "https://api.weixin.qq.com\n",
            "https://",
            "https://:443",
            "https://1.2.3.4.5",
            "ftp://api.weixin.qq.com",
        ] {
            assert!(server(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_secret_travels_in_plain_text_on_this_machine_only() {
        let exposed = |text| is_exposed(&server(text).unwrap());
        for text in [
            "https://example.com",
            "http://127.0.0.1:9",
            "http://127.8.8.8",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
            "http://localhost:9",
        ] {
            assert!(!exposed(text), "{text}");
        }
        for text in [
            "http://api.weixin.qq.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
        ] {
            assert!(exposed(text), "{text}");
        }
    }

    #[test]
    fn a_proxy_speaks_http_or_socks() {
        for text in [
            "http://proxy:3128",
            "https://me:pw@proxy",
            "socks5://proxy:1080",
            "socks5h://10.0.0.1:1080",
        ] {
            assert!(proxy(text).is_some(), "{text}");
        }
        for text in ["proxy:3128", "ftp://proxy", "http://", "socks4://proxy:1"] {
            assert!(proxy(text).is_none(), "{text}");
        }
    }
}
