//! `Condvar`, the mirror of `std::sync::Condvar`: same signatures.
//!
//! It keeps a queue of its own rather than std's, because a report must be able to tell a thread that waits to be
//! notified from one that was notified and waits for its mutex.

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LockResult, PoisonError};
use std::time::{Duration, Instant};

use super::mutex::MutexGuard;
use crate::base::park::WaitQueue;
use crate::base::{Guarded, Kind, Site, Watch};

/// A watched condition variable; see [`std::sync::Condvar`].
pub struct Condvar {
    waiters: WaitQueue,
    watch: Watch,
    /// The mutex that the last waiter used, by address. Relaxed: only compared.
    mutex: AtomicUsize,
}

impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

/// Whether a timed wait ended because the time was over; see [`std::sync::WaitTimeoutResult`].
#[derive(Debug, PartialEq, Eq, Copy, Clone)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was over.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// A new condition variable. The calling line is its creation site.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Condvar {
        Condvar { waiters: WaitQueue::new(), watch: Watch::new(Kind::Condition), mutex: AtomicUsize::new(0) }
    }

    /// Gives the condition variable a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Condvar {
        self.watch.name(name);
        self
    }

    /// Lets go of the mutex until notified.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error carries the guard.
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let site = Location::caller();
        let mut guard = self.wait_until(guard, site, None, Guarded::Unknown).0?;
        if size_of::<T>() > 0 {
            guard.came_back(&self.watch, site);
        }
        Ok(guard)
    }

    /// Lets go of the mutex and waits as long as `condition` says so of the data.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error carries the guard.
    #[track_caller]
    pub fn wait_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: F,
    ) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        let site = Location::caller();
        while condition(&mut *guard) {
            guard = self.wait_until(guard, site, None, Guarded::Yes).0?;
        }
        // What it asks for may have been so from the start, and was made so by one who signalled.
        self.watch.hears();
        Ok(guard)
    }

    /// As [`wait`](Self::wait), for so many milliseconds at the most; `false` if they passed.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error carries the guard.
    #[deprecated(note = "replaced by `wait_timeout`")]
    #[track_caller]
    pub fn wait_timeout_ms<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        ms: u32,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        match self.wait_timeout(guard, Duration::from_millis(ms.into())) {
            Ok((guard, result)) => Ok((guard, !result.timed_out())),
            Err(error) => {
                let (guard, result) = error.into_inner();
                Err(PoisonError::new((guard, !result.timed_out())))
            }
        }
    }

    /// As [`wait`](Self::wait), for `timeout` at the most.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error carries the guard.
    #[track_caller]
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let deadline = Instant::now().checked_add(timeout);
        let (result, told) = self.wait_until(guard, Location::caller(), deadline, Guarded::Unknown);
        let timed_out = WaitTimeoutResult(!told);
        match result {
            Ok(guard) => Ok((guard, timed_out)),
            Err(error) => Err(PoisonError::new((error.into_inner(), timed_out))),
        }
    }

    /// As [`wait_while`](Self::wait_while), for `timeout` at the most.
    ///
    /// # Errors
    ///
    /// If a holder of the mutex panicked; the error carries the guard.
    #[track_caller]
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let site = Location::caller();
        let deadline = Instant::now().checked_add(timeout);
        // The clock says so, or the wait does, whose time may be virtual.
        let mut is_over = false;
        loop {
            if !condition(&mut *guard) {
                self.watch.hears();
                return Ok((guard, WaitTimeoutResult(false)));
            }
            if is_over || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            let (result, told) = self.wait_until(guard, site, deadline, Guarded::Yes);
            is_over = !told;
            guard = match result {
                Ok(guard) => guard,
                Err(error) => {
                    return Err(PoisonError::new((error.into_inner(), WaitTimeoutResult(false))));
                }
            };
        }
    }

    fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        site: Site,
        deadline: Option<Instant>,
        guarded: Guarded,
    ) -> (LockResult<MutexGuard<'a, T>>, bool) {
        self.watch.before_wait(site, guard.key());
        let mutex = guard.address();
        let other = self.mutex.swap(mutex, Ordering::Relaxed);
        if other != mutex && other != 0 && !self.waiters.is_empty() {
            self.watch.misused(site, "others wait for it with another mutex");
        }
        let ticket = self.waiters.enqueue();
        guard.waits_again();
        guard.unlocked(site, || {
            self.watch.waiting_for_signal(site, deadline, guarded, || ticket.wait_for_signal(deadline))
        })
    }

    /// Wakes the thread that has waited longest, if any waits.
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
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Condvar {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
