//! Which of several servers a request goes to. Pure: the random number is an argument.
//!
//! Each way asks for the weight of a server by its place; weight 0 leaves it out. `None` is the answer
//! where all are left out.

use crate::setting;

/// How a group's requests are shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// Of two servers drawn by weight, the one with less under way.
    P2c,
    /// In turn, by weight.
    RoundRobin,
    /// By the user: the same server each time, as long as it is there.
    HashOpenid,
}

setting::choice! {
    Balance, "a way to share requests" {
        "p2c" => Self::P2c,
        "round_robin" => Self::RoundRobin,
        "hash:openid" => Self::HashOpenid,
    }
}

/// Draws two of `count` servers by weight, and takes the one with less `load` for its weight.
pub(super) fn p2c(
    count: usize,
    weight: impl Fn(usize) -> u32,
    load: impl Fn(usize) -> u32,
    random: u64,
) -> Option<usize> {
    let draw = |without: Option<usize>, random: u64| {
        let weight = |at| {
            if without == Some(at) {
                0
            } else {
                u64::from(weight(at))
            }
        };
        let all: u64 = (0..count).map(weight).sum();
        let mut left = random.checked_rem(all)?;
        (0..count).find(|at| match left.checked_sub(weight(*at)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
    };
    let one = draw(None, random >> 32)?;
    let Some(other) = draw(Some(one), random & 0xffff_ffff) else {
        return Some(one);
    };
    // load(one) / weight(one) > load(other) / weight(other), what is to come counted in.
    let (mine, theirs) = (u64::from(load(one)) + 1, u64::from(load(other)) + 1);
    let is_busier = mine * u64::from(weight(other)) > theirs * u64::from(weight(one));
    Some(if is_busier { other } else { one })
}

/// Takes the servers in turn, those with more weight more often and never in bunches (nginx calls it
/// smooth). `turns` is what is remembered from one call to the next: one number for each server, 0 at first.
pub(super) fn round_robin(turns: &mut [i64], weight: impl Fn(usize) -> u32) -> Option<usize> {
    let mut all = 0;
    let mut best: Option<(usize, i64)> = None;
    for (at, turn) in turns.iter_mut().enumerate() {
        let weight = i64::from(weight(at));
        if weight == 0 {
            continue;
        }
        all += weight;
        *turn += weight;
        if best.is_none_or(|(_, most)| *turn > most) {
            best = Some((at, *turn));
        }
    }
    let (at, _) = best?;
    *turns.get_mut(at)? -= all;
    Some(at)
}

/// The server for `key`, by rendezvous: each server draws a lot for the key, and the best lot wins. So a
/// server that is gone, or left out, moves only its own keys, in proportion to the others' weights. `seed`
/// is a server's own number: [`digest`] of its address.
pub(super) fn rendezvous(
    count: usize,
    weight: impl Fn(usize) -> u32,
    seed: impl Fn(usize) -> u64,
    key: u64,
) -> Option<usize> {
    // Exponential waiting times: the shortest wins with a chance in proportion to its rate.
    let wait = |at: usize, weight: u32| {
        let bits = mix(seed(at) ^ mix(key)) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let uniform = (bits as f64 + 0.5) / (1_u64 << 53) as f64;
        -uniform.ln() / f64::from(weight)
    };
    (0..count)
        .filter_map(|at| {
            let weight = Some(weight(at)).filter(|weight| *weight > 0)?;
            Some((at, wait(at, weight)))
        })
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(at, _)| at)
}

/// A number for `bytes` that is the same in every process (FNV-1a): whoever comes back after a restart
/// finds their server.
pub fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Spreads a number over all 64 bits (`SplitMix64`).
pub(super) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: [u32; 4] = [1, 2, 0, 5];

    fn shares(mut pick: impl FnMut(u64) -> Option<usize>) -> [usize; 4] {
        let mut shares = [0; 4];
        for number in 0..80_000 {
            shares[pick(number).unwrap()] += 1;
        }
        shares
    }

    fn are_as_weighed(shares: [usize; 4]) {
        for (share, weight) in shares.into_iter().zip(WEIGHTS) {
            let fair = 10_000 * usize::try_from(weight).unwrap();
            assert!(share.abs_diff(fair) <= fair / 20, "{shares:?}");
        }
    }

    #[test]
    fn every_way_heeds_weights_and_leaves_out_what_weighs_nothing() {
        let weight = |at: usize| WEIGHTS[at];
        let mut turns = [0; 4];
        are_as_weighed(shares(|_| round_robin(&mut turns, weight)));
        let seed = |at: usize| digest(&[u8::try_from(at).unwrap()]);
        are_as_weighed(shares(|key| rendezvous(4, weight, seed, key)));
        // A load in proportion to weight is no load: what was drawn first is taken.
        let load = |at: usize| (WEIGHTS[at] * 10).saturating_sub(1);
        are_as_weighed(shares(|number| p2c(4, weight, load, mix(number))));
    }

    #[test]
    fn where_all_are_left_out_there_is_no_choice() {
        assert_eq!(p2c(3, |_| 0, |_| 0, 7), None);
        assert_eq!(p2c(0, |_| 1, |_| 0, 7), None);
        assert_eq!(round_robin(&mut [0; 3], |_| 0), None);
        assert_eq!(rendezvous(3, |_| 0, |_| 1, 7), None);
        assert_eq!(p2c(3, |at| u32::from(at == 1), |_| 9, 7), Some(1));
    }

    #[test]
    fn of_two_the_less_busy_one_is_taken() {
        for random in (0..1000).map(mix) {
            assert_eq!(p2c(2, |_| 1, |at| [3, 2][at], random), Some(1));
            assert_eq!(p2c(2, |at| [4, 1][at], |at| [3, 2][at], random), Some(0));
        }
        let busiest = (0..1000).filter_map(|n| p2c(3, |_| 1, |at| [9, 1, 5][at], mix(n)));
        assert!(busiest.into_iter().all(|at| at != 0));
    }

    #[test]
    fn turns_are_spread_out() {
        let mut turns = [0; 3];
        let taken: Vec<_> = (0..7)
            .filter_map(|_| round_robin(&mut turns, |at| [5, 1, 1][at]))
            .collect();
        assert_eq!(taken, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_server_gone_moves_only_its_users() {
        let names = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80"];
        let seed = |at: usize| digest(names[at].as_bytes());
        let with = |gone: usize, key| rendezvous(4, |at| u32::from(at != gone), seed, key);
        let mut moved_to = [0; 4];
        for user in 0..10_000 {
            let key = digest(format!("oUser{user}").as_bytes());
            let (before, after) = (with(9, key).unwrap(), with(2, key).unwrap());
            if before == 2 {
                moved_to[after] += 1;
            } else {
                assert_eq!(before, after);
            }
        }
        assert!(
            moved_to[2] == 0 && [0, 1, 3].iter().all(|at| moved_to[*at] > 600),
            "its users are spread over the others: {moved_to:?}"
        );
    }

    #[test]
    fn a_user_finds_the_same_server_after_a_restart() {
        let names = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];
        let seed = |at: usize| digest(names[at].as_bytes());
        let servers: Vec<_> = (0..8)
            .map(|user| rendezvous(3, |_| 1, seed, digest(format!("oUser{user}").as_bytes())))
            .map(Option::unwrap)
            .collect();
        assert_eq!(
            servers,
            [2, 2, 1, 0, 0, 0, 2, 2],
            "these are written down, not computed"
        );
    }
}
