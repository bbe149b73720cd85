//! The watched half of the mirror of parking_lot's 0.12 line.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::time::{Duration, Instant};

pub use lock_api;

use crate::Named;
use crate::base::{Guarded, Site, thread_token};
use crate::parking_lots::Waiters;
pub use crate::parking_lots::raw_0_12::{RawFairMutex, RawMutex, RawRwLock};
pub use crate::parking_lots::{Once, OnceState};

/// A mutual exclusion primitive; see `parking_lot::Mutex`.
pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;
/// The guard of a [`Mutex`].
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;
/// The guard of a part of what a [`Mutex`] holds.
pub type MappedMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawMutex, T>;

/// A mutex that is handed over in the order of the queue; see `parking_lot::FairMutex`.
pub type FairMutex<T> = lock_api::Mutex<RawFairMutex, T>;
/// The guard of a [`FairMutex`].
pub type FairMutexGuard<'a, T> = lock_api::MutexGuard<'a, RawFairMutex, T>;
/// The guard of a part of what a [`FairMutex`] holds.
pub type MappedFairMutexGuard<'a, T> = lock_api::MappedMutexGuard<'a, RawFairMutex, T>;

/// A mutex that its holder may lock again; see `parking_lot::ReentrantMutex`.
pub type ReentrantMutex<T> = lock_api::ReentrantMutex<RawMutex, RawThreadId, T>;
/// The guard of a [`ReentrantMutex`].
pub type ReentrantMutexGuard<'a, T> = lock_api::ReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;
/// The guard of a part of what a [`ReentrantMutex`] holds.
pub type MappedReentrantMutexGuard<'a, T> = lock_api::MappedReentrantMutexGuard<'a, RawMutex, RawThreadId, T>;

/// A readers-writer lock; see `parking_lot::RwLock`.
pub type RwLock<T> = lock_api::RwLock<RawRwLock, T>;
/// The guard of a reader.
pub type RwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLock, T>;
/// The guard of a writer.
pub type RwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLock, T>;
/// The guard of a reader that may become a writer.
pub type RwLockUpgradableReadGuard<'a, T> = lock_api::RwLockUpgradableReadGuard<'a, RawRwLock, T>;
/// The guard of a part of what a reader sees.
pub type MappedRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLock, T>;
/// The guard of a part of what a writer sees.
pub type MappedRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLock, T>;

/// Tells threads apart for a [`ReentrantMutex`].
pub struct RawThreadId;

// SAFETY: two threads that live at the same time have different thread-locals, and none is at null.
unsafe impl lock_api::GetThreadId for RawThreadId {
    const INIT: RawThreadId = RawThreadId;

    fn nonzero_thread_id(&self) -> NonZeroUsize {
        NonZeroUsize::new(thread_token()).expect("a thread-local is not at null")
    }
}

macro_rules! named_lock {
    ($($lock:ident)*) => {$(
        impl<T> Named for $lock<T> {
            #[track_caller]
            fn named(self, name: &str) -> Self {
                // SAFETY: to name the lock changes nothing about who holds it.
                unsafe { self.raw() }.name(name, Location::caller());
                self
            }
        }
    )*};
}

named_lock!(Mutex FairMutex RwLock);

impl<T> Named for ReentrantMutex<T> {
    #[track_caller]
    fn named(self, name: &str) -> Self {
        // SAFETY: to name the lock changes nothing about who holds it.
        unsafe { self.raw() }.name_reentrant(name, Location::caller());
        self
    }
}

impl Named for Condvar {
    fn named(self, name: &str) -> Self {
        Condvar::named(self, name)
    }
}

/// A [`Mutex`] in a constant.
pub const fn const_mutex<T>(val: T) -> Mutex<T> {
    Mutex::const_new(<RawMutex as lock_api::RawMutex>::INIT, val)
}

/// A [`FairMutex`] in a constant.
pub const fn const_fair_mutex<T>(val: T) -> FairMutex<T> {
    FairMutex::const_new(<RawFairMutex as lock_api::RawMutex>::INIT, val)
}

/// A [`ReentrantMutex`] in a constant.
pub const fn const_reentrant_mutex<T>(val: T) -> ReentrantMutex<T> {
    ReentrantMutex::const_new(
        <RawMutex as lock_api::RawMutex>::INIT,
        <RawThreadId as lock_api::GetThreadId>::INIT,
        val,
    )
}

