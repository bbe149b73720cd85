//! `RLock`: a lock that its holder may take again.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::base::{RawLock, Token, thread_token};

/// A re-entrant lock. Its guards only read, because one thread can hold several: change what is inside through
/// `Cell` or `RefCell`.
pub struct RLock<T: ?Sized> {
    raw: RawLock<true>,
    /// The token of the holder; 0: nobody. Only the holder writes its own token, so that each thread can trust a
    /// relaxed load to say whether it is the holder itself.
    holder: AtomicUsize,
    /// How many guards the holder has, and its first acquisition. Touched by the holder only.
    depth: UnsafeCell<(usize, Token)>,
    data: UnsafeCell<T>,
}

// SAFETY: the lock hands the data from thread to thread, one at a time.
unsafe impl<T: ?Sized + Send> Send for RLock<T> {}
// SAFETY: as above; `depth` is touched under the lock only.
unsafe impl<T: ?Sized + Send> Sync for RLock<T> {}

/// Access to the data of a locked [`RLock`].
#[must_use = "if unused the RLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RLockGuard<'a, T: ?Sized + 'a> {
    lock: &'a RLock<T>,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives no more than `&T`.
unsafe impl<T: ?Sized + Sync> Sync for RLockGuard<'_, T> {}

impl<T> RLock<T> {
    /// A new, unlocked lock. The calling line is its creation site.
    #[track_caller]
    pub const fn new(value: T) -> RLock<T> {
        RLock {
            raw: RawLock::new(),
            holder: AtomicUsize::new(0),
            depth: UnsafeCell::new((0, Token::UNWATCHED)),
            data: UnsafeCell::new(value),
        }
    }

    /// Consumes the lock and gives its data.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }

    /// Gives the lock a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> RLock<T> {
        self.raw.name(name);
        self
    }
}

impl<T: ?Sized> RLock<T> {
    /// Locks it, blocking as long as it takes, unless the calling thread holds it already.
    ///
    /// # Panics
    ///
    /// When watched and with `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[track_caller]
    pub fn lock(&self) -> RLockGuard<'_, T> {
        let site = Location::caller();
        self.enter(|| Some(self.raw.lock(site)));
        RLockGuard { lock: self, not_send: PhantomData }
    }

    /// Locks it if that is possible at once.
    #[track_caller]
    pub fn try_lock(&self) -> Option<RLockGuard<'_, T>> {
        let site = Location::caller();
        self.enter(|| self.raw.try_lock(site)).then(|| RLockGuard { lock: self, not_send: PhantomData })
    }

    /// Locks it unless `timeout` passes first.
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<RLockGuard<'_, T>> {
        let site = Location::caller();
        self.enter(|| self.raw.lock_for(site, timeout))
            .then(|| RLockGuard { lock: self, not_send: PhantomData })
    }

    /// Goes one level deeper, through `acquire` if this is the first.
    fn enter(&self, acquire: impl FnOnce() -> Option<Token>) -> bool {
        let me = thread_token();
        let first = self.holder.load(Ordering::Relaxed) != me;
        let token = if first { acquire() } else { Some(Token::UNWATCHED) };
        let Some(token) = token else { return false };
        self.holder.store(me, Ordering::Relaxed);
        // SAFETY: the calling thread holds the lock.
        let (depth, first_token) = unsafe { &mut *self.depth.get() };
        *depth += 1;
        if first {
            *first_token = token;
        }
        true
    }

    /// The data, without locking: the borrow proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: ?Sized> Drop for RLockGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the guard proves that the calling thread holds the lock.
        let (depth, token) = unsafe { &mut *self.lock.depth.get() };
        *depth -= 1;
        if *depth == 0 {
            let token = *token;
            self.lock.holder.store(0, Ordering::Relaxed);
            // SAFETY: this was the last guard of the one acquisition.
            unsafe { self.lock.raw.unlock(token) };
        }
    }
}

impl<T: ?Sized> Deref for RLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard proves that the lock is held, and no guard gives more than `&T`.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RLockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RLockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> From<T> for RLock<T> {
    #[track_caller]
    fn from(value: T) -> RLock<T> {
        RLock::new(value)
    }
}

impl<T: Default> Default for RLock<T> {
    #[track_caller]
    fn default() -> RLock<T> {
        RLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("RLock");
        match self.try_lock() {
            Some(guard) => fields.field("data", &&*guard),
            None => fields.field("data", &format_args!("<locked>")),
        };
        fields.finish_non_exhaustive()
    }
}
