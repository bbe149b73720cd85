//! The mirror of `std::sync`. With `check` off, what stands here is std's own; with `check` on, the locks are watched
//! ones with the same signatures and everything else is std's.

#[cfg(instrumented)]
mod condvar;
#[cfg(instrumented)]
mod mutex;
#[cfg(instrumented)]
mod poison;
#[cfg(instrumented)]
pub(crate) mod raw;
#[cfg(instrumented)]
mod rwlock;

#[cfg(instrumented)]
pub use self::{
    condvar::{Condvar, WaitTimeoutResult},
    mutex::{Mutex, MutexGuard},
    rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};
pub use std::sync::{
    Arc, Barrier, BarrierWaitResult, LazyLock, LockResult, Once, OnceLock, OnceState, PoisonError,
    TryLockError, TryLockResult, Weak, atomic, mpsc,
};
#[cfg(not(instrumented))]
pub use std::sync::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};
