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

/// The watched types, whether or not the mirrors are.
#[cfg(instrumented)]
#[doc(hidden)]
pub mod watched {
    pub use super::condvar::{Condvar, WaitTimeoutResult};
    pub use super::mutex::{Mutex, MutexGuard};
    pub use super::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
}

#[cfg(mirrored)]
pub use self::watched::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};
pub use std::sync::{
    Arc, Barrier, BarrierWaitResult, LazyLock, LockResult, Once, OnceLock, OnceState, PoisonError,
    TryLockError, TryLockResult, Weak, atomic, mpsc,
};
#[cfg(not(mirrored))]
pub use std::sync::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};
