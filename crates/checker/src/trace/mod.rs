//! What can be proved from one recorded run: deadlocks, races and broken atomicity in runs that did not happen.
//!
//! [`Analysis`] takes the events of a trace one by one and hands back [`TraceFindings`]. One pass decides everything
//! that can be decided on the way: lock order (`order`), happens-before and schedulable happens-before races and
//! common locks (`races`), serialisability of regions (`atomicity`), broken updates (`shapes`). What needs the
//! whole trace is decided at the end from a compressed `history`: sync-preserving deadlocks of any size (SPDOffline,
//! Tunc et al., PLDI 2023) and sync-preserving races (SyncP, Mathur et al., POPL 2021), by one `closure`; and races that
//! show only when critical sections change places (`reversal`).
//!
//! Memory: a few words for each thread, lock, variable and distinct (thread, operation, location) that accesses a
//! variable; one vector clock for each thread, and for each lock or variable whose last release or write its thread
//! has since outgrown. The history follows the length of the trace: 16 bytes for each critical section and 20 for each
//! read, join or wake-up that brings something newer than the last one between the same two threads; sync-preserving
//! races add 8 bytes for each access between two synchronisations of its thread, those of `reversal` 12 for each event
//! up to a limit. [`Config::history`] leaves it out, to
//! screen a long trace in memory that does not follow it.
//!
//! It reads no file, knows no names and keeps no clock of its own: the same events give the same findings.

mod acquires;
mod analysis;
mod atomicity;
mod clocks;
mod closure;
mod components;
mod findings;
mod history;
mod holds;
mod judge;
mod order;
mod races;
#[cfg(test)]
mod random;
mod reversal;
mod shapes;
mod verify;

pub use analysis::{Analysis, Config, Rejected};
pub use atomicity::MAX_REGIONS;
pub use findings::{
    Access, BrokenRegion, BrokenUpdate, Cycle, CycleEdge, Harmless, HeldLock, HoldMode, InconsistentLocking,
    Limit, Race, RaceRelations, TraceFindings, TraceStats, TraceTier, Wanted, Witness,
};
pub use judge::{MAX_INSTANCE_SEARCHES, MAX_SEARCH_STEPS, MAX_SEARCHES};
pub use order::MAX_PATTERN_STEPS;
pub use races::MAX_RACES;
pub use reversal::{
    MAX_REVERSAL_EVENTS, MAX_REVERSAL_PAIRS, MAX_REVERSAL_SCAN, MAX_REVERSAL_STEPS, MAX_REVERSALS,
};
pub use shapes::MAX_UPDATES;
pub use verify::{Claim, WitnessFault, verify_witness};
