//! A new connection to one server.

use std::io;

use bytes::Bytes;
use http_body::Body;

use crate::upstream::channel::Channel;
use crate::upstream::link::Link;
use crate::upstream::multiplex::Shared;
use crate::upstream::pool::Lease;
use crate::upstream::server::Tally;
use crate::upstream::share::Share;
use crate::upstream::stream::Stream;

/// Connects to the server of `lease`, within `timeouts.connect`. A failure counts against the server.
pub(super) async fn dial<B>(
    share: &Share<B>,
    lease: &Lease<B>,
    http2: bool,
) -> io::Result<Channel<B>>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let near = &lease.near;
    let _dialing = http2.then(|| near.dials());
    let open = near.open();
    let connecting = tokio::time::timeout(
        share.patience.connect,
        Stream::connect(&share.group, &near.server, http2),
    );
    let connected = match connecting.await {
        Ok(connected) => connected,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    let stream = match connected {
        Ok(stream) => stream,
        Err(error) => {
            Tally::count(&near.tally.failures);
            near.server.failed(&error, share.health());
            return Err(error);
        }
    };
    Tally::count(&near.tally.connections);
    let wheel = &share.pool.wheel;
    if http2 {
        let shared = Shared::new(stream, open, share.patience, wheel).await;
        return shared
            .map(|shared| near.share(shared))
            .map_err(io::Error::other);
    }
    let link = Link::new(stream, near.desk(), open, share.patience, wheel);
    Ok(Channel::Link(link))
}
