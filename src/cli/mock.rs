//! `wxgate mock`: a WeChat to develop against, until it is interrupted.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;

use tokio::runtime::Builder;

use crate::auth::AppId;
use crate::cli::terminal::{End, complain};
use crate::mock::{Api, App, DEFAULT_APPID, DEFAULT_OPENID, Mock, Options, Rotation};
use crate::setting::Secret;

/// What stands for a secret where any will do.
const ANY_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// `wxgate mock`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9181")]
    pub(super) listen: SocketAddr,
    /// Take each code that it never minted once, for one default user, as WeChat's IDE needs
    #[arg(long)]
    pub(super) any_code: bool,
    /// Know only this app; its secret is read from VARIABLE. May be repeated
    #[arg(long = "app", value_name = "APPID=VARIABLE", value_parser = app)]
    pub(super) apps: Vec<App>,
    /// Keep a user's session key at a login instead of replacing it
    #[arg(long)]
    pub(super) keep_key: bool,
    /// Send countryCode as a number, as WeChat does at times
    #[arg(long)]
    pub(super) numeric_country: bool,
}

/// Runs the mock on a runtime of its own.
pub(super) fn mock(args: Args) -> End {
    let ended = Builder::new_multi_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(run(args)));
    match ended {
        Ok(()) => End::Good,
        Err(error) => {
            complain(&format!("wxgate mock: {error}"));
            End::Failed
        }
    }
}

/// Starts the mock, says what it offers, and serves until interrupted.
async fn run(args: Args) -> Result<(), io::Error> {
    let options = Options {
        listen: args.listen,
        apps: args.apps,
        any_code: args.any_code,
        rotation: if args.keep_key {
            Rotation::Keep
        } else {
            Rotation::OnLogin
        },
        numeric_country: args.numeric_country,
    };
    let mock = Mock::start(options.clone()).await?;
    let mut out = io::stdout().lock();
    out.write_all(welcome(&mock.url(), &options).as_bytes())?;
    out.flush()?;
    drop(out);
    tokio::signal::ctrl_c().await
}

/// Reads `APPID=VARIABLE`. The secret itself would show in the list of processes.
fn app(text: &str) -> Result<App, String> {
    let (appid, variable) = text
        .split_once('=')
        .ok_or("write APPID=VARIABLE, with the secret in that variable")?;
    let appid = AppId::new(appid).map_err(|error| error.to_string())?;
    let secret = env::var(variable).map_err(|_| format!("there is no variable {variable}"))?;
    Ok(App {
        appid,
        secret: Secret::new(secret),
    })
}

/// What a developer needs to know, with lines to copy.
fn welcome(url: &str, options: &Options) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    line(&format!("WeChat, played by wxgate, at {url}"));
    if !options.listen.ip().is_loopback() {
        line("");
        line("WARNING: other machines reach this address. WeChat's API answers them, so");
        line("they can log in as anybody. Use it where only test systems are. The control");
        line("API below /mock answers this machine alone.");
    }
    line("");
    line(&format!("  A gateway   [wechat] api = [\"{url}\"]"));
    line("  A service   this address in place of https://api.weixin.qq.com");
    line(&format!("  Apps        {}", apps(options)));
    line(&format!("  Codes       {}", codes(options)));
    line("");
    line("WeChat's API");
    for api in Api::ALL {
        line(&format!("  {:<4}  {}", api.method(), api.path()));
    }
    line("");
    line("Try it: mint a login code, then do what a gateway does with it");
    line("");
    line(&format!("  curl -s {url}/mock/login-code \\"));
    line("    -d '{\"openid\":\"oAlice\",\"code\":\"my-code\"}'");
    line(&format!("  curl -sG {url}/sns/jscode2session \\"));
    line(&format!("    -d appid={} \\", appid(options)));
    line(&format!("    -d secret={} \\", secret(options)));
    line("    -d js_code=my-code -d grant_type=authorization_code");
    line("");
    line("and what the phone button gives, encrypted under that login's key:");
    line("");
    line(&format!("  curl -s {url}/mock/open-data \\"));
    line("    -d '{\"openid\":\"oAlice\",\"kind\":\"phone\"}'");
    line("");
    line(&format!(
        "Everything else: curl -s {url}/mock, and docs/mock.md."
    ));
    line("Ctrl-C ends it.");
    text
}

fn apps(options: &Options) -> String {
    if options.apps.is_empty() {
        return "any appid with any secret of 32 characters".to_owned();
    }
    let mut text = String::new();
    for app in &options.apps {
        let _ = write!(text, "{} ", app.appid);
    }
    text
}

fn codes(options: &Options) -> String {
    if options.any_code {
        format!("its own; any other once, for {DEFAULT_OPENID}")
    } else {
        "its own alone (--any-code takes the ones that WeChat's IDE makes)".to_owned()
    }
}

fn appid(options: &Options) -> &str {
    let first = options.apps.first();
    first.map_or(DEFAULT_APPID, |app| app.appid.as_str())
}

/// What the example shows for the secret: never a real one.
fn secret(options: &Options) -> &str {
    if options.apps.is_empty() {
        ANY_SECRET
    } else {
        "$SECRET"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apps_secret_comes_from_a_variable_and_is_never_shown() {
        let path = env::var("PATH").unwrap();
        let known = app("wx0123456789abcdef=PATH").unwrap();
        assert_eq!(known.secret.expose(), path);
        let options = Options {
            apps: vec![known],
            ..Options::default()
        };
        assert!(!welcome("http://127.0.0.1:1", &options).contains(&path));
        assert!(app("wx0123456789abcdef").is_err());
        assert!(app("wx0=PATH").is_err());
        assert!(app("wx0123456789abcdef=NO_SUCH_VARIABLE_HERE").is_err());
    }

    #[test]
    fn an_address_that_others_reach_is_warned_of() {
        let open = Options {
            listen: ([0, 0, 0, 0], 9181).into(),
            ..Options::default()
        };
        assert!(welcome("http://0.0.0.0:9181", &open).contains("WARNING"));
        let text = welcome("http://127.0.0.1:9181", &Options::default());
        assert!(!text.contains("WARNING"));
        assert!(text.lines().all(|line| line.chars().count() <= 80));
    }
}
