//! Logs: what happened, for the operator.
//!
//! Lines of our own come at the level of the config; those of the libraries below us only as warnings
//! and errors, because what they say in detail may hold what nobody should read.

pub mod access_log;
pub mod metrics;
mod output;
mod timestamp;

use std::io;
use std::path::PathBuf;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

use crate::setting;
use crate::telemetry::output::Output;

pub use self::access_log::AccessLog;

setting::section! {
    /// `[log]`: what is written, and how.
    pub struct Config {
        /// The least weight of what is written.
        level: Level = Level::Info,
        /// The form of a line.
        format: Format = Format::Json,
        /// The file for it, reopened on SIGUSR1; absent: standard error for the log, standard output for access lines.
        file: Option<PathBuf> = None,
        /// Whether each request has a line.
        access: bool = true,
        /// How users are named in it.
        openid: OpenIdAs = OpenIdAs::Digest,
    }
    later { "otlp": "OpenTelemetry" }
}

/// Writes what happens in this process as `config` says, until what it returns is dropped: then what
/// still waits is written.
///
/// Lines are written by a thread of their own. Where they come faster than it can write, some are
/// dropped: nobody's request waits for a log.
///
/// # Errors
///
/// The file cannot be opened, or the process writes its log already.
pub fn install(config: &Config) -> io::Result<WorkerGuard> {
    let output = Output::open(config.file.as_deref(), output::Stream::Error)?;
    let (lines, guard) = tracing_appender::non_blocking(output);
    tracing::subscriber::set_global_default(subscriber(config, lines)).map_err(io::Error::other)?;
    Ok(guard)
}

/// Opens the files of all logs anew, by their names: what SIGUSR1 asks for. A file that cannot be
/// opened is left as it is.
///
/// # Errors
///
/// The first file that cannot be opened.
pub fn reopen() -> io::Result<()> {
    output::reopen()
}

fn subscriber<M>(config: &Config, writer: M) -> impl tracing::Subscriber + Send + Sync + 'static
where
    M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let own = config.level.filter();
    let others = own.min(LevelFilter::WARN);
    let levels = Targets::new()
        .with_default(others)
        .with_target("wxgate", own);
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match config.format {
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
        Format::Text => lines.boxed(),
    };
    Registry::default().with(lines.with_filter(levels))
}

/// The weight of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Failures only.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what happens in a day.
    Info,
    /// And how.
    Debug,
    /// And each step.
    Trace,
}

impl Level {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

setting::choice! {
    Level, "a level" {
        "error" => Self::Error, "warn" => Self::Warn, "info" => Self::Info, "debug" => Self::Debug,
        "trace" => Self::Trace,
    }
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For eyes.
    Text,
}

setting::choice! { Format, "a form of lines" { "json" => Self::Json, "text" => Self::Text } }

/// How a user is named in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenIdAs {
    /// By a keyed digest: the same user is the same word, and nobody is known by it.
    Digest,
    /// By the openid itself.
    Plain,
}

setting::choice! { OpenIdAs, "a way to name users" { "digest" => Self::Digest, "plain" => Self::Plain } }

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(level: Level, format: Format) -> String {
        let config = Config {
            level,
            format,
            ..Config::default()
        };
        let page = Page::default();
        let writer = page.clone();
        tracing::subscriber::with_default(subscriber(&config, move || writer.clone()), || {
            tracing::info!(answer = 42, "ready\nnot a line of its own");
            tracing::debug!("ours in detail");
            tracing::debug!(target: "hyper::proto", "theirs in detail");
            tracing::warn!(target: "reqwest", "their warning");
        });
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_of_json_is_one_object() {
        let text = written(Level::Info, Format::Json);
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "ready\nnot a line of its own");
        assert_eq!(lines[0]["answer"], 42);
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[1]["message"], "their warning");
    }

    #[test]
    fn libraries_never_speak_in_detail() {
        let text = written(Level::Trace, Format::Text);
        assert!(text.contains("ours in detail") && text.contains("their warning"));
        assert!(!text.contains("theirs in detail"));
        let text = written(Level::Error, Format::Text);
        assert_eq!(text, "");
    }
}
