//! What the demo looks like: 80 columns of plain text, coloured where somebody looks.

use std::io::IsTerminal as _;

use http::StatusCode;
use serde_json::Value;

use crate::cli::demo::app::Exchange;
use crate::cli::demo::stage::Stage;
use crate::cli::terminal::say;

/// Columns of a line.
const WIDTH: usize = 80;

/// Columns before a step's text, and of the word that says who speaks.
const INDENT: usize = 4;
const SPEAKER: usize = 9;

/// The longest text of a JSON value or header line that is shown whole.
const VALUE: usize = 30;

/// A space at which no line is broken.
const NO_BREAK: char = '\u{a0}';

/// Writes the story and counts what did not come as it should.
pub(super) struct Screen {
    coloured: bool,
    steps: u32,
    checks: u32,
    failures: u32,
}

/// How a piece of text stands out.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Speaker,
}

impl Screen {
    pub(super) fn new() -> Self {
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            coloured,
            steps: 0,
            checks: 0,
            failures: 0,
        }
    }

    /// Says who plays, and shows the config.
    pub(super) fn introduce(&self, stage: &Stage) {
        self.line(
            Style::Bold,
            "wxgate signs WeChat mini-program users in, so that your service need not.",
        );
        let (wxgate, service, wechat) = (&stage.url, stage.service.url(), stage.mock.url());
        self.lines(
            Style::Plain,
            &format!(
                "
    app ─────────▶ wxgate ─────────▶ service
                      │              knows nothing of WeChat: it reads who
                      ▼              calls from the headers X-WX-…
                   WeChat

They all run in this process now, on loopback. The app is a mini-program on a
phone. The WeChat is `wxgate mock`, which answers and encrypts as the real one.

    wxgate   {wxgate}
    service  {service}
    WeChat   {wechat}

All of the gateway's config:

"
            ),
        );
        for line in stage.toml.lines() {
            self.line(Style::Dim, format!("    {line}").trim_end());
        }
        self.lines(Style::Plain, LEGEND);
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str, prose: &str) {
        self.steps += 1;
        let head = format!("{:>2}  {title} ", self.steps);
        let rule = "─".repeat(WIDTH.saturating_sub(head.chars().count()));
        self.line(Style::Plain, "");
        say(&format!(
            "{}{}\n",
            self.paint(Style::Bold, &head),
            self.paint(Style::Dim, &rule)
        ));
        for line in wrap(prose, WIDTH - INDENT) {
            self.line(Style::Plain, &format!("{:INDENT$}{line}", ""));
        }
    }

    /// Shows a request, its answer, and what the service saw.
    pub(super) fn exchange(&self, exchange: &Exchange) {
        self.line(Style::Plain, "");
        let sent = &exchange.sent;
        let mut lines = vec![format!("{} {}", sent.method, sent.path)];
        let headers = sent.headers.iter();
        lines.extend(headers.map(|(name, value)| header_line(name, value)));
        lines.extend(sent.body.as_ref().map(|body| object(body.iter())));
        self.speak("app", &lines);

        self.speak("wxgate", &[answer(exchange)]);

        let mut lines = Vec::new();
        for seen in &exchange.seen {
            lines.push(format!("{} {}", seen.method, seen.path));
            let identity = seen.identity();
            lines.extend(
                identity.map(|(name, value)| header_line(&name.to_ascii_uppercase(), value)),
            );
            if seen.identity().next().is_none() {
                lines.push("(no X-WX-… header)".to_owned());
            }
        }
        if lines.is_empty() {
            lines.push("–".to_owned());
        }
        self.speak("service", &lines);
    }

    /// Says what should be so, and whether it is.
    pub(super) fn check(&mut self, what: &str, holds: bool) {
        self.checks += 1;
        let (mark, style) = if holds {
            ("✓", Style::Good)
        } else {
            ("✗", Style::Bad)
        };
        if !holds {
            self.failures += 1;
        }
        for (number, line) in wrap(what, WIDTH - INDENT - 2).iter().enumerate() {
            let mark = if number == 0 { mark } else { " " };
            say(&format!(
                "{:INDENT$}{} {line}\n",
                "",
                self.paint(style, mark)
            ));
        }
    }

    /// A gap before the checks of a step.
    pub(super) fn gap(&self) {
        self.line(Style::Plain, "");
    }

    /// Says how it went; whether all came as it should.
    pub(super) fn sum_up(&self) -> bool {
        self.line(Style::Plain, "");
        self.line(Style::Dim, &"─".repeat(WIDTH));
        if self.failures > 0 {
            let text = format!(
                "{} of {} checks failed: see ✗ above.",
                self.failures, self.checks
            );
            self.line(Style::Bad, &text);
            return false;
        }
        let text = format!("All {} checks of {} steps hold.", self.checks, self.steps);
        self.line(Style::Good, &text);
        self.lines(Style::Plain, YOURS);
        true
    }

    /// Lines to copy, while all stays up.
    pub(super) fn invite(&self, stage: &Stage, token: &str) {
        let text = invitation(&stage.url, &stage.mock.url(), token);
        self.lines(Style::Plain, &text);
    }

    /// Lines of one speaker, each wrapped.
    fn speak(&self, speaker: &str, lines: &[String]) {
        let width = WIDTH - INDENT - SPEAKER;
        let wrapped = lines.iter().flat_map(|line| wrap(line, width));
        for (number, line) in wrapped.enumerate() {
            let speaker = if number == 0 { speaker } else { "" };
            let speaker = self.paint(Style::Speaker, &format!("{speaker:<SPEAKER$}"));
            let line = line.replace(NO_BREAK, " ");
            say(&format!("{:INDENT$}{speaker}{line}\n", ""));
        }
    }

    fn lines(&self, style: Style, text: &str) {
        for line in text.lines() {
            self.line(style, line);
        }
    }

    fn line(&self, style: Style, text: &str) {
        say(&format!("{}\n", self.paint(style, text)));
    }

    fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "31;1",
            Style::Speaker => "36",
        };
        if self.coloured && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

