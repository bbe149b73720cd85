//! Abstract acquires: what is the same about acquisitions that differ only in when they happened.
//!
//! An abstract acquire (Tunc et al., PLDI 2023) is keyed by thread, what is wanted, hold set and location. A trace of
//! millions of acquisitions has few, and everything about lock order is a statement about them. A join while locks are
//! held is one too: it wants the end of a thread, which that thread holds all its life.
//!
//! What is the same for all threads, the lock with its mode, the hold set and the location, is a [`Shape`]. A program
//! has far fewer shapes than abstract acquires, for most of its code is run by several threads: the table of shapes
//! stays in the processor's cache, and whether a thread has used a shape before is one bit. That is all that an
//! acquisition has to look up. Sections refer to shapes too, for their thread is known from where they stand.

use hashbrown::HashMap;

use super::history::NEVER;
use super::holds::{EMPTY, Hold, HoldSets, SetId};

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

/// A way to acquire a lock, whoever does it: an abstract acquire without its thread. Its number is its place in
/// [`Acquires::shapes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The lock and mode.
    pub(super) hold: Hold,
    /// While holding what.
    set: SetId,
    /// Where.
    pub(super) location: u32,
    /// What is held then: `set` and `hold`.
    pub(super) after: SetId,
}

impl Shape {
    /// Whether something else was held, so that the acquisition is part of the lock order.
    #[inline]
    pub(super) fn is_nested(&self) -> bool {
        self.set != EMPTY
    }

    /// The abstract acquire of `thread` that has this shape.
    pub(super) fn kind(&self, thread: u32) -> Kind {
        Kind { thread, want: Want::Lock(self.hold), set: self.set, location: self.location }
    }
}

/// The abstract acquires of a trace.
pub(super) struct Acquires {
    /// By number.
    pub(super) kinds: Vec<Kind>,
    /// The inverse of `kinds`, without those that have a bit in `known` and whose number nobody has asked for yet.
    numbers: HashMap<Kind, u32>,
    /// So many of the first `kinds` are in `numbers` for certain.
    named: usize,
    /// By thread: a bit for each of the first [`MAX_BITS`] shapes, set once the abstract acquire of both is in `kinds`.
    known: Vec<Vec<u64>>,
    /// By number.
    pub(super) shapes: Vec<Shape>,
    /// The inverse of `shapes`.
    shape_numbers: HashMap<(Hold, SetId, u32), u32>,
    /// Numbers of recently used shapes, by a hash: most acquisitions repeat a recent one. Numbers alone, so that the
    /// table stays in the processor's cache.
    recent: Vec<u32>,
    /// What has no section, in the order of the trace.
    pub(super) unfinished: Vec<Unfinished>,
}

/// Fewest and most entries of [`Acquires::recent`]; powers of two. It grows with the number of shapes.
const RECENT: (usize, usize) = (1 << 8, 1 << 19);

/// Shapes that have a bit in [`Acquires::known`]: no more than 32 KB for each thread. Whether later ones are new is
/// looked up in [`Acquires::numbers`].
const MAX_BITS: u32 = 1 << 18;

impl Default for Acquires {
    fn default() -> Self {
        Acquires {
            kinds: Vec::new(),
            numbers: HashMap::new(),
            named: 0,
            known: Vec::new(),
            shapes: Vec::new(),
            shape_numbers: HashMap::new(),
            recent: vec![NEVER; RECENT.0],
            unfinished: Vec::new(),
        }
    }
}

impl Acquires {
    /// Has a place for `thread`.
    pub(super) fn add_thread(&mut self, thread: u32) {
        while self.known.len() <= thread as usize {
            self.known.push(Vec::new());
        }
    }

    /// The number of the shape of an acquisition, and the shape. Precondition: the lock is not in `set`.
    #[inline]
    pub(super) fn shape(
        &mut self,
        (hold, set, location): (Hold, SetId, u32),
        sets: &mut HoldSets,
    ) -> (u32, Shape) {
        let mix = (hold.0.wrapping_mul(0x85EB_CA6B))
            .wrapping_add(set.wrapping_mul(0xC2B2_AE35))
            .wrapping_add(location.wrapping_mul(0x27D4_EB2F));
        let place = (mix ^ mix >> 15) as usize & (self.recent.len() - 1);
        let number = self.recent[place];
        match self.shapes.get(number as usize) {
            Some(known) if (known.hold, known.set, known.location) == (hold, set, location) => {
                (number, *known)
            }
            _ => self.shape_slowly((hold, set, location), place, sets),
        }
    }

    /// The slow half of [`Acquires::shape`].
    #[cold]
    fn shape_slowly(&mut self, key: (Hold, SetId, u32), place: usize, sets: &mut HoldSets) -> (u32, Shape) {
        let number = *self.shape_numbers.entry(key).or_insert_with(|| {
            let (hold, set, location) = key;
            self.shapes.push(Shape { hold, set, location, after: sets.with(set, hold) });
            u32::try_from(self.shapes.len() - 1).expect("fewer shapes than events")
        });
        self.recent[place] = number;
        if 4 * self.shapes.len() > self.recent.len() && self.recent.len() < RECENT.1 {
            let size = 4 * self.recent.len();
            self.recent = vec![NEVER; size];
        }
        (number, self.shapes[number as usize])
    }

    /// `thread` acquires in the way of shape `number`: the abstract acquire is noted if it is new.
    #[inline]
    pub(super) fn note(&mut self, thread: u32, number: u32) {
        let word = self.known[thread as usize].get(number as usize / 64);
        if word.is_none_or(|word| word >> (number % 64) & 1 == 0) {
            self.note_slowly(thread, number);
        }
    }

    /// The slow half of [`Acquires::note`].
    #[cold]
    fn note_slowly(&mut self, thread: u32, number: u32) {
        let kind = self.shapes[number as usize].kind(thread);
        let is_new = !self.numbers.contains_key(&kind);
        if number < MAX_BITS {
            let known = &mut self.known[thread as usize];
            let word = number as usize / 64;
            if known.len() <= word {
                known.resize(word + 1, 0);
            }
            known[word] |= 1 << (number % 64);
        } else if is_new {
            self.numbers.insert(kind, self.kinds.len() as u32);
        }
        if is_new {
            self.kinds.push(kind);
        }
    }

    /// The number of the shape of `kind`; `None` if nothing was acquired so.
    pub(super) fn shape_of(&self, kind: &Kind) -> Option<u32> {
        let Want::Lock(hold) = kind.want else { return None };
        self.shape_numbers.get(&(hold, kind.set, kind.location)).copied()
    }

    /// The number of `kind`, a new one if it was never seen.
    fn number(&mut self, kind: Kind) -> u32 {
        if matches!(kind.want, Want::Lock(_)) {
            for (kind, number) in self.kinds.iter().zip(0..).skip(self.named) {
                self.numbers.entry(*kind).or_insert(number);
            }
            self.named = self.kinds.len();
        }
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
