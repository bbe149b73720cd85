//! `Event`: a flag that threads wait for.

use std::fmt;
use std::panic::Location;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::deadline;
use crate::base::park::{WaitQueue, ignore_poison};
use crate::base::{Guarded, Kind, Site, Step, Watch};

/// A flag, clear at first. Waiting for it ends when it is set; it stays set until it is cleared.
pub struct Event {
    set: Mutex<bool>,
    waiters: WaitQueue,
    watch: Watch,
}

impl Event {
    /// A new event, clear. The calling line is its creation site.
    #[track_caller]
    pub const fn new() -> Event {
        Event { set: Mutex::new(false), waiters: WaitQueue::new(), watch: Watch::new(Kind::Event) }
    }

    /// Gives the event a name for reports.
    #[must_use]
    pub fn named(self, name: &str) -> Event {
        self.watch.name(name);
        self
    }

    /// Sets it and wakes every thread that waits for it.
    #[track_caller]
    pub fn set(&self) {
        let site = Location::caller();
        self.watch.signals(site);
        *ignore_poison(self.set.lock()) = true;
        if self.waiters.tell_all_or(|| self.watch.unheard(site)) > 0 {
            self.watch.heard(site);
        }
    }

    /// Clears it.
    pub fn clear(&self) {
        self.watch.step(Step::Change, None);
        *ignore_poison(self.set.lock()) = false;
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.watch.step(Step::Look, None);
        let set = *ignore_poison(self.set.lock());
        if set {
            self.watch.hears();
        }
        set
    }

    /// Blocks until it is set.
    #[track_caller]
    pub fn wait(&self) {
        self.wait_until(Location::caller(), None);
    }

    /// Blocks until it is set (`true`) or `timeout` has passed (`false`).
    #[track_caller]
    pub fn wait_for(&self, timeout: Duration) -> bool {
        self.wait_until(Location::caller(), deadline(timeout))
    }

    fn wait_until(&self, site: Site, deadline: Option<Instant>) -> bool {
        self.watch.step(Step::Take, Some(site));
        let set = ignore_poison(self.set.lock());
        if *set {
            drop(set);
            self.watch.passes(site);
            return true;
        }
        let ticket = self.waiters.enqueue();
        drop(set);
        // Told means that it was set since; that it may be clear again by now does not undo that.
        self.watch.waiting_for_signal(site, deadline, Guarded::Unknown, || ticket.wait(deadline))
    }
}

impl Default for Event {
    #[track_caller]
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("set", &self.is_set()).finish_non_exhaustive()
    }
}
