//! Gates: regions of which the program says that something keeps threads out of each other's way there, a lock that is
//! not watched or a protocol.
//!
//! A thread in a gate holds, as far as the checker knows, one more lock, exclusively: so a gate keeps cycles silent as
//! a gate lock does. Nobody waits for it, since it is none. Unlike a lock it can be caught lying: two threads in it at
//! once refute it, which is reported, and what it kept silent comes back.
//!
//! A gate is known by its name, in each test by itself where tests have scopes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use dashmap::DashMap;
use lockcheck_events::{Attempt, Inside, LockId, LockKind, Mode, Refuted, ThreadId};
use parking_lot::Mutex;

use super::context::{HeldLock, Place, Thread, current, current_if_known};
use super::{knowledge, reaction, registry};

/// Name, and the scope of the threads it is about.
type Key = (String, Option<String>);

/// All gates that were entered; never removed, since they are few and stand in the program's text.
static GATES: LazyLock<DashMap<Key, Arc<Gate>>> = LazyLock::new(DashMap::new);

struct Gate {
    /// How holds name it.
    id: LockId,
    /// Where it was first entered.
    created: Place,
    /// Who is in it, each entry by itself. A leaf: nothing else is locked while this is.
    inside: Mutex<Vec<Guest>>,
    /// Whether it was refuted.
    refuted: AtomicBool,
}

#[derive(Clone, Copy)]
struct Guest {
    /// The thread's slot, which stays the same where its id changes.
    slot: u32,
    thread: ThreadId,
    at: Place,
    event: u32,
}

impl Guest {
    fn inside(self) -> Inside {
        Inside { thread: self.thread, site: registry::site(self.at), event: self.event }
    }
}

/// The calling thread is in a gate until this is dropped.
pub(crate) struct Stay {
    gate: Arc<Gate>,
    slot: u32,
}

/// Enters the gate.
pub(crate) fn enter(name: &str, at: Place) -> Option<Stay> {
    let thread = current()?;
    let busy = thread.enter();
    let gate = gate(thread, name, at);
    let entry = HeldLock {
        id: gate.id,
        site: at,
        created: gate.created,
        event: thread.next_event(),
        mode: Mode::Exclusive,
        attempt: Attempt::Try,
        kind: LockKind::Gate,
    };
    let guest = Guest { slot: thread.slot(), thread: thread.id(), at, event: entry.event };
    let other = {
        let mut inside = gate.inside.lock();
        let other = inside.iter().find(|other| other.slot != guest.slot).copied();
        inside.push(guest);
        other
    };
    thread.push(entry);
    let mut news = Vec::new();
    // Relaxed: only the first one to set it goes on, which the exchange gives by itself.
    if let Some(other) = other
        && !gate.refuted.swap(true, Ordering::Relaxed)
    {
        let refuted = Refuted { gate: gate.id, first: other.inside(), second: guest.inside() };
        news = knowledge::gate_refuted(&entry, refuted);
    }
    drop(busy);
    news.iter().for_each(|news| reaction::found(thread, news));
    Some(Stay { gate, slot: guest.slot })
}

fn gate(thread: &Thread, name: &str, at: Place) -> Arc<Gate> {
    let key = (name.to_owned(), registry::scope(thread.id()));
    let fresh = || {
        let id = thread.next_lock_id();
        registry::name_lock(id, LockKind::Gate, at, name);
        Arc::new(Gate { id, created: at, inside: Mutex::new(Vec::new()), refuted: AtomicBool::new(false) })
    };
    Arc::clone(&GATES.entry(key).or_insert_with(fresh))
}

impl Drop for Stay {
    fn drop(&mut self) {
        let thread = current_if_known();
        let _busy = thread.map(Thread::enter);
        let mut inside = self.gate.inside.lock();
        if let Some(own) = inside.iter().rposition(|guest| guest.slot == self.slot) {
            inside.remove(own);
        }
        drop(inside);
        if let Some(thread) = thread {
            thread.pop(self.gate.id.0);
        }
    }
}
