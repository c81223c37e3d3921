//! A worker's share of the groups: its connections, its part of their limits, whose turn it is.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http_body::Body;

use crate::upstream::balance::{self, Balance};
use crate::upstream::gate::Gate;
use crate::upstream::group::{Group, GroupId, Groups};
use crate::upstream::pool::{Lease, Near, Pool};
use crate::upstream::{Health, Patience};

/// The groups of one config, as one worker has them.
pub struct Upstreams<B>
where
    B: Body + 'static,
{
    shares: Vec<Share<B>>,
    pool: Rc<Pool<B>>,
}

/// One group, as one worker has it.
pub(super) struct Share<B>
where
    B: Body + 'static,
{
    pub(super) group: Arc<Group>,
    pub(super) pool: Rc<Pool<B>>,
    pub(super) gate: Rc<Gate>,
    pub(super) patience: Patience,
    /// The most connections to one server; 0: no limit.
    most_connections: u32,
    most_idle: usize,
    known: RefCell<Known<B>>,
}

/// The servers of a group as they were last seen.
struct Known<B>
where
    B: Body + 'static,
{
    version: u64,
    servers: Rc<[(Rc<Near<B>>, u32)]>,
    turns: Vec<i64>,
}

/// What a choice comes to.
pub(super) enum Choice<B>
where
    B: Body + 'static,
{
    /// A server has a place.
    Lease(Lease<B>),
    /// All that may be asked have as much as they may.
    Full,
    /// Every server was tried, or there is none.
    Nobody,
}

impl<B> Upstreams<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The share of one of `workers`; connections are those of `pool`.
    pub fn new(groups: &Groups, pool: &Rc<Pool<B>>, patience: Patience, workers: usize) -> Self {
        let share = |group: &Arc<Group>| Share::new(group, pool, patience, workers);
        Self {
            shares: groups.all().iter().map(share).collect(),
            pool: Rc::clone(pool),
        }
    }

    /// The connections, for the next config.
    pub fn pool(&self) -> Rc<Pool<B>> {
        Rc::clone(&self.pool)
    }

    pub(super) fn share(&self, group: GroupId) -> Option<&Share<B>> {
        self.shares.get(group.0)
    }

    /// The word for `group` in the log.
    pub fn label(&self, group: GroupId) -> Option<&str> {
        self.share(group).map(|share| share.group.label())
    }

    /// The `Host` that the servers of `group` see, where that is not the client's.
    pub fn host(&self, group: GroupId) -> Option<&HeaderValue> {
        self.share(group)?.group.host()
    }
}

