//! An honest client beside a flood: how long each of its requests takes, and how long the machine alone
//! makes it wait.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Client;

/// No request of others may take longer, beside what the machine alone took.
const MOST: Duration = Duration::from_secs(1);

/// The 99th percentile may be so much above the quiet one.
const MORE: Duration = Duration::from_millis(50);

/// Pauses between two requests: who asks the more the less he waits would not see that he waits.
const PACE: Duration = Duration::from_millis(5);

/// Connections in turn, so that every worker is asked.
const CONNECTIONS: usize = 6;

/// Requests by which quiet is known, and the fewest that say anything of a flood.
const ENOUGH: usize = 150;

/// Whom it asks, and what.
#[derive(Clone, Copy)]
pub struct Honest {
    pub gateway: SocketAddr,
    /// Asked beside the gateway, in the same way: what this takes longer is the machine's.
    pub service: SocketAddr,
    pub path: &'static str,
}

/// How long each request took, through the gateway and beside it.
#[derive(Default, Clone)]
pub struct Waits {
    through: Vec<Duration>,
    beside: Vec<Duration>,
}

impl Honest {
    /// What it waits where nobody else asks for anything.
    pub fn quiet(self) -> Waits {
        Beside::begin(self).end()
    }

    /// Plays `flood` while it asks, which must not make it wait. A wait that is the machine's is not there again,
    /// so the flood comes up to three times.
    #[track_caller]
    pub fn waits_for_nobody(self, what: &str, mut flood: impl FnMut()) {
        let quiet = self.quiet();
        let mut faults = Vec::new();
        for _ in 0..3 {
            let beside = Beside::begin(self);
            flood();
            let Some(fault) = beside.end().fault(&quiet) else {
                return;
            };
            faults.push(fault);
        }
        panic!("others wait during {what}: {faults:#?}");
    }
}

/// Connections that are kept, and made anew where the other side has closed.
struct Asking {
    honest: Honest,
    through: Vec<Client>,
    beside: Client,
    waits: Waits,
}

impl Asking {
    fn begin(honest: Honest) -> Self {
        Self {
            honest,
            through: (0..CONNECTIONS)
                .map(|_| Client::connect(honest.gateway))
                .collect(),
            beside: Client::connect(honest.service),
            waits: Waits::default(),
        }
    }

    fn ask(&mut self) {
        let path = self.honest.path;
        let time = |client: &mut Client| {
            let start = Instant::now();
            assert_eq!(client.send("GET", path, &[], b"").status, 200);
            start.elapsed()
        };
        let turn = self.waits.through.len() % CONNECTIONS;
        self.waits.through.push(time(&mut self.through[turn]));
        self.waits.beside.push(time(&mut self.beside));
    }
}

/// It asks on a thread of its own, until it is told to end and has asked often enough.
struct Beside {
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<Waits>,
}

impl Beside {
    fn begin(honest: Honest) -> Self {
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let ends = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut asking = Asking::begin(honest);
            loop {
                asking.ask();
                let over = ends.0.lock().unwrap();
                let asked = asking.waits.through.len();
                let (over, _) = ends
                    .1
                    .wait_timeout_while(over, PACE, |over| !*over || asked < ENOUGH)
                    .unwrap();
                if *over && asked >= ENOUGH {
                    return asking.waits;
                }
            }
        });
        Self { over, thread }
    }

    fn end(self) -> Waits {
        *self.over.0.lock().unwrap() = true;
        self.over.1.notify_all();
        self.thread.join().expect("an honest client was answered")
    }
}

impl Waits {
    /// What was wrong with these, after what was `quiet`.
    fn fault(&self, quiet: &Self) -> Option<String> {
        let machine = p99(&self.beside).saturating_sub(p99(&quiet.beside));
        let (slow, fast) = (p99(&self.through), p99(&quiet.through));
        let most = self.through.iter().max()?;
        let alone = self.beside.iter().max()?;
        let is_prompt = slow <= fast + MORE + machine && *most <= MOST + *alone;
        (!is_prompt).then(|| {
            let count = self.through.len();
            format!(
                "p99 {slow:?}, quiet {fast:?}, at most {most:?} of {count}; the machine alone: {machine:?} more, at most {alone:?}"
            )
        })
    }
}

fn p99(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times
        .get((times.len() * 99 / 100).min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
