//! Limiters as their callers see them: who is let in, who is told to wait, who is forgotten.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::*;
use crate::auth::{AppId, Identity, OpenId};

fn rule(per: Per, count: u32, unit: Unit, burst: u32) -> Rule {
    Rule {
        per,
        limit: Pace::new(count, unit),
        burst,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn identity(appid: &str, openid: &str) -> Identity {
    Identity {
        appid: AppId::new(appid).unwrap(),
        openid: OpenId::new(openid).unwrap(),
        unionid: None,
        phone: None,
    }
}

#[test]
fn a_burst_passes_and_then_nobody_is_told_less_than_the_truth() {
    let limiter = Limiter::new(&rule(Per::Address, 1, Unit::Minute, 3));
    let client = address("192.0.2.1");
    for _ in 0..3 {
        assert_eq!(limiter.admit_address(client), Ok(()));
    }
    // Asking again and again moves nothing.
    for _ in 0..3 {
        let wait = limiter.admit_address(client).unwrap_err().retry_after;
        assert_eq!(wait, 60);
    }
    assert_eq!(limiter.admit_address(address("192.0.2.2")), Ok(()));
}

#[test]
fn who_waits_as_long_as_told_is_let_in() {
    let limiter = Limiter::new(&rule(Per::Address, 1, Unit::Second, 1));
    let client = address("192.0.2.1");
    limiter.admit_address(client).unwrap();
    let start = Instant::now();
    let told = limiter.admit_address(client).unwrap_err().retry_after;
    assert_eq!(told, 1);
    while start.elapsed() < Duration::from_secs(told) {
        std::thread::yield_now();
    }
    assert_eq!(limiter.admit_address(client), Ok(()));
}

#[test]
fn ipv6_counts_by_its_network() {
    let limiter = Limiter::new(&rule(Per::Address, 1, Unit::Hour, 0));
    assert!(limiter.admit_address(address("2001:db8::1")).is_ok());
    assert!(limiter.admit_address(address("2001:db8::ffff:2")).is_err());
    assert!(limiter.admit_address(address("2001:db8:0:1::1")).is_ok());
    assert!(limiter.admit_address(address("::ffff:192.0.2.1")).is_ok());
    assert!(limiter.admit_address(address("192.0.2.1")).is_err());
}

#[test]
fn users_count_by_app_and_openid() {
    let limiter = Limiter::new(&rule(Per::User, 1, Unit::Hour, 0));
    let (one, other) = ("wx0123456789abcdef", "wxfedcba9876543210");
    assert!(limiter.admit_user(&identity(one, "oAlice")).is_ok());
    assert!(limiter.admit_user(&identity(one, "oAlice")).is_err());
    assert!(limiter.admit_user(&identity(one, "oBob")).is_ok());
    assert!(limiter.admit_user(&identity(other, "oAlice")).is_ok());
}

#[test]
fn what_time_has_paid_for_is_forgotten() {
    let fast = Limiter::new(&rule(Per::Address, rule::MOST, Unit::Second, 1));
    let slow = Limiter::new(&rule(Per::Address, 1, Unit::Day, 1));
    for host in 0..100 {
        let client = IpAddr::from([192, 0, 2, host]);
        fast.admit_address(client).unwrap();
        slow.admit_address(client).unwrap();
    }
    // A microsecond has passed soon.
    let start = Instant::now();
    while fast.remembered() > 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "not forgotten");
        fast.sweep();
    }
    slow.sweep();
    assert_eq!(slow.remembered(), 100);
    assert!(slow.admit_address(address("192.0.2.1")).is_err());
}

#[test]
fn ever_so_many_addresses_share_what_room_there_is() {
    let limiter = Limiter::with_room(&rule(Per::Address, 1, Unit::Day, 1), 100);
    let client = |number: u32| IpAddr::from(number.to_be_bytes());
    for number in 0..100 {
        limiter.admit_address(client(number)).unwrap();
    }
    limiter.sweep();
    let refused = (100..200_000).filter(|number| limiter.admit_address(client(*number)).is_err());
    // Each of the shared places lets one in, and nobody has another.
    assert!(refused.count() > 200_000 - 100 - (1 << 16));
    assert!(limiter.remembered() <= 100 + (1 << 16));
}

#[test]
fn a_rule_says_when_a_burst_may_come_again() {
    let rows = [
        (rule(Per::User, 10, Unit::Minute, 20), 20, 120),
        (rule(Per::User, 10, Unit::Minute, 0), 10, 60),
        (rule(Per::User, 1, Unit::Day, 2), 2, 2 * 86_400),
        (
            rule(Per::User, rule::MOST, Unit::Second, rule::MOST),
            rule::MOST,
            1,
        ),
    ];
    for (rule, at_once, seconds) in rows {
        assert_eq!(rule.at_once(), at_once);
        assert_eq!(rule.recovery(), Duration::from_secs(seconds));
    }
}
