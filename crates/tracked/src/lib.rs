//! Drop-in locks that find deadlocks.
//!
//! With the feature `check` (or `--cfg lockcheck`) every type here watches what the program does with it; without,
//! what std has is std's own type and the rest is thin code over std. See the README for how to swap an import.
//!
//! This crate watches and reports. What is a problem is decided in `lockcheck-checker`; how it reads, in
//! `lockcheck-report`.

mod base;
#[cfg(instrumented)]
mod rt;
pub mod sync;
mod vocabulary;

mod assert;
/// The mirror of `std::thread`: with `check` off, std's own.
#[cfg(instrumented)]
pub mod thread;
/// The mirror of `std::thread`: with `check` off, std's own.
#[cfg(not(instrumented))]
pub mod thread {
    pub use std::thread::*;
}

pub use assert::Named;
#[cfg(instrumented)]
pub use assert::report;
#[doc(hidden)]
pub use assert::{assert_clean_now, assert_no_cycles_now};
#[cfg(instrumented)]
pub use lockcheck_checker::{Code, Finding, Report, Tier};
pub use std::thread_local;
pub use sync::{
    Barrier, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use vocabulary::{
    BoundedSemaphore, Condition, ConditionGuard, Event, Guard, Lock, OverRelease, Permit, RLock, RLockGuard,
    Semaphore,
};
