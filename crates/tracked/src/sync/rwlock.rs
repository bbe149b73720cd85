//! `RwLock`, the mirror of `std::sync::RwLock`: same signatures, poisoning and `downgrade` included.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use lockcheck_events::Mode;

use super::poison;
use super::raw::RawTrackedRw;
use crate::rt::Token;

/// A watched readers-writer lock; see [`std::sync::RwLock`]. A queued writer holds new readers back, as std's does
/// on Linux.
pub struct RwLock<T: ?Sized> {
    raw: RawTrackedRw,
    data: UnsafeCell<T>,
}

// SAFETY: as std's: a writer moves the data between threads.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as std's: readers share the data, so it must be `Sync` as well.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

/// Shared access to the data of a read-locked [`RwLock`]; see [`std::sync::RwLockReadGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a> {
    /// The lock's data. A pointer and not the lock itself, so that the guard is covariant in `T`, as std's is.
    data: NonNull<T>,
    raw: &'a RawTrackedRw,
    token: Token,
    /// Not to be sent, and unwind-safe as std's: only where a shared borrow of the data is.
    not_send: PhantomData<*const T>,
}

/// Exclusive access to the data of a write-locked [`RwLock`]; see [`std::sync::RwLockWriteGuard`].
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized + 'a> {
    lock: &'a RwLock<T>,
    token: Token,
    not_send: PhantomData<*const ()>,
}

// SAFETY: as std's: a shared guard gives no more than `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<T> RwLock<T> {
    /// A new, unlocked lock. The calling line is its creation site.
    #[inline]
    #[track_caller]
    pub const fn new(value: T) -> RwLock<T> {
        RwLock { raw: RawTrackedRw::new(), data: UnsafeCell::new(value) }
    }

    /// Consumes the lock and gives its data.
    ///
    /// # Errors
    ///
    /// If a writer panicked; the error carries the data.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.raw.poison.get();
        let data = self.data.into_inner();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }

    /// Gives the lock a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> RwLock<T> {
        self.raw.name(name);
        self
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, blocking as long as it takes.
    ///
    /// # Errors
    ///
    /// If a writer panicked; the error carries the guard.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.read_guard(self.raw.lock(Mode::Shared, Location::caller()))
    }

    /// Locks for reading if that is possible at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not; `Poisoned` if a writer panicked.
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let token = self.raw.try_lock(Mode::Shared, Location::caller());
        Ok(self.read_guard(token.ok_or(TryLockError::WouldBlock)?)?)
    }

    /// Locks for writing, blocking as long as it takes.
    ///
    /// # Errors
    ///
    /// If a writer panicked; the error carries the guard.
    ///
    /// # Panics
    ///
    /// With `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.write_guard(self.raw.lock(Mode::Exclusive, Location::caller()))
    }

    /// Locks for writing if that is possible at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not; `Poisoned` if a writer panicked.
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let token = self.raw.try_lock(Mode::Exclusive, Location::caller());
        Ok(self.write_guard(token.ok_or(TryLockError::WouldBlock)?)?)
    }

    #[inline]
    fn read_guard(&self, token: Token) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.poison.wrap(RwLockReadGuard::new(self, token))
    }

    #[inline]
    fn write_guard(&self, token: Token) -> LockResult<RwLockWriteGuard<'_, T>> {
        let token = poison::entered(token);
        self.raw.poison.wrap(RwLockWriteGuard { lock: self, token, not_send: PhantomData })
    }

    /// Whether a writer panicked.
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
    /// If a writer panicked; the error carries the reference.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.raw.poison.get();
        let data = self.data.get_mut();
        if poisoned { Err(PoisonError::new(data)) } else { Ok(data) }
    }
}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// For a lock that is held for reading, by the acquisition that gave `token`.
    #[inline]
    fn new(lock: &'a RwLock<T>, token: Token) -> Self {
        // SAFETY: a cell's data is not at null.
        let data = unsafe { NonNull::new_unchecked(lock.data.get()) };
        RwLockReadGuard { data, raw: &lock.raw, token, not_send: PhantomData }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Turns the write lock into a read lock, letting no other writer in between.
    #[track_caller]
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        // A panic cannot begin between here and the end, so that poisoning needs no look.
        let guard = ManuallyDrop::new(guard);
        // SAFETY: the guard stands for one exclusive acquisition, which the new guard takes over.
        let token = unsafe { guard.lock.raw.downgrade(Mode::Exclusive, Location::caller(), guard.token) };
        RwLockReadGuard::new(guard.lock, token)
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the guard stands for one shared acquisition and is dropped once.
        unsafe { self.raw.unlock(Mode::Shared, self.token) };
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.raw.poison.leave(self.token);
        // SAFETY: the guard stands for one exclusive acquisition and is dropped once.
        unsafe { self.lock.raw.unlock(Mode::Exclusive, self.token) };
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.raw.touched(self.token, false, Location::caller());
        // SAFETY: the guard proves that the lock, in which the data lies, is held for reading.
        unsafe { self.data.as_ref() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.lock.raw.touched(self.token, false, Location::caller());
        // SAFETY: the guard proves that the lock is held for writing.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.lock.raw.touched(self.token, true, Location::caller());
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.lock.data.get() }
    }
}

macro_rules! show_as_data {
    ($($guard:ident)*) => {$(
        impl<T: ?Sized + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    )*};
}

show_as_data!(RwLockReadGuard RwLockWriteGuard);

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => fields.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => fields.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => fields.field("data", &format_args!("<locked>")),
        };
        fields.field("poisoned", &self.raw.poison.get()).finish_non_exhaustive()
    }
}
