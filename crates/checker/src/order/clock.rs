//! Sparse vector clocks that share what they have in common.
//!
//! A program that starts and joins thousands of threads gives thousands of clocks, each with the entries of the
//! one before and a few more. As flat vectors they would take quadratic memory. Here a clock is a persistent
//! 16-way trie over thread numbers (path copying as in Driscoll et al., "Making data structures persistent",
//! 1989): a copy is one reference count, an update copies one path, and a merge skips what both sides share.
//!
//! A clock knows nothing of what its numbers mean; that is `history`'s.

use std::sync::Arc;

const BITS: u32 = 4;
const WAYS: usize = 1 << BITS;

/// For some threads, the last of their segments that comes before a point in time. Segments count from 1.
#[derive(Clone, Default)]
pub struct Clock {
    root: Option<Arc<Branch>>,
    /// Levels of `Inner` branches above the leaves.
    height: u32,
}

#[derive(Clone)]
enum Branch {
    /// The segments of 16 neighbouring threads; 0 where there is no entry.
    Leaf([u32; WAYS]),
    /// Never without any child.
    Inner([Option<Arc<Branch>>; WAYS]),
}

impl Clock {
    /// Whether there is no entry at all.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The last segment of `thread` that comes before; 0 if none does.
    pub fn get(&self, thread: u32) -> u32 {
        if !self.covers(thread) {
            return 0;
        }
        let mut branch = self.root.as_ref();
        let mut level = self.height;
        while let Some(at) = branch {
            match &**at {
                Branch::Leaf(segments) => return segments[way(thread, 0)],
                Branch::Inner(children) => branch = children[way(thread, level)].as_ref(),
            }
            level = level.saturating_sub(1);
        }
        0
    }

    /// Raises the entry of `thread` to `segment`.
    pub fn set(&mut self, thread: u32, segment: u32) {
        if segment == 0 {
            return;
        }
        self.grow(thread);
        raise(&mut self.root, self.height, thread, segment);
    }

    /// Raises every entry to that of `other`; says whether any changed.
    pub fn merge(&mut self, other: &Clock) -> bool {
        let Some(theirs) = &other.root else { return false };
        if self.root.is_none() {
            *self = other.clone();
            return true;
        }
        let mut theirs = theirs.clone();
        for _ in other.height..self.height {
            theirs = above(theirs);
        }
        while self.height < other.height {
            self.root = self.root.take().map(above);
            self.height += 1;
        }
        match &mut self.root {
            Some(mine) => join(mine, &theirs),
            None => false,
        }
    }

    /// Removes the entries of the threads that `keep` turns down.
    pub fn retain(&mut self, keep: &mut dyn FnMut(u32) -> bool) {
        if let Some(root) = &mut self.root
            && !filter(root, self.height, 0, keep)
        {
            *self = Clock::default();
        }
    }

    /// Whether `thread` is among those that a trie of this height can hold.
    fn covers(&self, thread: u32) -> bool {
        u64::from(thread) >> (BITS * (self.height + 1)) == 0
    }

    fn grow(&mut self, thread: u32) {
        while !self.covers(thread) {
            self.root = self.root.take().map(above);
            self.height += 1;
        }
    }
}

/// Which child of a branch at `level` leads to `thread`.
fn way(thread: u32, level: u32) -> usize {
    (thread >> (BITS * level)) as usize % WAYS
}

/// The same entries, one level higher.
fn above(branch: Arc<Branch>) -> Arc<Branch> {
    let mut children: [Option<Arc<Branch>>; WAYS] = Default::default();
    children[0] = Some(branch);
    Arc::new(Branch::Inner(children))
}

fn raise(place: &mut Option<Arc<Branch>>, level: u32, thread: u32, segment: u32) {
    let branch = place.get_or_insert_with(|| {
        Arc::new(if level == 0 { Branch::Leaf([0; WAYS]) } else { Branch::Inner(Default::default()) })
    });
    match Arc::make_mut(branch) {
        Branch::Leaf(segments) => {
            let entry = &mut segments[way(thread, 0)];
            *entry = segment.max(*entry);
        }
        Branch::Inner(children) => {
            raise(&mut children[way(thread, level)], level.saturating_sub(1), thread, segment);
        }
    }
}

/// Merges two branches of the same level.
fn join(mine: &mut Arc<Branch>, theirs: &Arc<Branch>) -> bool {
    if Arc::ptr_eq(mine, theirs) {
        return false;
    }
    match (&**mine, &**theirs) {
        (Branch::Leaf(a), Branch::Leaf(b)) => {
            if a.iter().zip(b).all(|(a, b)| a >= b) {
                return false;
            }
            if a.iter().zip(b).all(|(a, b)| a <= b) {
                *mine = theirs.clone();
                return true;
            }
            let merged = std::array::from_fn(|index| a[index].max(b[index]));
            *mine = Arc::new(Branch::Leaf(merged));
            true
        }
        (Branch::Inner(_), Branch::Inner(theirs)) => join_children(mine, theirs),
        // Not reached: branches of one level are of one kind.
        _ => false,
    }
}

