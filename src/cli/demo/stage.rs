//! Who plays: a WeChat, a service, and the gateway between them.

use std::io;
use std::net::SocketAddr;

use tokio::runtime::Runtime;

use crate::cli::demo::service::Service;
use crate::config::{Config, Sources};
use crate::gateway::Gateway;
use crate::mock::{Mock, Options};

/// The demo's app.
pub(super) const APPID: &str = "wx0123456789abcdef";

/// Its secret, which opens nothing.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The gateway's port, if it is free.
const PORT: u16 = 8080;

/// The mock's, likewise: that of `wxgate mock`.
const MOCK_PORT: u16 = 9181;

/// All that runs. Dropped, it ends.
pub(super) struct Stage {
    pub(super) mock: Mock,
    pub(super) service: Service,
    /// Where the gateway listens.
    pub(super) url: String,
    /// What it was configured with.
    pub(super) toml: String,
    _gateway: Gateway,
}

impl Stage {
    /// Starts all; with `friendly`, gateway and mock on ports that others can know beforehand, if those
    /// are free.
    pub(super) fn set(runtime: &Runtime, friendly: bool) -> Result<Self, String> {
        let started = runtime.block_on(async {
            Ok::<_, io::Error>((start_mock(friendly).await?, Service::start().await?))
        });
        let (mock, service) = started.map_err(|error| error.to_string())?;
        let mut why = String::new();
        let ports: &[u16] = if friendly { &[PORT, 0] } else { &[0] };
        for port in ports {
            let listen = loopback(*port);
            match start(&gateway_toml(listen, &mock.url(), &service.url())) {
                Ok((gateway, address)) => {
                    return Ok(Self {
                        toml: gateway_toml(address, &mock.url(), &service.url()),
                        mock,
                        service,
                        url: format!("http://{address}"),
                        _gateway: gateway,
                    });
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

async fn start_mock(friendly: bool) -> Result<Mock, io::Error> {
    let options = |port| Options {
        listen: loopback(port),
        any_code: true,
        ..Options::default()
    };
    if friendly && let Ok(mock) = Mock::start(options(MOCK_PORT)).await {
        return Ok(mock);
    }
    Mock::start(options(0)).await
}

fn start(toml: &str) -> Result<(Gateway, SocketAddr), String> {
    // Nobody probes it, and a gateway that runs beside it has that port.
    let sources = Sources::text(toml)
        .variable("WX_SECRET", SECRET)
        .flag("admin.listen", "");
    let config = Config::load(&sources).map_err(|report| report.to_string())?;
    let gateway = Gateway::start(&config).map_err(|error| error.to_string())?;
    let address = gateway.addresses().first().copied();
    let address = address.ok_or("the gateway listens nowhere")?;
    Ok((gateway, address))
}

/// The config, as one would write it. Lines fit the screen with an indent of four.
fn gateway_toml(listen: SocketAddr, wechat: &str, service: &str) -> String {
    format!(
        r#"listen = ["{listen}"]

[wechat]
api = ["{wechat}"]      # the mock; without this line, WeChat

[[app]]
appid  = "{APPID}"
secret = {{ env = "WX_SECRET" }}

[[route]]
path = "/"                              # for users who are signed in
to   = "{service}"

[[route]]
path    = "/menu"
to      = "{service}"
require = "none"                        # for anybody

[[route]]
path    = "/orders"
to      = "{service}"
require = "phone"                       # for users whose number is known

[log]
access = false                          # the steps below say it better
"#
    )
}
