//! `Semaphore` and `BoundedSemaphore`: a number of permits.

use std::fmt;
use std::panic::Location;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::deadline;
use crate::base::park::{WaitQueue, ignore_poison};
use crate::base::{Kind, Permits, Site, Step, Watch};

/// A number of permits; taking one blocks while there is none.
pub struct Semaphore {
    permits: Mutex<usize>,
    /// Who has those that are out. Changed under the lock of `permits`.
    out: Permits,
    waiters: WaitQueue,
    watch: Watch,
}

/// One permit, given back when it is dropped. It may be sent to another thread.
#[must_use = "if unused the permit is given back at once"]
#[clippy::has_significant_drop]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Semaphore {
    /// A semaphore with so many permits. The calling line is its creation site.
    #[track_caller]
    pub const fn new(permits: usize) -> Semaphore {
        Semaphore {
            permits: Mutex::new(permits),
            out: Permits::new(),
            waiters: WaitQueue::new(),
            watch: Watch::new(Kind::Semaphore),
        }
    }

    /// Gives the semaphore a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Semaphore {
        self.watch.name(name);
        self
    }

    /// Takes a permit, blocking as long as it takes.
    #[track_caller]
    pub fn acquire(&self) -> Permit<'_> {
        self.take_until(Location::caller(), None);
        Permit { semaphore: self }
    }

    /// Takes a permit if there is one.
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.watch.step(Step::Try, None);
        let mut permits = ignore_poison(self.permits.lock());
        *permits = permits.checked_sub(1)?;
        self.out.taken(Location::caller());
        drop(permits);
        self.watch.hears();
        Some(Permit { semaphore: self })
    }

    /// Takes a permit unless `timeout` passes first.
    #[track_caller]
    pub fn try_acquire_for(&self, timeout: Duration) -> Option<Permit<'_>> {
        // Lazily: a permit that is dropped is given back.
        self.take_until(Location::caller(), deadline(timeout)).then(|| Permit { semaphore: self })
    }

    /// Adds a permit, whether or not one was taken: for permits without a guard, see [`Permit::forget`].
    pub fn release(&self) {
        self.watch.step(Step::Give, None);
        self.watch.sends();
        let mut permits = ignore_poison(self.permits.lock());
        *permits += 1;
        self.out.given();
        drop(permits);
        self.waiters.tell_one();
    }

    /// Permits that nobody has at this moment.
    pub fn available(&self) -> usize {
        *ignore_poison(self.permits.lock())
    }

    fn take_until(&self, site: Site, deadline: Option<Instant>) -> bool {
        self.watch.step(Step::Take, Some(site));
        loop {
            let mut permits = ignore_poison(self.permits.lock());
            if let Some(rest) = permits.checked_sub(1) {
                *permits = rest;
                self.out.taken(site);
                drop(permits);
                self.watch.hears();
                return true;
            }
            let ticket = self.waiters.enqueue();
            drop(permits);
            if !self.watch.waiting_for_permit(&self.out, site, deadline, || ticket.wait(deadline)) {
                return false;
            }
        }
    }
}

impl Permit<'_> {
    /// Keeps the permit for good: somebody calls [`Semaphore::release`] instead.
    pub fn forget(self) {
        let permits = ignore_poison(self.semaphore.permits.lock());
        self.semaphore.out.opened();
        drop(permits);
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.release();
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available", &self.available()).finish_non_exhaustive()
    }
}

/// A semaphore whose permits never exceed what it began with.
pub struct BoundedSemaphore {
    inner: Semaphore,
    bound: usize,
}

/// A permit was given back that nobody had taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OverRelease {
    /// The number of permits the semaphore began with, all of which are available.
    pub bound: usize,
}

impl fmt::Display for OverRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "released a permit that nobody had taken: all {} are available", self.bound)
    }
}

impl std::error::Error for OverRelease {}

impl BoundedSemaphore {
    /// A semaphore with so many permits, and never more. The calling line is its creation site.
    #[track_caller]
    pub const fn new(permits: usize) -> BoundedSemaphore {
        BoundedSemaphore { inner: Semaphore::new(permits), bound: permits }
    }

    /// Gives the semaphore a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> BoundedSemaphore {
        self.inner.watch.name(name);
        self
    }

    /// As [`Semaphore::acquire`].
    #[track_caller]
    pub fn acquire(&self) -> Permit<'_> {
        self.inner.acquire()
    }

    /// As [`Semaphore::try_acquire`].
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.inner.try_acquire()
    }

    /// As [`Semaphore::try_acquire_for`].
    #[track_caller]
    pub fn try_acquire_for(&self, timeout: Duration) -> Option<Permit<'_>> {
        self.inner.try_acquire_for(timeout)
    }

    /// Gives back a permit without a guard.
    ///
    /// # Errors
    ///
    /// If no permit is out; nothing changes then.
    #[track_caller]
    pub fn release(&self) -> Result<(), OverRelease> {
        self.inner.watch.step(Step::Give, None);
        self.inner.watch.sends();
        let mut permits = ignore_poison(self.inner.permits.lock());
        if *permits >= self.bound {
            drop(permits);
            self.inner.watch.misused(Location::caller(), "all permits were there already");
            return Err(OverRelease { bound: self.bound });
        }
        *permits += 1;
        self.inner.out.given();
        drop(permits);
        self.inner.waiters.tell_one();
        Ok(())
    }

    /// Permits that nobody has at this moment.
    pub fn available(&self) -> usize {
        self.inner.available()
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("available", &self.available())
            .field("bound", &self.bound)
            .finish_non_exhaustive()
    }
}
