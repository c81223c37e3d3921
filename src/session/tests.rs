//! The store as its callers see it: workers, endpoints, and the sweep.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;

/// Runs what waits for nothing.
fn now<T>(future: impl Future<Output = Result<T, Error>>) -> T {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(answer) => answer.unwrap(),
        Poll::Pending => panic!("this waits for nothing"),
    }
}

fn store(config: &Config) -> Sessions {
    Sessions::new(config).unwrap()
}

fn person(openid: &str) -> SignIn {
    SignIn {
        appid: AppId::new("wx0123456789abcdef").unwrap(),
        openid: OpenId::new(openid).unwrap(),
        unionid: None,
        key: SessionKey::from_bytes([1; 16]),
    }
}

fn phone() -> Phone {
    Phone::new("13580006666", "13580006666", "86").unwrap()
}

#[test]
fn a_token_finds_its_session_and_no_other_does() {
    let sessions = store(&Config::default());
    let near = sessions.near();
    let one = now(sessions.sign_in(person("o1"), None, 5));
    assert_eq!(one.expires_in, 30 * 86_400);
    assert!(one.session.is_alive(5));
    for _ in 0..2 {
        let found = now(sessions.find(&near, &one.token, 6)).unwrap();
        assert_eq!(found.identity.openid.as_str(), "o1");
        assert_eq!(found.expires_in(6), 30 * 86_400 - 1);
    }
    // The same record, another secret part.
    let forged = Token::mint(one.token.locator(), &[0; 32]);
    let stranger = Token::mint(Locator([0; 16]), &[0; 32]);
    for token in [forged, stranger] {
        assert!(now(sessions.find(&near, &token, 6)).is_none());
        assert!(now(sessions.look_up(&token, 6)).is_none());
    }
}

#[test]
fn the_same_openid_in_another_app_is_another_person() {
    let sessions = store(&Config::default());
    let one = now(sessions.sign_in(person("o1"), None, 0));
    now(sessions.set_phone(&one.session, phone(), 0));
    let mut other = person("o1");
    other.appid = AppId::new("wxffffffffffffffff").unwrap();
    let other = now(sessions.sign_in(other, Some(&one.token), 0));
    assert!(other.session.identity.phone.is_none());
    assert!(now(sessions.look_up(&one.token, 31)).is_some());
    assert_eq!(sessions.users(), 2);
}

#[test]
fn every_worker_sees_a_change_at_once() {
    let sessions = store(&Config::default());
    let (here, there) = (sessions.near(), sessions.near());
    let signed_in = now(sessions.sign_in(person("o1"), None, 0));
    let found = |near: &Near| now(sessions.find(near, &signed_in.token, 1));
    assert!(found(&here).is_some() && found(&there).is_some());
    now(sessions.set_phone(&signed_in.session, phone(), 1));
    assert!(found(&here).unwrap().identity.phone.is_some());
    let held = found(&there).unwrap();
    assert!(held.identity.phone.is_some() && held.is_alive(1));
    now(sessions.sign_out(&signed_in.session, false, 1));
    assert!(!held.is_alive(1));
    assert!(found(&here).is_none() && found(&there).is_none());
}

#[test]
fn near_sessions_end_with_grace_idle_and_ttl() {
    let config = Config {
        ttl: Duration::from_secs(100),
        idle: Duration::from_secs(50),
        ..Config::default()
    };
    let sessions = store(&config);
    let near = sessions.near();
    let found = |token: &Token, at| now(sessions.find(&near, token, at)).is_some();
    let one = now(sessions.sign_in(person("o1"), None, 0)).token;
    assert!(found(&one, 1));
    let two = now(sessions.sign_in(person("o1"), Some(&one), 2)).token;
    assert!(found(&one, 31) && found(&two, 31));
    assert!(!found(&one, 32));
    // Used at 31 last: idle at 81.
    assert!(found(&two, 80));
    for at in 81..102 {
        assert!(found(&two, at), "{at}");
    }
    assert!(!found(&two, 102));
    let three = now(sessions.sign_in(person("o2"), None, 200)).token;
    assert!(found(&three, 249));
    assert!(!found(&three, 299));
}

#[test]
fn logging_out_everywhere_leaves_the_person_known() {
    let sessions = store(&Config::default());
    let one = now(sessions.sign_in(person("o1"), None, 0));
    let two = now(sessions.sign_in(person("o1"), None, 0));
    now(sessions.set_phone(&one.session, phone(), 0));
    now(sessions.sign_out(&one.session, true, 0));
    for token in [&one.token, &two.token] {
        assert!(now(sessions.look_up(token, 0)).is_none());
    }
    let again = now(sessions.sign_in(person("o1"), None, 1));
    assert!(again.session.identity.phone.is_some());
    assert_eq!(now(sessions.keys(&again.session, 1)).len(), 1);
}

#[test]
fn a_phone_is_forgotten_with_the_record() {
    let config = Config {
        ttl: Duration::from_secs(100),
        ..Config::default()
    };
    let sessions = store(&config);
    let one = now(sessions.sign_in(person("o1"), None, 0));
    now(sessions.set_phone(&one.session, phone(), 0));
    assert!(now(sessions.keys(&one.session, 100)).is_empty());
    let two = now(sessions.sign_in(person("o1"), None, 100));
    assert!(two.session.identity.phone.is_none());
}

#[test]
fn three_times_the_capacity_gets_in() {
    let config = Config {
        capacity: 100,
        ..Config::default()
    };
    let sessions = store(&config);
    let tokens: Vec<_> = (0..300)
        .map(|n| {
            let token = now(sessions.sign_in(person(&format!("o{n}")), None, 0)).token;
            assert!(now(sessions.look_up(&token, 0)).is_some(), "{n}");
            token
        })
        .collect();
    assert_eq!(sessions.users(), 100);
    for (n, token) in tokens.iter().enumerate() {
        assert_eq!(now(sessions.look_up(token, 0)).is_some(), n >= 200, "{n}");
    }
}

#[test]
fn no_worker_believes_a_session_that_was_logged_out_before_it_asked() {
    const ROUNDS: u64 = 2000;
    let sessions = store(&Config::default());
    // The last round whose log-out has returned.
    let ended = AtomicU64::new(0);
    let token = std::sync::Mutex::new((0, None::<Token>));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let near = sessions.near();
                while !done.load(Ordering::Acquire) {
                    let (round, current) = token.lock().unwrap().clone();
                    let Some(current) = current else { continue };
                    let over = ended.load(Ordering::Acquire) >= round;
                    let found = now(sessions.find(&near, &current, 0)).is_some();
                    assert!(!(over && found), "round {round}");
                }
            });
        }
        for round in 1..=ROUNDS {
            let signed_in = now(sessions.sign_in(person("o1"), None, 0));
            *token.lock().unwrap() = (round, Some(signed_in.token));
            now(sessions.sign_out(&signed_in.session, false, 0));
            ended.store(round, Ordering::Release);
        }
        done.store(true, Ordering::Release);
    });
}
