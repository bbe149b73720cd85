//! What the analysis of a trace hands back: plain values in the numbers of the trace, no text and no names.

use lockcheck_events::trace_event::{Op, TargetKind};

/// How sure a finding of a trace is; surest last, so that the maximum is the surest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TraceTier {
    /// A note: an inconsistency that cannot do harm as it stands, or a hint.
    Order,
    /// Distinct threads, no gate, unordered by fork and join; for a race: unordered by happens-before.
    Likely,
    /// Sound: the witness is a run of the same program that reaches it.
    Predicted,
}

/// How an object is held or wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldMode {
    /// By one thread only.
    Exclusive,
    /// By any number of threads.
    Shared,
}

/// A lock that a thread holds at an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeldLock {
    /// The lock.
    pub lock: u32,
    /// The mode it is held in.
    pub mode: HoldMode,
    /// Line of the acquisition.
    pub line: u32,
    /// Location of the acquisition.
    pub location: u32,
}

/// What a thread that takes part in a deadlock wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// A lock.
    Lock(u32, HoldMode),
    /// The end of a thread.
    End(u32),
}

/// One thread of a cycle: what it holds, and the event that would block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleEdge {
    /// The thread.
    pub thread: u32,
    /// What it wants.
    pub wants: Wanted,
    /// Line of the event that would block.
    pub line: u32,
    /// Location of that event.
    pub location: u32,
    /// Number of that event among those of its thread, from 1.
    pub index: u32,
    /// Everything it holds then, outermost first. What the previous edge wants is among it, or is its end.
    pub holds: Vec<HeldLock>,
}

/// Why a cycle is no more than a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harmless {
    /// No set of distinct threads makes the cycle with sides that can block each other and be reached together: one
    /// thread has several sides, a gate lock separates two, or all holds that matter are shared.
    NoPattern,
    /// Fork and join order two sides.
    Ordered,
    /// A lock that another thread holds around the whole life of one side's thread separates two sides.
    GuardedByParent,
}

/// A cycle of holds and wants. With only locks it is `lock-order-cycle`, with an [`Wanted::End`] `join-deadlock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// How sure.
    pub tier: TraceTier,
    /// Each edge wants something that the next one has, the last one something of the first. Starts with the edge on
    /// the smallest line.
    pub edges: Vec<CycleEdge>,
    /// The distinct sets of locks, and threads waited for, that show the cycle at these locations: at least one, sorted,
    /// as is each.
    pub instances: Vec<Vec<(TargetKind, u32)>>,
    /// Why it is a note, if it is one.
    pub harmless: Option<Harmless>,
    /// Present exactly in the tier `Predicted`, if the analysis kept its history.
    pub witness: Option<Witness>,
}

impl Cycle {
    /// Whether an edge waits for the end of a thread.
    pub fn has_join(&self) -> bool {
        self.edges.iter().any(|edge| matches!(edge.wants, Wanted::End(_)))
    }

    /// The lines of the events that would block, in the order of the cycle.
    pub fn lines(&self) -> Vec<u32> {
        self.edges.iter().map(|edge| edge.line).collect()
    }
}

/// One access of a race or of an atomicity finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The thread.
    pub thread: u32,
    /// [`Op::Read`] or [`Op::Write`]; for a declared region also the lock or thread operation that closed the cycle.
    pub op: Op,
    /// Line.
    pub line: u32,
    /// Location.
    pub location: u32,
    /// Number among the events of its thread, from 1.
    pub index: u32,
    /// The locks held, by number: lock and mode. Sorted.
    pub holds: Vec<(u32, HoldMode)>,
}

/// Which orders leave the two sides of a race unordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaceRelations {
    /// Happens-before does.
    pub hb: bool,
    /// Schedulable happens-before does (sound).
    pub shb: bool,
    /// A sync-preserving reordering brings both together (sound).
    pub syncp: bool,
    /// A reordering that reverses critical sections brings both together (sound).
    pub osr: bool,
}

/// Two accesses of a variable, at least one a write, that can happen at once: `data-race`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    /// `Predicted` if a sound relation finds it, else `Likely`.
    pub tier: TraceTier,
    /// Who finds it.
    pub relations: RaceRelations,
    /// The variable.
    pub variable: u32,
    /// The access on the earlier line.
    pub first: Access,
    /// The access on the later line.
    pub second: Access,
    /// The distinct variables that race at these two locations, as they were met: at least one.
    pub instances: Vec<u32>,
    /// Present exactly in the tier `Predicted`, if the analysis kept its history.
    pub witness: Option<Witness>,
}

/// A variable that several threads use, at least one writing, without a lock common to all accesses:
/// `inconsistent-locking`, a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InconsistentLocking {
    /// The variable.
    pub variable: u32,
    /// The access that left no common lock (or the first of the second thread, or the first write).
    pub access: Access,
    /// Whether any access held any lock: without, nobody intended one, and the hint says little.
    pub ever_locked: bool,
}

