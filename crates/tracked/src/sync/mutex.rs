//! `Mutex`, the mirror of `std::sync::Mutex`: same signatures, poisoning included.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use lockcheck_events::LockKind;

use super::poison;
use super::raw::RawTracked;
use crate::base::Watch;
use crate::rt::{Token, predicate};

/// A watched mutual-exclusion lock; see [`std::sync::Mutex`].
pub struct Mutex<T: ?Sized> {
    raw: RawTracked,
    data: UnsafeCell<T>,
}

// SAFETY: as std's: the lock hands the data from thread to thread, one at a time.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

/// Access to the data of a locked [`Mutex`]; see [`std::sync::MutexGuard`].
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized + 'a> {
    lock: &'a Mutex<T>,
    token: Token,
    not_send: PhantomData<*const ()>,
}

// SAFETY: as std's: a shared guard gives no more than `&T`.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    /// A new, unlocked mutex. The calling line is its creation site.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { raw: RawTracked::new(), data: UnsafeCell::new(value) }
    }

    /// Consumes the mutex and gives its data.
    ///
    /// # Errors
    ///
    /// If a holder panicked; the error carries the data.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.raw.poison.get();
        let data = self.data.into_inner();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }

    /// Gives the mutex a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Mutex<T> {
        self.raw.name(LockKind::Mutex, name);
        self
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks it, blocking as long as it takes.
    ///
    /// # Errors
    ///
    /// If a holder panicked; the error carries the guard.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.guard(self.raw.lock(LockKind::Mutex, Location::caller()))
    }

    /// Locks it if that is possible at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is locked; `Poisoned` if a holder panicked.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let token = self.raw.try_lock(LockKind::Mutex, Location::caller());
        Ok(self.guard(token.ok_or(TryLockError::WouldBlock)?)?)
    }

    #[inline]
    fn guard(&self, token: Token) -> LockResult<MutexGuard<'_, T>> {
        let guard = MutexGuard { lock: self, token: poison::entered(token), not_send: PhantomData };
        self.raw.poison.wrap(guard)
    }

    /// Whether a holder panicked.
    #[inline]
    #[track_caller]
    pub fn is_poisoned(&self) -> bool {
        self.raw.is_poisoned(Location::caller())
    }

    /// Declares the data sound again.
    #[inline]
    pub fn clear_poison(&self) {
        self.raw.poison.clear();
    }

    /// The data, without locking: the borrow proves that nobody else has it.
    ///
    /// # Errors
    ///
    /// If a holder panicked; the error carries the reference.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.raw.poison.get();
        let data = self.data.get_mut();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex, by address.
    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self.lock).cast::<()>().addr()
    }

    /// What the lock is known by in an exploration.
    pub(super) fn key(&self) -> Option<u64> {
        self.lock.raw.key()
    }

    /// A plain wait for `watch` came back with this guard.
    pub(super) fn came_back(&mut self, watch: &Watch, site: &'static Location<'static>) {
        self.token = watch.came_back(site, self.lock.raw.known_as(), self.token);
    }

    /// The lock is about to be given up for a wait.
    pub(super) fn waits_again(&self) {
        self.lock.raw.known_as().into_iter().for_each(predicate::asked);
    }

    /// Lets go of the lock for the time of `wait` and takes it back, at `site`.
    pub(super) fn unlocked<R>(
        self,
        site: &'static Location<'static>,
        wait: impl FnOnce() -> R,
    ) -> (LockResult<Self>, R) {
        let lock = self.lock;
        drop(self);
        let result = lock.raw.taking_back(wait);
        let token = lock.raw.lock(LockKind::Mutex, site);
        (lock.guard(token), result)
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.raw.poison.leave(self.token);
        // SAFETY: the guard stands for one acquisition and is dropped once.
        unsafe { self.lock.raw.unlock(self.token) };
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.lock.raw.touched(self.token, false, Location::caller());
        // SAFETY: the guard proves that the lock is held.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.lock.raw.touched(self.token, true, Location::caller());
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => fields.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => fields.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => fields.field("data", &"<locked>"),
        };
        fields.field("poisoned", &self.raw.poison.get()).finish_non_exhaustive()
    }
}
