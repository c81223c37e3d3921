//! What breaks an exchange by HTTP/1.1.

use std::io;

/// What breaks an exchange.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The connection failed.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// It ended within an answer, or before.
    #[error("the connection was closed before the answer had come whole")]
    Closed,
    /// There is no end to the answer's head.
    #[error("the answer's head has more than 64 KiB")]
    TooLarge,
    /// It says over and over that the answer is still to come.
    #[error("more than 32 interim answers came")]
    Interim,
    /// What came is no answer.
    #[error("what came is not HTTP/1.1: {0}")]
    Head(httparse::Error),
    /// Where the answer ends is said in two ways, or in none that is understood.
    #[error("the answer's length is said in two ways")]
    Framing,
    /// What came is no chunk.
    #[error("the answer is not chunked as it says")]
    Chunk,
    /// The connection brought something before it was asked.
    #[error("bytes came that nobody had asked for")]
    Unasked,
    /// The request's body failed, or has another length than was said.
    #[error("the request's body broke off: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}
