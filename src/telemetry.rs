//! Logs: what happened, for the operator.

use std::path::PathBuf;

use crate::setting;

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
