//! Newtype ids and the small enumerations that go with them. No behaviour beyond naming.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        pub struct $name(pub $inner);
    };
}

id! {
    /// One thread of one process, numbered from 1 in the order in which the run-time first saw them. 0 is nobody.
    ThreadId(u32)
}
id! {
    /// One lock instance. Given on the first acquisition, never reused: a dropped lock keeps its number although
    /// its address may be taken again. 0 means that the lock has not been used yet.
    LockId(u64)
}
id! {
    /// One acquisition site, equal by content (file, line, column), not by address.
    SiteId(u32)
}
id! {
    /// One captured stack. 0 means that none was captured.
    StackId(u32)
}
id! {
    /// One point in a thread's life that others can be ordered after: a spawn, an end, a barrier round.
    TokenId(u32)
}

/// How a lock is held or wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nobody else may hold it: a mutex, a write lock, an initialiser that runs.
    Exclusive,
    /// Other readers may hold it too; a queued writer holds new readers of this kind back.
    Shared,
    /// A read that a queued writer does not hold back.
    #[serde(rename = "shared-recursive")]
    SharedRecursive,
    /// A read that may become a write; excludes others of its kind and writers.
    Upgradable,
}

impl Mode {
    /// Whether two holds in these modes can never exist side by side, which is what makes a lock a gate.
    pub fn excludes(self, other: Mode) -> bool {
        self == Mode::Exclusive
            || other == Mode::Exclusive
            || (self == Mode::Upgradable && other == Mode::Upgradable)
    }

    /// The contract's word for it; both kinds of shared holds read `shared`.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Exclusive => "exclusive",
            Mode::Shared | Mode::SharedRecursive => "shared",
            Mode::Upgradable => "upgradable",
        }
    }
}

/// How long the caller was ready to wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attempt {
    /// As long as it takes: the only kind that can deadlock.
    Block,
    /// Not at all. Adds no edge, yet what it got is held like anything else.
    Try,
    /// For a while: a cycle through it is broken by the timeout.
    Timed,
}

impl Attempt {
    /// The contract's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Attempt::Block => "block",
            Attempt::Try => "try",
            Attempt::Timed => "timed",
        }
    }
}

/// What kind of object an id stands for. Decides the words of a report, never a verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockKind {
    /// A plain mutual-exclusion lock (`Mutex`, `Lock`).
    Mutex,
    /// A lock that its holder may take again (`RLock`, `ReentrantMutex`).
    Reentrant,
    /// A readers-writer lock.
    RwLock,
    /// A counting semaphore.
    Semaphore,
    /// A condition variable.
    Condition,
    /// A flag that threads wait for.
    Event,
    /// A meeting point of a fixed number of threads.
    Barrier,
    /// A one-time initialiser.
    Once,
    /// A channel or queue.
    Queue,
    /// A pool of worker threads.
    Pool,
    /// A thread, as the target of a join.
    Thread,
    /// A region that the program says is serialised by other means. Nobody waits for one.
    Gate,
    /// One direction of a pipe between processes.
    Pipe,
    /// A process, as the target of a join.
    Process,
    /// A datum that is read and written.
    Variable,
}

impl LockKind {
    /// The everyday word for it, as used in sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            LockKind::Mutex => "mutex",
            LockKind::Reentrant => "re-entrant lock",
            LockKind::RwLock => "rwlock",
            LockKind::Semaphore => "semaphore",
            LockKind::Condition => "condition",
            LockKind::Event => "event",
            LockKind::Barrier => "barrier",
            LockKind::Once => "once",
            LockKind::Queue => "queue",
            LockKind::Pool => "pool",
            LockKind::Thread => "thread",
            LockKind::Gate => "gate",
            LockKind::Pipe => "pipe",
            LockKind::Process => "process",
            LockKind::Variable => "variable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusion_is_symmetric_and_spares_readers() {
        let all = [Mode::Exclusive, Mode::Shared, Mode::SharedRecursive, Mode::Upgradable];
        for a in all {
            for b in all {
                assert_eq!(a.excludes(b), b.excludes(a), "{a:?} {b:?}");
            }
        }
        assert!(Mode::Upgradable.excludes(Mode::Upgradable));
        assert!(!Mode::Upgradable.excludes(Mode::Shared));
        assert!(!Mode::Shared.excludes(Mode::SharedRecursive));
    }
}