impl<B> Share<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn new(group: &Arc<Group>, pool: &Rc<Pool<B>>, patience: Patience, workers: usize) -> Self {
        let workers = u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
        let part = |whole: u32| (whole / workers).max(u32::from(whole > 0));
        let config = group.config();
        // Where HTTP/2 is spoken, a connection of HTTP/1.1 is for one WebSocket.
        let most_idle = match part(config.idle_per_server) {
            _ if config.http2 => 0,
            most => usize::try_from(most).unwrap_or(usize::MAX),
        };
        Self {
            gate: pool.gate(group.name(), part(config.max_in_flight)),
            most_connections: part(config.max_connections),
            most_idle,
            group: Arc::clone(group),
            pool: Rc::clone(pool),
            patience,
            known: RefCell::new(Known::new(group, pool, most_idle)),
        }
    }

    /// How many servers there were at the last choice.
    pub(super) fn servers(&self) -> usize {
        self.known.borrow().servers.len()
    }

    pub(super) fn health(&self) -> &Health {
        self.group.health()
    }

    /// A place at a server, but for those `tried`. `key` is whose request it is; `http2`: it may go that
    /// way.
    pub(super) fn choose(&self, key: Option<u64>, tried: &[u64], http2: bool) -> Choice<B> {
        let mut known = self.known.borrow_mut();
        if known.version != self.group.version() {
            *known = Known::new(&self.group, &self.pool, self.most_idle);
        }
        let Known { servers, turns, .. } = &mut *known;
        let untried = |near: &Near<B>| tried.is_empty() || !tried.contains(&near.server.id);
        let is_up = |near: &Near<B>| near.server.is_up();
        let desperate = !servers.iter().any(|(near, _)| is_up(near));
        if !servers.is_empty() {
            self.group.says(desperate);
        }
        let may = |near: &Near<B>, desperate: bool| untried(near) && (desperate || is_up(near));
        // Where those that are up were tried in vain, the others are better than nothing.
        let desperate = desperate || !servers.iter().any(|(near, _)| may(near, false));
        if !servers.iter().any(|(near, _)| may(near, desperate)) {
            return Choice::Nobody;
        }
        let weight = |at: usize| match servers.get(at) {
            Some((near, weight))
                if may(near, desperate) && near.has_room(self.most_connections, http2) =>
            {
                *weight
            }
            _ => 0,
        };
        let load = |at: usize| servers.get(at).map_or(0, |(near, _)| near.in_flight());
        let seed = |at: usize| servers.get(at).map_or(0, |(near, _)| near.server.seed);
        let at = match (self.group.config().balance, key) {
            _ if servers.len() == 1 => Some(0).filter(|at| weight(*at) > 0),
            (Balance::RoundRobin, _) => balance::round_robin(turns, weight),
            (Balance::HashOpenid, Some(key)) => {
                balance::rendezvous(servers.len(), weight, seed, key)
            }
            (Balance::P2c | Balance::HashOpenid, _) => {
                balance::p2c(servers.len(), weight, load, self.pool.draw())
            }
        };
        match at.and_then(|at| servers.get(at)) {
            Some((near, _)) => {
                let desperate = desperate && !is_up(near);
                Choice::Lease(Lease::new(near, &self.gate, desperate))
            }
            None => Choice::Full,
        }
    }
}

impl<B> Known<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// As they are now.
    fn new(group: &Group, pool: &Pool<B>, most_idle: usize) -> Self {
        let roster = group.roster();
        let servers = roster.servers.iter();
        let servers: Rc<[_]> = servers
            .map(|(server, weight)| (pool.near(server, most_idle), *weight))
            .collect();
        Self {
            version: roster.version,
            turns: vec![0; servers.len()],
            servers,
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;
    use crate::deadline::Wheel;
    use crate::setting::Origin;

    #[test]
    fn what_a_worker_knows_of_a_server_outlives_a_config_though_nobody_asks_for_it() {
        let origin = Origin::parse("http://127.0.0.1:1").unwrap();
        let patience = Patience {
            connect: std::time::Duration::ZERO,
            response: std::time::Duration::ZERO,
            stream: std::time::Duration::ZERO,
        };
        let pool = Pool::<Empty<Bytes>>::new(Wheel::default(), 0);
        let share = |servers: Arc<_>| {
            let mut groups = Groups::new(servers);
            let id = groups.single(&origin).unwrap();
            (Upstreams::new(&groups, &pool, patience, 1), groups, id)
        };
        let near = |upstreams: &Upstreams<_>, id| {
            let known = upstreams.share(id).unwrap().known.borrow();
            Rc::downgrade(&known.servers[0].0)
        };
        let (first, groups, id) = share(Arc::default());
        let (known, gate) = (near(&first, id), Rc::downgrade(&first.shares[0].gate));
        let (second, _, id) = share(Arc::clone(groups.servers()));
        drop((first, groups));
        pool.sweep();
        assert!(known.ptr_eq(&near(&second, id)) && known.upgrade().is_some());
        assert!(gate.ptr_eq(&Rc::downgrade(&second.shares[0].gate)));
        drop(second);
        pool.sweep();
        assert!(known.upgrade().is_none() && gate.upgrade().is_none());
    }
}
