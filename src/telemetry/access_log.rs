//! One line for each request, written by a thread of its own.
//!
//! A worker copies what it knows into a [`Record`] and puts it into a bounded queue; it never waits,
//! and nothing of the request's buffers is kept. Formatting, redaction and digests happen on the log's
//! thread. What finds the queue full is dropped and counted.

mod line;
mod record;

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use crate::telemetry::Config;
use crate::telemetry::output::{Output, Stream};

use self::line::Pen;
pub use self::record::Record;

/// Records that may wait.
const CAPACITY: usize = 8192;

/// How long records wait at most while there is traffic.
const PAUSE: Duration = Duration::from_millis(20);

/// Pauses without a record after which the thread sleeps until one comes.
const QUIET: u32 = 50;

/// How long it sleeps then, should a wake-up ever be missed.
const SLEEP: Duration = Duration::from_secs(1);

/// How often the number of dropped records is told.
const COMPLAINT: Duration = Duration::from_secs(1);

/// How long the end waits for what still waits: nobody may read it.
const FAREWELL: Duration = Duration::from_secs(2);

/// Bytes that are written at once.
const CHUNK: usize = 64 << 10;

/// The access log. Dropped, it writes what still waits, as far as somebody takes it.
#[derive(Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    /// Nothing ever comes; it ends with the thread.
    ended: Mutex<mpsc::Receiver<Infallible>>,
}

/// A worker's way into the log; clones lead into the same one.
#[derive(Debug, Clone)]
pub struct Entry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: ArrayQueue<Record>,
    dropped: AtomicU64,
    closed: AtomicBool,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl AccessLog {
    /// Starts the log that `config` asks for; `None` where it asks for none. `key` is what digests of
    /// users depend on: the same key gives a user the same word.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or the thread cannot be had.
    pub fn start(config: &Config, key: &[u8]) -> io::Result<Option<Self>> {
        if !config.access {
            return Ok(None);
        }
        let output = Output::open(config.file.as_deref(), Stream::Output)?;
        let pen = Pen::new(config.format, config.openid, key);
        Self::write_to(output, pen, CAPACITY).map(Some)
    }

    fn write_to(output: impl Write + Send + 'static, pen: Pen, most: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: ArrayQueue::new(most),
            dropped: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let mut writer = Writer {
            shared: Arc::clone(&shared),
            pen,
            output,
            page: Vec::with_capacity(CHUNK),
            told: None,
            failed: false,
        };
        let (alive, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("wxgate-log".to_owned())
            .spawn(move || {
                let _alive = alive;
                writer.run();
            })?;
        // It is set once, here.
        let _ = shared.thread.set(thread.thread().clone());
        Ok(Self {
            shared,
            ended: Mutex::new(ended),
        })
    }

    /// A way in, for one worker.
    pub fn entry(&self) -> Entry {
        Entry(Arc::clone(&self.shared))
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.wake();
        let ended = self.ended.get_mut();
        let ended = ended.unwrap_or_else(PoisonError::into_inner);
        // Either it has written all there was, or nobody takes it.
        let _ = ended.recv_timeout(FAREWELL);
    }
}

impl Entry {
    /// Puts `record` into the log, or drops it where the log is full or closed.
    pub fn put(&self, record: Record) {
        let shared = &*self.0;
        if shared.closed.load(Ordering::Relaxed) || shared.queue.push(record).is_err() {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        // A busy log is not woken for each record: only when it must hurry.
        if shared.asleep.load(Ordering::Relaxed)
            || shared.queue.len() >= shared.queue.capacity() / 4
        {
            shared.wake();
        }
    }

    /// Records dropped since the log was started and not told of yet.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// The log's thread.
struct Writer<W> {
    shared: Arc<Shared>,
    pen: Pen,
    output: W,
    page: Vec<u8>,
    told: Option<Instant>,
    failed: bool,
}

impl<W: Write> Writer<W> {
    fn run(&mut self) {
        let mut quiet = 0;
        loop {
            // Read first: what was put before the log was closed is written.
            let closed = self.shared.closed.load(Ordering::SeqCst);
            quiet = if self.write_all_there_is() {
                0
            } else {
                quiet + 1
            };
            self.tell_of_dropped(closed);
            if closed {
                return;
            }
            if quiet < QUIET {
                std::thread::park_timeout(PAUSE);
                continue;
            }
            self.shared.asleep.store(true, Ordering::SeqCst);
            if self.shared.queue.is_empty() {
                std::thread::park_timeout(SLEEP);
            }
            self.shared.asleep.store(false, Ordering::SeqCst);
        }
    }

    fn write_all_there_is(&mut self) -> bool {
        let mut any = false;
        while let Some(record) = self.shared.queue.pop() {
            any = true;
            self.pen.write(&record, &mut self.page);
            if self.page.len() >= CHUNK {
                self.turn_page();
            }
        }
        self.turn_page();
        any
    }

    fn turn_page(&mut self) {
        if self.page.is_empty() {
            return;
        }
        let written = self
            .output
            .write_all(&self.page)
            .and_then(|()| self.output.flush());
        self.page.clear();
        match written {
            Ok(()) => self.failed = false,
            Err(error) => {
                if !self.failed {
                    tracing::error!(%error, "access lines cannot be written");
                }
                self.failed = true;
            }
        }
    }

    fn tell_of_dropped(&mut self, closing: bool) {
        if self.shared.dropped.load(Ordering::Relaxed) == 0 {
            return;
        }
        let soon = self.told.is_some_and(|told| told.elapsed() < COMPLAINT);
        if soon && !closing {
            return;
        }
        self.told = Some(Instant::now());
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        tracing::warn!(
            dropped,
            "access lines were dropped: the log is slower than the traffic"
        );
    }
}

#[cfg(test)]
mod tests;
