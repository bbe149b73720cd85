//! Drop-in locks that find deadlocks.
//!
//! With the feature `check` (or `--cfg lockcheck`) every type here watches what the program does with it; without,
//! what std has is std's own type and the rest is thin code over std. See the README for how to swap an import.
//!
//! This crate watches and reports. What is a problem is decided in `lockcheck-checker`; how it reads, in
//! `lockcheck-report`.

mod base;
pub mod cell;
pub mod executor;
#[cfg(instrumented)]
pub mod explore;
mod intent;
#[cfg(mirrored)]
mod own_thread_local;
#[cfg(parking_lot_mirrored)]
mod parking_lots;
#[cfg(all(feature = "process", target_os = "linux"))]
pub mod process;
pub mod queue;
#[cfg(instrumented)]
mod rt;
pub mod sync;
#[cfg(instrumented)]
#[doc(hidden)]
pub mod tools;
#[cfg(not(instrumented))]
mod unexplored;
mod vocabulary;

mod assert;
#[cfg(doctest)]
mod must_not_compile;
#[cfg(instrumented)]
#[doc(hidden)]
#[path = "thread.rs"]
pub mod watched_thread;

/// The mirror of `std::thread`: with `check` off, std's own.
pub mod thread {
    #[cfg(mirrored)]
    pub use crate::watched_thread::*;
    #[cfg(not(mirrored))]
    pub use std::thread::*;
}

/// The mirror of parking_lot's 0.13 line: with `check` off, parking_lot itself.
#[cfg(feature = "parking_lot_0_13")]
pub mod parking_lot {
    #[cfg(mirrored)]
    pub use crate::parking_lots::watched_0_13::*;
    #[cfg(not(mirrored))]
    pub use parking_lot_0_13::*;
}

/// The mirror of parking_lot's 0.12 line: with `check` off, parking_lot itself.
#[cfg(feature = "parking_lot_0_12")]
pub mod parking_lot_0_12 {
    #[cfg(mirrored)]
    pub use crate::parking_lots::watched_0_12::*;
    #[cfg(not(mirrored))]
    pub use ::parking_lot::*;
}

/// The watched types under names of their own, for tools that watch something other than themselves: the feature
/// `runtime` alone leaves the mirrors std's.
#[cfg(instrumented)]
#[doc(hidden)]
pub mod watched {
    pub use crate::assert::watched::{__run_test, assert_clean_now, assert_no_cycles_now};
    pub use crate::intent::watched::{Gated, Stated, gate, ignore, nested, ordered_by};
    pub use crate::sync::watched as sync;
    pub use crate::watched_thread as thread;
}

pub use assert::Named;
#[cfg(instrumented)]
pub use assert::report;
#[doc(hidden)]
pub use assert::{__explore_test, __run_test, assert_clean_now, assert_no_cycles_now};
#[cfg(instrumented)]
pub use explore::{Explore, ExploreReport, explore, external, replay};
pub use intent::{Gated, OrderKey, Stated, gate, ignore, nested, ordered_by};
#[cfg(instrumented)]
pub use rt::dump::{dump, dump_on_signal};
#[cfg(instrumented)]
pub use rt::reaction::on_finding;
#[cfg(not(instrumented))]
pub use unexplored::{explore, external, replay};

/// Writes to standard error what every thread holds and what it waits for: nothing that is known, since nothing is
/// watched.
#[cfg(not(instrumented))]
pub fn dump() {}

/// Calls [`dump`] whenever this signal comes: never, since nothing is watched. The signal does what it would.
///
/// # Errors
///
/// None.
#[cfg(not(instrumented))]
pub fn dump_on_signal(_signal: i32) -> std::io::Result<()> {
    Ok(())
}

/// Runs `f` as a region that is meant to be atomic: as if no other thread did anything from its beginning to its end.
///
/// It takes no lock. With `LOCKCHECK=record`, `lockcheck analyze` says where other threads came in between so that no
/// order of whole regions gives what happened. Regions nest; the outermost one counts.
#[track_caller]
pub fn atomic_region<R>(name: &str, f: impl FnOnce() -> R) -> R {
    let _region = base::Region::begin(name, std::panic::Location::caller());
    f()
}

#[cfg(instrumented)]
pub use lockcheck_checker::{Code, Finding, Report, Tier};
#[cfg(mirrored)]
pub use own_thread_local::thread_local;
#[cfg(mirrored)]
#[doc(hidden)]
pub use rt::steer::pool::thread_local_made as __thread_local_made;
#[cfg(not(mirrored))]
pub use std::thread_local;
pub use sync::{
    Barrier, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
#[cfg(any(feature = "macros", mirrored))]
pub use tracked_macros::test;
pub use vocabulary::{
    BoundedSemaphore, Condition, ConditionGuard, Event, Guard, Lock, OverRelease, Permit, RLock, RLockGuard,
    Semaphore,
};