/// An [`RwLock`] in a constant.
pub const fn const_rwlock<T>(val: T) -> RwLock<T> {
    RwLock::const_new(<RawRwLock as lock_api::RawRwLock>::INIT, val)
}

/// Whether a timed wait ended because the time was over.
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was over.
    #[inline]
    pub fn timed_out(self) -> bool {
        self.0
    }
}

/// A watched condition variable; see `parking_lot::Condvar`.
pub struct Condvar {
    waiters: Waiters,
}

impl Condvar {
    /// A new condition variable. The calling line is its creation site.
    #[track_caller]
    pub const fn new() -> Condvar {
        Condvar { waiters: Waiters::new() }
    }

    /// Gives the condition variable a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Condvar {
        self.waiters.name(name);
        self
    }

    /// Wakes the thread that has waited longest; `false` if none waits.
    #[track_caller]
    pub fn notify_one(&self) -> bool {
        self.waiters.notify_one(Location::caller())
    }

    /// Wakes every thread that waits; gives their number.
    #[track_caller]
    pub fn notify_all(&self) -> usize {
        self.waiters.notify_all(Location::caller())
    }

    /// Lets go of the mutex until notified.
    ///
    /// # Panics
    ///
    /// If other threads wait here with another mutex.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, mutex_guard: &mut MutexGuard<'_, T>) {
        self.wait_at(mutex_guard, Location::caller(), None, Guarded::Unknown);
    }

    /// As [`wait`](Self::wait), until `timeout` at the most.
    #[track_caller]
    pub fn wait_until<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        timeout: Instant,
    ) -> WaitTimeoutResult {
        self.wait_at(mutex_guard, Location::caller(), Some(timeout), Guarded::Unknown)
    }

    /// As [`wait`](Self::wait), for `timeout` at the most.
    #[track_caller]
    pub fn wait_for<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        self.wait_at(mutex_guard, Location::caller(), Instant::now().checked_add(timeout), Guarded::Unknown)
    }

    /// Waits as long as `condition` says so of the data.
    #[track_caller]
    pub fn wait_while<T, F>(&self, mutex_guard: &mut MutexGuard<'_, T>, condition: F)
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        self.wait_while_at(mutex_guard, condition, Location::caller(), None);
    }

    /// As [`wait_while`](Self::wait_while), until `timeout` at the most.
    #[track_caller]
    pub fn wait_while_until<T, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        condition: F,
        timeout: Instant,
    ) -> WaitTimeoutResult
    where
        T: ?Sized,
        F: FnMut(&mut T) -> bool,
    {
        self.wait_while_at(mutex_guard, condition, Location::caller(), Some(timeout))
    }

    /// As [`wait_while`](Self::wait_while), for `timeout` at the most.
    #[track_caller]
    pub fn wait_while_for<T: ?Sized, F>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        condition: F,
        timeout: Duration,
    ) -> WaitTimeoutResult
    where
        F: FnMut(&mut T) -> bool,
    {
        let deadline = Instant::now().checked_add(timeout);
        self.wait_while_at(mutex_guard, condition, Location::caller(), deadline)
    }

    fn wait_at<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        site: Site,
        deadline: Option<Instant>,
        guarded: Guarded,
    ) -> WaitTimeoutResult {
        // SAFETY: the guard proves that the mutex is held. It is borrowed exclusively, and the mutex is taken back
        // before the guard can be used again.
        let (told, _) = unsafe {
            let mutex = MutexGuard::mutex(guard).raw();
            self.waiters.wait(&mutex.0, None, site, deadline, guarded)
        };
        WaitTimeoutResult(!told)
    }

    fn wait_while_at<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        site: Site,
        deadline: Option<Instant>,
    ) -> WaitTimeoutResult {
        let mut result = WaitTimeoutResult(false);
        while !result.timed_out() && condition(&mut **guard) {
            result = self.wait_at(guard, site, deadline, Guarded::Yes);
        }
        // What it asks for may have been so from the start, and was made so by one who signalled.
        self.waiters.hears();
        result
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Condvar { .. }")
    }
}

#[cfg(feature = "arc_lock")]
pub use lock_api::{
    ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard,
    ArcRwLockWriteGuard,
};
