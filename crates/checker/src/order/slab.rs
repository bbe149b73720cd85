//! Storage for many small things that refer to each other by number.
//!
//! A `Vec` that doubles wastes up to half of its memory and copies megabytes at once while the watched program
//! waits; a slab grows by a chunk. Numbers are reused, so whoever keeps one must know that the thing still lives.

use std::ops::{Index, IndexMut};

/// Things to a chunk. A power of two, so that a number splits by shift and mask.
const CHUNK: usize = 1024;

/// No thing at all: the end of a list, an absent parent.
pub const NONE: u32 = u32::MAX;

/// Things by number.
pub struct Slab<T> {
    /// Full chunks, and a last one that fills up. No chunk is ever reallocated.
    chunks: Vec<Vec<T>>,
    /// Numbers whose thing was taken out; each stands here once.
    free: Vec<u32>,
    /// How many numbers were ever given out.
    end: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { chunks: Vec::new(), free: Vec::new(), end: 0 }
    }
}

impl<T: Default> Slab<T> {
    /// Stores a thing under a number that is not in use.
    pub fn insert(&mut self, thing: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self[number] = thing;
            return number;
        }
        let number = self.end;
        debug_assert_ne!(number, NONE, "more things than numbers");
        if (number as usize).is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[number as usize / CHUNK].push(thing);
        self.end += 1;
        number
    }

    /// Takes a thing out. The number must be in use.
    pub fn remove(&mut self, number: u32) -> T {
        self.free.push(number);
        std::mem::take(&mut self[number])
    }

    /// One more than the largest number ever given out.
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// All places in turn, those of removed things (as default values) included.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flatten()
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

/// Mixes two words into a well-spread one (folded multiplication, as in foldhash). Not seeded: the numbers hashed
/// here are given out by the run-time, not by an adversary, and the checker's behaviour must not vary.
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93);
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reused_and_chunks_joined() {
        let mut slab = Slab::default();
        for value in 0..3000_u32 {
            assert_eq!(slab.insert(value), value);
        }
        assert_eq!((slab.remove(1500), slab.end()), (1500, 3000));
        assert_eq!(slab.insert(7), 1500);
        assert_eq!((slab[1500], slab[2999]), (7, 2999));
    }
}
