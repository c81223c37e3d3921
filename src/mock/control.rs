//! What steers a mock: users, codes, open data, faults, the clock. In Rust here, over HTTP in `http`.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::auth::UnixSeconds;
use crate::mock::code::{Code, Purpose};
use crate::mock::open_data::{Error, Kind, Order, Sealed, Signed, Under};
use crate::mock::traffic::{Call, Fault, Traffic};
use crate::mock::world::World;
use crate::mock::{Api, Options, Rotation, User};

pub(super) mod http;
mod order;

/// Steers a mock; clones steer the same one.
#[derive(Clone)]
pub struct Control(Arc<Shared>);

struct Shared {
    world: Mutex<World>,
    traffic: Mutex<Traffic>,
    /// Seconds that the mock's clock is ahead of the system's.
    ahead: AtomicU64,
    /// Woken when a call came in and when something was released.
    changed: Notify,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control(…)")
    }
}

/// An order for a login code. The short form is [`Control::login_code`].
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginCode {
    /// Who logs in; a user not known yet is made up. Empty: the default user.
    pub openid: String,
    /// Sets the user's unionid.
    pub unionid: Option<String>,
    /// What the login answers as `session_key`, unchecked.
    pub session_key: Option<String>,
    /// The only app that the code works for.
    pub appid: Option<String>,
    /// The code's own text; `None`: a random one. A text used before becomes a new code.
    pub code: Option<String>,
}

/// An order for a phone code. The short form is [`Control::phone_code`].
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneCode {
    /// Who tapped; a user not known yet is made up. Empty: the default user.
    pub openid: String,
    /// Sets the user's `purePhoneNumber`.
    pub phone: Option<String>,
    /// Sets the user's `countryCode`.
    pub country: Option<String>,
    /// The only app that the code works for.
    pub appid: Option<String>,
    /// The code's own text; `None`: a random one. A text used before becomes a new code.
    pub code: Option<String>,
}

