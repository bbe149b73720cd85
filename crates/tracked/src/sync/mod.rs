//! The mirror of `std::sync`, path for path. With `check` off, what stands here is std's own; with `check` on, what
//! blocks is a watched type with the same signatures, and everything else is still std's.

#[cfg(instrumented)]
#[path = "atomic.rs"]
mod watched_atomic;

#[cfg(instrumented)]
mod barrier;
#[cfg(instrumented)]
mod condvar;
#[cfg(instrumented)]
mod lazy_lock;
#[cfg(instrumented)]
mod mutex;
#[cfg(instrumented)]
mod once;
#[cfg(instrumented)]
mod once_lock;
#[cfg(instrumented)]
mod poison;
#[cfg(instrumented)]
pub(crate) mod raw;
#[cfg(instrumented)]
mod rwlock;
#[cfg(instrumented)]
#[path = "mpsc.rs"]
mod watched_mpsc;

/// The watched types, whether or not the mirrors are.
#[cfg(instrumented)]
#[doc(hidden)]
pub mod watched {
    pub use super::barrier::{Barrier, BarrierWaitResult};
    pub use super::condvar::{Condvar, WaitTimeoutResult};
    pub use super::lazy_lock::LazyLock;
    pub use super::mutex::{Mutex, MutexGuard};
    #[expect(deprecated, reason = "the mirror has what std has")]
    pub use super::once::ONCE_INIT;
    pub use super::once::Once;
    pub use super::once_lock::OnceLock;
    pub use super::rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};

    /// Atomics.
    pub mod atomic {
        pub use super::super::watched_atomic::*;
    }

    /// Channels.
    pub mod mpsc {
        pub use super::super::watched_mpsc::*;
    }
}

/// What the mirrors take from std, where they are std's.
#[cfg(not(mirrored))]
mod plain {
    #[expect(deprecated, reason = "the mirror has what std has")]
    pub use std::sync::ONCE_INIT;
    pub use std::sync::{
        Barrier, BarrierWaitResult, Condvar, LazyLock, Mutex, MutexGuard, Once, OnceLock, RwLock,
        RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult, atomic, mpsc,
    };
}

#[cfg(not(mirrored))]
pub use self::plain::*;
#[cfg(mirrored)]
pub use self::watched::*;
pub use std::sync::{Arc, LockResult, OnceState, PoisonError, TryLockError, TryLockResult, Weak};
