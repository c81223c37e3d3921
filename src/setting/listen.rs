//! Where a listener is bound.

use std::net::SocketAddr;

use crate::setting::fault::Reader;
use crate::setting::print::Printed;
use crate::setting::schema::{Setting, Shape};
use crate::setting::value::Value;

/// Where a listener is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and a port; port 0 lets the system choose.
    Tcp(SocketAddr),
}

impl Setting for ListenAddress {
    const WHAT: &'static str = "an address and a port";
    const EXAMPLE: &'static str = "\"0.0.0.0:8080\"";

    fn shape() -> Shape {
        Shape::Word
    }

    fn read(value: &Value, reader: &mut Reader) -> Option<Self> {
        let later = [
            ("unix:", "unix sockets"),
            ("fd:", "sockets handed over by systemd"),
        ];
        let found = value
            .text()
            .and_then(|text| later.iter().find(|(scheme, _)| text.starts_with(scheme)));
        if let Some((scheme, feature)) = found {
            reader.push(
                value
                    .fault(format!(
                        "`{}`: `{scheme}` is not built yet: {feature}",
                        value.path
                    ))
                    .help("write an address and a port, such as \"0.0.0.0:8080\""),
            );
            return None;
        }
        value.parse(reader, |text| {
            text.parse().map(Self::Tcp).map_err(|_| advice(text))
        })
    }

    fn print(&self) -> Printed {
        match self {
            Self::Tcp(address) => Printed::text(&address.to_string()),
        }
    }
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
