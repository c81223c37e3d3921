//! `wxgate demo`: a mini-program, the gateway, a service and a WeChat, all in one process on loopback.
//!
//! Each step goes through real sockets, prints what was sent, answered and forwarded, and checks it.

use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::cli::terminal::{End, complain};
use crate::mock::DEFAULT_OPENID;

mod app;
mod screen;
mod service;
mod socket;
mod stage;
mod story;

use app::{App, Sent};
use screen::Screen;
use stage::Stage;

/// `wxgate demo`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after the last step instead of staying up
    #[arg(long)]
    once: bool,
}

/// Plays the story; then stays up, unless told otherwise, until interrupted.
pub(super) fn run(args: &Args) -> End {
    let stage = runtime().map_err(|error| error.to_string());
    let stage = stage.and_then(|runtime| Ok((Stage::set(&runtime, !args.once)?, runtime)));
    let (stage, runtime) = match stage {
        Ok(set) => set,
        Err(why) => {
            complain(&format!("the demo cannot start: {why}"));
            return End::Failed;
        }
    };
    let mut screen = Screen::new();
    screen.introduce(&stage);
    let played = runtime.block_on(story::play(&stage, &mut screen));
    if let Err(error) = played {
        complain(&format!("the demo broke off: {error}"));
        return End::Failed;
    }
    if !screen.sum_up() {
        return End::Failed;
    }
    if args.once {
        return End::Good;
    }
    match runtime.block_on(stay(&stage, &mut screen)) {
        Ok(()) => End::Good,
        Err(error) => {
            complain(&format!("the demo broke off: {error}"));
            End::Failed
        }
    }
}

fn runtime() -> Result<Runtime, io::Error> {
    Builder::new_current_thread().enable_all().build()
}

/// Shows lines to copy, with a token that is good, until interrupted.
async fn stay(stage: &Stage, screen: &mut Screen) -> Result<(), app::Error> {
    let app = App::new(&stage.url, stage.service.clone())?;
    let code = stage.mock.login_code(DEFAULT_OPENID);
    let login = app
        .send(Sent::post("/wxgate/login").json(&[("code", &code)]))
        .await?;
    screen.invite(stage, &login.text_of("token"));
    // Without signals it stays up until it is ended some other way.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
    Ok(())
}
