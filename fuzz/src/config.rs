//! `gateway.toml`: any text is a config or mistakes, each with a place within the file; no secret is shown.

use wxgate::config::{Config, Sources};

/// What the variable of the seeds' secrets holds.
const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// The text of a file.
pub(crate) fn text(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    // A file of this machine may be named, but none that never ends.
    if text.contains("dev") || text.contains("proc") {
        return;
    }
    let sources = Sources::text(text).variable("WX_SECRET", SECRET);
    let report = match Config::load(&sources) {
        Ok(config) => return sound(&sources, &config),
        Err(report) => report.to_string(),
    };
    assert!(!report.contains(SECRET), "{report}");
    let count = report
        .trim_end()
        .rsplit(": ")
        .next()
        .and_then(|last| last.split(' ').next()?.parse::<usize>().ok());
    let count = count.unwrap_or_else(|| panic!("not counted: {report}"));
    let places: Vec<&str> = report
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> "))
        .collect();
    assert_eq!(places.len(), count, "each mistake has one place: {report}");
    let lines: Vec<&str> = text.split('\n').collect();
    for place in places {
        let mut words = place.split(':');
        let (name, line, column) = (words.next(), words.next(), words.next());
        let (Some(line), Some(column)) = (line, column) else {
            // What is not there at all is nowhere, or came by the variable.
            assert!(
                name == Some("gateway.toml") || place.starts_with("variable "),
                "{place}: {report}"
            );
            continue;
        };
        let (line, column) = (
            line.parse::<usize>().unwrap(),
            column.parse::<usize>().unwrap(),
        );
        let width = lines.get(line - 1).map(|line| line.chars().count());
        assert!(
            width.is_some_and(|width| column <= width + 1),
            "{place} is not in the file: {report}"
        );
    }
    if toml::de::DeTable::parse(text).is_err() {
        assert!(
            report.contains("--> gateway.toml:"),
            "where is the mistake? {report}"
        );
    }
}

/// What is sound stays so when it is printed, and does not show its secrets.
fn sound(sources: &Sources, config: &Config) {
    let printed = Config::print(sources).unwrap();
    assert!(!printed.contains(SECRET), "{printed}");
    let again = Sources::text(printed.as_str()).variable("WX_SECRET", SECRET);
    if let Ok(again) = Config::load(&again) {
        let changes = config.changes(&again).len();
        assert_eq!(changes, 0, "printed, it says something else: {printed}");
    }
}
