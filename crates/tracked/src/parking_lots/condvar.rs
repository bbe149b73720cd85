//! The threads that wait on a condition variable of parking_lot's kind: it tells how many were woken, and refuses to
//! be used with two mutexes at once.

use std::sync::Mutex;
use std::time::Instant;

use lockcheck_events::LockKind;

use crate::base::park::{WaitQueue, ignore_poison};
use crate::base::{Guarded, Kind, Site, Watch};
use crate::rt::Token;
use crate::sync::raw::RawTracked;

/// Threads that wait to be notified.
pub(crate) struct Waiters {
    queue: WaitQueue,
    /// Their mutex, by address, and how many they are; the address means nothing while there are none.
    with: Mutex<(usize, usize)>,
    watch: Watch,
}

/// Takes the mutex back if a panic cuts the wait short: the guard will be dropped, and must be whole.
struct TakeBack<'a>(Option<&'a RawTracked>);

impl Drop for TakeBack<'_> {
    fn drop(&mut self) {
        if let Some(mutex) = self.0 {
            mutex.lock_unwatched();
        }
    }
}

impl Waiters {
    #[cfg(feature = "parking_lot_0_12")]
    #[track_caller]
    pub(crate) const fn new() -> Waiters {
        Waiters { queue: WaitQueue::new(), with: Mutex::new((0, 0)), watch: Watch::new(Kind::Condition) }
    }

    /// For one made in a constant.
    #[cfg(feature = "parking_lot_0_13")]
    pub(crate) const fn nowhere() -> Waiters {
        Waiters { queue: WaitQueue::new(), with: Mutex::new((0, 0)), watch: Watch::nowhere(Kind::Condition) }
    }

    pub(crate) fn name(&self, name: &str) {
        self.watch.name(name);
    }

    /// Lets go of the mutex until told or until the deadline; gives whether it was told, and the new acquisition.
    ///
    /// # Safety
    ///
    /// The mutex is held, by the acquisition that gave `token`, which the one given back replaces. If this panics,
    /// the mutex is held, by nobody who is watched.
    pub(crate) unsafe fn wait(
        &self,
        mutex: &RawTracked,
        token: Option<Token>,
        site: Site,
        deadline: Option<Instant>,
        guarded: Guarded,
    ) -> (bool, Token) {
        let address = std::ptr::from_ref(mutex).addr();
        let ticket = {
            let mut with = ignore_poison(self.with.lock());
            if with.1 > 0 && with.0 != address {
                drop(with);
                self.watch.misused(site, "others wait for it with another mutex");
                panic!("attempted to use a condition variable with more than one mutex");
            }
            *with = (address, with.1 + 1);
            self.queue.enqueue()
        };
        // SAFETY: the caller's promise.
        unsafe { mutex.unlock_anywhere(token, false) };
        let mut take_back = TakeBack(Some(mutex));
        let told = self.watch.waiting_for_signal(site, deadline, guarded, || ticket.wait(deadline));
        if !told {
            ignore_poison(self.with.lock()).1 -= 1;
        }
        let token = mutex.lock_noted(LockKind::Mutex, site);
        take_back.0 = None;
        (told, token)
    }

    /// Wakes the thread that has waited longest; `false` if none waits.
    pub(crate) fn notify_one(&self, site: Site) -> bool {
        self.watch.signals(site);
        let mut with = ignore_poison(self.with.lock());
        let told = self.queue.tell_one_or(|| self.watch.unheard(site));
        with.1 -= usize::from(told);
        drop(with);
        if told {
            self.watch.heard(site);
        }
        told
    }

    /// What is waited for is so already.
    pub(crate) fn hears(&self) {
        self.watch.hears();
    }

    /// Wakes all who wait; gives their number.
    pub(crate) fn notify_all(&self, site: Site) -> usize {
        self.watch.signals(site);
        let mut with = ignore_poison(self.with.lock());
        let told = self.queue.tell_all_or(|| self.watch.unheard(site));
        with.1 -= told;
        drop(with);
        if told > 0 {
            self.watch.heard(site);
        }
        told
    }
}
