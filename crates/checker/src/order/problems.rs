//! Which cycles have been reported: a problem is told once, and again only for new locks or when it is surer.
//!
//! A problem is a code and a set of sides, each a pair of sites with their modes. How many philosophers sit at the
//! table is not part of it: the same two lines that form cycles of two, three and five locks are one problem.

use hashbrown::{HashMap, HashSet};

use lockcheck_events::Request;

use super::slab::mix;
use crate::finding::CycleLink;
use crate::{Code, Tier};

/// Problems that are told apart; further ones are not reported.
pub const PROBLEMS_MAX: usize = 1 << 14;

/// Sets of locks that are told apart for one problem; further ones are not reported.
pub const INSTANCES_MAX: usize = 1 << 10;

/// What is new about a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Novelty {
    /// The problem.
    Problem,
    /// The tier: the problem was known at a lower one.
    Tier,
    /// The locks: the problem was known with others.
    Locks,
}

/// What has been reported.
#[derive(Default)]
pub struct Problems {
    /// By code and sides.
    known: HashMap<u64, Problem>,
    /// For the sides of the cycles that count, the length of the shortest of these.
    reported: HashMap<u64, usize>,
    /// Cycles not reported because of `PROBLEMS_MAX`.
    pub lost: u64,
    /// Problems whose sets of locks are no longer told apart because of `INSTANCES_MAX`.
    pub full: u64,
}

struct Problem {
    number: u32,
    tier: Tier,
    /// The sets of locks that show it at this tier.
    locks: HashSet<u64>,
    /// Whether there were more of them than are told apart.
    full: bool,
}

impl Problems {
    /// Says under which number and for what reason the cycle is to be reported, if at all.
    pub fn judge(
        &mut self,
        code: Code,
        tier: Tier,
        links: &[CycleLink],
        scope: u32,
    ) -> Option<(u32, Novelty)> {
        let key = problem_key(code, links);
        // Each scope is told of its own problems, also where all of them share the locks.
        let locks = mix(locks_key(links), scope.into());
        if tier == Tier::Likely {
            self.note_sides(links);
        }
        let number = self.known.len() as u32;
        if let Some(known) = self.known.get_mut(&key) {
            if tier < known.tier || (tier == known.tier && known.locks.contains(&locks)) {
                return None;
            }
            let novelty = if tier > known.tier { Novelty::Tier } else { Novelty::Locks };
            if novelty == Novelty::Tier {
                known.tier = tier;
                known.locks.clear();
            } else if known.locks.len() >= INSTANCES_MAX {
                self.full += u64::from(!known.full);
                known.full = true;
                return None;
            }
            known.locks.insert(locks);
            return Some((known.number, novelty));
        }
        if self.known.len() >= PROBLEMS_MAX {
            self.lost += 1;
            return None;
        }
        self.known.insert(key, Problem { number, tier, locks: HashSet::from_iter([locks]), full: false });
        Some((number, Novelty::Problem))
    }

    /// Whether a cycle that counts has been reported with a side like this.
    pub fn is_reported(&self, request: &Request, via: usize) -> bool {
        self.reported.contains_key(&side_key(request, via))
    }

    /// Whether some side of the cycle has not been reported in a shorter one.
    pub fn is_shortest_for_a_side(&self, links: &[CycleLink]) -> bool {
        let mut sides = side_keys(links);
        sides.any(|side| self.reported.get(&side).is_none_or(|&length| length >= links.len()))
    }

    fn note_sides(&mut self, links: &[CycleLink]) {
        for side in side_keys(links) {
            if self.reported.len() >= PROBLEMS_MAX && !self.reported.contains_key(&side) {
                continue;
            }
            let length = self.reported.entry(side).or_insert(links.len());
            *length = links.len().min(*length);
        }
    }
}

/// The same for the same code and set of sides, whatever their order and number; a breach of a stated order, which has
/// one side, is another problem than the cycle at the same lines.
fn problem_key(code: Code, links: &[CycleLink]) -> u64 {
    let mut sides: Vec<u64> = side_keys(links).collect();
    sides.sort_unstable();
    sides.dedup();
    let single = u64::from(links.len() == 1) << 32;
    sides.into_iter().fold(single | code as u64, mix)
}

/// The same for the same set of locks.
pub fn locks_key(links: &[CycleLink]) -> u64 {
    let mut locks: Vec<u64> = links.iter().map(|link| link.request.lock.0).collect();
    locks.sort_unstable();
    locks.dedup();
    locks.into_iter().fold(0, mix)
}

fn side_keys(links: &[CycleLink]) -> impl Iterator<Item = u64> {
    links.iter().map(|link| side_key(&link.request, link.via))
}

/// The two sites of a side and their modes.
fn side_key(request: &Request, via: usize) -> u64 {
    let wanted = u64::from(request.site.0) << 3 | request.mode as u64;
    let held = request.holds.get(via).map_or(0, |hold| u64::from(hold.site.0) << 3 | hold.mode as u64);
    mix(held, wanted)
}
