//! The longest calls into the session store in CPU time of their thread: `bench-alone USERS`.
//!
//! So many people sign in and share a number, are looked up, and expire under the sweeper while others sign in.

use std::env;
use std::error::Error;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wxgate::auth::{AppId, OpenId, Phone, SessionKey, Token};
use wxgate::session::{Config, Sessions, SignIn};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: u64 = 1_800_000_000;

/// The longest and the sum of the calls of a kind.
#[derive(Default)]
struct Calls {
    longest: Duration,
    sum: Duration,
    count: u32,
}

impl Calls {
    /// Adds what a call takes. Nothing in the store waits for anybody, so each future is ready when it is polled.
    fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let before = cpu();
        let answer = call();
        let took = cpu().saturating_sub(before);
        self.longest = self.longest.max(took);
        self.sum += took;
        self.count += 1;
        answer
    }

    fn tell(&self, name: &str) {
        let mean = self.sum / self.count.max(1);
        println!(
            "{name} longest {} us, mean {} ns, {} calls",
            self.longest.as_micros(),
            mean.as_nanos(),
            self.count
        );
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let users: u64 = env::args()
        .nth(1)
        .ok_or("usage: bench-alone USERS")?
        .parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    // Those who come later find the first ones still there.
    let config = Config {
        capacity: users * 2,
        ..Config::default()
    };
    let (ttl, sessions) = (config.ttl.as_secs(), Sessions::new(&config)?);
    let appid = AppId::new("wx0123456789abcdef")?;
    let [mut login, mut phone, mut lookup, mut sweep] = <[Calls; 4]>::default();

    let mut tokens: Vec<Token> = Vec::new();
    for n in 0..users {
        let person = person(&appid, n)?;
        let signed_in = login.time(|| runtime.block_on(sessions.sign_in(person, None, NOW)))?;
        let number = format!("138{n:08}");
        let number = Phone::new(&number, &number, "86")?;
        phone.time(|| runtime.block_on(sessions.set_phone(&signed_in.session, number, NOW)))?;
        tokens.push(signed_in.token);
    }
    for token in &tokens {
        let found = lookup.time(|| runtime.block_on(sessions.look_up(token, NOW)))?;
        found.ok_or("a session was lost")?;
    }
    // A pass while nothing is over, one while all of them are, and logins in between.
    for (from, now) in [(users, NOW), (users + users / 10, NOW + ttl + 1)] {
        for n in 0..=users.div_ceil(1000) {
            sweep.time(|| sessions.sweep(now));
            let person = person(&appid, from + n)?;
            login.time(|| runtime.block_on(sessions.sign_in(person, None, now)))?;
        }
    }
    let left = sessions.users();
    if left > users / 10 {
        return Err(format!("{left} of {users} did not expire").into());
    }
    for (name, calls) in [
        ("login", &login),
        ("phone", &phone),
        ("lookup", &lookup),
        ("sweep", &sweep),
    ] {
        calls.tell(name);
    }
    Ok(())
}

/// CPU time of this thread so far.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

fn person(appid: &AppId, n: u64) -> Result<SignIn, Box<dyn Error>> {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed.to_le_bytes());
    Ok(SignIn {
        appid: appid.clone(),
        openid: OpenId::new(&format!("o6_bmjrPTlm6{mixed:016x}"))?,
        unionid: None,
        key: SessionKey::from_bytes(key),
    })
}
