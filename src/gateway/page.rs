//! Pages of other origins: what they ask before a request, and the answers that they may read.
//!
//! On a route its own `cors` counts. The gateway's endpoints, and refusals that no route made, are for the
//! pages that any route of the host lists: a page that may use a route must be able to sign in to it.

use std::cell::Cell;

use http::{Request, Response, StatusCode, header};

use crate::error::{Code, Problem};
use crate::gateway::answer::Content;
use crate::gateway::site::Site;
use crate::gateway::way::{Scheme, Sign, Way};
use crate::listener::RequestBody;
use crate::proxy::Trail;
use crate::proxy::cors::{Access, Asker, Preflight};
use crate::proxy::host::Host;

/// A page that asks, and whom.
pub(super) struct Page {
    asker: Asker,
    sign: Sign,
    scheme: Scheme,
    /// Its question was answered with yes, and that answer says all there is to say.
    answered: Cell<bool>,
}

impl Site {
    /// The page that asks, if one does and any route has `cors`.
    pub(super) fn page<B>(&self, request: &Request<B>, scheme: Scheme) -> Option<Box<Page>> {
        if !self.pages {
            return None;
        }
        let asker = Asker::of(request)?;
        let sign = Sign::of(request);
        let answered = Cell::new(false);
        Some(Box::new(Page {
            asker,
            sign,
            scheme,
            answered,
        }))
    }

    /// Answers the question whether a page may send a request, by the route that this would get. `None`
    /// where that route, or the host, has no `cors`: then it is a request like any other.
    pub(super) fn preflight(
        &self,
        request: &mut Request<RequestBody>,
        sign: &Sign,
        page: &Page,
        trail: &mut Trail,
    ) -> Result<Option<Response<Content>>, Problem> {
        let Some(preflight) = page.asker.preflight() else {
            return Ok(None);
        };
        let options = std::mem::replace(request.method_mut(), preflight.method.clone());
        let way = self.crossing.way(request, sign, page.scheme);
        *request.method_mut() = options;
        let at_host = self.access(page);
        let access = match way {
            Err(problem) if at_host.is_some() => return Err(problem),
            Err(_) => return Ok(None),
            Ok(Way::Own(..)) => at_host,
            Ok(Way::Routes(host, path)) => {
                let found = self.proxy.table.find(host.name(), &path, &preflight.method);
                match found.map(|route| (route.index, route.cors.as_ref())) {
                    Err(miss) if at_host.is_some() => {
                        return Err(Problem::from(&crate::proxy::Error::from(miss)));
                    }
                    Err(_) | Ok((_, None)) => return Ok(None),
                    Ok((index, Some(cors))) => {
                        trail.route = Some(index);
                        let access = cors.access(page.asker.origin());
                        Some(access.ok_or_else(not_listed)?)
                    }
                }
            }
        };
        page.answered.set(access.is_some());
        Ok(access.map(|access| allowed(&page.asker, access, preflight)))
    }

    /// Lets the page read `answer`, if it may.
    pub(super) fn show(&self, answer: &mut Response<Content>, page: Option<&Page>, trail: &Trail) {
        if !self.pages || page.is_some_and(|page| page.answered.get()) {
            return;
        }
        let asker = page.map(|page| &page.asker);
        let headers = answer.headers_mut();
        let routes = self.proxy.table.routes();
        if let Some(route) = trail.route.and_then(|index| routes.get(index)) {
            if let Some(cors) = &route.cors {
                cors.rule(asker, headers);
            }
        } else if let Some(page) = page
            && let Some(access) = self.access(page)
        {
            page.asker.admit(access, "", headers);
        }
    }

    /// Whether the page is named in `cors` of a route of `host`, so that it may ask our endpoints with a
    /// credential that browsers send by themselves.
    pub(super) fn lists(&self, page: Option<&Page>, host: Option<&Host<'_>>) -> bool {
        let (Some(page), Some(host)) = (page, host) else {
            return false;
        };
        self.proxy.table.access(host.name(), &page.asker) == Some(Access::Named)
    }

    /// What the page may do on its host, whatever the route.
    fn access(&self, page: &Page) -> Option<Access> {
        let host = page.sign.host(page.scheme).ok()?;
        self.proxy.table.access(host.name(), &page.asker)
    }
}

fn not_listed() -> Problem {
    let detail = "pages of this origin may not ask here: `cors` of the route does not name it";
    Problem::new(Code::RouteDenied, detail)
}

fn allowed(asker: &Asker, access: Access, preflight: &Preflight) -> Response<Content> {
    let mut answer = Response::new(Content::Own(None));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    let no_store = http::HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    asker.admit(access, "", headers);
    preflight.allow(headers);
    answer
}
