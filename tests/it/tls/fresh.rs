//! Certificates that change while traffic flows.

use std::sync::Arc;

use rcgen::KeyPair;
use rustls::HandshakeKind;
use rustls::client::Resumption;

use super::{PUBLIC, certificate};
use crate::harness::{Authority, Bed, Process, Secure, client_config, config, until};

const CONFIG: &str = r#"
listen = ["127.0.0.1:0"]
workers = 2
[[app]]
appid = "wx0123456789abcdef"
secret = { env = "WX_SECRET" }
[[route]]
path = "/"
deny = true
[admin]
listen = ""
"#;

#[test]
fn a_pair_that_changed_is_shown_and_a_broken_one_is_not() {
    let authority = Authority::new("tls-fresh");
    authority.sign("own", &["gateway.test"]);
    let text = format!("{CONFIG}{}", authority.section("own"));
    let gateway = Process::run("tls-fresh-gateway", &text);
    // A session that is resumed shows nothing new.
    let mut config = client_config(&authority.pem, true);
    config.resumption = Resumption::disabled();
    let config = Arc::new(config);
    let connect = || Secure::secure(gateway.address(), &config, "gateway.test");
    let mut old = connect();
    let first = certificate(&authority, "own");
    assert_eq!(old.shown(), first);

    authority.sign("own", &["gateway.test"]);
    let second = certificate(&authority, "own");
    until("the new pair is shown", || connect().shown() == second);
    assert_eq!(
        old.send("GET", "/", &[], b"").status,
        403,
        "who was there stays"
    );

    let good = [".pem", ".key"].map(|end| {
        let path = authority.folder.file(&format!("own{end}"));
        let text = std::fs::read_to_string(&path).unwrap();
        (format!("own{end}"), text)
    });
    let broken = |why: &str, said: &str, damage: &dyn Fn()| {
        let before = gateway.error.text().matches(said).count();
        damage();
        until(why, || gateway.error.text().matches(said).count() > before);
        assert_eq!(connect().shown(), second, "{why}");
        let taken = "certificate is in use";
        let before = gateway.error.text().matches(taken).count();
        for (name, text) in &good {
            authority.folder.write(name, text);
        }
        until("the good pair is back", || {
            gateway.error.text().matches(taken).count() > before
        });
    };
    broken(
        "another key",
        "is not the one of the first certificate",
        &|| {
            let key = KeyPair::generate().unwrap().serialize_pem();
            authority.folder.write("own.key", &key);
        },
    );
    broken("no certificate", "holds no certificate", &|| {
        authority.folder.write("own.pem", "what is this\n");
    });
    broken("no file", "own.key cannot be read", &|| {
        std::fs::remove_file(authority.folder.file("own.key")).unwrap();
    });
    broken("half a certificate", "is damaged", &|| {
        let text = &good[0].1;
        authority.folder.write("own.pem", &text[..text.len() / 2]);
    });
    broken("the end of its time", "is not good at this time", &|| {
        let key = KeyPair::generate().unwrap();
        authority.sign_with("own", &["gateway.test"], &key, |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        });
    });
    let (status, said) = gateway.end();
    assert!(status.success());
    assert!(said.contains("those in use stay"), "{said}");
    let secret = good[1].1.lines().nth(1).unwrap();
    assert!(secret.len() > 40 && !said.contains(secret), "{said}");
}

#[test]
fn tickets_outlive_new_certificates_and_a_reload() {
    let authority = Authority::new("tls-tickets");
    authority.sign("own", &["gateway.test"]);
    let section = authority.section("own");
    let mut bed = Bed::with(&section, PUBLIC);
    for is_new in [true, false] {
        let config = Arc::new(client_config(&authority.pem, is_new));
        let kind = |bed: &Bed| {
            let mut client = Secure::secure(bed.address(), &config, "gateway.test");
            assert_eq!(client.send("GET", "/", &[], b"").status, 200);
            client.stream.conn.handshake_kind().unwrap()
        };
        assert_eq!(kind(&bed), HandshakeKind::Full);
        authority.sign("own", &["gateway.test"]);
        bed.gateway.reread_certificates().unwrap();
        assert_eq!(kind(&bed), HandshakeKind::Resumed);
        reload(&mut bed, &format!("{section}[limits]\nbody = \"1MiB\"\n"));
        assert_eq!(kind(&bed), HandshakeKind::Resumed);
        reload(&mut bed, &section);
    }
    let fresh = Secure::secure(bed.address(), &authority.client(), "gateway.test");
    assert_eq!(fresh.shown(), certificate(&authority, "own"));
    let names = [vec!["gateway.test".to_owned()]];
    assert_eq!(
        bed.gateway
            .certificates()
            .into_iter()
            .map(|one| one.names)
            .collect::<Vec<_>>(),
        names
    );
}

#[test]
fn a_reload_shows_other_files_or_changes_nothing() {
    let authority = Authority::new("tls-reload");
    authority.sign("own", &["gateway.test"]);
    authority.sign("next", &["gateway.test"]);
    let mut bed = Bed::with(&authority.section("own"), PUBLIC);
    let shown =
        |bed: &Bed| Secure::secure(bed.address(), &authority.client(), "gateway.test").shown();
    reload(&mut bed, &authority.section("next"));
    assert_eq!(shown(&bed), certificate(&authority, "next"));
    // A config that says the same is a reason to look at the files, too: that is what SIGHUP comes to.
    authority.sign("next", &["gateway.test"]);
    reload(&mut bed, &authority.section("next"));
    assert_eq!(shown(&bed), certificate(&authority, "next"));
    // Its files were good when the config was read, and are not when it is put into force.
    authority.sign("late", &["gateway.test"]);
    let top = authority.section("late");
    let late = config(&bed.mock.url(), &bed.upstream.url(), &top, PUBLIC);
    std::fs::remove_file(authority.folder.file("late.key")).unwrap();
    let error = bed.gateway.reload(&late).err().unwrap().to_string();
    assert!(error.contains("late.key cannot be read"), "{error}");
    assert_eq!(shown(&bed), certificate(&authority, "next"));
    // TLS is there from a start on, or not at all.
    let plain = config(&bed.mock.url(), &bed.upstream.url(), "", PUBLIC);
    let reloaded = bed.gateway.reload(&plain).unwrap();
    let needs: Vec<_> = reloaded
        .needs_restart
        .iter()
        .map(|change| change.path.as_str())
        .collect();
    assert_eq!(needs, ["tls.cert", "tls.key"]);
    assert_eq!(shown(&bed), certificate(&authority, "next"));
}

fn reload(bed: &mut Bed, top: &str) {
    let config = config(&bed.mock.url(), &bed.upstream.url(), top, PUBLIC);
    bed.gateway.reload(&config).unwrap();
}
