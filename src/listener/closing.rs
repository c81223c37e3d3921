//! The end of a connection that still has something to say, or to hear.
//!
//! A socket that is closed with bytes unread resets the connection, and the peer may never see our
//! answer. So we say that we have finished, and read on for a moment (RFC 9112 §9.6).

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::Body;
use http_body_util::BodyExt as _;
use socket2::SockRef;
use tokio::io::{AsyncWriteExt as _, ReadBuf};

use crate::listener::connection::io::Io;
use crate::listener::connection::state::State;

/// How long the peer may go on sending what nobody wants any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of it is read.
const MOST: usize = 256 << 10;

/// Ends our side of `io`, and reads on until the peer has ended, too, or has had its chance.
pub(super) async fn linger(mut io: Io, state: &State) {
    state.timer().set(PATIENCE);
    let mut room = vec![0; 16 << 10];
    let mut left = MOST;
    let mut said = false;
    poll_fn(|cx| {
        if state.timer().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !said {
            said = io.finish(cx).is_ready();
        }
        loop {
            let mut buffer = ReadBuf::new(&mut room);
            match io.discard(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(()))
                    if !buffer.filled().is_empty() && left > buffer.filled().len() =>
                {
                    left -= buffer.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// Ends the connection so that nobody takes its end for the end of a message.
pub(super) fn reset(io: &Io) {
    // Where that cannot be had, the connection ends as others do.
    let _ = SockRef::from(io.socket()).set_linger(Some(Duration::ZERO));
}

/// Writes `answer` where no request was understood, and closes.
pub(super) async fn refuse<B>(mut io: Io, state: &State, answer: Response<B>)
where
    B: Body<Data = Bytes> + Unpin,
{
    state.speak();
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await else {
        return;
    };
    let body = body.to_bytes();
    let mut text = Vec::with_capacity(512 + body.len());
    let reason = head.status.canonical_reason().unwrap_or_default();
    text.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", head.status.as_str()).as_bytes());
    for (name, value) in &head.headers {
        if name != header::CONTENT_LENGTH && name != header::CONNECTION {
            line(&mut text, name.as_str(), value);
        }
    }
    text.extend_from_slice(
        format!(
            "content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    text.extend_from_slice(&body);
    // A kilobyte fits a socket's buffer; a peer that keeps even that full is not waited for.
    if matches!(
        tokio::time::timeout(PATIENCE, io.write_all(&text)).await,
        Ok(Ok(()))
    ) {
        linger(io, state).await;
    }
}

fn line(text: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b": ");
    text.extend_from_slice(value.as_bytes());
    text.extend_from_slice(b"\r\n");
}
