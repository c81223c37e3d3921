//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use wxgate::cli;

/// A reverse proxy that signs WeChat mini-program users in
#[derive(Parser)]
#[command(name = "wxgate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A WeChat to develop against
    Mock(cli::mock::Args),
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    let ended = match Arguments::parse().command {
        Command::Mock(args) => runtime.block_on(cli::mock::run(args)),
    };
    if ended.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
