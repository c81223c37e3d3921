//! The triple of `wxgate decrypt`, in the forms that people have it in: JSON, `key=value` lines, a
//! pasted query or form. Names count in any spelling (`sessionKey`, `session_key`).

use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

/// What was read, mended where a copy commonly breaks.
#[derive(Default)]
pub(super) struct Triple {
    /// `session_key` or `session_keys`, newest first.
    pub(super) keys: Vec<Zeroizing<String>>,
    /// `encryptedData`
    pub(super) encrypted_data: String,
    /// `iv`
    pub(super) iv: String,
    /// `appid`
    pub(super) appid: Option<String>,
    /// `phone_age`
    pub(super) phone_age: Option<Duration>,
    /// What was mended, in words.
    pub(super) mended: Vec<String>,
}

/// Reads a triple; an error says in words what is missing.
pub(super) fn read(text: &str) -> Result<Triple, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("there is nothing to read".to_owned());
    }
    let fields = if text.starts_with('{') {
        from_json(text)?
    } else {
        from_pairs(text)
    };
    let mut triple = Triple::default();
    let (mut data, mut iv) = (None, None);
    for (name, value) in fields {
        match name.as_str() {
            "sessionkey" | "sessionkeys" => {
                let key = triple.mend("session_key", &value);
                triple.keys.push(Zeroizing::new(key));
            }
            "encrypteddata" => data = Some(triple.mend("encryptedData", &value)),
            "iv" => iv = Some(triple.mend("iv", &value)),
            "appid" => triple.appid = Some(value.to_string()),
            "phoneage" => triple.phone_age = Some(age(&value)?),
            _ => {}
        }
    }
    if triple.keys.is_empty() {
        return Err("`session_key` is missing".to_owned());
    }
    triple.encrypted_data = data.ok_or("`encryptedData` is missing")?;
    triple.iv = iv.ok_or("`iv` is missing")?;
    Ok(triple)
}

/// A duration as the config writes it: `1h`, `90s`; bare digits are seconds. For `--phone-age`.
pub(in crate::cli) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`phone_age` is a duration such as \"1h\", not \"{text}\"");
    let (digits, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let scale = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count
        .checked_mul(scale)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

type Field = (String, Zeroizing<String>);

/// The texts of a JSON object, and of the objects in it (`detail` of the button's event).
fn from_json(text: &str) -> Result<Vec<Field>, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("this begins like JSON and is none (line {line}, column {column})")
    })?;
    let mut fields = Vec::new();
    collect("", &json, &mut fields);
    Ok(fields)
}

fn collect(name: &str, value: &Value, fields: &mut Vec<Field>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                collect(&plain(name), value, fields);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(name, item, fields);
            }
        }
        Value::String(text) => fields.push((name.to_owned(), Zeroizing::new(text.clone()))),
        Value::Number(number) => {
            fields.push((name.to_owned(), Zeroizing::new(number.to_string())));
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// `key=value` pairs, separated by line ends or `&`, with or without quotes.
fn from_pairs(text: &str) -> Vec<Field> {
    let query = match text.split_once('?') {
        Some((path, query)) if !path.contains('=') => query,
        _ => text,
    };
    query
        .split(['\n', '&'])
        .filter_map(|pair| {
            let (name, value) = pair.split_once(['=', ':'])?;
            let value = value.trim().trim_end_matches(',');
            let value = value.trim_matches(['"', '\'']).to_owned();
            Some((plain(name), Zeroizing::new(value)))
        })
        .collect()
}

/// A name without what its spellings differ in.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

impl Triple {
    /// Undoes what copying and decoding do to base64, and notes it.
    fn mend(&mut self, name: &str, text: &str) -> String {
        let mut text = text.trim_matches(['\r', '\n', '\t']).to_owned();
        if text.contains('%') {
            let decoded = percent_decoded(&text);
            if decoded != text {
                self.note(name, "was percent-encoded");
                text = decoded;
            }
        }
        let whole = text.replace(['\r', '\n', '\t'], "");
        if whole != text {
            self.note(name, "was broken into lines");
            text = whole;
        }
        match text.matches(' ').count() {
            0 => {}
            1 => self.note(name, "had a space for `+`"),
            spaces => self.note(name, &format!("had {spaces} spaces for `+`")),
        }
        text.replace(' ', "+")
    }

    fn note(&mut self, name: &str, what: &str) {
        self.mended.push(format!("`{name}` {what}"));
    }
}

/// Percent-decoding (RFC 3986 §2.1); what is no escape stays.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).filter(|_| *first == b'%');
        let byte = escape
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = match byte {
            Some(_) => tail.get(2..).unwrap_or_default(),
            None => tail,
        };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}
