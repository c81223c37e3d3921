//! What makes a file no TOML at all, in words that help.

use toml::de::Error;

use crate::setting::{Fault, Place};

/// The mistakes that `errors` tell of: one a line, and none that only follow from another.
pub(super) fn faults(text: &str, errors: &[Error]) -> Vec<Fault> {
    if let Some(fault) = unclosed(text, errors) {
        return vec![fault];
    }
    let mut last = None;
    let mut faults = Vec::new();
    for error in errors {
        let start = error.span().map_or(text.len(), |span| span.start);
        let line = text.get(..start).map(|before| before.matches('\n').count());
        if line != last {
            faults.push(fault(error));
        }
        last = line;
    }
    faults
}

const UNENDED: [&str; 2] = ["invalid basic string", "invalid literal string"];

const BARE: [&str; 8] = [
    "string values",
    "invalid float",
    "invalid exponent",
    "invalid integer",
    "invalid number",
    "invalid boolean",
    "invalid date",
    "invalid time",
];

fn fault(error: &Error) -> Fault {
    let place = error.span().map_or(Place::Nowhere, Place::File);
    let message = error.message();
    let begins = |words: &[&str]| words.iter().any(|word| message.starts_with(word));
    let fault = |message: &str| Fault::new("", &place, message);
    if message.starts_with("duplicate key") {
        return fault("this key was given before")
            .help("keep one of the two; a list of tables is written `[[…]]`");
    }
    if begins(&UNENDED) {
        return fault("this text does not end")
            .help("end it on this line, with the quote that it began with");
    }
    if begins(&BARE) {
        return fault("this value is not written as TOML has it")
            .help("texts, durations and sizes stand in quotes: \"login\", \"30s\", \"16MiB\"");
    }
    if message.starts_with("unclosed table") {
        return fault("this name of a section is not closed").help("write `]` after it");
    }
    if message.starts_with("key with no value") {
        return fault("this key has no value").help("write `key = value`");
    }
    fault(&format!("this is not TOML: {message}"))
}

/// A list or an inline table that is not closed swallows what follows it, line for line.
fn unclosed(text: &str, errors: &[Error]) -> Option<Fault> {
    let kinds = [
        ("unclosed array", "list", '[', ']'),
        ("unclosed inline table", "table", '{', '}'),
    ];
    let (_, what, open, close) = kinds.into_iter().find(|(message, ..)| {
        errors
            .iter()
            .any(|error| error.message().starts_with(message))
    })?;
    let first = errors.iter().find_map(Error::span)?.start;
    let before = text.get(..first)?;
    let opens_value = |at: usize| {
        before
            .get(..at)
            .is_some_and(|key| key.trim_end().ends_with('='))
    };
    let (start, _) = before
        .rmatch_indices(open)
        .find(|(at, _)| opens_value(*at))?;
    let fault = Fault::new(
        "",
        &Place::File(start..start + 1),
        format!("this {what} is not closed"),
    );
    Some(fault.help(format!("write `{close}` where it ends")))
}
