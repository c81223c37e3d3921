//! Numbers that need not be secret, only different: request ids and traces.

use std::cell::Cell;

/// A worker's own source of them.
pub(super) struct Lots(Cell<u64>);

impl Lots {
    pub(super) fn new() -> Self {
        let mut seed = [0; 8];
        // Without random numbers ids may be the same on two workers; nothing depends on it.
        let _ = getrandom::fill(&mut seed);
        Self(Cell::new(u64::from_le_bytes(seed)))
    }

    /// `N` bytes (`SplitMix64`).
    pub(super) fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        for part in bytes.chunks_mut(8) {
            let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.0.set(state);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            part.copy_from_slice(mixed.to_le_bytes().get(..part.len()).unwrap_or_default());
        }
        bytes
    }
}
