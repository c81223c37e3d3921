//! A planned restart logs nobody out, and a snapshot that is not ours is refused.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::Digest as _;
use tokio::runtime::{Builder, Runtime};
use wxgate::gateway::Gateway;
use wxgate::mock::{Mock, Options};

use crate::harness::{APPID, Bed, Client, Folder, Process, ROUTES, Upstream, config, token, until};

/// Users of a run of `cargo test`; `make proof-snapshot` sets `USERS`.
const USERS: usize = 1000;

/// All users log in from one address here.
const OFTEN: &str =
    "[rate]\nlogin = { per = \"address\", limit = \"1000000/m\", burst = 1000000 }\n";

/// A folder with a secret, and the `[session]` that uses it.
struct Place(Folder);

impl Place {
    fn new(name: &str) -> Self {
        let folder = Folder::new(&format!("snapshot-{name}"));
        folder.write("secret", "of the snapshot, more than 32 bytes");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.file("sessions")
    }

    fn section(&self) -> String {
        let secret = self.0.file("secret");
        format!(
            "[session]\nsecret = {{ file = \"{}\" }}\nsnapshot = \"{}\"\n{OFTEN}",
            secret.display(),
            self.path().display()
        )
    }
}

impl Bed {
    /// Another gateway in the place of this one.
    fn start_again(&mut self, top: &str) {
        let config = config(&self.mock.url(), &self.upstream.url(), top, ROUTES);
        let stopped = std::mem::replace(&mut self.gateway, Gateway::start(&config).unwrap());
        drop(stopped);
    }

    /// Drains the gateway.
    fn stop(&mut self) {
        let nothing = config(&self.mock.url(), &self.upstream.url(), "", ROUTES);
        let gateway = std::mem::replace(&mut self.gateway, Gateway::start(&nothing).unwrap());
        assert!(gateway.drain());
    }
}

fn users() -> usize {
    std::env::var("USERS").map_or(USERS, |users| users.parse().unwrap())
}

fn openid(n: usize) -> String {
    format!("oGZUI0egBJY1zhBYw2Kh{n:08}")
}

#[test]
fn a_planned_restart_logs_nobody_out() {
    let place = Place::new("restart");
    let top = place.section();
    let mut bed = Bed::with(&top, ROUTES);
    let mut client = bed.client();
    let mut call = |endpoint: &str, token: &str, code: String| {
        client.begin(endpoint, token, &json!({ "code": code }));
        client.reply(false).good()
    };
    let mut tokens = Vec::new();
    let mut number = String::new();
    for n in 0..users() {
        let answer = call("login", "", bed.mock.login_code(&openid(n)));
        tokens.push(answer["token"].as_str().unwrap().to_owned());
        let shared = call("phone", &tokens[n], bed.mock.phone_code(&openid(n)));
        number = shared["purePhoneNumber"].as_str().unwrap().to_owned();
    }
    let gone = bed.sign_in("oGone");
    assert_eq!(bed.call("logout", &gone, &json!({})).status, 204);
    drop(client);
    bed.stop();

    let file = std::fs::read(place.path()).unwrap();
    let mode = std::fs::metadata(place.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(file.len() > 100 * users(), "{} bytes", file.len());
    let holds = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
    let digest: [u8; 32] = sha2::Sha256::digest(&tokens[7]).into();
    let key = bed.mock.session_key(&openid(7)).expect("a session key");
    let raw_key = STANDARD.decode(&key).unwrap();
    assert!(holds(b"wxgate"));
    for needle in [
        tokens[7].as_bytes(),
        openid(7).as_bytes(),
        number.as_bytes(),
        &digest,
        key.as_bytes(),
        &raw_key,
        b"oGZUI0",
        APPID.as_bytes(),
    ] {
        assert!(!holds(needle), "{}", String::from_utf8_lossy(needle));
    }

    bed.start_again(&top);
    assert!(!place.path().exists(), "it is good for one start");
    let mut client = bed.client();
    for (n, token) in tokens.iter().enumerate() {
        assert_eq!(client.get("/phone", token).status, 200, "user {n}");
        let seen = bed.upstream.last();
        assert_eq!(seen.header("x-wx-openid"), Some(openid(n).as_str()));
        assert!(seen.header("x-wx-phone").is_some());
    }
    bed.get("/api", &gone).is(401, "session_expired", "login");

    // A crash is no planned restart: nobody is signed in, and nobody who has logged out comes back.
    bed.call("logout", &tokens[0], &json!({}));
    bed.start_again(&top);
    for token in &tokens[..2] {
        bed.get("/api", token).is(401, "session_expired", "login");
    }
}

/// A gateway as a process.
struct Stage {
    process: Process,
    mock: Mock,
    _upstream: Upstream,
    _runtime: Runtime,
}

impl Stage {
    fn new(name: &str, place: &Place) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mock = runtime.block_on(Mock::start(Options::default())).unwrap();
        let upstream = Upstream::recording();
        let process = Process::run(
            &format!("snapshot-run-{name}"),
            &format!(
                "listen = [\"127.0.0.1:0\"]\n[admin]\nlisten = \"\"\n[wechat]\napi = [\"{}\"]\n{}[[app]]\nappid = \"{APPID}\"\nsecret = {{ env = \"WX_SECRET\" }}\n{}",
                mock.url(),
                place.section(),
                ROUTES.replace("{upstream}", &upstream.url()),
            ),
        );
        Self {
            process,
            mock,
            _upstream: upstream,
            _runtime: runtime,
        }
    }

    fn client(&self) -> Client {
        self.process.client()
    }

    fn says(&self, what: &str) {
        let error = &self.process.error;
        until(what, || error.text().contains(what));
    }
}

#[test]
fn a_damaged_or_foreign_snapshot_is_refused_with_a_line_and_a_clean_start() {
    let place = Place::new("damaged");
    let stage = Stage::new("first", &place);
    stage.says("there is no snapshot");
    let mut client = stage.client();
    let code = stage.mock.login_code("oAlice");
    client.begin("login", "", &json!({ "code": code }));
    let token = token(&client.reply(false));
    drop(client);
    let (status, said) = stage.process.end();
    assert!(
        status.success() && said.contains("a snapshot was written"),
        "{said}"
    );

    let good = std::fs::read(place.path()).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    for (name, content) in [("damaged", &bad[..]), ("foreign", b"{\"sessions\": []}")] {
        std::fs::write(place.path(), content).unwrap();
        let stage = Stage::new(name, &place);
        stage.says("the snapshot is refused");
        assert_eq!(stage.client().get("/api", &token).status, 401, "{name}");
        assert_eq!(
            std::fs::read(place.0.file("sessions.refused")).unwrap(),
            content
        );
        let (status, said) = stage.process.end();
        assert!(
            status.success() && said.contains("\"level\":\"ERROR\""),
            "{said}"
        );
    }
    std::fs::write(place.path(), good).unwrap();
    let stage = Stage::new("good", &place);
    stage.says("the snapshot was taken");
    assert_eq!(stage.client().get("/api", &token).status, 200);
}

#[test]
fn a_place_that_cannot_be_written_is_told_at_the_start() {
    let place = Place::new("nowhere");
    let section = place.section();
    // What a new file would be called is a folder.
    let taken = format!("{}.new", place.path().display());
    std::fs::create_dir(&taken).unwrap();
    let text = config("http://127.0.0.1:1", "http://127.0.0.1:1", &section, ROUTES);
    let error = Gateway::start(&text).err().expect("no start").to_string();
    let expected = format!("session.snapshot: {taken}: ");
    assert!(error.contains(&expected), "{error}");
}
