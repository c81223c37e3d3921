//! Both ends of a WebSocket, byte by byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use sha1::{Digest as _, Sha1};

use crate::harness::{Bed, Client, Reply, Seen, Upstream, request};

/// A handshake's lines, without those that carry a token.
pub const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// A route that asks nothing.
pub const PUBLIC: &str = "[[route]]\npath = \"/\"\nrequire = \"none\"\nto = \"{upstream}\"\n";

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// One end of a connection that speaks WebSocket.
pub struct Socket<S = TcpStream> {
    pub stream: S,
    buffer: Vec<u8>,
    masks: bool,
}

/// A frame: its first byte and its payload.
pub type Frame = (u8, Vec<u8>);

impl Socket {
    /// A server's end.
    pub fn server(stream: &TcpStream, buffer: Vec<u8>) -> Self {
        Self {
            stream: stream.try_clone().unwrap(),
            buffer,
            masks: false,
        }
    }

    /// A client's end: opens `target` with more lines.
    #[track_caller]
    pub fn open(bed: &Bed, target: &str, lines: &str) -> (Self, Reply) {
        let mut client = bed.client();
        client.write(shake(target, lines).as_bytes());
        let reply = client.reply(true);
        assert_eq!(reply.status, 101, "{}", reply.text());
        (Self::client(client), reply)
    }
}

impl<S: Read + Write> Socket<S> {
    /// A client's end of a connection that has switched.
    pub fn client(mut client: Client<S>) -> Self {
        Self {
            buffer: client.take_buffer(),
            stream: client.stream,
            masks: true,
        }
    }

    pub fn send(&mut self, first: u8, payload: &[u8]) {
        let bytes = frame(self.masks, first, payload);
        self.write(&bytes);
    }

    pub fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a close frame.
    pub fn close(&mut self, code: u16) {
        self.send(CLOSE, &code.to_be_bytes());
    }

    /// The next frame; `None` at the end of the connection.
    pub fn frame(&mut self) -> Option<Frame> {
        let head = self.take(2)?;
        let masked = head[1] & 0x80 != 0;
        assert_eq!(masked, !self.masks, "a mask on the wrong side");
        let length = match head[1] & 0x7f {
            126 => usize::from(u16::from_be_bytes(self.take(2)?.try_into().unwrap())),
            127 => usize::try_from(u64::from_be_bytes(self.take(8)?.try_into().unwrap())).unwrap(),
            short => usize::from(short),
        };
        let mask = if masked { self.take(4)? } else { vec![0; 4] };
        let mut payload = self.take(length)?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        Some((head[0], payload))
    }

    /// The next frame, which must be a text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        let (first, payload) = self.frame().expect("a frame");
        assert_eq!(first, TEXT);
        String::from_utf8(payload).unwrap()
    }

    /// The code and the reason of the next frame, which must be a close frame.
    #[track_caller]
    pub fn closed(&mut self) -> (u16, String) {
        let (first, payload) = self.frame().expect("a close frame");
        assert_eq!(first, CLOSE, "{payload:?}");
        let code = u16::from_be_bytes([payload[0], payload[1]]);
        (code, String::from_utf8(payload[2..].to_vec()).unwrap())
    }

    /// Whether the connection ends here, with nothing more.
    pub fn is_over(&mut self) -> bool {
        self.buffer.is_empty() && !self.more()
    }

    /// The next bytes, whatever they are.
    pub fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more() {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    fn more(&mut self) -> bool {
        let mut room = vec![0; 65_536];
        match self.stream.read(&mut room) {
            Ok(0) => false,
            Ok(length) => {
                self.buffer.extend_from_slice(&room[..length]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}

/// A handshake for `target`.
pub fn shake(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gateway.test\r\n{HANDSHAKE}{lines}\r\n")
}

/// A frame's bytes.
pub fn frame(masks: bool, first: u8, payload: &[u8]) -> Vec<u8> {
    let flag = if masks { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(flag | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(flag + 126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(flag + 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if masks {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        bytes.extend_from_slice(&mask);
        bytes.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
    } else {
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// What a server answers to a client's key.
pub fn accept(key: &str) -> String {
    use base64::Engine as _;
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// A 101 that is the right answer, with more lines.
pub fn granted(seen: &Seen, lines: &str) -> String {
    let accept = accept(seen.header("sec-websocket-key").unwrap());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
    )
}

/// A server that grants every handshake and lets `serve` have the socket; other requests get a 200.
pub fn serving(serve: impl Fn(&Seen, Socket) + Send + Sync + 'static) -> Upstream {
    granting("", serve)
}

/// The same, with more lines in its 101.
pub fn granting(
    lines: &'static str,
    serve: impl Fn(&Seen, Socket) + Send + Sync + 'static,
) -> Upstream {
    Upstream::connecting(move |stream, record| {
        let mut buffer = Vec::new();
        while let Some(seen) = request(stream, &mut buffer) {
            record(seen.clone());
            if seen.header("upgrade").is_some() {
                stream.write_all(granted(&seen, lines).as_bytes()).unwrap();
                return serve(&seen, Socket::server(stream, buffer));
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).unwrap();
        }
    })
}

/// A server that sends every frame back, and answers a close frame by the same one.
pub fn echo() -> Upstream {
    serving(|_, socket| parrot(socket))
}

/// Sends every frame back until there is a close frame.
pub fn parrot(mut socket: Socket) {
    while let Some((first, payload)) = socket.frame() {
        socket.send(first, &payload);
        if first == CLOSE {
            return;
        }
    }
}
