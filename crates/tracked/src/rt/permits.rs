//! Who has the permits of a semaphore: those who took them and have not given them back. Of a semaphore whose permits are
//! a signal, or travel, nothing is known. What follows for those who wait is in [`super::beside`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lockcheck_checker::waits::{Enders, Task};
use lockcheck_events::{Attempt, Hold, LockId, Mode, ThreadId};

use super::beside::Source;
use super::context::{Place, Thread, current, current_if_known};
use super::{mode, registry};
use crate::base::park::ignore_poison;

/// Permits of one semaphore that are out at once, of which it is known who has them.
const OUT_MAX: usize = 256;

/// The permits of one semaphore. Changed under the semaphore's own lock, as its number of permits is.
pub(crate) struct Permits {
    /// Made when the first is taken: to give one allocates nothing.
    out: OnceLock<Arc<Mutex<Out>>>,
    /// One was given before any was taken: nothing will ever be known. Relaxed: that lock orders it.
    is_open: AtomicBool,
}

/// The permits that are out.
#[derive(Default)]
struct Out {
    /// Who took each, where, and as which of its operations.
    taken: Vec<(ThreadId, Place, u32)>,
    /// Somebody gave a permit that he had not taken, or has one that nobody knows of: `taken` says nothing.
    is_open: bool,
}

impl Out {
    fn open(&mut self) {
        self.is_open = true;
        self.taken = Vec::new();
    }
}

impl Permits {
    pub(crate) const fn new() -> Permits {
        Permits { out: OnceLock::new(), is_open: AtomicBool::new(false) }
    }

    /// The calling thread has taken one at `site`.
    pub(crate) fn taken(&self, site: Place) {
        let Some(thread) = known() else { return self.opened() };
        if self.is_open.load(Ordering::Relaxed) {
            return;
        }
        let _busy = thread.enter();
        let mut out = ignore_poison(self.out.get_or_init(Arc::default).lock());
        if out.taken.len() >= OUT_MAX {
            out.open();
        }
        if !out.is_open {
            out.taken.push((thread.id(), site, thread.event()));
        }
    }

    /// The calling thread gives one.
    pub(crate) fn given(&self) {
        let Some(thread) = known() else { return self.opened() };
        let Some(out) = self.out.get() else { return self.opened() };
        let _busy = thread.enter();
        let mut out = ignore_poison(out.lock());
        match out.taken.iter().rposition(|(taker, ..)| *taker == thread.id()) {
            Some(at) => drop(out.taken.remove(at)),
            None => out.open(),
        }
    }

    /// From here on nothing is known of who gives permits.
    pub(crate) fn opened(&self) {
        if mode::watching() {
            let busy = current_if_known().map(Thread::enter);
            match self.out.get() {
                Some(out) => ignore_poison(out.lock()).open(),
                None => self.is_open.store(true, Ordering::Relaxed),
            }
            drop(busy);
        }
    }
}

/// The calling thread, if what it takes counts. Under control the controller knows better.
fn known() -> Option<&'static Thread> {
    current().filter(|thread| !thread.is_steered())
}

impl Permits {
    /// For a wait; `None`: nobody has taken one, so that the wait is for a signal.
    pub(crate) fn source(&self) -> Option<Arc<dyn Source>> {
        Some(self.out.get()?.clone())
    }
}

impl Source for Mutex<Out> {
    /// Any one of those who have a permit.
    fn enders(&self) -> Enders {
        let out = ignore_poison(self.lock());
        if out.is_open || out.taken.is_empty() {
            return Enders::Anyone;
        }
        let runners = out.taken.iter().map(|(taker, ..)| *taker).collect();
        Enders::Tasks { tasks: vec![Task { runners, in_line: None }], all: false }
    }

    fn held(&self, lock: LockId, of: ThreadId) -> Option<Hold> {
        let out = ignore_poison(self.lock());
        let &(_, site, event) = out.taken.iter().find(|(taker, ..)| *taker == of)?;
        drop(out);
        Some(Hold { lock, mode: Mode::Exclusive, attempt: Attempt::Block, site: registry::site(site), event })
    }

    fn doubt(&self) -> &'static str {
        "another thread gives a permit that it has not taken, or was handed one"
    }
}
