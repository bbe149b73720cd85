//! Waits that nobody checks the condition after (LC0203).
//!
//! A wait on a condition variable comes back with the lock and with no promise. Who asks its predicate again looks at
//! the data that the lock guards; so a lock that is given up after a plain `wait` without one look at its data was not
//! asked for anything. The token of such an acquisition carries a bit that takes the first look and the release off
//! their quick ways; nobody else pays for it.
//!
//! It says nothing of a `wait` whose predicate is asked only before it, if the data is used after it: to use and to ask
//! look the same from here. It is silent where the data has no size (the predicate lies elsewhere), after waits with a
//! timeout, while a panic unwinds, and where the thread waits again before it gives the lock up, as in a loop.

use std::cell::Cell;

use lockcheck_events::Notice;

use super::context::{HeldLock, Thread, Token};
use super::notices;

/// A wait that came back, and with which lock.
#[derive(Clone, Copy)]
struct Returned {
    lock: u64,
    /// What was waited for, and where.
    condition: HeldLock,
}

thread_local! {
    /// The thread's last such wait, until its lock's data is looked at or its lock is given up. Of two at a time the
    /// older one is forgotten.
    static RETURNED: Cell<Option<Returned>> = const { Cell::new(None) };
}

/// The thread comes back from a wait for `condition` with `lock`, by the acquisition that gave `token`.
pub(crate) fn returned(lock: u64, condition: HeldLock, token: Token) -> Token {
    RETURNED.set(Some(Returned { lock, condition }));
    token.unasked()
}

/// The data under the lock is looked at, or the lock is given up to wait again.
pub(crate) fn asked(lock: u64) {
    if RETURNED.get().is_some_and(|returned| returned.lock == lock) {
        RETURNED.set(None);
    }
}

/// The calling thread gives up the lock of an unasked acquisition.
#[cold]
pub(crate) fn given_up(thread: &Thread, lock: u64) {
    let Some(returned) = RETURNED.get().filter(|returned| returned.lock == lock) else { return };
    RETURNED.set(None);
    if !std::thread::panicking() {
        notices::notice(thread, Notice::WaitWithoutPredicate, &returned.condition, "");
    }
}
