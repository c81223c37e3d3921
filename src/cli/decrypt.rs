//! `wxgate decrypt`: why does this triple not decrypt?
//!
//! The triple comes from a file or standard input, never from arguments, where other users of the
//! machine would see it. No session key is ever printed, and what a key opens only masked unless
//! [`Options::show`] asks for it.

mod triple;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::auth::{AppId, SessionKey, UnixSeconds, crypto};
use crate::cli::terminal::End;
use crate::wechat::decrypt::{self, Damage, Fault, Field, OpenData};
use triple::Triple;

pub(super) use triple::age;

/// Bytes of the longest input.
const LONGEST: u64 = 1024 * 1024;

/// How old phone data may be where nobody says (`endpoints.phone_age`).
const PHONE_AGE: Duration = Duration::from_secs(3600);

/// What the command line says. A value in the input counts only where there is none here.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    /// `--appid`: the app that the data should be for; absent: not compared.
    pub(super) appid: Option<AppId>,
    /// `--phone-age`: the oldest phone data taken; zero: any; absent: an hour.
    pub(super) phone_age: Option<Duration>,
    /// `--show`: print what was opened as it is.
    pub(super) show: bool,
}

/// Reads a triple from the file `input`, or from `stdin` without one or for `-`, and says on `out`
/// what it is: good if the gateway would take it. Fails only if `out` cannot be written.
pub(super) fn run(
    input: Option<&Path>,
    options: &Options,
    now: UnixSeconds,
    stdin: impl Read,
    out: &mut impl Write,
) -> io::Result<End> {
    let read = match input {
        Some(path) if path != Path::new("-") => File::open(path).and_then(text),
        _ => text(stdin),
    };
    let triple = read
        .map_err(|error| match input {
            Some(path) => format!("cannot read {}: {error}", path.display()),
            None => format!("cannot read standard input: {error}"),
        })
        .and_then(|text| triple::read(&text))
        .and_then(|triple| Ok((expected(options, &triple)?, triple)));
    let (appid, triple) = match triple {
        Ok(read) => read,
        Err(reason) => {
            writeln!(out, "{reason}")?;
            writeln!(
                out,
                "Give a JSON object, key=value lines or a pasted form with session_key (or session_keys), encryptedData and iv."
            )?;
            return Ok(End::Wrong);
        }
    };
    for mended in &triple.mended {
        writeln!(out, "Mended: {mended}.")?;
    }
    let phone_age = options.phone_age.or(triple.phone_age).unwrap_or(PHONE_AGE);
    let finding = examine(&triple, appid.as_ref(), phone_age, now);
    let end = match &finding.refusal {
        None => End::Good,
        Some(refusal) => {
            writeln!(out, "Not sound: {refusal}")?;
            End::Failed
        }
    };
    if let Some((at, data)) = &finding.opened {
        describe(&triple, *at, data, appid.as_ref(), now, end, out)?;
        print(data, options.show, out)?;
    }
    Ok(end)
}

