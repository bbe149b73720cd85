//! The watched half of the mirror of parking_lot's 0.13 line.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::time::{Duration, Instant};

pub use lock_api::WaitTimeoutResult;
pub use lock_api_0_5 as lock_api;

use crate::Named;
use crate::base::{Guarded, Site, thread_token};
use crate::parking_lots::Waiters;
use crate::parking_lots::raw_0_13::Held;
pub use crate::parking_lots::raw_0_13::{RawFairMutex, RawMutex, RawRwLock, RawRwLockRecursive};
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

named_lock!(Mutex FairMutex RwLock RecursiveRwLock);

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

/// A readers-writer lock whose readers no queued writer holds back; see `parking_lot::RecursiveRwLock`.
pub type RecursiveRwLock<T> = lock_api::RwLock<RawRwLockRecursive, T>;
/// The guard of a reader of a [`RecursiveRwLock`].
pub type RecursiveRwLockReadGuard<'a, T> = lock_api::RwLockReadGuard<'a, RawRwLockRecursive, T>;
/// The guard of a writer of a [`RecursiveRwLock`].
pub type RecursiveRwLockWriteGuard<'a, T> = lock_api::RwLockWriteGuard<'a, RawRwLockRecursive, T>;
/// The guard of a reader of a [`RecursiveRwLock`] that may become a writer.
pub type RecursiveRwLockUpgradableReadGuard<'a, T> =
    lock_api::RwLockUpgradableReadGuard<'a, RawRwLockRecursive, T>;
/// The guard of a part of what a reader of a [`RecursiveRwLock`] sees.
pub type MappedRecursiveRwLockReadGuard<'a, T> = lock_api::MappedRwLockReadGuard<'a, RawRwLockRecursive, T>;
/// The guard of a part of what a writer of a [`RecursiveRwLock`] sees.
pub type MappedRecursiveRwLockWriteGuard<'a, T> = lock_api::MappedRwLockWriteGuard<'a, RawRwLockRecursive, T>;

/// The raw part of a [`Condvar`].
pub struct RawCondvar {
    waiters: Waiters,
}

thread_local! {
    /// The line that waits or notifies, and whether it has asked its predicate: lock_api does not pass that on to the raw
    /// part.
    static SITE: Cell<Option<(Site, Guarded)>> = const { Cell::new(None) };
}

impl RawCondvar {
    /// # Safety
    ///
    /// `guard` is the state of the acquisition by which `mutex` is held.
    unsafe fn wait_at(
        &self,
        mutex: &RawMutex,
        guard: &mut Held,
        otherwise: Site,
        deadline: Option<Instant>,
    ) -> bool {
        let (site, guarded) = SITE.take().unwrap_or((otherwise, Guarded::Unknown));
        // SAFETY: the caller's promise.
        let (told, token) = unsafe { self.waiters.wait(&mutex.0, guard.token(), site, deadline, guarded) };
        guard.renew(token);
        !told
    }
}

// SAFETY: `Waiters` takes the mutex back before it returns, and when it panics.
unsafe impl lock_api::RawCondvar for RawCondvar {
    const INIT: RawCondvar = RawCondvar { waiters: Waiters::nowhere() };

    type RawMutex = RawMutex;

    #[track_caller]
    unsafe fn wait(&self, mutex: &RawMutex, guard: &mut Held) {
        // SAFETY: the caller's promise.
        unsafe { self.wait_at(mutex, guard, Location::caller(), None) };
    }

    #[track_caller]
    fn notify_one(&self) -> bool {
        let site = SITE.take().map_or(Location::caller(), |(site, _)| site);
        self.waiters.notify_one(site)
    }

    #[track_caller]
    fn notify_all(&self) -> usize {
        let site = SITE.take().map_or(Location::caller(), |(site, _)| site);
        self.waiters.notify_all(site)
    }
}

// SAFETY: as above.
unsafe impl lock_api::RawCondvarTimed for RawCondvar {
    fn checked_duration_to_instant(timeout: &Duration) -> Option<Instant> {
        Instant::now().checked_add(*timeout)
    }

    #[track_caller]
    unsafe fn wait_until(&self, mutex: &RawMutex, guard: &mut Held, timeout: &Instant) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.wait_at(mutex, guard, Location::caller(), Some(*timeout)) }
    }

    #[track_caller]
    unsafe fn wait_for(&self, mutex: &RawMutex, guard: &mut Held, timeout: &Duration) -> bool {
        let deadline = Instant::now().checked_add(*timeout);
        // SAFETY: the caller's promise.
        unsafe { self.wait_at(mutex, guard, Location::caller(), deadline) }
    }
}

/// A watched condition variable; see `parking_lot::Condvar`. A type of its own around lock_api's, which does not say
/// which line waits.
pub struct Condvar {
    inner: lock_api::Condvar<RawCondvar>,
}

impl Condvar {
    /// A new condition variable.
    #[must_use]
    pub const fn new() -> Condvar {
        Condvar { inner: lock_api::Condvar::new() }
    }

    /// Gives the condition variable a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Condvar {
        self.inner.raw().waiters.name(name);
        self
    }

    /// The raw part.
    pub fn raw(&self) -> &RawCondvar {
        self.inner.raw()
    }

    /// Wakes the thread that has waited longest; `false` if none waits.
    #[track_caller]
    pub fn notify_one(&self) -> bool {
        SITE.set(Some((Location::caller(), Guarded::Unknown)));
        self.inner.notify_one()
    }

    /// Wakes every thread that waits; gives their number.
    #[track_caller]
    pub fn notify_all(&self) -> usize {
        SITE.set(Some((Location::caller(), Guarded::Unknown)));
        self.inner.notify_all()
    }

    /// Lets go of the mutex until notified.
    ///
    /// # Panics
    ///
    /// If other threads wait here with another mutex.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, mutex_guard: &mut MutexGuard<'_, T>) {
        SITE.set(Some((Location::caller(), Guarded::Unknown)));
        self.inner.wait(mutex_guard);
    }

    /// As [`wait`](Self::wait), until `timeout` at the most.
    #[track_caller]
    pub fn wait_until<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        timeout: Instant,
    ) -> WaitTimeoutResult {
        SITE.set(Some((Location::caller(), Guarded::Unknown)));
        self.inner.wait_until(mutex_guard, timeout)
    }

    /// As [`wait`](Self::wait), for `timeout` at the most.
    #[track_caller]
    pub fn wait_for<T: ?Sized>(
        &self,
        mutex_guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> WaitTimeoutResult {
        SITE.set(Some((Location::caller(), Guarded::Unknown)));
        self.inner.wait_for(mutex_guard, timeout)
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

    fn wait_while_at<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
        site: Site,
        deadline: Option<Instant>,
    ) -> WaitTimeoutResult {
        // The site must be set anew for each round: the condition may wait elsewhere.
        let condition = |data: &mut T| {
            let wait = condition(data);
            SITE.set(wait.then_some((site, Guarded::Yes)));
            wait
        };
        let result = match deadline {
            Some(deadline) => self.inner.wait_while_until(guard, condition, deadline),
            // A timeout past the clock's range: lock_api takes it for one that never comes.
            None => self.inner.wait_while_for(guard, condition, Duration::MAX),
        };
        SITE.set(None);
        // What it asks for may have been so from the start, and was made so by one who signalled.
        self.inner.raw().waiters.hears();
        result
    }
}

impl Default for Condvar {
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(feature = "arc_lock")]
pub use lock_api::{
    ArcMutexGuard, ArcReentrantMutexGuard, ArcRwLockReadGuard, ArcRwLockUpgradableReadGuard,
    ArcRwLockWriteGuard,
};
