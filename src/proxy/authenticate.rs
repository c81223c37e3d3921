//! The second step: who calls, by the credential that a request carries.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, header};

use crate::auth::Token;
use crate::auth::credential::Shown;
use crate::auth::policy::Caller;
use crate::listener::RequestBody;
use crate::proxy::route::Route;
use crate::proxy::{Context, Error, Proxy, Trail, handshake};
use crate::session::Session;

impl Proxy {
    /// Who calls, as far as the route wants to know.
    pub(super) async fn authenticate(
        &self,
        request: &Request<RequestBody>,
        route: &Route,
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Caller, Error> {
        if !route.policy.reads_credential() {
            return Ok(Caller::Anonymous);
        }
        let Some(shown) = self.carrier.find(request.headers()) else {
            return Ok(Caller::Anonymous);
        };
        if !request.method().is_safe() {
            self.check_page(&shown, request.headers(), route, context)?;
        }
        Ok(match self.recognise(shown.text, context, trail).await? {
            Some(session) => Caller::Known(Arc::clone(&session.identity)),
            None => Caller::Expired,
        })
    }

    /// Refuses a credential that a browser added to what another origin's page asks: cookies come with
    /// that, from sibling domains at least, and nobody is asked before.
    #[expect(clippy::unused_self, reason = "a part of the second step")]
    pub(super) fn check_page(
        &self,
        shown: &Shown<'_>,
        headers: &HeaderMap,
        route: &Route,
        context: &Context<'_>,
    ) -> Result<(), Error> {
        let is_foreign = |origin: &HeaderValue| {
            !handshake::is_own_origin(origin, context.host.as_str()) && !route.names_page(origin)
        };
        if shown.by_cookie && headers.get_all(header::ORIGIN).iter().any(is_foreign) {
            return Err(Error::ForeignOrigin);
        }
        Ok(())
    }

    /// The session of a credential, noted for the log.
    pub(super) async fn recognise(
        &self,
        credential: &[u8],
        context: &Context<'_>,
        trail: &mut Trail,
    ) -> Result<Option<Arc<Session>>, Error> {
        let session = self.session(credential, context).await?;
        trail.openid = session
            .as_ref()
            .map(|session| session.identity.openid.clone());
        Ok(session)
    }

    /// The session of a credential: the connection's last one, or the one that the store knows.
    async fn session(
        &self,
        credential: &[u8],
        context: &Context<'_>,
    ) -> Result<Option<Arc<Session>>, Error> {
        if let Some(session) = context.remembered.recall(credential, context.now) {
            return Ok(Some(session));
        }
        let Some(token) = Token::parse(credential) else {
            return Ok(None);
        };
        let found = Box::pin(self.sessions.find(&self.near, &token, context.now)).await?;
        if let Some(session) = &found {
            context.remembered.remember(&token, Arc::clone(session));
        }
        Ok(found)
    }
}
