//! A `WeChat` that says what it is told to say and writes down what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with a question.
pub(super) enum Say {
    /// HTTP 200 with this JSON, labelled as `sns/*` labels it.
    Json(&'static str),
    /// HTTP 200 with JSON that is made up on the spot.
    Text(String),
    /// These bytes, and the connection ends.
    Raw(&'static str),
    /// HTTP 200 with so many bytes.
    Long(usize),
    /// Nothing, and the connection stays.
    Silence,
    /// Nothing, and the connection ends.
    Hangup,
}

/// What a server was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn is(&self, path: &str) -> bool {
        self.line.contains(path)
    }
}

/// Lives as long as the runtime of the test.
pub(super) struct Server {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers the n-th question (from 0) by `script`.
    pub(super) async fn start(
        script: impl Fn(usize, &Asked) -> Say + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&asked), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                tokio::spawn(async move { converse(stream, &log, &*script).await });
            }
        });
        Self { url, asked }
    }

    /// Answers every question with the same JSON.
    pub(super) async fn always(json: &'static str) -> Self {
        Self::start(move |_, _| Say::Json(json)).await
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn count(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.is(path)).count()
    }
}

async fn converse(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    script: &(dyn Fn(usize, &Asked) -> Say + Send + Sync),
) {
    let mut bytes = Vec::new();
    while let Some(asked) = read(&mut stream, &mut bytes).await {
        let say = {
            let mut log = log.lock().unwrap();
            log.push(asked.clone());
            script(log.len() - 1, &asked)
        };
        let body = match say {
            Say::Json(body) => body.to_owned(),
            Say::Text(body) => body,
            Say::Long(length) => format!("{{\"openid\":\"{}\"}}", "x".repeat(length)),
            Say::Raw(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Say::Silence => {
                std::future::pending::<()>().await;
                return;
            }
            Say::Hangup => return,
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Asked> {
    loop {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .split_once("content-length: ")
                .and_then(|(_, rest)| rest.lines().next()?.parse().ok())
                .unwrap_or(0);
            if rest.len() >= length {
                let line = text.lines().next().unwrap_or_default().to_owned();
                let body = rest[..length].to_owned();
                bytes.clear();
                return Some(Asked { line, head, body });
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
