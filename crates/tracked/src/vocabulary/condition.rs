//! `Condition`: data, the lock that guards it and the queue of those who wait for it to change, in one.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::time::{Duration, Instant};

use super::deadline;
use crate::base::park::WaitQueue;
use crate::base::{Guarded, Kind, RawLock, Site, Token, Watch};

/// Data under a lock, with a way to wait until it changes.
pub struct Condition<T: ?Sized> {
    raw: RawLock,
    watch: Watch,
    waiters: WaitQueue,
    data: UnsafeCell<T>,
}

// SAFETY: the lock hands the data from thread to thread, one at a time.
unsafe impl<T: ?Sized + Send> Send for Condition<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Condition<T> {}

/// Access to the data of a locked [`Condition`].
#[must_use = "if unused the Condition will immediately unlock"]
#[clippy::has_significant_drop]
pub struct ConditionGuard<'a, T: ?Sized + 'a> {
    condition: &'a Condition<T>,
    token: Token,
    /// False only while it waits: a panic there (see `LOCKCHECK_ON_DEADLOCK`) leaves the lock to others.
    held: bool,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives no more than `&T`.
unsafe impl<T: ?Sized + Sync> Sync for ConditionGuard<'_, T> {}

impl<T> Condition<T> {
    /// A new condition, unlocked. The calling line is its creation site.
    #[track_caller]
    pub const fn new(value: T) -> Condition<T> {
        Condition {
            raw: RawLock::new(),
            watch: Watch::new(Kind::Condition),
            waiters: WaitQueue::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// Consumes the condition and gives its data.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }

    /// Gives the condition a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Condition<T> {
        self.raw.name(name);
        self.watch.name(name);
        self
    }
}

impl<T: ?Sized> Condition<T> {
    /// Locks it, blocking as long as it takes.
    ///
    /// # Panics
    ///
    /// When watched and with `LOCKCHECK_ON_DEADLOCK=panic`, if this call closes a deadlock.
    #[track_caller]
    pub fn lock(&self) -> ConditionGuard<'_, T> {
        let token = self.raw.lock(Location::caller());
        ConditionGuard { condition: self, token, held: true, not_send: PhantomData }
    }

    /// Wakes the thread that has waited longest, if any waits. Whoever changed the data should still hold the lock.
    #[track_caller]
    pub fn notify_one(&self) {
        let site = Location::caller();
        self.watch.signals(site);
        if self.waiters.tell_any_or(|| self.watch.unheard(site)) {
            self.watch.heard(site);
        }
    }

    /// Wakes every thread that waits.
    #[track_caller]
    pub fn notify_all(&self) {
        let site = Location::caller();
        self.watch.signals(site);
        if self.waiters.tell_all_or(|| self.watch.unheard(site)) > 0 {
            self.watch.heard(site);
        }
    }

    /// The data, without locking: the borrow proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: ?Sized> ConditionGuard<'_, T> {
    /// Lets go of the lock, waits for a word until `deadline`, takes the lock back.
    fn wait_until(&mut self, site: Site, deadline: Option<Instant>, guarded: Guarded) -> bool {
        let condition = self.condition;
        condition.watch.before_wait(site, condition.raw.key());
        let ticket = condition.waiters.enqueue();
        condition.raw.waits_again();
        // SAFETY: the guard stands for the acquisition; it is borrowed exclusively, and the lock is taken back below
        // before the guard can be used again.
        unsafe { condition.raw.unlock(self.token) };
        self.held = false;
        let wait = || {
            condition.watch.waiting_for_signal(site, deadline, guarded, || ticket.wait_for_signal(deadline))
        };
        let told = condition.raw.taking_back(wait);
        self.token = condition.raw.lock(site);
        self.held = true;
        told
    }

    /// Lets go of the lock until notified. The data may have changed again since the notification: ask it, or use
    /// [`wait_while`](Self::wait_while).
    #[track_caller]
    pub fn wait(&mut self) {
        let (condition, site) = (self.condition, Location::caller());
        self.wait_until(site, None, Guarded::Unknown);
        if size_of_val(&condition.data) > 0 {
            self.token = condition.raw.came_back(&condition.watch, site, self.token);
        }
    }

    /// As [`wait`](Self::wait), for `timeout` at the most; `false` if it passed.
    #[track_caller]
    pub fn wait_for(&mut self, timeout: Duration) -> bool {
        self.wait_until(Location::caller(), deadline(timeout), Guarded::Unknown)
    }

    /// Waits as long as `unready` says so of the data.
    #[track_caller]
    pub fn wait_while(&mut self, mut unready: impl FnMut(&mut T) -> bool) {
        let site = Location::caller();
        while unready(self) {
            self.wait_until(site, None, Guarded::Yes);
        }
        // What it asks for may have been so from the start, and was made so by one who signalled.
        self.condition.watch.hears();
    }

    /// As [`Condition::notify_one`].
    #[track_caller]
    pub fn notify_one(&self) {
        self.condition.notify_one();
    }

    /// As [`Condition::notify_all`].
    #[track_caller]
    pub fn notify_all(&self) {
        self.condition.notify_all();
    }
}

impl<T: ?Sized> Drop for ConditionGuard<'_, T> {
    fn drop(&mut self) {
        if self.held {
            // SAFETY: the guard stands for one acquisition and is dropped once.
            unsafe { self.condition.raw.unlock(self.token) };
        }
    }
}

impl<T: ?Sized> Deref for ConditionGuard<'_, T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.condition.raw.touched(self.token, false, Location::caller());
        // SAFETY: the guard proves that the lock is held.
        unsafe { &*self.condition.data.get() }
    }
}

impl<T: ?Sized> DerefMut for ConditionGuard<'_, T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.condition.raw.touched(self.token, true, Location::caller());
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.condition.data.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for ConditionGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Default> Default for Condition<T> {
    #[track_caller]
    fn default() -> Condition<T> {
        Condition::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for Condition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").finish_non_exhaustive()
    }
}
