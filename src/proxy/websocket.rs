//! A WebSocket's way through the six steps, and what watches over it while it is open.
//!
//! The handshake is a request like any other, and its answer is one unless it is the server's right 101.
//! Then the session that opened it is asked for again and again: whoever is signed out is told so by a
//! close frame.

use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode, Version};

use crate::auth::policy::Caller;
use crate::auth::{Policy, UnixSeconds};
use crate::deadline::Timer;
use crate::listener::{RequestBody, Switch};
use crate::proxy::body::Outgoing;
use crate::proxy::handshake::Handshake;
use crate::proxy::route::Route;
use crate::proxy::{Context, Error, Proxy, Returned, Trail};
use crate::session::{Session, Sessions};
use crate::upstream::{self, Close, Passed, Tunnel};

/// How often an open tunnel's session is asked for: a log-out is seen within this.
const CHECK: Duration = Duration::from_secs(1);

/// A WebSocket that the server has granted, and the client is about to hear of.
pub struct Opening {
    switch: Switch,
    tunnel: Tunnel,
    extended: bool,
    mask: [u8; 4],
    guard: Guard,
    passed: Rc<Passed>,
}

/// Watches over an open tunnel.
struct Guard {
    /// Who opened it, if anybody known.
    session: Option<Arc<Session>>,
    sessions: Sessions,
    policy: Policy,
    clock: fn() -> UnixSeconds,
    timer: Timer,
}

/// Who asks for a WebSocket: [`Caller`], with the session.
enum Opener {
    Anonymous,
    Expired,
    Known(Arc<Session>),
}

/// A request for a WebSocket.
pub(super) struct Call {
    switch: Switch,
    handshake: Handshake,
}

impl Call {
    /// What `request` asks for, where that is a WebSocket and `route` lets it pass. A token where
    /// `websocket_token` says that one may stand goes no further in any case.
    pub(super) fn of(request: &mut Request<RequestBody>, route: &Route) -> Option<Self> {
        let places = &route.websocket_token;
        let switch = request.body().switch();
        let taken = switch.and_then(|switch| Some((switch, Handshake::take(request, places)?)));
        let Some((switch, handshake)) = taken else {
            Handshake::forget_token(request, places);
            return None;
        };
        route.websocket.then_some(Self { switch, handshake })
    }
}

impl Proxy {
    /// Serves a request for a WebSocket: the steps after the first.
    pub(super) async fn open(
        &self,
        request: Box<Request<RequestBody>>,
        call: Call,
        route: &Route,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Response<Returned>, Error> {
        let Call { switch, handshake } = call;
        let opener = self
            .opener(request.headers(), &handshake, route, context, trail)
            .await?;
        let (caller, session) = match opener {
            Opener::Anonymous => (Caller::Anonymous, None),
            Opener::Expired => (Caller::Expired, None),
            Opener::Known(session) => (Caller::Known(Arc::clone(&session.identity)), Some(session)),
        };
        let permit = self.authorize(caller, route)?;
        self.count_user(&permit, request.headers(), route, context)?;
        let mut request = self.inject(request, route, &permit, context, trail)?;
        handshake.write(request.headers_mut());
        let answer = self.forward(request, route, permit, trail).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(self.respond(answer, route).map(Returned::Body));
        }
        let granted = self.grant(answer, &handshake)?;
        Ok(granted.map(|(tunnel, extended)| {
            let [a, b, c, d, ..] = context.random;
            Returned::Opening(Box::new(Opening {
                switch,
                tunnel,
                extended,
                mask: [a, b, c, d],
                guard: Guard {
                    session,
                    sessions: self.sessions.clone(),
                    policy: route.policy.clone(),
                    clock: self.bearing.clock,
                    timer: self.wheel.timer(),
                },
                passed: Rc::default(),
            }))
        }))
    }

    /// The session of the token in a handshake, wherever it stands.
    async fn opener(
        &self,
        headers: &HeaderMap,
        handshake: &Handshake,
        route: &Route,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Opener, Error> {
        if !route.policy.reads_credential() {
            return Ok(Opener::Anonymous);
        }
        let shown = self.carrier.find(headers);
        if let Some(shown) = &shown {
            self.check_page(shown, headers, route, context)?;
        }
        let Some(text) = shown.map(|shown| shown.text).or(handshake.token()) else {
            return Ok(Opener::Anonymous);
        };
        let found = self.recognise(text, context, trail).await?;
        Ok(found.map_or(Opener::Expired, Opener::Known))
    }

    /// The tunnel behind a 101 that is the answer to `handshake`, and the answer as the client gets it.
    fn grant(
        &self,
        answer: Response<upstream::Answer<Outgoing>>,
        handshake: &Handshake,
    ) -> Result<Response<(Tunnel, bool)>, Error> {
        let extended = handshake
            .check(answer.headers())
            .map_err(|_| upstream::Error::Switched)?;
        let (mut head, body) = answer.into_parts();
        let tunnel = body.switch()?;
        self.rules.response(&mut head.headers);
        handshake.answer(&mut head.headers);
        head.version = Version::HTTP_11;
        Ok(Response::from_parts(head, (tunnel, extended)))
    }
}

impl Opening {
    /// What will have passed, kept up while it does.
    pub fn passed(&self) -> Rc<Passed> {
        Rc::clone(&self.passed)
    }

    /// Has the tunnel begin when the 101 has left. `line` is dropped at its end, or when it is clear that
    /// there will be none.
    pub fn begin(self, line: impl Sized + 'static) {
        let Self {
            switch,
            tunnel,
            extended,
            mask,
            guard,
            passed,
        } = self;
        switch.to(move |client| async move {
            let end = guard.watch(client.drain());
            tunnel.run(client, extended, mask, &passed, end).await;
            drop(line);
        });
    }
}

impl Guard {
    /// Why the tunnel must end, once it must.
    async fn watch(mut self, is_draining: impl Fn() -> bool) -> Close {
        loop {
            if self.session.is_some() {
                self.timer.set(CHECK);
            }
            let drains = std::future::poll_fn(|cx| {
                // In this order: who waits on the timer is woken at a drain.
                let due = self.timer.poll(cx);
                if is_draining() {
                    return Poll::Ready(true);
                }
                due.map(|()| false)
            });
            if drains.await {
                return Close::LEAVING;
            }
            if !self.is_good().await {
                return Close::SESSION;
            }
        }
    }

    /// Whether whoever opened the tunnel may still have it.
    async fn is_good(&mut self) -> bool {
        let now = (self.clock)();
        let Some(session) = &self.session else {
            return true;
        };
        if session.is_alive(now) {
            return true;
        }
        match self.sessions.renew(session, now).await {
            Ok(Some(session)) => {
                let caller = Caller::Known(Arc::clone(&session.identity));
                self.session = Some(session);
                self.policy.authorize(caller).is_ok()
            }
            Ok(None) => false,
            // A store that is down signs nobody out, and makes nobody's session longer.
            Err(_) => session.expires_in(now) > 0,
        }
    }
}