fn text(from: impl Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    from.take(LONGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(text)
}

fn expected(options: &Options, triple: &Triple) -> Result<Option<AppId>, String> {
    match (&options.appid, &triple.appid) {
        (Some(appid), _) => Ok(Some(appid.clone())),
        (None, Some(text)) => AppId::new(text)
            .map(Some)
            .map_err(|error| error.to_string()),
        (None, None) => Ok(None),
    }
}

/// What was found out.
struct Finding {
    /// Why the gateway would refuse it.
    refusal: Option<String>,
    /// Which key opened it (from 0), and what came out.
    opened: Option<(usize, OpenData)>,
}

fn examine(
    triple: &Triple,
    appid: Option<&AppId>,
    phone_age: Duration,
    now: UnixSeconds,
) -> Finding {
    let closed = |refusal| Finding {
        refusal: Some(refusal),
        opened: None,
    };
    for (at, text) in triple.keys.iter().enumerate() {
        let Ok(key) = SessionKey::from_text(text) else {
            return closed(wrong_key_text(text));
        };
        match decrypt::open(&key, &triple.encrypted_data, &triple.iv) {
            Ok(data) => {
                return Finding {
                    refusal: objection(&data, appid, phone_age, now),
                    opened: Some((at, data)),
                };
            }
            Err(decrypt::Error::Damaged(damage)) => return closed(damaged(triple, damage)),
            Err(decrypt::Error::WrongKey) => {}
        }
    }
    let whose = match triple.keys.len() {
        1 => "this session key does not open it: it is".to_owned(),
        several => format!("none of the {several} session keys opens it: each is"),
    };
    closed(format!(
        "{whose} another user's or another app's, or one since replaced (wx.login gives a new one), or the data is cut or its iv belongs to other data. The gateway answers 409 session_key_stale: call wx.login, then let the user tap again."
    ))
}

fn wrong_key_text(text: &str) -> String {
    match crypto::from_base64(text).map(Zeroizing::new) {
        Some(bytes) => format!(
            "`session_key` has a wrong length: {} bytes, and WeChat's have 16 (24 characters).",
            bytes.len()
        ),
        None => {
            "`session_key` is not base64; WeChat's have 24 characters and end in `==`.".to_owned()
        }
    }
}

fn damaged(triple: &Triple, damage: Damage) -> String {
    let Damage { field, fault } = damage;
    let text = match field {
        Field::EncryptedData => &triple.encrypted_data,
        Field::Iv => &triple.iv,
    };
    let what = match (fault, field) {
        (Fault::NotBase64 { at }, _) => match text.chars().nth(at) {
            Some(c @ ('-' | '_')) => format!(
                "is not base64: character {} is `{c}`, as in base64url, which WeChat does not use",
                at + 1
            ),
            Some(c) => format!("is not base64: character {} is {c:?}", at + 1),
            None => format!("is not base64: its end is missing (it has {at} characters)"),
        },
        (Fault::Length { bytes: 0 }, _) => "is empty".to_owned(),
        (Fault::Length { bytes }, Field::Iv) => {
            format!("has a wrong length: {bytes} bytes, and an iv has 16")
        }
        (Fault::Length { bytes }, Field::EncryptedData) => format!(
            "has a wrong length: {bytes} bytes, which is no multiple of 16, so some are missing"
        ),
    };
    format!("`{field}` {what}. The gateway answers 400 damaged_data.")
}

/// Why the gateway would refuse what a key opened.
fn objection(
    data: &OpenData,
    appid: Option<&AppId>,
    phone_age: Duration,
    now: UnixSeconds,
) -> Option<String> {
    let kind = Kind::of(data);
    let Some(mark) = data.watermark() else {
        let required = matches!(kind, Kind::Phone | Kind::Profile);
        return required.then(|| {
            "it has no watermark, and phone numbers and profiles need one. The gateway answers 422 wrong_app.".to_owned()
        });
    };
    if let Some(appid) = appid.filter(|appid| !mark.is_for(appid)) {
        return Some(format!(
            "it was made for another app: its watermark says {:?}, not {appid}. The gateway answers 422 wrong_app.",
            mark.appid
        ));
    }
    let age = now.saturating_sub(mark.timestamp);
    let stale = kind == Kind::Phone && !phone_age.is_zero() && age > phone_age.as_secs();
    stale.then(|| {
        format!(
            "the phone number was shared {} ago, and phone_age is {}. The gateway answers 409 data_expired: let the user tap again.",
            span(age),
            span(phone_age.as_secs())
        )
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Phone,
    Profile,
    Steps,
    Group,
    Other,
}

impl Kind {
    fn of(data: &OpenData) -> Self {
        let has = |name| data.fields().contains_key(name);
        if has("purePhoneNumber") || has("phoneNumber") {
            Self::Phone
        } else if has("nickName") {
            Self::Profile
        } else if has("stepInfoList") {
            Self::Steps
        } else if has("openGId") || has("opengid") {
            Self::Group
        } else {
            Self::Other
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Phone => "a phone number",
            Self::Profile => "a user's profile",
            Self::Steps => "a user's steps",
            Self::Group => "a group's id",
            Self::Other => "open data",
        }
    }
}

fn describe(
    triple: &Triple,
    at: usize,
    data: &OpenData,
    appid: Option<&AppId>,
    now: UnixSeconds,
    end: End,
    out: &mut impl Write,
) -> io::Result<()> {
    let kind = Kind::of(data).words();
    match end {
        End::Good => writeln!(out, "Sound: {kind}.")?,
        _ => writeln!(out, "The session key does open it: {kind}.")?,
    }
    if at > 0 {
        let (nth, all) = (at + 1, triple.keys.len());
        writeln!(
            out,
            "  opened by: key {nth} of {all}; the ones before it do not open it"
        )?;
    }
    if let Some(mark) = data.watermark() {
        let compared = if appid.is_some() {
            ""
        } else {
            " (no appid given to compare it with)"
        };
        writeln!(out, "  made for: {:?}{compared}", mark.appid)?;
        let age = span(now.saturating_sub(mark.timestamp));
        writeln!(out, "  made at: {} ({age} ago)", mark.timestamp)?;
    }
    Ok(())
}

fn print(data: &OpenData, show: bool, out: &mut impl Write) -> io::Result<()> {
    for (name, value) in data.fields() {
        let plain = show || name == "countryCode";
        match value {
            _ if name == "watermark" => {}
            _ if plain => writeln!(out, "  {name:?}: {value}")?,
            Value::String(text) => writeln!(out, "  {name:?}: {}", masked(text))?,
            Value::Array(items) => writeln!(out, "  {name:?}: {} entries", items.len())?,
            _ => writeln!(out, "  {name:?}: …")?,
        }
    }
    if !show {
        writeln!(out, "  (masked; --show prints it)")?;
    }
    Ok(())
}

/// Enough of a text to know it again, if one knows it: three characters and two.
fn masked(text: &str) -> String {
    let chars: Vec<char> = text.chars().filter(|c| !c.is_control()).collect();
    match (chars.first_chunk::<3>(), chars.last_chunk::<2>()) {
        (Some(head), Some(tail)) if chars.len() > 8 => {
            let (head, tail) = (String::from_iter(head), String::from_iter(tail));
            format!("{head}…{tail}")
        }
        _ if chars.is_empty() => "empty".to_owned(),
        _ => "…".to_owned(),
    }
}

/// A number of seconds in words.
fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
