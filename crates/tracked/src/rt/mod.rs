//! The run-time: what an instrumented type calls when it acquires, waits and releases.
//!
//! Three layers, from hot to cold:
//!
//! 1. [`context`]: the calling thread's own hold set and cache. No atomic read-modify-write, no allocation, no
//!    clock, nothing shared. Every operation passes here.
//! 2. [`waits`]: a thread that has to block publishes what it waits for and looks whether the owner of that waits
//!    too. Only contended operations come here.
//! 3. [`knowledge`]: the lock-order graph and the trace file behind one mutex. Only what is new comes here.
//!
//! Invariants kept by all of it:
//!
//! - A thread inside the run-time is *busy*; tracked operations it makes there (from an allocator, a panic hook, a
//!   formatter) go straight to the real lock.
//! - Findings are reported after every lock of the run-time has been released.
//! - The locks of the run-time are taken in the order waits, knowledge, registry, and knowledge only for a bounded
//!   time: a watched program whose allocator uses tracked locks can hold one of those while it waits for us.

pub(crate) mod beside;
pub(crate) mod board;
pub(crate) mod classes;
pub(crate) mod contention;
pub(crate) mod context;
pub(crate) mod dump;
pub(crate) mod ends;
mod familiar;
pub(crate) mod family;
pub(crate) mod gate;
pub(crate) mod hands;
mod hash;
pub(crate) mod intent;
pub(crate) mod knowledge;
pub(crate) mod lifecycle;
pub(crate) mod messages;
pub(crate) mod mode;
pub(crate) mod modules;
pub(crate) mod names;
pub(crate) mod notices;
pub(crate) mod once;
pub(crate) mod operation;
pub(crate) mod output;
pub(crate) mod permits;
pub(crate) mod pools;
pub(crate) mod predicate;
pub(crate) mod reaction;
pub(crate) mod record;
pub(crate) mod registry;
pub(crate) mod scope;
pub(crate) mod stack;
pub(crate) mod standstill;
pub(crate) mod steer;
pub(crate) mod strays;
pub(crate) mod suppressions;
pub(crate) mod tasks;
pub(crate) mod thread;
pub(crate) mod wait_edges;
pub(crate) mod waits;

pub use context::Place;
pub(crate) use context::{HeldLock, Thread, Token, current};
pub(crate) use operation::{
    Manner, Meta, Raw, Target, downgraded, lock, lock_for, released, try_lock, upgrade,
};
#[cfg(parking_lot_mirrored)]
pub(crate) use operation::{granted, released_at_once, released_by_anyone, released_free, upgrade_for};
pub(crate) use waits::{LostSignal, Wait, publish};
