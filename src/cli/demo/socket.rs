//! A WebSocket at the service (RFC 6455), as far as a demo needs one: it says who came, then says everything
//! back.

use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, HeaderMap, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::auth::crypto;

/// What a server hashes with a client's key (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The longest payload of a frame, in bytes.
const PAYLOAD: u64 = 64 * 1024;

/// First bytes and opcodes of frames (RFC 6455 §5.2).
const LAST: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The answer to a handshake; `None`: these are the headers of no handshake. The gateway lets pass
/// only what is one in every point.
pub(super) fn switch(headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    let accept = crypto::base64(&crypto::sha1(&[key.as_bytes(), GUID]));
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept)
        .body(Full::default())
        .ok()
}

/// Says `greeting`, then every message back, until the other side closes.
pub(super) async fn talk(upgrade: OnUpgrade, greeting: String) -> Result<(), io::Error> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    echo(TokioIo::new(upgraded), greeting.as_bytes()).await
}

async fn echo(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    greeting: &[u8],
) -> Result<(), io::Error> {
    write(&mut stream, LAST | TEXT, greeting).await?;
    loop {
        let (first, payload) = read(&mut stream).await?;
        match first & OPCODE {
            CLOSE => return write(&mut stream, first, &payload).await,
            PING => write(&mut stream, LAST | PONG, &payload).await?,
            PONG => {}
            _ => write(&mut stream, first, &payload).await?,
        }
    }
}

/// A client's frame: its first byte, and its payload without the mask.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<(u8, Vec<u8>), io::Error> {
    let first = stream.read_u8().await?;
    let length = match stream.read_u8().await? & 0x7f {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    if length > PAYLOAD {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await?;
    let mut payload = Vec::new();
    (&mut *stream)
        .take(length)
        .read_to_end(&mut payload)
        .await?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok((first, payload))
}

/// A server's frame. It has no mask.
async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    first: u8,
    payload: &[u8],
) -> Result<(), io::Error> {
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => frame.push(short),
        (_, Ok(wide)) => {
            frame.push(126);
            frame.extend(wide.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_says_who_came_and_then_everything_back_until_the_close() {
        // Masked with zeroes: a text, a ping, a message of 126 bytes, a close.
        let long = vec![b'x'; 126];
        let said = [
            &[0x81, 0x82, 0, 0, 0, 0, b'h', b'i'][..],
            &[0x89, 0x80, 0, 0, 0, 0],
            &[0x82, 0xfe, 0, 126, 0, 0, 0, 0],
            &long,
            &[0x88, 0x82, 0, 0, 0, 0, 3, 232],
        ];
        let (mut client, server) = tokio::io::duplex(4096);
        let talk = tokio::spawn(async move { echo(server, b"you").await });
        client.write_all(&said.concat()).await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        let expected = [
            &[0x81, 3, b'y', b'o', b'u'][..],
            &[0x81, 2, b'h', b'i'],
            &[0x8a, 0],
            &[0x82, 126, 0, 126],
            &long,
            &[0x88, 2, 3, 232],
        ];
        assert_eq!(heard, expected.concat());
        talk.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_frame_that_is_too_long_ends_it() {
        let (mut client, server) = tokio::io::duplex(64);
        let talk = tokio::spawn(async move { echo(server, b"").await });
        client
            .write_all(&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1])
            .await
            .unwrap();
        assert!(talk.await.unwrap().is_err());
    }
}
