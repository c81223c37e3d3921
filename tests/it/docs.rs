//! What the documentation says of the code is true: the map, the table of errors, the links.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const PAGES: &[&str] = &[
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "client/README.md",
    "client/README.zh-CN.md",
    "docs/architecture.md",
    "docs/fuzzing.md",
    "docs/http1.md",
    "docs/http2.md",
    "docs/metrics.md",
    "docs/mock.md",
    "docs/operations.md",
    "docs/operations.zh-CN.md",
    "docs/performance-log.md",
    "docs/performance.md",
    "docs/performance.zh-CN.md",
    "docs/start.md",
    "docs/start.zh-CN.md",
    "docs/tls.md",
    "docs/tls.zh-CN.md",
    "docs/troubleshooting.md",
    "docs/troubleshooting.zh-CN.md",
    "docs/upstreams.md",
    "docs/upstreams.zh-CN.md",
    "examples/miniprogram/README.md",
    "examples/miniprogram/README.zh-CN.md",
    "examples/uni-app/README.md",
    "examples/uni-app/README.zh-CN.md",
];

#[test]
fn the_map_names_each_file_of_each_room_and_no_other() {
    let page = read("docs/architecture.md");
    let mut drawn = BTreeMap::new();
    for row in page
        .lines()
        .skip_while(|line| !line.starts_with("| room"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
    {
        let mut cells = row.split('|').skip(1);
        let room = quoted(cells.next().unwrap());
        let files = quoted(cells.nth(1).unwrap());
        drawn.insert(room[0].clone(), BTreeSet::from_iter(files));
    }
    let mut built: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(project().join("src")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if let Some(room) = name
            .strip_suffix(".rs")
            .filter(|room| !["lib", "main"].contains(room))
        {
            let files = built.entry(room.to_owned()).or_default();
            stems(&project().join("src").join(room), files);
        }
    }
    for (room, files) in &built {
        assert_eq!(
            drawn.get(room),
            Some(files),
            "the row of {room} in docs/architecture.md"
        );
    }
    assert_eq!(
        drawn.len(),
        built.len(),
        "rooms that are not there: {:?}",
        drawn.keys()
    );
}

#[test]
fn every_error_code_is_explained_in_both_languages_with_its_status_and_action() {
    let source = read("src/error/code.rs");
    let mut rows = 0;
    for line in source.lines().filter(|line| line.contains("=> (S::")) {
        let words: Vec<&str> = line.split('"').collect();
        let (code, action) = (words[1], words[3]);
        rows += 1;
        for page in ["docs/troubleshooting.md", "docs/troubleshooting.zh-CN.md"] {
            let text = read(page);
            let row = text
                .lines()
                .find(|row| row.starts_with('|') && row.contains(&format!("| `{code}` |")));
            let row = row.unwrap_or_else(|| panic!("{page} does not explain {code}"));
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert_eq!(cells[3], action, "{page}: {code}");
            assert_eq!(cells[1], status(line), "{page}: {code}");
        }
    }
    assert!(rows > 30, "the table of codes was not found: {rows} rows");
}

#[test]
fn no_link_leads_nowhere() {
    for page in PAGES {
        let folder = project().join(page).parent().unwrap().to_owned();
        for target in read(page)
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap())
        {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") {
                continue;
            }
            let path = if file.is_empty() {
                project().join(page)
            } else {
                folder.join(file)
            };
            assert!(path.exists(), "{page}: {target}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&path).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#')).map(slug);
                assert!(
                    headings.any(|heading| heading == anchor),
                    "{page}: {target}"
                );
            }
        }
    }
}

#[test]
fn the_pages_of_the_two_languages_show_the_same_code() {
    for page in [
        "README",
        "client/README",
        "docs/operations",
        "docs/performance",
        "docs/start",
        "docs/tls",
        "docs/troubleshooting",
        "docs/upstreams",
        "examples/miniprogram/README",
        "examples/uni-app/README",
    ] {
        let [english, chinese] =
            [".md", ".zh-CN.md"].map(|end| fences(&read(&format!("{page}{end}"))));
        assert_eq!(english, chinese, "{page}: kinds of code blocks");
    }
}

#[test]
fn the_services_that_the_docs_show_are_those_that_are_tested() {
    for (language, path) in [
        ("java", "java/Service.java"),
        ("js", "node/service.js"),
        ("python", "python/service.py"),
        ("go", "go/main.go"),
        ("php", "php/service.php"),
    ] {
        let shown = format!(
            "\n```{language}\n{}```\n",
            read(&format!("examples/upstreams/{path}"))
        );
        for page in ["docs/upstreams.md", "docs/upstreams.zh-CN.md"] {
            assert!(read(page).contains(&shown), "{page}: {path} is another");
        }
    }
}

fn read(page: &str) -> String {
    fs::read_to_string(project().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The words between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn stems(folder: &Path, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            if name != "tests" {
                stems(&entry.path(), files);
            }
        } else if name != "tests.rs" {
            files.insert(name.trim_end_matches(".rs").to_owned());
        }
    }
}

/// The number of the status that a row of the source names.
fn status(line: &str) -> String {
    let name = line.split("S::").nth(1).unwrap().split(',').next().unwrap();
    let known = (400..600).filter_map(|number| http::StatusCode::from_u16(number).ok());
    let named = |status: &http::StatusCode| {
        let reason = status.canonical_reason().unwrap_or_default();
        reason.to_uppercase().replace([' ', '-'], "_") == name
    };
    known
        .into_iter()
        .find(named)
        .map_or_else(|| panic!("{name}"), |status| status.as_u16().to_string())
}

/// A heading as a link names it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The languages of a page's code blocks, in order.
fn fences(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("```"))
        .map(str::to_owned)
        .collect()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
