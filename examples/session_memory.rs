//! Bytes of memory a signed-in user takes: `cargo run --release --example session_memory -- 1000000`.
//!
//! Signs so many people in and gives each a phone number, as the gateway does, and compares the resident memory
//! with that of the empty process. A second number is the most bytes a user may take; with more
//! the exit code is 1.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use wxgate::auth::{AppId, OpenId, Phone, SessionKey, UnionId};
use wxgate::session::{Config, Sessions, SignIn};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: u64 = 1_800_000_000;

fn main() -> ExitCode {
    let number = |n, default| match std::env::args().nth(n) {
        Some(text) => text.parse().ok(),
        None => Some(default),
    };
    let (Some(users), Some(most)) = (number(1, 1_000_000), number(2, u64::MAX)) else {
        eprintln!("usage: session_memory [USERS [MOST_BYTES]]");
        return ExitCode::from(2);
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure(users)) {
        Ok(bytes) if bytes <= most => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Signs `users` people in; the answer is bytes a user.
async fn measure(users: u64) -> Result<u64, Box<dyn Error>> {
    let before = resident()?;
    let sessions = Sessions::new(&Config {
        capacity: users,
        ..Config::default()
    })?;
    let appid = AppId::new("wx0123456789abcdef")?;
    let began = Instant::now();
    for n in 0..users {
        let signed_in = sessions.sign_in(person(&appid, n)?, None, NOW).await?;
        sessions
            .set_phone(&signed_in.session, phone(n)?, NOW)
            .await?;
    }
    let took = began.elapsed();
    let present = sessions.users();
    let after = resident()?;
    let bytes = after.saturating_sub(before) / present.max(1);
    println!("users present     {present} of {users}");
    println!("resident before   {before} bytes (VmRSS)");
    println!("resident after    {after} bytes (VmRSS)");
    println!("bytes per user    {bytes}");
    println!("login and phone   {:?} each", per(took, users));
    let [median, most, longest] = sweep(&sessions, users);
    println!("step of a sweep   {median:?}, 99 % within {most:?}, longest {longest:?}");
    Ok(bytes)
}

fn person(appid: &AppId, n: u64) -> Result<SignIn, Box<dyn Error>> {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(mixed.to_le_bytes()) {
        *to = from;
    }
    Ok(SignIn {
        appid: appid.clone(),
        openid: OpenId::new(&format!("o6_bmjrPTlm6{mixed:016x}"))?,
        unionid: Some(UnionId::new(&format!("oCMvos6NjeKL{mixed:016X}"))?),
        key: SessionKey::from_bytes(key),
    })
}

fn phone(n: u64) -> Result<Phone, Box<dyn Error>> {
    let number = format!("138{:08}", n % 100_000_000);
    Ok(Phone::new(&number, &number, "86")?)
}

/// Sweeps until every record was looked at: the median step, the 99th of 100, and the longest.
fn sweep(sessions: &Sessions, users: u64) -> [Duration; 3] {
    let mut steps: Vec<_> = (0..=users / 1000)
        .map(|_| {
            let began = Instant::now();
            sessions.sweep(NOW);
            began.elapsed()
        })
        .collect();
    steps.sort_unstable();
    [50, 99, 100].map(|percent| {
        let at = (steps.len() * percent / 100).min(steps.len() - 1);
        steps.get(at).copied().unwrap_or_default()
    })
}

fn per(took: Duration, users: u64) -> Duration {
    Duration::from_nanos(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / users.max(1))
}

/// Resident memory of this process in bytes: `VmRSS` of `/proc/self/status`.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS in /proc/self/status")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}