fn join_children(mine: &mut Arc<Branch>, theirs: &[Option<Arc<Branch>>; WAYS]) -> bool {
    let mut changed = false;
    for (index, theirs) in theirs.iter().enumerate() {
        let Some(theirs) = theirs else { continue };
        let Branch::Inner(children) = &**mine else { return changed };
        let mut child = children[index].clone();
        let news = match &mut child {
            Some(child) => join(child, theirs),
            None => {
                child = Some(theirs.clone());
                true
            }
        };
        if news && let Branch::Inner(children) = Arc::make_mut(mine) {
            children[index] = child;
            changed = true;
        }
    }
    changed
}

/// Says whether anything is left; what is left whole stays shared.
fn filter(branch: &mut Arc<Branch>, level: u32, first: u32, keep: &mut dyn FnMut(u32) -> bool) -> bool {
    match &**branch {
        Branch::Leaf(segments) => {
            let mut kept = *segments;
            for (index, entry) in kept.iter_mut().enumerate() {
                if *entry != 0 && !keep(first + index as u32) {
                    *entry = 0;
                }
            }
            if kept != *segments {
                *branch = Arc::new(Branch::Leaf(kept));
            }
            kept.iter().any(|&entry| entry != 0)
        }
        Branch::Inner(children) => {
            let mut kept = children.clone();
            let mut changed = false;
            for (index, slot) in kept.iter_mut().enumerate() {
                let Some(child) = slot else { continue };
                let before = Arc::clone(child);
                let start = first + ((index as u32) << (BITS * level));
                if !filter(child, level.saturating_sub(1), start, keep) {
                    *slot = None;
                    changed = true;
                } else {
                    changed |= !Arc::ptr_eq(child, &before);
                }
            }
            let any = kept.iter().any(Option::is_some);
            if changed {
                *branch = Arc::new(Branch::Inner(kept));
            }
            any
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Small xorshift; the seed is printed by the caller's assertion message.
    fn next(state: &mut u64) -> u32 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as u32
    }

    #[test]
    fn behaves_as_a_map_from_thread_to_segment() {
        for seed in 1..200_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut clocks = vec![(Clock::default(), BTreeMap::<u32, u32>::new()); 4];
            for _ in 0..60 {
                let (one, two) = (next(&mut state) as usize % 4, next(&mut state) as usize % 4);
                match next(&mut state) % 5 {
                    0 | 1 => {
                        let range = [8, 40, 5000, u32::MAX][next(&mut state) as usize % 4];
                        let (thread, segment) = (next(&mut state) % range, next(&mut state) % 9);
                        clocks[one].0.set(thread, segment);
                        if segment > 0 {
                            let entry = clocks[one].1.entry(thread).or_default();
                            *entry = segment.max(*entry);
                        }
                    }
                    2 | 3 => {
                        let other = clocks[two].clone();
                        let before = clocks[one].1.clone();
                        let changed = clocks[one].0.merge(&other.0);
                        for (thread, segment) in other.1 {
                            let entry = clocks[one].1.entry(thread).or_default();
                            *entry = segment.max(*entry);
                        }
                        assert_eq!(changed, before != clocks[one].1, "seed {seed}");
                    }
                    _ => {
                        clocks[one].0.retain(&mut |thread| thread % 3 != 0);
                        clocks[one].1.retain(|thread, _| thread % 3 != 0);
                    }
                }
                for (clock, map) in &clocks {
                    assert_eq!(clock.is_empty(), map.is_empty(), "seed {seed}");
                    for (&thread, &segment) in map {
                        assert_eq!(clock.get(thread), segment, "seed {seed}");
                    }
                    for thread in 0..50 {
                        assert_eq!(clock.get(thread), map.get(&thread).copied().unwrap_or(0), "seed {seed}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_copy_with_one_more_entry_shares_the_rest() {
        let mut clock = Clock::default();
        for thread in 0..4096 {
            clock.set(thread, 1);
        }
        let mut other = clock.clone();
        other.set(0, 2);
        let (Some(a), Some(b)) = (&clock.root, &other.root) else { panic!("both have entries") };
        let (Branch::Inner(a), Branch::Inner(b)) = (&**a, &**b) else { panic!("both are high") };
        let shared = (0..WAYS).filter(|&index| match (&a[index], &b[index]) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        });
        assert_eq!(shared.count(), WAYS - 1);
    }
}
