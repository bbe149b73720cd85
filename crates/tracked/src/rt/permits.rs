//! Who has the permits of a semaphore, and threads that wait for each other's.
//!
//! Anybody may give a permit, so that nobody ends a wait for one is certain only where the process stands still as a
//! whole, which is [`super::standstill`]'s. Beside threads that run, whoever waits for long looks whether all permits are
//! with threads that wait for each other. That is likely, not certain, and only looked for where permits are given back
//! by those who took them: of a semaphore whose permits are a signal, or travel, nothing is known.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use lockcheck_checker::waits::{Enders, Stuck, Task};
use lockcheck_events::{Attempt, Hold, LockId, Mode, StuckThread, ThreadId};

use super::context::{Place, Thread, current, current_if_known};
use super::hands::is_time_to_look;
use super::waits::{self, Circle};
use super::{mode, reaction, registry, standstill};
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

/// A wait for a permit of `lock`.
struct Awaited {
    lock: LockId,
    out: Arc<Mutex<Out>>,
}

/// The waits for permits, by the number that stands in the wait slot.
static AWAITED: Mutex<Option<HashMap<u32, Awaited>>> = Mutex::new(None);

fn all_awaited() -> MutexGuard<'static, Option<HashMap<u32, Awaited>>> {
    ignore_poison(AWAITED.lock())
}

/// A wait for a permit, as long as it lives.
pub(crate) struct Ticket(u32);

impl Ticket {
    /// `None`: nobody has taken one, so that the wait is for a signal.
    pub(crate) fn new(permits: &Permits, lock: LockId) -> Option<Ticket> {
        let out = Arc::clone(permits.out.get()?);
        // Relaxed: only uniqueness among the waits under way matters. From 1: 0 is none.
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        all_awaited().get_or_insert_default().insert(number, Awaited { lock, out });
        Some(Ticket(number))
    }

    /// What the wait slot refers to it by.
    pub(crate) fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let awaited = all_awaited().as_mut().and_then(|awaited| awaited.remove(&self.0));
        // Freed when the table is free again.
        drop(awaited);
    }
}

/// Who could end the wait if nobody gives what he has not taken: any one of those who have a permit.
pub(crate) fn enders(number: u32) -> Enders {
    let table = all_awaited();
    let Some(awaited) = table.as_ref().and_then(|awaited| awaited.get(&number)) else {
        return Enders::Anyone;
    };
    let out = ignore_poison(awaited.out.lock());
    if out.is_open || out.taken.is_empty() {
        return Enders::Anyone;
    }
    let runners = out.taken.iter().map(|(taker, ..)| *taker).collect();
    Enders::Tasks { tasks: vec![Task { runners, in_line: None }], all: false }
}

/// The permit of `lock` that `taker` has, as a hold.
fn held(lock: LockId, taker: ThreadId) -> Option<Hold> {
    let table = all_awaited();
    let awaited = table.as_ref()?.values().find(|awaited| awaited.lock == lock)?;
    let out = ignore_poison(awaited.out.lock());
    let &(_, site, event) = out.taken.iter().find(|(other, ..)| *other == taker)?;
    drop(out);
    Some(Hold { lock, mode: Mode::Exclusive, attempt: Attempt::Block, site: registry::site(site), event })
}

/// The calling thread waits for a permit since then: looks whether all who have one wait for each other.
///
/// # Panics
///
/// With the report, where a thread that is stuck is to give way.
pub(crate) fn look(since: Instant) {
    let Some(thread) = current_if_known().filter(|_| is_time_to_look(since)) else { return };
    let busy = thread.enter();
    let text = circle(thread).and_then(|circle| {
        let doubt = "another thread gives a permit that it has not taken, or was handed one".to_owned();
        let stuck = Stuck { kind: circle.kind, threads: circle.sides };
        reaction::standstill(stuck, &circle.aside.locks, Some(doubt), Instant::now())
    });
    drop(busy);
    if let Some(text) = text {
        standstill::give_way(thread, text);
    }
}

/// The circle that the thread is in, seen twice, with the permits that it is about.
///
/// A permit may have been handed to a thread that runs. Who hands his on goes on to wait for the threads that he gave it
/// to, or for the next permit of the same semaphore: so there must be nothing in it but locks and permits, and nobody
/// who waits for himself.
fn circle(thread: &Thread) -> Option<Circle> {
    let mut circle = waits::circle_of_permits(thread.id())?;
    let is_member = circle.sides.iter().any(|side| side.request.thread == thread.id());
    let is_whole = is_member && circle.sides.len() > 1;
    if !is_whole || waits::circle_of_permits(thread.id()).as_ref() != Some(&circle) {
        return None;
    }
    show_permits(&mut circle.sides);
    circle.sides.iter().all(|side| !side.waits_for.is_empty()).then_some(circle)
}

/// Adds to each side that waits for a permit the one that the next side has.
fn show_permits(sides: &mut [StuckThread]) {
    for index in 0..sides.len() {
        let (wanted, taker) = (sides[index].request.lock, sides[(index + 1) % sides.len()].request.thread);
        if let Some(hold) = held(wanted, taker) {
            sides[index].waits_for.push((taker, hold));
        }
    }
}
