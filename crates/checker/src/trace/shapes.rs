//! The two broken updates that people write without declaring a region: a load and a later store with somebody else's
//! write in between (`lost-update`), and a value carried from one critical section into a later one of the same lock
//! with somebody else's section in between (`atomicity-violation`).
//!
//! Both are shapes of what happened in this run. A thread that reads again before it writes has validated its value
//! and is silent: so are compare-and-swap loops, read-modify-write counters and double-checked initialisation. So is
//! an intruder that fork and join order, for that is a hand-over. Whether the written value depends on the read one
//! cannot be seen in a trace.

use hashbrown::{HashMap, HashSet};

use super::races::Seen;

/// Most distinct findings that are kept.
pub const MAX_UPDATES: usize = 10_000;

/// Three accesses of a variable.
#[derive(Clone)]
pub(super) struct Update {
    /// The variable.
    pub(super) variable: u32,
    /// The lock of both sections; `None` for a lost update.
    pub(super) lock: Option<u32>,
    /// The read.
    pub(super) read: Seen,
    /// The other thread's write.
    pub(super) intruder: Seen,
    /// The write back.
    pub(super) write: Seen,
    /// Distinct variables at these locations, as they were met.
    pub(super) variables: Vec<u32>,
}

/// What makes two updates one finding: the locations, and whether there is a lock.
type UpdateKey = (u32, u32, u32, bool);

/// What was found.
#[derive(Default)]
pub(super) struct Updates {
    /// In the order they were found.
    pub(super) found: Vec<Update>,
    /// The inverse of `found`.
    numbers: HashMap<UpdateKey, usize>,
    /// Which variables were counted for which finding.
    counted: HashSet<(usize, u32)>,
    /// Whether a finding was dropped.
    pub(super) dropped: bool,
}

impl Updates {
    /// Notes an update.
    pub(super) fn report(&mut self, update: Update) {
        let key =
            (update.read.location, update.intruder.location, update.write.location, update.lock.is_some());
        let variable = update.variable;
        if !self.numbers.contains_key(&key) {
            if self.found.len() >= MAX_UPDATES {
                self.dropped = true;
                return;
            }
            self.numbers.insert(key, self.found.len());
            self.found.push(update);
        }
        let number = self.numbers[&key];
        if self.counted.insert((number, variable)) {
            self.found[number].variables.push(variable);
        }
    }
}
