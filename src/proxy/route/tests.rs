//! Which route wins, where it leads, and which tables cannot be.

use http::HeaderValue;
use proptest::prelude::*;

use super::table::HostRule;
use super::*;
use crate::proxy::path;

fn config(host: &[&str], path: &str, methods: &[Method]) -> Config {
    Config {
        host: host.iter().map(|&host| host.to_owned()).collect(),
        path: path.to_owned(),
        methods: methods.to_vec(),
        require: Require::Login,
        deny: false,
        to: Some("http://127.0.0.1:3000".to_owned()),
        strip: String::new(),
        apps: Vec::new(),
        body: None,
        response: None,
        identity: Field::ALL.to_vec(),
        set: HeaderLines::default(),
        response_set: HeaderLines::default(),
        cors: Vec::new(),
        websocket: true,
        websocket_token: Vec::new(),
        rate: None,
    }
}

fn table(configs: &[Config]) -> Table {
    Table::build(configs, Size(1)).unwrap()
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let mut configs = vec![
        config(&[], "/", &[]),
        config(&[], "/api", &[]),
        config(&[], "/api/", &[Method::GET, Method::HEAD]),
        config(&["*.example.com"], "/", &[]),
        config(&["*.a.example.com"], "/", &[]),
        config(&["api.example.com"], "/deep", &[]),
        config(&[], "/api/v1/users", &[Method::POST]),
        config(&["other.example.com", "api.example.com"], "/x", &[]),
    ];
    let rows = [
        ("h", "/", Method::GET, 0),
        ("h", "/apix", Method::GET, 0),
        ("h", "/api", Method::POST, 1),
        ("h", "/api/v1", Method::POST, 1),
        ("h", "/api", Method::GET, 2),
        ("h", "/api/v1/users/7", Method::POST, 6),
        ("b.example.com", "/api", Method::GET, 3),
        ("c.b.example.com", "/", Method::GET, 3),
        ("b.a.example.com", "/", Method::GET, 4),
        ("a.example.com", "/", Method::GET, 3),
        ("example.com", "/q", Method::GET, 0),
        ("api.example.com", "/deep/er", Method::GET, 5),
        ("api.example.com", "/deeper", Method::GET, 3),
        ("other.example.com", "/x", Method::GET, 7),
        ("xexample.com", "/q", Method::GET, 0),
    ];
    for reversed in [false, true] {
        let table = table(&configs);
        for (host, path, method, expected) in &rows {
            let found = table.find(host, path, method).unwrap().index;
            let expected = if reversed { 7 - expected } else { *expected };
            assert_eq!(found, expected, "{method} {host} {path}");
        }
        configs.reverse();
    }
}

#[test]
fn a_spelling_that_services_read_alike_leads_round_no_route() {
    let table = table(&[
        config(&[], "/", &[]),
        config(&[], "/v1/users:admin", &[]),
        config(&[], "/%40me", &[]),
    ]);
    let rows = [
        ("/v1/users:admin", 1),
        ("/v1/users%3Aadmin/x", 1),
        ("/@me", 2),
        ("/%40me", 2),
        ("/v1/users%253Aadmin", 0),
    ];
    for (path, expected) in rows {
        let found = table.find("h", path, &Method::GET).unwrap().index;
        assert_eq!(found, expected, "{path}");
        let explained = table.explain("h", path, &Method::GET);
        assert_eq!(explained.verdict.unwrap().index, expected, "{path}");
    }
    let twice = [config(&[], "/a:b", &[]), config(&[], "/a%3ab", &[])];
    assert_eq!(Table::build(&twice, Size(1)).unwrap_err().len(), 1);
}

#[test]
fn no_route_and_unknown_host_and_wrong_method_are_told_apart() {
    let hosts_only = table(&[
        config(&["a.example"], "/x", &[Method::PUT, Method::GET]),
        config(&["a.example"], "/x", &[Method::POST]),
        config(&["a.example"], "/all", &[]),
    ]);
    let allow = |text| Miss::MethodNotAllowed(HeaderValue::from_static(text));
    let all = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    let rows = [
        ("b.example", "/x", Method::GET, Miss::UnknownHost),
        ("a.example", "/", Method::GET, Miss::NoRoute),
        ("a.example", "/x/y", Method::DELETE, allow("PUT, GET, POST")),
        ("a.example", "/all", Method::TRACE, allow(all)),
        ("a.example", "/all", Method::CONNECT, allow(all)),
    ];
    for (host, path, method, expected) in rows {
        let miss = hosts_only.find(host, path, &method).err();
        assert_eq!(miss, Some(expected), "{method} {host} {path}");
    }
    let any = table(&[config(&[], "/x", &[]), config(&["a.example"], "/", &[])]);
    let miss = any.find("b.example", "/", &Method::GET).err();
    assert_eq!(miss, Some(Miss::NoRoute));
    let miss = Table::default().find("h", "/", &Method::GET).err();
    assert_eq!(miss, Some(Miss::NoRoute));
}

