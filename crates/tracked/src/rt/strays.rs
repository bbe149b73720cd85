//! Holds that another thread released: a guard that was sent away, a raw unlock elsewhere.
//!
//! A hold set is written by its own thread only. So the releasing thread leaves word here, and the owner takes the
//! hold out the next time it would be used for anything: before it teaches an order, before it is taken for a
//! self-deadlock. Others who look at the owner meanwhile leave the hold out of what they see.
//!
//! | the hold's thread | the release elsewhere | is |
//! |---|---|---|
//! | lives | comes first | a stray, until the thread takes it out |
//! | ends first | comes later | abandoned, until the release |
//!
//! The table's lock is the last to be taken of all the run-time's.
//!
//! Of a lock held by several readers, any of its holds may be taken out for one that was released elsewhere: there
//! are as many as are really held, if perhaps not in the right hands.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use lockcheck_events::{Hold, LockId};
use parking_lot::Mutex;

use super::context::{Thread, current};

/// Released elsewhere and not taken out yet (above 0), or left behind by an ended thread (below 0). Never 0.
static BALANCE: Mutex<Option<HashMap<LockId, i64>>> = Mutex::new(None);

/// Locks in the table. Relaxed: whoever must see an entry is ordered after it by the lock itself, which is released
/// after the word is left.
static ENTRIES: AtomicUsize = AtomicUsize::new(0);

/// Whether there is anything to look at; nearly always not.
#[inline(always)]
fn any() -> bool {
    ENTRIES.load(Ordering::Relaxed) > 0
}

fn change(lock: LockId, by: i64) {
    let mut table = BALANCE.lock();
    let table = table.get_or_insert_default();
    let balance = table.entry(lock).or_insert(0);
    *balance += by;
    if *balance == 0 {
        table.remove(&lock);
    }
    ENTRIES.store(table.len(), Ordering::Relaxed);
}

#[cfg(parking_lot_mirrored)]
/// The calling thread releases a hold of `lock` that is not its own.
#[cold]
pub(crate) fn released_elsewhere(lock: LockId) {
    let Some(thread) = current() else { return };
    super::record::released_elsewhere(thread, lock);
    let _busy = thread.enter();
    change(lock, 1);
}

/// Takes out of the thread's hold set what others have released.
#[inline]
pub(crate) fn settle(thread: &Thread) {
    if any() && thread.held_len() > 0 {
        settle_now(thread);
    }
}

#[cold]
fn settle_now(thread: &Thread) {
    let _busy = thread.enter();
    let held: Vec<LockId> = thread.holds().iter().map(|hold| hold.id).collect();
    for lock in held {
        if is_stray(lock) && thread.pop(lock.0) {
            change(lock, -1);
        }
    }
}

fn is_stray(lock: LockId) -> bool {
    BALANCE.lock().as_ref().and_then(|table| table.get(&lock)).is_some_and(|balance| *balance > 0)
}

/// The thread ends: what it still holds was left behind or sent away.
pub(crate) fn abandon(thread: &Thread) {
    for hold in thread.holds().iter() {
        change(hold.id, -1);
    }
}

/// Leaves out what is known to be released.
pub(crate) fn leave_out(holds: &mut Vec<Hold>) {
    if any() {
        holds.retain(|hold| !is_stray(hold.lock));
    }
}

/// The lock was dropped.
#[inline(always)]
pub(crate) fn forget(lock: LockId) {
    if any() {
        forget_now(lock);
    }
}

/// Out of line: every drop of a lock, in the user's code, has the look at `any` and no more.
#[cold]
fn forget_now(lock: LockId) {
    // Inside the run-time, the table may be locked by this very thread: then the entry stays, for ids do not come
    // again.
    let Some(thread) = current() else { return };
    let _busy = thread.enter();
    let mut table = BALANCE.lock();
    if let Some(table) = table.as_mut() {
        table.remove(&lock);
        ENTRIES.store(table.len(), Ordering::Relaxed);
    }
}
