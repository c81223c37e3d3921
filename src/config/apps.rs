//! The apps of a config, and the WeChat that vouches for their users.

use crate::config::check::Checks;
use crate::wechat::{self, address};

/// Where WeChat is, and how it is called.
pub(super) fn wechat(checks: &mut Checks<'_>, wechat: &wechat::Config) {
    if wechat.api.is_empty() {
        checks.blame(
            "wechat.api",
            "`wechat.api` is empty",
            "write [\"https://api.weixin.qq.com\"]",
        );
    }
    for (api, path) in wechat.api.iter().zip(checks.items("wechat.api")) {
        let Some(server) = address::server(api) else {
            let message = format!(
                "`{path}` is not the address of a server: {}",
                checks.found(&path)
            );
            checks.blame(
                &path,
                message,
                "write scheme, host and at most a port: \"https://api.weixin.qq.com\"",
            );
            continue;
        };
        if address::is_exposed(&server) {
            checks.blame(
                &path,
                format!(
                    "`{path}` is plain http to another machine: {}",
                    checks.found(&path)
                ),
                "app secrets go there: write https, or an address on loopback (a mock)",
            );
        }
    }
    checks.not_zero("wechat.timeout", wechat.timeout);
    if wechat.concurrency == 0 {
        checks.blame(
            "wechat.concurrency",
            "`wechat.concurrency` is zero: nobody could log in",
            "write how many calls may run at once, such as 200",
        );
    }
    if !wechat.proxy.is_empty() && address::proxy(&wechat.proxy).is_none() {
        checks.blame(
            "wechat.proxy",
            "`wechat.proxy` is not the address of a proxy",
            "write \"http://proxy:3128\" or \"socks5h://proxy:1080\"",
        );
    }
}

/// The apps, each once and with its whole secret.
pub(super) fn apps(checks: &mut Checks<'_>, apps: &[wechat::App]) {
    if checks.lacks("app") {
        checks.blame(
            "app",
            "there is no app: nobody could log in",
            "add `[[app]]` with `appid` and `secret`, or set WXGATE_APPID and WXGATE_SECRET",
        );
    }
    let paths = checks.items("app");
    for (index, (app, path)) in apps.iter().zip(&paths).enumerate() {
        let secret = app.secret.expose();
        let problem = match secret.chars().count() {
            32 if secret.bytes().all(|b| b.is_ascii_hexdigit()) => None,
            32 => Some("it has other characters than digits and a to f".to_owned()),
            count => Some(format!("it has {count} characters, not 32")),
        };
        if let Some(problem) = problem {
            checks.blame(
                &format!("{path}.secret"),
                format!("`{path}.secret` is not an app secret: {problem}"),
                "WeChat's console shows an app secret as 32 digits and letters a to f",
            );
        }
        let first = apps
            .iter()
            .zip(&paths)
            .take(index)
            .find(|(first, _)| first.appid == app.appid);
        if let Some((_, first)) = first {
            checks.blame_both(
                &format!("{path}.appid"),
                (&format!("{first}.appid"), "it is here too"),
                format!("two apps have the appid {}", app.appid),
                "keep one of them",
            );
        }
    }
}

/// What may be, and should be known at every start (R26).
pub(super) fn warnings(wechat: &wechat::Config) -> Vec<String> {
    wechat
        .api
        .iter()
        .filter(|api| !address::server(api).is_some_and(|server| address::is_tencents(&server)))
        .map(|api| {
            format!(
                "wechat.api: {api} is not Tencent's; whoever answers there decides who everybody is"
            )
        })
        .collect()
}