const LEGEND: &str = "
In each step: what the app sends, what wxgate answers, and what comes to the
service (–: nothing). A ✓ is a check that was made, and could have failed.";

const YOURS: &str = "
What is left for you to write:

    app      Send the code of wx.login to /wxgate/login, keep the token, show it
             as `Authorization: Bearer …`. On a refusal do what `action` says.
    service  Read X-WX-OPENID and X-WX-PHONE. Let nobody but wxgate reach it.
    wxgate   The config above with your appid, and without the mock's address;
             then `wxgate check` and `wxgate run`.";

/// Lines that work as they stand, for the gateway at `url` and the mock at `mock`.
fn invitation(url: &str, mock: &str, token: &str) -> String {
    format!(
        r#"
It stays up until Ctrl-C. In another terminal, with a user who is signed in:

    TOKEN={token}
    AUTH="Authorization: Bearer $TOKEN"
    JSON="Content-Type: application/json"

    curl {url}/cart                  # 401: sign in first
    curl {url}/cart -H "$AUTH"       # what the service saw
    curl {url}/menu -H 'X-WX-OPENID: admin'
    curl {url}/orders -H "$AUTH"     # 403: the phone number
    curl {url}/wxgate/phone -H "$AUTH" -H "$JSON" \
      -d '{{"code":"tap-1"}}'
    curl {url}/orders -H "$AUTH"
    curl {url}/wxgate/session -H "$AUTH"
    curl -i -X POST {url}/wxgate/logout -H "$AUTH"

Any code logs in here, once, so a mini-program in WeChat's IDE can use this
address, too (examples/miniprogram does):

    curl {url}/wxgate/login -H "$JSON" \
      -d '{{"code":"login-1"}}'

And WeChat does what it is told (docs/mock.md says how):

    curl {mock}/mock/fault \
      -d '{{"api":"jscode2session","errcode":45011}}'
    curl -i {url}/wxgate/login -H "$JSON" \
      -d '{{"code":"login-2"}}'
"#
    )
}

/// The answer on one line: its status and, if it is the gateway's own, what it says.
fn answer(exchange: &Exchange) -> String {
    let reason = StatusCode::from_u16(exchange.status).ok();
    let reason = reason.and_then(|status| status.canonical_reason());
    let status = format!("{} {}", exchange.status, reason.unwrap_or_default());
    let Value::Object(fields) = &exchange.answer else {
        return status;
    };
    if !exchange.seen.is_empty() {
        return format!("{status}, from the service");
    }
    if !fields.contains_key("code") {
        return format!("{status}  {}", object(fields.iter()));
    }
    // A refusal: the two fields that a mini-program acts on come first, and are enough here.
    let told = ["code", "action"].iter();
    let told = told.filter_map(|name| fields.get_key_value(*name));
    let told = object(told);
    format!("{status}  {}, …}}", told.trim_end_matches('}'))
}

fn header_line(name: &str, value: &str) -> String {
    format!("{name}: {}", short(value))
}

/// An object on one line, long texts cut. It is broken between fields only.
fn object<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> String {
    let fields = fields.map(|(name, value)| match value {
        Value::String(text) => format!("\"{name}\":{NO_BREAK}\"{}\"", short(text)),
        other => format!("\"{name}\":{NO_BREAK}{other}"),
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// `text`, cut where it is long.
fn short(text: &str) -> String {
    if text.chars().count() <= VALUE {
        return text.to_owned();
    }
    // Both ends: two tokens of one user begin alike.
    let head: String = text.chars().take(VALUE - 12).collect();
    let tail = text.chars().count() - 6;
    let tail: String = text.chars().skip(tail).collect();
    format!("{head}…{tail}")
}

/// Breaks `text` at spaces so that no line is longer than `width`, but for a word that is.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else {
            continue;
        };
        let longer = line.chars().count() + usize::from(!line.is_empty()) + word.chars().count();
        if longer > width && !line.is_empty() {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_spaces() {
        assert_eq!(wrap("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrap("toolong a", 3), ["toolong", "a"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn the_lines_to_copy_fit_the_screen() {
        let url = "http://127.0.0.1:65535";
        let text = invitation(url, url, &"x".repeat(68));
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }

    #[test]
    fn one_check_that_fails_is_a_demo_that_failed() {
        let mut screen = Screen::new();
        screen.check("it holds", true);
        assert!(screen.sum_up());
        screen.check("it does not", false);
        screen.check("it holds again", true);
        assert!(!screen.sum_up());
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(short("short"), "short");
        let long = format!("{}{}", "x".repeat(30), "yyyyyy");
        assert_eq!(short(&long), format!("{}…yyyyyy", "x".repeat(18)));
    }
}