impl Control {
    pub(super) fn new(options: Options) -> Result<Self, io::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(Self(Arc::new(Shared {
            world: Mutex::new(World::new(options, seed)),
            traffic: Mutex::new(Traffic::default()),
            ahead: AtomicU64::new(0),
            changed: Notify::new(),
        })))
    }

    /// Adds a user, or changes the one of that openid.
    pub fn put_user(&self, user: User) {
        self.world().put(user);
    }

    /// The user of `openid`, made up if need be.
    pub fn user(&self, openid: &str) -> User {
        self.world().person(openid).user.clone()
    }

    /// Makes `openid` the user of codes that nobody minted.
    pub fn choose_user(&self, openid: &str) {
        let mut world = self.world();
        world.person(openid);
        openid.clone_into(&mut world.default_user);
    }

    /// What `wx.login` gives this user: a login code.
    pub fn login_code(&self, openid: &str) -> String {
        self.mint_login(LoginCode {
            openid: openid.to_owned(),
            ..LoginCode::default()
        })
    }

    /// A login code as ordered.
    pub fn mint_login(&self, order: LoginCode) -> String {
        let now = self.now();
        let mut world = self.world();
        let openid = or_default(order.openid, &world);
        if order.unionid.is_some() {
            world.person(&openid).user.unionid = order.unionid;
        }
        let code = Code {
            purpose: Purpose::Login,
            openid,
            appid: order.appid,
            session_key: order.session_key,
            born: now,
        };
        world.mint(code, order.code)
    }

    /// What the phone button gives this user: a phone code.
    pub fn phone_code(&self, openid: &str) -> String {
        self.mint_phone(PhoneCode {
            openid: openid.to_owned(),
            ..PhoneCode::default()
        })
    }

    /// A phone code as ordered.
    pub fn mint_phone(&self, order: PhoneCode) -> String {
        let now = self.now();
        let mut world = self.world();
        let openid = or_default(order.openid, &world);
        let user = &mut world.person(&openid).user;
        if let Some(phone) = order.phone {
            user.phone = phone;
        }
        if let Some(country) = order.country {
            user.country = country;
        }
        let code = Code {
            purpose: Purpose::Phone,
            openid,
            appid: order.appid,
            session_key: None,
            born: now,
        };
        world.mint(code, order.code)
    }

    /// `encryptedData` and `iv` as ordered. Fails if there is no such key, or if it is none.
    pub fn seal(&self, order: &Order) -> Result<Sealed, Error> {
        let now = self.now();
        self.world().seal(order, now)
    }

    /// `encryptedData` and `iv` of `kind`, under the user's current key.
    pub fn open_data(&self, openid: &str, kind: Kind) -> Result<Sealed, Error> {
        self.seal(&Order::new(openid, kind))
    }

    /// `rawData` and `signature`: of `raw_data`, or of the user's profile.
    pub fn sign(
        &self,
        openid: &str,
        raw_data: Option<String>,
        under: &Under,
    ) -> Result<Signed, Error> {
        self.world().sign(openid, raw_data, under)
    }

    /// Replaces the user's session key, by `key` or a new one, as `wx.login` does behind everybody's
    /// back. The next login answers it. Gives its base64 text.
    pub fn rotate_key(&self, openid: &str, key: Option<String>) -> String {
        self.world().rotate_key(openid, key)
    }

    /// The base64 text of the user's current session key, if there is one.
    pub fn session_key(&self, openid: &str) -> Option<String> {
        self.world().person(openid).keys.back(0).map(str::to_owned)
    }

    /// What becomes of a session key at a login, from now on.
    pub fn set_rotation(&self, rotation: Rotation) {
        self.world().options.rotation = rotation;
    }

    /// Whether `countryCode` is sent as a number from now on.
    pub fn set_numeric_country(&self, numeric: bool) {
        self.world().options.numeric_country = numeric;
    }

    /// Replaces the access token of `appid`; the old one works five minutes more. Gives the new one.
    pub fn rotate_access_token(&self, appid: &str) -> String {
        let now = self.now();
        let mut world = self.world();
        let fresh = world.fresh_token();
        world.tokens.rotate(appid, fresh, now).0
    }

    /// Makes the access tokens of `appid` expired: calls with them get 42001.
    pub fn expire_access_token(&self, appid: &str) {
        self.world().tokens.expire(appid);
    }

    /// Forgets the access tokens of `appid`: calls with them get 40001.
    pub fn revoke_access_token(&self, appid: &str) {
        self.world().tokens.revoke(appid);
    }

    /// Seconds that access tokens live from now on; WeChat's are 7200.
    pub fn set_access_token_life(&self, seconds: u64) {
        self.world().tokens.live(seconds);
    }

    /// Makes something go wrong with the next calls of `api`, after what was planned before.
    ///
    /// # Panics
    /// If there is no such API; so do the others that name one.
    pub fn fault(&self, api: &str, fault: Fault) {
        self.traffic().lane(named(api)).faults.push_back(fault);
    }

    /// Cancels what was to go wrong, delays and holds, of all APIs.
    pub fn heal(&self) {
        let mut traffic = self.traffic();
        for api in Api::ALL {
            let lane = traffic.lane(api);
            lane.faults.clear();
            lane.latency = Duration::ZERO;
            lane.held = false;
        }
        drop(traffic);
        self.0.changed.notify_waiters();
    }

    /// Makes answers of `api` take this long, once WeChat has done its work.
    pub fn set_latency(&self, api: &str, latency: Duration) {
        self.traffic().lane(named(api)).latency = latency;
    }

    /// Makes answers of `api` wait for [`Self::release`]; WeChat does its work at once.
    pub fn hold(&self, api: &str) {
        self.traffic().lane(named(api)).held = true;
    }

    /// Lets the answers of `api` go.
    pub fn release(&self, api: &str) {
        self.traffic().lane(named(api)).held = false;
        self.0.changed.notify_waiters();
    }

    /// How many calls of `api` came in.
    pub fn calls(&self, api: &str) -> u64 {
        self.traffic().lane(named(api)).calls
    }

    /// Waits until `calls` calls of `api` have come in, from the start on.
    pub async fn called(&self, api: &str, calls: u64) {
        let api = named(api);
        self.wait_until(|traffic| traffic.lane(api).calls >= calls)
            .await;
    }

    /// The most calls of `api` that were ever unanswered at once.
    pub fn peak(&self, api: &str) -> u32 {
        self.traffic().lane(named(api)).peak
    }

    /// The last call of `api`.
    pub fn last(&self, api: &str) -> Option<Call> {
        self.traffic().lane(named(api)).last.clone()
    }

    /// Moves the mock's clock forward, and with it the end of codes and tokens.
    pub fn advance(&self, by: Duration) {
        self.0.ahead.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    /// The mock's time.
    pub fn now(&self) -> UnixSeconds {
        let real = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        real.unwrap_or_default().as_secs() + self.0.ahead.load(Ordering::Relaxed)
    }

    /// Forgets users, codes, tokens, counts and faults, and sets the clock right.
    pub fn reset(&self) {
        self.heal();
        let mut world = self.world();
        let mut seed = [0; 32];
        for (half, bytes) in seed.chunks_mut(16).zip([world.nonce(), world.nonce()]) {
            half.copy_from_slice(&bytes);
        }
        *world = World::new(world.options.clone(), seed);
        drop(world);
        *self.traffic() = Traffic::default();
        self.0.ahead.store(0, Ordering::Relaxed);
    }

    /// Waits while answers of `api` are held.
    pub(super) async fn while_held(&self, api: Api) {
        self.wait_until(|traffic| !traffic.lane(api).held).await;
    }

    async fn wait_until(&self, mut good: impl FnMut(&mut Traffic) -> bool) {
        loop {
            // Made before the look: a change between look and wait is not missed.
            let change = self.0.changed.notified();
            if good(&mut self.traffic()) {
                return;
            }
            change.await;
        }
    }

    /// Wakes who waits for calls.
    pub(super) fn notify(&self) {
        self.0.changed.notify_waiters();
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        let traffic = self.0.traffic.lock();
        traffic.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The API that a test names; a name that does not exist is the test's mistake.
fn named(api: &str) -> Api {
    Api::named(api).unwrap_or_else(|| unreachable!("there is no API `{api}`"))
}

fn or_default(openid: String, world: &World) -> String {
    if openid.is_empty() {
        world.default_user.clone()
    } else {
        openid
    }
}

impl From<Map<String, Value>> for Kind {
    fn from(object: Map<String, Value>) -> Self {
        Self::Json(object)
    }
}
