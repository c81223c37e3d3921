//! What others say of our TLS: `openssl s_client` and curl.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use super::PUBLIC;
use crate::harness::{Authority, Bed};

/// What `openssl s_client` says of `address`, and whether it agreed on TLS.
fn s_client(address: SocketAddr, authority: &Authority, arguments: &[&str]) -> (bool, String) {
    let mut child = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &address.to_string(),
            "-servername",
            "gateway.test",
        ])
        .args(["-CAfile", authority.folder.file("ca.pem").to_str().unwrap()])
        .args(["-verify_return_error", "-ign_eof"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is there");
    let request = b"GET /by-openssl HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n";
    // Where nothing was agreed on it has gone.
    let _ = child.stdin.take().unwrap().write_all(request);
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn openssl_agrees_on_what_is_good_and_on_nothing_else() {
    let authority = Authority::new("tls-openssl");
    authority.sign("own", &["gateway.test"]);
    let bed = Bed::with(&authority.section("own"), PUBLIC);
    for (arguments, expected) in [
        (&["-tls1_3"][..], "TLSv1.3"),
        (&["-tls1_2"], "TLSv1.2"),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
        (
            &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
            "TLS_CHACHA20_POLY1305_SHA256",
        ),
        (&["-alpn", "h3,http/1.1"], "ALPN protocol: http/1.1"),
        (&["-tls1_3"], "Max Early Data: 0"),
        (&["-tls1_2"], "Secure Renegotiation IS supported"),
        (&["-tls1_2"], "Extended master secret: yes"),
        (&["-tls1_2"], "Compression: NONE"),
    ] {
        let (agreed, said) = s_client(bed.address(), &authority, arguments);
        assert!(
            agreed && said.contains("HTTP/1.1 200"),
            "{arguments:?}: {said}"
        );
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    let before = bed.upstream.seen().len();
    for arguments in [
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
        &[
            "-tls1_2",
            "-cipher",
            "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0",
        ],
        &["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"],
        &["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256"],
        &["-tls1_3", "-groups", "ffdhe2048"],
    ] {
        let (agreed, said) = s_client(bed.address(), &authority, arguments);
        assert!(
            !agreed && !said.contains("HTTP/1.1 200"),
            "{arguments:?}: {said}"
        );
    }
    assert_eq!(bed.upstream.seen().len(), before);
}

#[test]
fn curl_is_content() {
    let authority = Authority::new("tls-curl");
    authority.sign("own", &["gateway.test"]);
    let top = format!("{}redirect = \"127.0.0.1:0\"\n", authority.section("own"));
    let bed = Bed::with(&top, PUBLIC);
    let (https, http) = (bed.address(), bed.gateway.redirect_address().unwrap());
    let curl = |arguments: &[&str]| {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--max-time", "20"])
            .args([
                "--cacert",
                authority.folder.file("ca.pem").to_str().unwrap(),
            ])
            .args(["--connect-to", &format!("gateway.test:443:{https}")])
            .args(["--connect-to", &format!("gateway.test:80:{http}")])
            .args([
                "--write-out",
                "%{http_version} %{response_code} %{num_connects} %{url_effective}\n",
            ])
            .args(["--output", "/dev/null"])
            .args(arguments)
            .output()
            .expect("curl is there");
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    };
    let url = "https://gateway.test/a";
    assert_eq!(curl(&[url]), format!("1.1 200 1 {url}\n"));
    assert_eq!(
        bed.upstream.last().header("x-forwarded-proto"),
        Some("https")
    );
    assert_eq!(
        curl(&["--tls-max", "1.2", url]),
        format!("1.1 200 1 {url}\n")
    );
    let twice = curl(&[url, "--output", "/dev/null", url]);
    assert_eq!(
        twice,
        format!("1.1 200 1 {url}\n1.1 200 0 {url}\n"),
        "one connection for both"
    );
    let followed = curl(&["--location", "--data", "body", "http://gateway.test/b?c"]);
    assert_eq!(
        followed,
        "1.1 200 1 https://gateway.test/b?c\n".replace("200 1", "200 2")
    );
    let seen = bed.upstream.last();
    assert_eq!(
        (seen.line.as_str(), &*seen.body),
        ("POST /b?c HTTP/1.1", &b"body"[..])
    );
}
