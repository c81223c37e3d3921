//! Answers by HTTP/1.1: cut anywhere they say the same, which hyper's client reads, too.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::chunks::Piece;
use super::fault::Fault;
use super::head::{self, Coding};

/// An answer as it was read: its status, its lines in order, its body, its trailers.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    lines: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
    trailers: Vec<(HeaderName, HeaderValue)>,
}

/// Larger heads than these two readers have in common are not made here.
const MOST: usize = 1500;

/// The first byte says what was asked for, and how pieces are cut.
pub(crate) fn head_and_body(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else {
        return;
    };
    let bytes = bytes.get(..MOST).unwrap_or(bytes);
    let method = if first & 1 == 1 {
        Method::GET
    } else {
        Method::HEAD
    };
    let whole = read(bytes, bytes.len(), &method);
    for size in [usize::from(first >> 2) + 1, 1] {
        let pieces = read(bytes, size, &method);
        match (&pieces, &whole) {
            (Ok(pieces), Ok(whole)) => assert_eq!(pieces, whole, "pieces of {size}"),
            (Err(_), Err(_)) => {}
            _ => panic!("pieces of {size}: {pieces:?}, whole: {whole:?}"),
        }
    }
    let others = by_hyper(bytes, &method);
    match (&whole, &others) {
        (Ok(Some(ours)), Ok(theirs)) => assert_eq!(ours, theirs, "hyper reads another answer"),
        (Ok(Some(ours)), Err(error)) => panic!("hyper refuses ({error:?}) {ours:?}"),
        // Both may refuse it, or wait for more; of what frames a body we refuse more.
        (Ok(None) | Err(_), Err(_)) | (Err(Fault::Framing), Ok(_)) => {}
        (ours, Ok(theirs)) => panic!("hyper takes {theirs:?}, we say {ours:?}"),
    }
}

/// Reads what comes in pieces of `size` and then ends: `None` where it ended too early.
fn read(bytes: &[u8], size: usize, method: &Method) -> Result<Option<Answer>, Fault> {
    let mut pieces = bytes.chunks(size.max(1));
    let mut left = Bytes::new();
    let mut more = |left: &mut Bytes| {
        let piece = pieces.next();
        *left = [left, piece.unwrap_or_default()].concat().into();
        piece.is_some()
    };
    let head = loop {
        match head::read(&left, method)? {
            Some((head, length)) => {
                left = left.slice(length..);
                let status = head.answer.status();
                if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                    break head;
                }
            }
            None if !more(&mut left) => return Ok(None),
            None => {}
        }
    };
    let mut answer = Answer {
        status: head.answer.status(),
        lines: lines(head.answer.headers()),
        body: Vec::new(),
        trailers: Vec::new(),
    };
    match head.coding {
        Coding::Length(length) => {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            while left.len() < length {
                if !more(&mut left) {
                    return Ok(None);
                }
            }
            answer.body.extend_from_slice(&left[..length]);
        }
        Coding::UntilClosed => {
            while more(&mut left) {}
            answer.body.extend_from_slice(&left);
        }
        Coding::Chunked(mut chunks) => loop {
            match chunks.next(&mut left)? {
                Some(Piece::Data(data)) => answer.body.extend_from_slice(&data),
                Some(Piece::Trailers(trailers)) => answer.trailers = lines(&trailers),
                Some(Piece::End) => break,
                None if !more(&mut left) => return Ok(None),
                None => {}
            }
        },
    }
    Ok(Some(answer))
}

fn lines(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let lines = headers.iter();
    lines
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The same by hyper.
fn by_hyper(bytes: &[u8], method: &Method) -> hyper::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (ours, mut theirs) = tokio::io::duplex(4 * MOST);
    runtime.block_on(async {
        let (mut send, connection) = hyper::client::conn::http1::Builder::new()
            .handshake(TokioIo::new(ours))
            .await?;
        let request = Request::builder()
            .method(method)
            .body(Empty::<Bytes>::new());
        let exchange = async {
            let answer = send.send_request(request.unwrap()).await?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await?;
            let trailers = body.trailers().map(lines).unwrap_or_default();
            Ok(Answer {
                status: head.status,
                lines: lines(&head.headers),
                body: body.to_bytes().to_vec(),
                trailers,
            })
        };
        let connection = async {
            let server = async {
                // It answers when it was asked.
                theirs.read_buf(&mut Vec::with_capacity(MOST)).await?;
                theirs.write_all(bytes).await?;
                theirs.shutdown().await
            };
            let _ = tokio::join!(connection, server);
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            answer = exchange => answer,
            never = connection => match never {},
        }
    })
}
