//! Waits under locks, and the signals that end them: what the checker is told about waits that did not hang.
//!
//! Nothing of this is on the path of a lock. What a thread has asked for since the last point that orders it after
//! others is read off its hold set: the entries in use, and behind them those of the locks that it has given back,
//! of which the last at each depth still stands there. So a lock that was taken and given back before the signal is
//! seen, unless another took its place; what is seen did happen.
//!
//! | the signal | told |
//! |---|---|
//! | needs nothing | once, if a wait or another signal was told before; after it, nothing is told of this object any more |
//! | needs a lock, of an event | always: a later wait may find it set |
//! | needs a lock, of a condition | once somebody has waited for it under a lock |

use std::sync::atomic::{AtomicU8, Ordering};

use lockcheck_events::{Attempt, LockKind, Mode, Record};

use super::context::{HeldLock, Place, Thread};
use super::{intent, knowledge, reaction};

/// What was told of an object.
pub(crate) struct Told(AtomicU8);

/// Somebody waited for it under a lock.
const WAITED: u8 = 1;
/// Somebody signalled it who needed a lock.
const NEEDED: u8 = 2;
/// Somebody signalled it who needed none.
const FREE: u8 = 4;

impl Told {
    pub(crate) const fn nothing() -> Told {
        Told(AtomicU8::new(0))
    }

    /// Relaxed: a word that comes late is told again or not at all.
    fn has(&self, bits: u8) -> bool {
        self.0.load(Ordering::Relaxed) & bits != 0
    }

    fn add(&self, bit: u8) {
        if !self.has(bit) {
            self.0.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The calling thread is about to wait for the object, or finds that it need not.
    pub(crate) fn waited(&self, thread: &Thread, wanted: &HeldLock) {
        let takes_part = matches!(wanted.kind, LockKind::Condition | LockKind::Event | LockKind::Queue);
        if thread.held_len() == 0 || wanted.attempt != Attempt::Block || !takes_part || self.has(FREE) {
            return;
        }
        self.add(WAITED);
        let key = intent::salted(thread, wanted, thread.key(wanted));
        if thread.known().contains(key) {
            return;
        }
        let busy = thread.enter();
        let (request, mut records) = knowledge::prepare(thread, wanted);
        records.push(Record::Wait { request, join: false });
        let news = knowledge::learned(thread, key, records);
        drop(busy);
        news.iter().for_each(|news| reaction::found(thread, news));
    }

    /// The calling thread signals the object, without waiting for anybody.
    pub(crate) fn signalled(&self, thread: &Thread, object: &HeldLock) {
        if self.has(FREE) {
            return;
        }
        if asked(thread).next().is_none() {
            self.0.fetch_or(FREE, Ordering::Relaxed);
            if !self.has(WAITED | NEEDED) {
                return;
            }
        } else if object.kind == LockKind::Condition && !self.has(WAITED) {
            return;
        } else {
            self.add(NEEDED);
        }
        let needs = asked_for(thread);
        let key = needs.iter().fold(thread.key(object), |key, need| {
            (key.rotate_left(7) ^ need.id.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
        });
        if thread.known().contains(key) {
            return;
        }
        let busy = thread.enter();
        let records = knowledge::signal(thread.id(), object, &needs);
        let news = knowledge::learned(thread, key, records);
        drop(busy);
        news.iter().for_each(|news| reaction::found(thread, news));
    }
}

/// An object as one that is signalled.
pub(crate) fn signalled_at(thread: &Thread, object: HeldLock, site: Place) -> HeldLock {
    HeldLock { site, event: thread.event(), mode: Mode::Exclusive, attempt: Attempt::Try, ..object }
}

/// What the thread has asked for, and been ready to wait for, since the last point that orders it after others.
pub(crate) fn asked_for(thread: &Thread) -> Vec<HeldLock> {
    let mut all: Vec<HeldLock> = Vec::new();
    for hold in asked(thread) {
        if all.iter().all(|known| known.id != hold.id) {
            all.push(hold);
        }
    }
    all
}

/// The same, a lock perhaps more than once.
fn asked(thread: &Thread) -> impl Iterator<Item = HeldLock> {
    let since = thread.wait_slot().anchor();
    let holds = thread.holds().with_given_back();
    holds.filter(move |hold| hold.event >= since && hold.attempt == Attempt::Block)
}

/// The calling thread, which joins another one or has done so, holds locks that the other one asked for.
pub(crate) fn joined(thread: &Thread, end: HeldLock, other: lockcheck_events::ThreadId, needs: &[HeldLock]) {
    if thread.held_len() == 0 || needs.is_empty() {
        return;
    }
    let busy = thread.enter();
    let (request, mut records) = knowledge::prepare(thread, &end);
    records.push(Record::Wait { request, join: true });
    records.extend(knowledge::signal(other, &end, needs));
    let news = knowledge::file_all(records);
    drop(busy);
    news.iter().for_each(|news| reaction::found(thread, news));
}