#[test]
fn a_longer_path_that_leaves_the_method_out_hides_the_shorter_one() {
    let table = table(&[config(&[], "/", &[]), config(&[], "/pay", &[Method::POST])]);
    assert!(matches!(
        table.find("h", "/pay/1", &Method::GET),
        Err(Miss::MethodNotAllowed(_))
    ));
}

#[test]
fn strip_comes_off_and_the_path_of_to_goes_first() {
    let rows = [
        ("", "http://a:1", "/api/x", "/api/x", None),
        ("/api", "http://a:1", "/api/x", "/x", Some("/api")),
        ("/api/", "http://a:1", "/api", "/", Some("/api")),
        ("/a:b", "http://a:1", "/a%3Ab/x", "/x", Some("/a:b")),
        ("/a%3Ab", "http://a:1/v2", "/a:b", "/v2", Some("/a%3Ab")),
        ("/api", "http://a:1", "/api/", "/", Some("/api")),
        ("/api", "http://a:1/v2", "/api/x", "/v2/x", Some("/api")),
        ("/api", "http://a:1/v2/", "/api", "/v2", Some("/api")),
        ("/api", "http://a:1/v2", "/api/", "/v2/", Some("/api")),
        ("", "http://a:1/v2", "/", "/v2/", None),
        ("/", "http://a:1", "/x", "/x", None),
    ];
    for (strip, to, path, expected, prefix) in rows {
        let mut config = config(&[], if strip.is_empty() { "/" } else { strip }, &[]);
        config.strip = strip.to_owned();
        config.to = Some(to.to_owned());
        let table = table(&[config]);
        let route = table.find("h", path, &Method::GET).unwrap();
        let forwarded = route.forward_path(path);
        assert_eq!(forwarded, expected, "{strip} {to} {path}");
        assert_eq!(path::normalise(&forwarded).unwrap(), forwarded);
        let told = route.forwarded_prefix();
        assert_eq!(told, prefix.map(HeaderValue::from_static), "{path}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let mut elsewhere = config(&[], "/a", &[]);
    elsewhere.strip = "/a/b".to_owned();
    let hosts = ["a b", "a:80", "a:0", "*.[::1]", "a.*.b", "x", "X.", "*.x"];
    let mut nowhere = config(&hosts, "a", &[Method::GET, Method::TRACE]);
    nowhere.to = Some(String::new());
    let mut open = config(&[], "/?q", &[]);
    open.require = Require::None;
    open.apps = vec![AppId::new("wx0123456789abcdef").unwrap()];
    open.to = Some("ftp://a".to_owned());
    open.body = Some(Size(0));
    let mut denied = config(&[], "/d", &[]);
    denied.deny = true;
    let told = Table::build(&[elsewhere, nowhere, open, denied], Size(1)).unwrap_err();
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    let expected = [
        "`route[0].strip` is not a prefix of the route's path \"/a\": \"/a/b\"",
        "`route[1].host[0]` is not the name of a host: \"a b\"",
        "`route[1].host[1]` is not the name of a host: \"a:80\"",
        "`route[1].host[2]` is not the name of a host: \"a:0\"",
        "`route[1].host[3]` is not the name of a host: \"*.[::1]\"",
        "`route[1].host[4]` is not the name of a host: \"a.*.b\"",
        "`route[1].host[6]` is in this list twice: \"X.\"",
        "`route[1].methods[1]` cannot be TRACE: it is never forwarded",
        "`route[1].to` is missing: the route has no upstream",
        "`route[1].path` is not a path prefix: \"a\"",
        "`route[2].apps` has no effect: a route with `require = \"none\"` knows no users",
        "`route[2].body` is zero",
        "`route[2].to` is not the address of a service: \"ftp://a\"",
        "`route[2].path` is not a path prefix: \"/?q\"",
        "`route[3].to` stands beside `deny = true`, with which nothing is ever forwarded",
    ];
    assert_eq!(told, expected, "{told:#?}");
}

#[test]
fn equal_routes_are_a_mistake_of_the_later_one() {
    let equal = [
        (config(&[], "/a", &[]), config(&[], "/a/", &[])),
        (
            config(&["x", "y"], "/a", &[]),
            config(&["z", "Y."], "/%61", &[]),
        ),
        (
            config(&[], "/a", &[Method::GET]),
            config(&[], "/a", &[Method::POST, Method::GET]),
        ),
    ];
    for (one, two) in equal {
        let told = Table::build(&[one, two], Size(1)).unwrap_err();
        let [fault] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!((fault.route, fault.other, fault.key), (1, Some(0), "path"));
    }
    table(&[
        config(&[], "/a", &[]),
        config(&[], "/a", &[Method::GET]),
        config(&["x"], "/a", &[]),
        config(&["*.x"], "/a", &[]),
    ]);
}

#[test]
fn a_denied_route_needs_no_upstream() {
    let mut denied = config(&[], "/", &[]);
    denied.deny = true;
    denied.to = None;
    let table = table(&[denied]);
    let route = table.find("h", "/", &Method::GET).unwrap();
    assert!(route.policy.deny && route.to.is_none());
}

#[test]
fn an_explanation_says_which_route_and_why_not_the_others() {
    let mut api = config(&["api.example.com"], "/api", &[Method::GET]);
    api.strip = "/api".to_owned();
    api.to = Some("http://a:1/v2".to_owned());
    let table = table(&[
        config(&[], "/", &[]),
        api,
        config(&["api.example.com"], "/", &[]),
        config(&["api.example.com"], "/other", &[]),
        config(&["api.example.com"], "/api", &[]),
        config(&["b.example.com"], "/", &[]),
        config(&["api.example.com"], "/api", &[Method::PUT]),
    ]);
    let shown = table.explain("api.example.com", "/api/x", &Method::GET);
    let taken = shown.verdict.unwrap();
    assert_eq!(taken.index, 1);
    assert_eq!(
        taken.answered(),
        "path /api, host api.example.com, methods GET"
    );
    assert_eq!(taken.asked(), "callers must be signed in");
    let expected = [
        (0, "its host (any) is less exact"),
        (2, "its path (/) is shorter"),
        (3, "its path is /other"),
        (4, "it gives no methods"),
        (5, "its host is b.example.com"),
        (6, "its methods are PUT"),
    ];
    let others: Vec<_> = shown
        .others
        .iter()
        .map(|(at, why)| (*at, why.as_str()))
        .collect();
    assert_eq!(others, expected);
    let none = Table::default();
    let none = none.explain("h", "/", &Method::GET);
    assert_eq!(
        (none.verdict.err(), none.others),
        (Some(Miss::NoRoute), vec![])
    );
}

/// What `find` promises, said the slow way.
fn slowly<'a>(table: &'a Table, host: &str, path: &str, method: &Method) -> Option<&'a Route> {
    let fits = |rule: &HostRule| match rule {
        HostRule::Any => Some(0),
        HostRule::Wildcard(suffix) => host
            .ends_with(&format!(".{suffix}"))
            .then_some(suffix.len()),
        HostRule::Named(name) => (**name == *host).then_some(1000),
    };
    let rank = |route: &Route| {
        let host = route.hosts.iter().filter_map(fits).max()?;
        let path = path::after_prefix(path, &route.path).map(|_| route.path.len())?;
        Some((host, path))
    };
    let best = table.routes().iter().filter_map(rank).max()?;
    let mut level: Vec<_> = table.routes().iter().collect();
    level.retain(|route| rank(route) == Some(best) && route.answers(method));
    level.sort_by_key(|route| route.methods.is_empty());
    level.first().copied()
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_slow_search_finds(
        rows in prop::collection::vec(("(|a|b\\.a|\\*\\.a|\\*\\.b\\.a)", "(/[ab]{1,2}){0,3}/?", 0_usize..4), 0..12),
        host in "(a|b\\.a|c\\.b\\.a|d)", path in "(/[ab]{1,2}){0,4}/?",
    ) {
        let methods: [&[Method]; 4] = [&[], &[Method::GET], &[Method::POST], &[Method::GET, Method::PUT]];
        let mut configs: Vec<Config> = Vec::new();
        for (host, path, which) in &rows {
            let hosts: Vec<&str> = Some(host.as_str()).filter(|host| !host.is_empty()).into_iter().collect();
            configs.push(config(&hosts, &format!("/{path}"), methods[*which]));
            if Table::build(&configs, Size(1)).is_err() {
                configs.pop();
            }
        }
        let table = table(&configs);
        let path = path::normalise(&format!("/{path}")).unwrap().into_owned();
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let found = table.find(&host, &path, &method).ok().map(|route| route.index);
            let expected = slowly(&table, &host, &path, &method).map(|route| route.index);
            prop_assert_eq!(found, expected);
            let explained = table.explain(&host, &path, &method);
            prop_assert_eq!(explained.verdict.ok().map(|taken| taken.index), expected);
        }
    }
}
