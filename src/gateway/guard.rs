//! One request's panic is a 500 and a log line; the worker and its other connections live on (R28).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A future that comes to `None` where its work panics.
    pub(super) struct Unpanicking<F> {
        #[pin]
        work: F,
    }
}

/// What `work` comes to, or `None` where it panicked. The panic itself is logged by the process's
/// panic hook.
pub(super) fn unpanicking<F: Future>(work: F) -> Unpanicking<F> {
    // A struct, not an `async fn`, which would keep the work twice: as argument and pinned.
    Unpanicking { work }
}

impl<F: Future> Future for Unpanicking<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.project().work;
        // SECURITY: the work is never polled again after a panic, so nothing half-done is seen.
        match catch_unwind(AssertUnwindSafe(|| work.poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::Arc;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use tokio::sync::watch;

    use super::*;
    use crate::listener::{self, Arrival, Load, Settings};

    async fn answer(arrival: Arrival) -> Response<Full<Bytes>> {
        let work = async {
            tokio::task::yield_now().await;
            match arrival {
                Arrival::Request(request) if request.uri().path() == "/boom" => {
                    panic!("on purpose")
                }
                _ => "fine",
            }
        };
        let text = unpanicking(work).await;
        let mut response = Response::new(Full::from(text.unwrap_or("panicked")));
        if text.is_none() {
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        }
        response
    }

    fn ask(stream: &mut TcpStream, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut room = [0; 1024];
        let length = stream.read(&mut room).unwrap();
        String::from_utf8_lossy(&room[..length]).into_owned()
    }

    #[test]
    fn a_panic_is_a_500_and_the_worker_lives_on() {
        let mut bound = listener::bind(
            &[crate::setting::ListenAddress::Tcp(
                ([127, 0, 0, 1], 0).into(),
            )],
            1,
            &mut listener::Handed::default(),
        )
        .unwrap();
        let address = bound.addresses[0];
        let (stop, drain) = watch::channel(false);
        let worker = std::thread::spawn(move || {
            let load = Arc::new(Load::new(16));
            let sockets = bound.sockets.pop().unwrap();
            let connect = |_: &crate::deadline::Wheel| |_: listener::Peer| answer;
            let settings = watch::channel(Arc::new(Settings::default())).1;
            listener::run(sockets, settings, &load, drain, connect).unwrap();
        });
        let (mut one, mut other) = (
            TcpStream::connect(address).unwrap(),
            TcpStream::connect(address).unwrap(),
        );
        assert!(ask(&mut other, "/").contains("fine"));
        for _ in 0..3 {
            let answer = ask(&mut one, "/boom");
            assert!(
                answer.starts_with("HTTP/1.1 500 ") && answer.ends_with("panicked"),
                "{answer}"
            );
        }
        assert!(ask(&mut one, "/").contains("fine") && ask(&mut other, "/").contains("fine"));
        stop.send_replace(true);
        worker.join().unwrap();
    }
}