/// Three accesses of a variable: one thread reads and writes back, another writes in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenUpdate {
    /// The variable.
    pub variable: u32,
    /// The lock of both critical sections for `atomicity-violation`; `None` for `lost-update`.
    pub lock: Option<u32>,
    /// The read.
    pub read: Access,
    /// The other thread's write.
    pub intruder: Access,
    /// The write that forgets it.
    pub write: Access,
    /// The distinct variables that show it at these locations, as they were met: at least one.
    pub instances: Vec<u32>,
}

/// A declared region that is not conflict-serialisable: `atomicity-violation`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRegion {
    /// The thread.
    pub thread: u32,
    /// Line of the `begin`.
    pub begin: u32,
    /// Location of the `begin`.
    pub location: u32,
    /// The event of another thread that the region's own event conflicts with, after having come after the region.
    pub intruder: Access,
    /// The event that closes the cycle.
    pub closing: Access,
    /// Regions with the same `begin` and closing locations.
    pub instances: u32,
}

/// A run of the same program up to the point where the finding happens: these many first events of each thread,
/// executed in an order that keeps every read's writer, every lock and every fork and join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// By thread: how many of its events are executed.
    pub events: Vec<u32>,
    /// Where the order is not that of the trace: stages, one after the other, each in the order of the trace. For each
    /// but the last, by thread, how many of its events are executed by its end, which never falls.
    pub stages: Vec<Vec<u32>>,
}

impl Witness {
    /// The steps in order, as (thread, number of the event among those of its thread, from 1). `threads` gives the
    /// thread of each event of the trace, in order: a second pass over it.
    pub fn steps(&self, threads: impl IntoIterator<Item = u32>) -> Vec<(u32, u32)> {
        let mut seen = vec![0; self.events.len()];
        let mut steps = Vec::new();
        for thread in threads {
            let Some(&count) = self.events.get(thread as usize) else { continue };
            let seen = &mut seen[thread as usize];
            *seen += 1;
            if *seen <= count {
                steps.push((thread, *seen));
            }
        }
        self.arrange(steps)
    }

    /// The same steps, given in the order of the trace, in that of the witness.
    pub fn arrange(&self, mut steps: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
        let done = |stage: &[u32], thread: u32| stage.get(thread as usize).map_or(0, |&count| count);
        steps
            .sort_by_key(|&(thread, index)| self.stages.partition_point(|stage| done(stage, thread) < index));
        steps
    }
}

/// A named limit that was reached, so that something may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The enumeration of lock-order patterns stopped.
    PatternSteps,
    /// Patterns or pairs were left unjudged by the closure: they are `Likely` at most.
    Searches,
    /// Pairs of accesses were not tried for races that reverse critical sections.
    Reversals,
    /// Instances of a predicted deadlock were not all counted.
    Instances,
    /// Distinct findings of one kind were dropped.
    Findings,
    /// There are more threads than were expected: races of the unexpected ones with what came before may be missing.
    Threads,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceStats {
    /// Events.
    pub events: u32,
    /// Threads that act or are started.
    pub threads: u32,
    /// Locks.
    pub locks: u32,
    /// Variables.
    pub variables: u32,
    /// Abstract acquires: distinct (thread, lock, mode, hold set, location).
    pub abstract_acquires: u32,
    /// Distinct pairs (held lock, wanted lock).
    pub order_edges: u32,
    /// Abstract deadlock patterns, counted by their locations.
    pub patterns: u32,
    /// Searches with the closure.
    pub searches: u32,
    /// Bytes of history kept for the closure at the end.
    pub history_bytes: u64,
}

/// Everything found in one trace. The same events give the same value, in the same order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFindings {
    /// Cycles of locks and joins, surest first, then by lines.
    pub cycles: Vec<Cycle>,
    /// Races, by lines.
    pub races: Vec<Race>,
    /// Variables without a common lock, by number.
    pub inconsistent_locking: Vec<InconsistentLocking>,
    /// Reads and writes back without a lock, with an intruding write: `lost-update`.
    pub lost_updates: Vec<BrokenUpdate>,
    /// Values carried from one critical section to a later one, with an intruding write: `atomicity-violation`.
    pub stale_updates: Vec<BrokenUpdate>,
    /// Declared regions that are not serialisable: `atomicity-violation`.
    pub broken_regions: Vec<BrokenRegion>,
    /// No read and no write was recorded: the tier `Predicted` then rests on locks, forks and joins alone, and data
    /// that orders the threads is invisible. Whoever prints a prediction says so.
    pub lock_only: bool,
    /// Limits that were reached, sorted.
    pub limits: Vec<Limit>,
    /// What was seen.
    pub stats: TraceStats,
}
