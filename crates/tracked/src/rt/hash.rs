//! Hashing of the run-time's own numbers: ids and addresses, a multiplication each.
//!
//! They are given out by the run-time or the linker, never by input, so nobody can choose them to collide; maps keyed by
//! content keep std's hasher.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps keyed by ids or addresses.
pub(crate) type ByNumber = BuildHasherDefault<NumberHasher>;

/// The hash so far.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

/// Folds two words into one; a 64 by 64 bit multiplication whose halves are joined spreads every input bit.
#[inline(always)]
pub(crate) fn fold(one: u64, other: u64) -> u64 {
    let product =
        u128::from(one ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(u128::from(other ^ 0xd6e8_feb8_6659_fd93));
    product as u64 ^ (product >> 64) as u64
}

impl Hasher for NumberHasher {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = fold(number, self.0.rotate_left(24));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    /// Anything else, byte by byte: correct, and not what this is for.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    /// What the maps take from a hash: its top seven bits (a tag), those below (a shard) and its low ones (a place).
    #[test]
    fn neighbouring_numbers_spread_over_the_bits_that_maps_use() {
        for step in [1, 8, 4096] {
            let all: Vec<u64> = (0..4096_u64).map(|n| ByNumber::default().hash_one(n * step)).collect();
            let distinct = |of: &dyn Fn(&u64) -> u64| all.iter().map(of).collect::<HashSet<_>>().len();
            assert_eq!(distinct(&|hash| hash >> 57), 128);
            assert_eq!(distinct(&|hash| (hash << 7) >> 59), 32);
            // As many random draws from as many values hit about 63 % of them.
            assert!(distinct(&|hash| hash & 0xfff) > 2_400);
            assert_eq!(distinct(&|&hash| hash), all.len());
        }
    }
}
