//! The page, from counts that are known.

use std::time::Duration;

use super::*;
use crate::telemetry::{self, AccessLog};

const WORDS: [Word; 2] = [(404, "no_route"), (503, "overloaded")];

fn place(route: &str, upstream: &str) -> Place {
    Place {
        route: route.to_owned(),
        upstream: upstream.to_owned(),
    }
}

fn metrics() -> Arc<Metrics> {
    Metrics::new(WORDS.into())
}

/// A sheet with a place for what got nowhere, and two routes that lead to one upstream.
fn sheet(metrics: &Metrics) -> Arc<Sheet> {
    let routes = ["/a", "/b"].map(|route| place(route, "u:1"));
    metrics.sheet(vec![place("", "")], routes.into())
}

#[track_caller]
fn has(page: &str, line: &str) {
    assert!(page.lines().any(|found| found == line), "{line}\n{page}");
}

#[test]
fn the_counts_of_all_workers_are_added() {
    let metrics = metrics();
    let sheet = sheet(&metrics);
    let took = Duration::from_millis(1);
    for tally in [sheet.tally(), sheet.tally()] {
        tally.done(0, Outcome::refused(0), took);
        tally.done(tally.place(0), Outcome::answered(204), took);
        tally.done(tally.place(0), Outcome::answered(200), took);
        tally.done(tally.place(1), Outcome::refused(1), took);
        tally.done(tally.place(1), Outcome::GONE, took);
        for index in 0..2 {
            let row = tally.route(index).unwrap();
            row.sent(false);
            row.sent(true);
            row.sent(true);
            row.retried();
            row.answered(took);
        }
        // What is no place and no outcome is nobody's.
        tally.done(3, Outcome::answered(200), took);
        assert!(tally.route(2).is_none());
    }
    let page = metrics.page();
    for line in [
        r#"wxgate_requests_total{route="",upstream="",status="4xx",code="no_route"} 2"#,
        r#"wxgate_requests_total{route="/a",upstream="u:1",status="2xx",code=""} 4"#,
        r#"wxgate_requests_total{route="/b",upstream="u:1",status="5xx",code="overloaded"} 2"#,
        r#"wxgate_requests_total{route="/b",upstream="u:1",status="4xx",code="client_gone"} 2"#,
        r#"wxgate_request_duration_seconds_count{route="/a"} 4"#,
        r#"wxgate_request_duration_seconds_sum{route="/a"} 0.004"#,
        r#"wxgate_request_duration_seconds_bucket{le="0.0005",route="/a"} 0"#,
        r#"wxgate_request_duration_seconds_bucket{le="0.001",route="/a"} 4"#,
        r#"wxgate_request_duration_seconds_bucket{le="+Inf",route="/a"} 4"#,
        r#"wxgate_upstream_duration_seconds_count{upstream="u:1"} 4"#,
        r#"wxgate_upstream_requests_total{upstream="u:1",connection="new"} 4"#,
        r#"wxgate_upstream_requests_total{upstream="u:1",connection="reused"} 8"#,
        r#"wxgate_upstream_retries_total{upstream="u:1"} 4"#,
    ] {
        has(&page, line);
    }
    let requests = page
        .lines()
        .filter(|line| line.starts_with("wxgate_requests_total{"));
    assert_eq!(requests.count(), 4);
}

#[test]
fn what_a_config_counted_stays_when_another_takes_its_place() {
    let metrics = metrics();
    let count = |sheet: &Sheet| {
        let tally = sheet.tally();
        tally.done(tally.place(0), Outcome::answered(200), Duration::ZERO);
        tally
    };
    let line = |count: u32| {
        format!(
            r#"wxgate_requests_total{{route="/a",upstream="u:1",status="2xx",code=""}} {count}"#
        )
    };
    let first = sheet(&metrics);
    let busy = count(&first);
    drop(first);
    let second = sheet(&metrics);
    drop(count(&second));
    has(&metrics.page(), &line(2));
    // A request of the first config ends after that has been replaced.
    busy.done(busy.place(0), Outcome::answered(200), Duration::ZERO);
    has(&metrics.page(), &line(3));
    drop(busy);
    has(&metrics.page(), &line(3));
    assert_eq!(metrics.books().sheets.len(), 1);
    drop(second);
    has(&metrics.page(), &line(3));
    has(&metrics.page(), &line(3));
    assert_eq!(metrics.books().sheets.len(), 0);
}

#[test]
fn connections_move_and_end() {
    let metrics = metrics();
    let (one, other) = (metrics.connections(), metrics.connections());
    for connections in [&one, &other] {
        connections.accept();
        connections.begin(Doing::Idle);
        connections.accept();
        connections.begin(Doing::Idle);
        connections.turn(Doing::Idle, Doing::Reading);
    }
    one.turn(Doing::Reading, Doing::Answering);
    other.end(Doing::Idle);
    one.refuse();
    other.refuse_one_of_many();
    other.refuse_one_of_many();
    let page = metrics.page();
    for line in [
        r#"wxgate_connections{state="idle"} 1"#,
        r#"wxgate_connections{state="reading"} 1"#,
        r#"wxgate_connections{state="answering"} 1"#,
        "wxgate_connections_accepted_total 4",
        r#"wxgate_connections_refused_total{limit="connections"} 1"#,
        r#"wxgate_connections_refused_total{limit="per_address"} 2"#,
    ] {
        has(&page, line);
    }
}

#[test]
fn calls_count_by_api_and_by_what_was_said() {
    let metrics = metrics();
    let calls = metrics.calls();
    for said in [
        Said::Errcode(0),
        Said::Errcode(-1),
        Said::Other,
        Said::Timeout,
        Said::Unreachable,
        Said::Errcode(0),
    ] {
        calls.ended("code2Session", said, Duration::from_millis(30));
    }
    let page = metrics.page();
    for (said, count) in [
        ("0", 2),
        ("-1", 1),
        ("other", 1),
        ("timeout", 1),
        ("unreachable", 1),
    ] {
        has(
            &page,
            &format!(
                r#"wxgate_wechat_duration_seconds_count{{api="code2Session",errcode="{said}"}} {count}"#
            ),
        );
    }
}

#[test]
fn what_the_log_dropped_is_shown_and_never_goes_back() {
    let metrics = metrics();
    has(&metrics.page(), "wxgate_access_log_dropped_total 0");
    let folder = std::env::temp_dir().join(format!("wxgate-dropped-{}", std::process::id()));
    let config = telemetry::Config {
        file: Some(folder.clone()),
        ..telemetry::Config::default()
    };
    let log = AccessLog::start(&config, b"key").unwrap().unwrap();
    let entry = log.entry();
    metrics.watch(entry.clone());
    drop(log);
    std::fs::remove_file(folder).unwrap();
    let late = || {
        let now = std::time::SystemTime::now();
        let client = [127, 0, 0, 1].into();
        telemetry::access_log::Record::without_head(now, client, "id")
    };
    entry.put(late());
    entry.put(late());
    has(&metrics.page(), "wxgate_access_log_dropped_total 2");
    has(&metrics.page(), "wxgate_access_log_dropped_total 2");
}

#[test]
fn a_name_with_odd_letters_breaks_no_line() {
    let metrics = metrics();
    let sheet = metrics.sheet(vec![place("/\"a\\b\nc", "")], Vec::new());
    sheet
        .tally()
        .done(0, Outcome::answered(200), Duration::ZERO);
    has(
        &metrics.page(),
        r#"wxgate_requests_total{route="/\"a\\b\nc",upstream="",status="2xx",code=""} 1"#,
    );
}
