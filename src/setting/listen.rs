//! Where a listener is bound.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::setting::fault::Reader;
use crate::setting::origin::socket_path;
use crate::setting::print::Printed;
use crate::setting::schema::{Setting, Shape};
use crate::setting::value::Value;

/// Where a listener is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// `fd:NAME`: a socket that systemd hands over under this name.
    Handed(String),
    /// `unix:/PATH`: a unix socket that we make there.
    Unix(Arc<Path>),
}

impl Setting for ListenAddress {
    const WHAT: &'static str = "an address and a port";
    const EXAMPLE: &'static str = "\"0.0.0.0:8080\"";

    fn shape() -> Shape {
        Shape::Word
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        value.parse(reader, |text| match text.strip_prefix("fd:") {
            None if text.starts_with("unix:") => {
                let path = text.strip_prefix("unix:").unwrap_or_default();
                socket_path(path, "unix:/run/wxgate/web.sock").map(Self::Unix)
            }
            Some(name) if is_name(name) => Ok(Self::Handed(name.to_owned())),
            Some(_) => Err(NAME.to_owned()),
            None => text.parse().map(Self::Tcp).map_err(|_| advice(text)),
        })
    }

    fn print(&self) -> Printed {
        match self {
            Self::Tcp(address) => Printed::text(&address.to_string()),
            Self::Handed(name) => Printed::text(&format!("fd:{name}")),
            Self::Unix(path) => Printed::text(&format!("unix:{}", path.display())),
        }
    }
}

const NAME: &str =
    "write \"fd:\" and the `FileDescriptorName=` of the socket unit, such as \"fd:web\"";

/// Whether systemd takes `name` (`systemd.socket(5)`, `FileDescriptorName=`).
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    (1..=255).contains(&name.len()) && name.bytes().all(is_plain)
}

/// What to write instead of `text`, which is no address.
pub(super) fn advice(text: &str) -> String {
    let port = text
        .strip_prefix("localhost")
        .or(text.strip_prefix('*'))
        .unwrap_or(text);
    match port.strip_prefix(':').map(str::parse::<u16>) {
        Some(Ok(port)) if text.starts_with("localhost") => format!("write \"127.0.0.1:{port}\""),
        Some(Ok(port)) => format!("write \"0.0.0.0:{port}\", or \"[::]:{port}\" for IPv6 too"),
        _ => "write an IP address and a port, such as \"0.0.0.0:8080\" or \"[::]:8080\"".to_owned(),
    }
}
