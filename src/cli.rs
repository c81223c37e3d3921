//! The commands: what each takes, and what its end says to whoever called it.

mod check;
mod decrypt;
mod demo;
mod explain;
mod health;
mod mock;
mod run;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};

use crate::auth::{AppId, UnixSeconds};
use crate::cli::terminal::End;
use crate::config::Sources;

/// A gateway that signs WeChat mini-program users in.
#[derive(Debug, Parser)]
#[command(name = "wxgate", version, about, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the gateway
    Run(Config),
    /// Say all that is wrong with a config, without starting anything
    Check {
        #[command(flatten)]
        config: Config,
        /// Print the whole config as it is in force, and where each value came from
        #[arg(long)]
        print: bool,
    },
    /// Say which route a request takes, what it asks of the caller, where it goes, and why
    Explain {
        /// The request's method
        method: String,
        /// The request's URL, or its path
        url: String,
        #[command(flatten)]
        config: Config,
    },
    /// Show what the gateway does: a mini-program, a service and a WeChat in one process
    Demo(demo::Args),
    /// Play WeChat for development and tests, on this machine
    Mock(mock::Args),
    /// Say why a triple of encryptedData, iv and session key does not open, or that it does
    Decrypt {
        /// A file with the triple; without one, or with `-`, standard input
        input: Option<PathBuf>,
        /// The app that the data should be of
        #[arg(long, value_parser = appid)]
        appid: Option<AppId>,
        /// The oldest phone data that the gateway would take
        #[arg(long, value_name = "DURATION", value_parser = decrypt::age)]
        phone_age: Option<Duration>,
        /// Show phone numbers and ids whole
        #[arg(long)]
        show: bool,
    },
    /// Ask the operator's listener whether the gateway lives, for containers
    Health(Config),
}

fn appid(text: &str) -> Result<AppId, String> {
    AppId::new(text).map_err(|error| error.to_string())
}

/// Where the config is read from.
#[derive(Debug, Args)]
struct Config {
    /// The file
    #[arg(short, long, value_name = "FILE", default_value = "gateway.toml")]
    config: PathBuf,
    /// Set one key, over file and variables
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

impl Config {
    /// File, environment and flags.
    fn sources(self) -> Sources {
        let sources = Sources::file(self.config).with_environment();
        self.set
            .into_iter()
            .fold(sources, |sources, (key, text)| sources.flag(key, text))
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| "write KEY=VALUE, such as session.idle=1h".to_owned())
}

/// Runs the command of this process's arguments to its end.
pub fn main() -> ExitCode {
    // clap ends the process with 2 by itself if the arguments are wrong.
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Run(config) => run::run(&config.sources()),
        Command::Check { config, print } => check::check(&config.sources(), print),
        Command::Explain {
            method,
            url,
            config,
        } => explain::explain(&method, &url, &config.sources()),
        Command::Demo(args) => demo::run(&args),
        Command::Mock(args) => mock::mock(args),
        Command::Decrypt {
            input,
            appid,
            phone_age,
            show,
        } => {
            let options = decrypt::Options {
                appid,
                phone_age,
                show,
            };
            let stdin = std::io::stdin().lock();
            let outcome = decrypt::run(
                input.as_deref(),
                &options,
                now(),
                stdin,
                &mut std::io::stdout().lock(),
            );
            // Whoever closed standard output does not want the rest.
            outcome.unwrap_or(End::Failed)
        }
        Command::Health(config) => health::health(&config.sources()),
    }
    .into()
}

fn now() -> UnixSeconds {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
