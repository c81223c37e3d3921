//! What each operation does to one record, second by second.

use super::*;

const TERMS: Terms = Terms {
    ttl: 1000,
    idle: 100,
    per_user: 2,
};

fn user() -> User {
    User::new(
        AppId::new("wx0123456789abcdef").unwrap(),
        OpenId::new("o1").unwrap(),
        0,
    )
}

fn digest(n: u8) -> Digest {
    Digest([n; 32])
}

fn key(n: u8) -> SessionKey {
    SessionKey::from_bytes([n; 16])
}

/// Signs in with digest and key `n`.
fn sign_in(user: &mut User, n: u8, previous: Option<u8>, now: UnixSeconds) -> Found {
    let previous = previous.map(digest);
    user.sign_in(None, key(n), digest(n), previous.as_ref(), &TERMS, now)
}

/// The tokens of `among` that are good.
fn good(user: &User, among: std::ops::RangeInclusive<u8>, now: UnixSeconds) -> Vec<u8> {
    among
        .filter(|n| user.find(&digest(*n), &TERMS, now).is_some())
        .collect()
}

#[test]
fn a_session_lives_until_it_is_idle_or_its_life_is_over() {
    let mut user = user();
    assert_eq!(sign_in(&mut user, 1, None, 0).ends, 1000);
    assert_eq!(good(&user, 1..=2, 99), [1]);
    assert!(good(&user, 1..=1, 100).is_empty());
    for now in (50..1000).step_by(50) {
        assert_eq!(good(&user, 1..=1, now), [1], "{now}");
        assert!(user.touch(&digest(1), now));
    }
    assert_eq!(good(&user, 1..=1, 999), [1]);
    assert!(good(&user, 1..=1, 1000).is_empty());
    assert!(user.is_over(&TERMS, 1000));
    assert!(!user.touch(&digest(2), 999));
}

#[test]
fn the_record_outlives_its_sessions_until_its_own_end() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    user.set_phone(Phone::new("13580006666", "13580006666", "86").unwrap());
    user.sign_out(&digest(1));
    sign_in(&mut user, 2, None, 900);
    assert!(user.identity().phone.is_some());
    assert!(!user.is_over(&TERMS, 1899));
    assert!(user.is_over(&TERMS, 1900));
}

#[test]
fn a_login_with_the_old_token_replaces_its_session_after_a_grace() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    sign_in(&mut user, 2, Some(1), 10);
    assert_eq!(good(&user, 1..=2, 39), [1, 2]);
    assert_eq!(user.find(&digest(1), &TERMS, 20).unwrap().ends, 40);
    assert_eq!(good(&user, 1..=2, 40), [2]);
}

#[test]
fn a_grace_is_not_begun_anew_by_another_login() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    sign_in(&mut user, 2, Some(1), 10);
    sign_in(&mut user, 3, Some(1), 35);
    assert_eq!(good(&user, 1..=3, 40), [2, 3]);
}

#[test]
fn a_dead_previous_token_replaces_nothing() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    sign_in(&mut user, 2, Some(9), 10);
    assert_eq!(good(&user, 1..=2, 50), [1, 2]);
    sign_in(&mut user, 3, Some(1), 101);
    assert_eq!(good(&user, 1..=3, 102), [2, 3]);
}

#[test]
fn beyond_per_user_the_least_recently_used_goes_with_a_grace() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    sign_in(&mut user, 2, None, 1);
    user.touch(&digest(1), 20);
    sign_in(&mut user, 3, None, 30);
    assert_eq!(good(&user, 1..=3, 59), [1, 2, 3]);
    assert_eq!(good(&user, 1..=3, 60), [1, 3]);
}

#[test]
fn tokens_in_their_grace_do_not_count() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    sign_in(&mut user, 2, None, 1);
    sign_in(&mut user, 3, Some(2), 2);
    sign_in(&mut user, 4, Some(3), 3);
    assert_eq!(good(&user, 1..=4, 4), [1, 2, 3, 4]);
    assert_eq!(good(&user, 1..=4, 60), [1, 4]);
}

#[test]
fn log_out_ends_predecessors_and_nobody_else() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    sign_in(&mut user, 2, Some(1), 1);
    sign_in(&mut user, 3, Some(2), 2);
    sign_in(&mut user, 4, None, 2);
    sign_in(&mut user, 5, Some(4), 2);
    user.sign_out(&digest(3));
    assert_eq!(good(&user, 1..=5, 3), [4, 5]);
    user.sign_out_everywhere();
    assert!(good(&user, 1..=5, 3).is_empty());
}

#[test]
fn eviction_ends_predecessors() {
    let mut user = user();
    sign_in(&mut user, 1, None, 0);
    sign_in(&mut user, 2, Some(1), 1);
    sign_in(&mut user, 3, None, 2);
    sign_in(&mut user, 4, None, 3);
    assert_eq!(good(&user, 1..=4, 4), [2, 3, 4]);
    assert_eq!(good(&user, 1..=4, 33), [3, 4]);
}

#[test]
fn a_client_that_logs_in_without_end_fills_no_memory() {
    let mut user = user();
    for n in 0..200 {
        sign_in(&mut user, n, n.checked_sub(1), 0);
    }
    assert_eq!(user.open.len(), 1 + GRACES);
    assert_eq!(good(&user, 0..=199, 1).last(), Some(&199));
    assert_eq!(user.keys.len(), KEYS);
}

#[test]
fn the_last_three_keys_are_kept_newest_first_and_each_once() {
    let mut user = user();
    for (n, k) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
        user.sign_in(None, key(k), digest(n), None, &TERMS, n.into());
    }
    let kept: Vec<_> = user.keys().cloned().collect();
    assert_eq!(kept, [key(3), key(2), key(1)]);
    sign_in(&mut user, 4, None, 9);
    let kept: Vec<_> = user.keys().cloned().collect();
    assert_eq!(kept, [key(4), key(3), key(2)]);
}

#[test]
fn a_unionid_once_known_is_kept() {
    let mut user = user();
    let unionid = UnionId::new("u1").ok();
    user.sign_in(unionid.clone(), key(1), digest(1), None, &TERMS, 0);
    sign_in(&mut user, 2, None, 1);
    assert_eq!(user.identity().unionid, unionid);
}
