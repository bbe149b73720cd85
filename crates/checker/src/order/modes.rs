//! Which hold keeps which request waiting: the table of the litmus notation, section 8.

use lockcheck_events::{Attempt, Mode};

/// Whether a request waits for a hold of another thread.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Conflict {
    /// It does not.
    Never,
    /// Only if a writer queues in between.
    MayBlock,
    /// It does.
    Blocks,
}

/// The table.
///
/// | held \ wanted   | exclusive | upgradable | shared    | shared-recursive |
/// |-----------------|-----------|------------|-----------|------------------|
/// | exclusive       | blocks    | blocks     | blocks    | blocks           |
/// | upgradable      | blocks    | blocks     | may block | never            |
/// | shared (either) | blocks    | may block  | may block | never            |
pub fn conflict(held: Mode, wanted: Mode) -> Conflict {
    match (held, wanted) {
        (Mode::Exclusive, _) | (_, Mode::Exclusive) | (Mode::Upgradable, Mode::Upgradable) => {
            Conflict::Blocks
        }
        (_, Mode::Upgradable | Mode::Shared) => Conflict::MayBlock,
        (_, Mode::SharedRecursive) => Conflict::Never,
    }
}

/// A mode and an attempt in four bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Manner(u8);

const MODES: [Mode; 4] = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];
const ATTEMPTS: [Attempt; 4] = [Attempt::Block, Attempt::Try, Attempt::Timed, Attempt::Timed];

impl Manner {
    pub fn new(mode: Mode, attempt: Attempt) -> Manner {
        let mode = match mode {
            Mode::Exclusive => 0,
            Mode::Shared => 1,
            Mode::SharedRecursive => 2,
            Mode::Upgradable => 3,
        };
        let attempt = match attempt {
            Attempt::Block => 0,
            Attempt::Try => 1,
            Attempt::Timed => 2,
        };
        Manner(mode | attempt << 2)
    }

    #[inline]
    pub fn mode(self) -> Mode {
        MODES[usize::from(self.0 & 3)]
    }

    #[inline]
    pub fn attempt(self) -> Attempt {
        ATTEMPTS[usize::from(self.0 >> 2 & 3)]
    }

    pub fn bits(self) -> u64 {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manners_keep_mode_and_attempt() {
        for mode in MODES {
            for attempt in [Attempt::Block, Attempt::Try, Attempt::Timed] {
                let manner = Manner::new(mode, attempt);
                assert_eq!((manner.mode(), manner.attempt()), (mode, attempt));
            }
        }
    }

    #[test]
    fn the_table_agrees_with_exclusion() {
        for held in MODES {
            for wanted in MODES {
                assert_eq!(conflict(held, wanted) == Conflict::Blocks, held.excludes(wanted));
            }
            assert!(held == Mode::Exclusive || conflict(held, Mode::SharedRecursive) == Conflict::Never);
        }
    }
}
