//! `Lock`: mutual exclusion without poisoning, with a timed form.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::time::Duration;

use crate::base::{RawLock, Token};

/// A mutual-exclusion lock. A panic under it does not poison it.
pub struct Lock<T: ?Sized> {
    raw: RawLock,
    data: UnsafeCell<T>,
}

// SAFETY: the lock hands the data from thread to thread, one at a time.
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

/// Access to the data of a locked [`Lock`].
#[must_use = "if unused the Lock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct Guard<'a, T: ?Sized + 'a> {
    lock: &'a Lock<T>,
    token: Token,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives no more than `&T`.
unsafe impl<T: ?Sized + Sync> Sync for Guard<'_, T> {}

impl<T> Lock<T> {
    /// A new, unlocked lock. The calling line is its creation site.
    #[track_caller]
    pub const fn new(value: T) -> Lock<T> {
        Lock { raw: RawLock::new(), data: UnsafeCell::new(value) }
    }

    /// Consumes the lock and gives its data.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }

    /// Gives the lock a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Lock<T> {
        self.raw.name(name);
        self
    }
}

impl<T: ?Sized> Lock<T> {
    /// Locks it, blocking as long as it takes.
    ///
    /// # Panics
    ///
    /// When watched and with `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Guard<'_, T> {
        self.guard(self.raw.lock(Location::caller()))
    }

    /// Locks it if that is possible at once.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.raw.try_lock(Location::caller()).map(|token| self.guard(token))
    }

    /// Locks it unless `timeout` passes first.
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<Guard<'_, T>> {
        self.raw.lock_for(Location::caller(), timeout).map(|token| self.guard(token))
    }

    #[inline]
    fn guard(&self, token: Token) -> Guard<'_, T> {
        Guard { lock: self, token, not_send: PhantomData }
    }

    /// Whether somebody holds it at this moment.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The data, without locking: the borrow proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: ?Sized> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the guard stands for one acquisition and is dropped once.
        unsafe { self.lock.raw.unlock(self.token) };
    }
}

impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.lock.raw.touched(self.token, false, Location::caller());
        // SAFETY: the guard proves that the lock is held.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for Guard<'_, T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.lock.raw.touched(self.token, true, Location::caller());
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> From<T> for Lock<T> {
    #[track_caller]
    fn from(value: T) -> Lock<T> {
        Lock::new(value)
    }
}

impl<T: Default> Default for Lock<T> {
    #[track_caller]
    fn default() -> Lock<T> {
        Lock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Lock");
        match self.try_lock() {
            Some(guard) => fields.field("data", &&*guard),
            None => fields.field("data", &format_args!("<locked>")),
        };
        fields.finish_non_exhaustive()
    }
}
