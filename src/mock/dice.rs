//! Random-looking bytes from one seed.

use crate::auth::crypto;

/// A stream of bytes that nobody without the seed can foretell.
pub(super) struct Dice {
    seed: [u8; 32],
    throws: u64,
}

impl Dice {
    /// Starts from `seed`, which must come from the system's generator.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, throws: 0 }
    }

    /// The next 16 bytes.
    pub(super) fn bytes(&mut self) -> [u8; 16] {
        self.throws += 1;
        let block = crypto::hmac_sha256(&self.seed, &self.throws.to_be_bytes());
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(block) {
            *to = from;
        }
        bytes
    }

    /// The next `length` hexadecimal digits.
    pub(super) fn hex(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 32);
        while text.len() < length {
            text.push_str(&crypto::hex(&self.bytes()));
        }
        text.truncate(length);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_throws_are_alike() {
        let mut dice = Dice::new([1; 32]);
        assert_ne!(dice.bytes(), dice.bytes());
        assert_eq!(dice.hex(136).len(), 136);
    }
}
