//! The auth service of nginx's `auth_request` and Caddy's `forward_auth`: `auth-service LISTEN USERS`.
//!
//! It looks a token up and answers 200 with the user's headers, or 401, and does nothing else. hyper on one thread.

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::rc::Rc;

use bench_peers::{OPENID, PHONE, SAME, Users};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, users] = arguments.as_slice() else {
        return Err("usage: auth-service LISTEN USERS".into());
    };
    let users = Rc::new(Users::read(users)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let users = users.clone();
            spawn_local(async move {
                let answer = service_fn(|request| {
                    let answer = answer(&users, &request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                // A connection that breaks is the proxy's affair.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    })
}

fn answer(users: &Users, request: &Request<Incoming>) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    let Some(user) = users.find(request.headers().get(header::AUTHORIZATION)) else {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return response;
    };
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &HeaderValue| headers.insert(name, value.clone());
    set(OPENID, &user.openid);
    set(PHONE, &user.phone);
    for (name, value) in &SAME {
        set(name, value);
    }
    response
}
