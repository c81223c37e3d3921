//! The same job on Pingora: `pingora-gateway LISTEN SERVICE USERS [THREADS]`.
//!
//! A token is looked up, whoever is unknown gets 401, all `X-WX-*` of the client are removed and the user's are
//! set. One service thread; nothing is logged.

use std::env;
use std::error::Error;

use async_trait::async_trait;
use bench_peers::{OPENID, PHONE, SAME, User, Users};
use http::header;
use pingora::http::RequestHeader;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Gateway {
    users: Users,
    service: String,
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Option<User>;

    fn new_ctx(&self) -> Self::CTX {
        None
    }

    async fn request_filter(
        &self,
        session: &mut Session,
        ctx: &mut Self::CTX,
    ) -> pingora::Result<bool> {
        *ctx = self
            .users
            .find(session.req_header().headers.get(header::AUTHORIZATION))
            .cloned();
        if ctx.is_none() {
            session.respond_error(401).await?;
        }
        Ok(ctx.is_none())
    }

    async fn upstream_peer(
        &self,
        _: &mut Session,
        _: &mut Self::CTX,
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(
            self.service.as_str(),
            false,
            String::new(),
        )))
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let forged: Vec<_> = request
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("x-wx-"))
            .cloned()
            .collect();
        for name in forged {
            request.remove_header(&name);
        }
        let Some(user) = ctx.take() else {
            return Ok(());
        };
        request.insert_header(OPENID, user.openid)?;
        request.insert_header(PHONE, user.phone)?;
        for (name, value) in SAME {
            request.insert_header(name, value)?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, service, users, threads @ ..] = arguments.as_slice() else {
        return Err("usage: pingora-gateway LISTEN SERVICE USERS [THREADS]".into());
    };
    let threads = threads.first().map_or(Ok(1), |number| number.parse())?;
    let conf = ServerConf {
        threads,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let gateway = Gateway {
        users: Users::read(users)?,
        service: service.clone(),
    };
    let mut proxy = http_proxy_service(&server.configuration, gateway);
    proxy.add_tcp(listen);
    server.add_service(proxy);
    server.run_forever()
}
