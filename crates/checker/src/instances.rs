//! Which sets of lock instances show one problem: how many, and which. Not what the problem is, which is known by its
//! sites.

use std::collections::BTreeMap;

use lockcheck_events::LockId;

use crate::finding::{Context, CycleLink};
use crate::order::locks_key;

/// Sets of which the locks are kept; of those beyond only the number is known.
pub const INSTANCES_NAMED: usize = 1_000;

/// Distinct sets of locks.
#[derive(Clone, Default, Debug)]
pub struct Instances {
    /// By their key, in the order of the links; empty beyond [`INSTANCES_NAMED`].
    sets: BTreeMap<u64, Box<[LockId]>>,
}

impl Instances {
    /// The one set that a cycle is about.
    pub fn of(links: &[CycleLink]) -> Instances {
        let mut instances = Instances::default();
        instances.insert(links);
        instances
    }

    /// Adds the set that a cycle is about; the same again counts once.
    pub fn insert(&mut self, links: &[CycleLink]) {
        let is_named = self.sets.len() < INSTANCES_NAMED;
        self.sets.entry(locks_key(links)).or_insert_with(|| match is_named {
            true => links.iter().map(|link| link.request.lock).collect(),
            false => Box::default(),
        });
    }

    /// Adds all of another's.
    pub fn extend(&mut self, other: &Instances) {
        for (&key, locks) in &other.sets {
            let is_named = self.sets.len() < INSTANCES_NAMED;
            let locks = || if is_named { locks.clone() } else { Box::default() };
            self.sets.entry(key).or_insert_with(locks);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.sets.clear();
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.sets.len() as u64
    }

    /// Whether one of them is among the other's.
    pub fn meet(&self, other: &Instances) -> bool {
        self.sets.keys().any(|key| other.sets.contains_key(key))
    }

    /// The ids of the locks of each, sorted; none where there is but one, which the finding itself names.
    pub fn named(&self, context: &dyn Context) -> Vec<Vec<String>> {
        if self.sets.len() < 2 {
            return Vec::new();
        }
        let sets = self.sets.values().filter(|locks| !locks.is_empty());
        let mut named: Vec<Vec<LockId>> = sets.map(|locks| locks.to_vec()).collect();
        named.iter_mut().for_each(|locks| locks.sort_unstable());
        named.sort_unstable();
        let name = |locks: Vec<LockId>| locks.into_iter().map(|lock| context.lock_name(lock)).collect();
        named.into_iter().map(name).collect()
    }
}
