//! Hold sets, each stored once: what a thread holds at an event is one number.
//!
//! A hold set is a sorted list of [`Hold`]s. Most traces have few of them, so that comparing and intersecting them is
//! comparing numbers and looking up pairs. It does not know who holds what since when: that is the thread's state.

use hashbrown::HashMap;

/// A lock and a mode in one word: twice the lock's number, plus one for shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Hold(pub(super) u32);

impl Hold {
    /// `lock` held exclusively or shared.
    pub(super) fn new(lock: u32, shared: bool) -> Hold {
        Hold(lock << 1 | u32::from(shared))
    }

    /// The lock.
    pub(super) fn lock(self) -> u32 {
        self.0 >> 1
    }

    /// Whether the mode is shared.
    pub(super) fn shared(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether two threads can have these at once: other locks, or both shared.
    pub(super) fn compatible(self, other: Hold) -> bool {
        self.lock() != other.lock() || (self.shared() && other.shared())
    }
}

/// Number of a hold set in [`HoldSets`].
pub(super) type SetId = u32;

/// The set that holds nothing.
pub(super) const EMPTY: SetId = 0;

/// All hold sets of a trace. Equal sets have equal numbers.
pub(super) struct HoldSets {
    /// By number; each sorted, at most one entry for a lock.
    sets: Vec<Box<[Hold]>>,
    /// The inverse of `sets`.
    numbers: HashMap<Box<[Hold]>, SetId>,
    /// By hold: the set of nothing else, [`UNKNOWN`] until it occurs.
    single: Vec<SetId>,
    /// Set and added hold to the set that results.
    grown: HashMap<(SetId, Hold), SetId>,
    /// Pair of sets, smaller number first, to the set of what is in both.
    common: HashMap<(SetId, SetId), SetId>,
    /// Set to the set of its exclusive holds; `UNKNOWN` until asked.
    exclusive: Vec<SetId>,
}

/// Marks an entry of [`HoldSets::single`] or [`HoldSets::exclusive`] that was not asked for yet.
const UNKNOWN: SetId = SetId::MAX;

impl Default for HoldSets {
    fn default() -> Self {
        let mut sets = HoldSets {
            sets: Vec::new(),
            numbers: HashMap::new(),
            single: Vec::new(),
            grown: HashMap::new(),
            common: HashMap::new(),
            exclusive: Vec::new(),
        };
        assert_eq!(sets.intern(Box::new([])), EMPTY);
        sets
    }
}

impl HoldSets {
    /// The holds in set `id`, sorted.
    pub(super) fn get(&self, id: SetId) -> &[Hold] {
        &self.sets[id as usize]
    }

    /// The number of a sorted set.
    fn intern(&mut self, set: Box<[Hold]>) -> SetId {
        if let Some(&id) = self.numbers.get(&set) {
            return id;
        }
        let id = SetId::try_from(self.sets.len()).expect("fewer hold sets than events");
        self.numbers.insert(set.clone(), id);
        self.sets.push(set);
        self.exclusive.push(UNKNOWN);
        id
    }

    /// The set `id` with `hold` added. Precondition: the lock is not in it.
    #[inline]
    pub(super) fn with(&mut self, id: SetId, hold: Hold) -> SetId {
        let known = if id == EMPTY {
            self.single.get(hold.0 as usize).copied().filter(|&single| single != UNKNOWN)
        } else {
            self.grown.get(&(id, hold)).copied()
        };
        known.unwrap_or_else(|| self.with_new(id, hold))
    }

    /// The slow half of [`HoldSets::with`].
    #[cold]
    fn with_new(&mut self, id: SetId, hold: Hold) -> SetId {
        let mut set = self.get(id).to_vec();
        let at = set.partition_point(|other| *other < hold);
        set.insert(at, hold);
        let grown = self.intern(set.into());
        if id == EMPTY {
            if self.single.len() <= hold.0 as usize {
                self.single.resize(hold.0 as usize + 1, UNKNOWN);
            }
            self.single[hold.0 as usize] = grown;
        } else {
            self.grown.insert((id, hold), grown);
        }
        grown
    }

    /// The set of the locks in both sets. A lock in different modes counts as shared: it is held at least so.
    pub(super) fn intersection(&mut self, a: SetId, b: SetId) -> SetId {
        if a == b {
            return a;
        }
        let pair = (a.min(b), a.max(b));
        if let Some(&id) = self.common.get(&pair) {
            return id;
        }
        let other = self.get(b);
        let both = self.get(a).iter().filter_map(|hold| {
            let twin = other.iter().find(|twin| twin.lock() == hold.lock())?;
            Some(Hold::new(hold.lock(), hold.shared() || twin.shared()))
        });
        let both = both.collect();
        let id = self.intern(both);
        self.common.insert(pair, id);
        id
    }

    /// The set of the exclusive holds in `id`.
    #[inline]
    pub(super) fn exclusive(&mut self, id: SetId) -> SetId {
        if self.exclusive[id as usize] == UNKNOWN {
            let set = self.get(id).iter().copied().filter(|hold| !hold.shared()).collect();
            self.exclusive[id as usize] = self.intern(set);
        }
        self.exclusive[id as usize]
    }

    /// Whether two threads can have these sets at once.
    pub(super) fn compatible(&self, a: SetId, b: SetId) -> bool {
        let (a, b) = (self.get(a), self.get(b));
        let (mut i, mut j) = (0, 0);
        while i < a.len() && j < b.len() {
            if !a[i].compatible(b[j]) {
                return false;
            }
            if a[i].lock() <= b[j].lock() { i += 1 } else { j += 1 }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The set of exclusive holds of `exclusive` and shared ones of `shared`.
    fn set(sets: &mut HoldSets, exclusive: &[u32], shared: &[u32]) -> SetId {
        let exclusive = exclusive.iter().map(|&lock| Hold::new(lock, false));
        let shared = shared.iter().map(|&lock| Hold::new(lock, true));
        exclusive.chain(shared).fold(EMPTY, |id, hold| sets.with(id, hold))
    }

    #[test]
    fn equal_sets_have_equal_numbers() {
        let mut sets = HoldSets::default();
        assert_eq!(set(&mut sets, &[1, 2], &[3]), set(&mut sets, &[2, 1], &[3]));
        assert_ne!(set(&mut sets, &[1, 2, 3], &[]), set(&mut sets, &[2, 1], &[3]));
    }

    #[test]
    fn shared_holds_do_not_exclude_each_other() {
        let mut sets = HoldSets::default();
        let (write, read) = (set(&mut sets, &[5, 1], &[]), set(&mut sets, &[2], &[5]));
        let other = set(&mut sets, &[7], &[5]);
        assert!(!sets.compatible(write, read));
        assert!(sets.compatible(read, other));
        assert!(sets.compatible(EMPTY, write));
    }

    #[test]
    fn intersection_and_exclusive_part() {
        let mut sets = HoldSets::default();
        let (a, b) = (set(&mut sets, &[1, 2, 3], &[4]), set(&mut sets, &[3, 4], &[2]));
        let both = sets.intersection(a, b);
        assert_eq!(both, set(&mut sets, &[3], &[2, 4]));
        assert_eq!(sets.exclusive(both), set(&mut sets, &[3], &[]));
        assert_eq!(sets.intersection(a, EMPTY), EMPTY);
    }
}
