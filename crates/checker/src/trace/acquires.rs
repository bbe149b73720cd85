//! Abstract acquires: what is the same about acquisitions that differ only in when they happened.
//!
//! An abstract acquire (Tunc et al., PLDI 2023) is keyed by thread, what is wanted, hold set and location. A trace of
//! millions of acquisitions has few, and everything about lock order is a statement about them. A join while locks are
//! held is one too: it wants the end of a thread, which that thread holds all its life.

use hashbrown::HashMap;

use super::history::NEVER;
use super::holds::{Hold, SetId};

/// What an abstract acquire wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Want {
    /// A lock in a mode.
    Lock(Hold),
    /// The end of a thread.
    End(u32),
}

/// One abstract acquire. Its number is its place in [`Acquires::kinds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    /// Who.
    pub(super) thread: u32,
    /// Wants what.
    pub(super) want: Want,
    /// While holding what.
    pub(super) set: SetId,
    /// Where.
    pub(super) location: u32,
}

/// An acquisition that leaves no section: a join, or a request at which the trace ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unfinished {
    /// The abstract acquire.
    pub(super) kind: u32,
    /// Number of the event among those of its thread.
    pub(super) index: u32,
    /// Its line.
    pub(super) line: u32,
}

/// The abstract acquires of a trace.
pub(super) struct Acquires {
    /// By number.
    pub(super) kinds: Vec<Kind>,
    /// The inverse of `kinds`.
    numbers: HashMap<Kind, u32>,
    /// Numbers of recently used kinds of lock acquisitions, by a hash: most acquisitions repeat a recent one. Numbers
    /// alone, so that the table stays in the processor's cache.
    recent: Vec<u32>,
    /// What has no section, in the order of the trace.
    pub(super) unfinished: Vec<Unfinished>,
}

/// Fewest and most entries of [`Acquires::recent`]; powers of two. It grows with the number of kinds.
const RECENT: (usize, usize) = (1 << 8, 1 << 19);

impl Default for Acquires {
    fn default() -> Self {
        Acquires {
            kinds: Vec::new(),
            numbers: HashMap::new(),
            recent: vec![NEVER; RECENT.0],
            unfinished: Vec::new(),
        }
    }
}

impl Acquires {
    /// The number of an acquisition of a lock.
    #[inline]
    pub(super) fn lock(&mut self, thread: u32, hold: Hold, set: SetId, location: u32) -> u32 {
        let mix = thread
            .wrapping_mul(0x9E37_79B9)
            .wrapping_add(hold.0.wrapping_mul(0x85EB_CA6B))
            .wrapping_add(set.wrapping_mul(0xC2B2_AE35))
            .wrapping_add(location.wrapping_mul(0x27D4_EB2F));
        let place = (mix ^ mix >> 15) as usize & (self.recent.len() - 1);
        let kind = Kind { thread, want: Want::Lock(hold), set, location };
        let number = self.recent[place];
        match self.kinds.get(number as usize) {
            Some(known) if *known == kind => number,
            _ => self.lock_slowly(kind, place),
        }
    }

    /// The slow half of [`Acquires::lock`].
    fn lock_slowly(&mut self, kind: Kind, place: usize) -> u32 {
        let number = self.number(kind);
        self.recent[place] = number;
        if 4 * self.kinds.len() > self.recent.len() && self.recent.len() < RECENT.1 {
            let size = 4 * self.recent.len();
            self.recent = vec![NEVER; size];
        }
        number
    }

    /// The number of `kind`, a new one if it was never seen.
    pub(super) fn number(&mut self, kind: Kind) -> u32 {
        *self.numbers.entry(kind).or_insert_with(|| {
            self.kinds.push(kind);
            u32::try_from(self.kinds.len() - 1).expect("fewer kinds than events")
        })
    }

    /// Notes an acquisition that has no section.
    pub(super) fn unfinished(&mut self, kind: Kind, index: u32, line: u32) {
        let kind = self.number(kind);
        self.unfinished.push(Unfinished { kind, index, line });
    }
}
