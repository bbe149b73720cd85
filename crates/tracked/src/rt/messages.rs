//! What comes before what because of messages: a signal and the wait it ends, an item and the one who takes it, a
//! permit, a barrier's round. Vector clocks (Mattern 1989), kept by threads and by the objects that carry messages,
//! and asked for where a wait under a lock is compared with the signal that would end it.
//!
//! Not for the order of locks, where messages discard nothing, and not on the path of a lock. An object's clock is
//! that of all the messages it ever carried: whoever takes one comes after more than it must, which can only make
//! the detector say less.

use std::cell::RefCell;
use std::sync::Mutex;

use lockcheck_events::ThreadId;

use super::context::Thread;
use crate::base::park::ignore_poison;

/// Threads in one clock; one who hears of more comes after everything, and nothing is said of its waits and signals.
const HEARD_MAX: usize = 256;

/// A clock: of each thread, the first operation that need not come before.
pub(crate) struct Clock {
    /// Sorted by thread.
    of: Vec<(ThreadId, u32)>,
    /// It comes after everything, for all that is known.
    all: bool,
}

impl Clock {
    pub(crate) const fn new() -> Clock {
        Clock { of: Vec::new(), all: false }
    }

    fn see(&mut self, thread: ThreadId, event: u32) {
        match self.of.binary_search_by_key(&thread, |&(known, _)| known) {
            Ok(at) => self.of[at].1 = self.of[at].1.max(event),
            Err(_) if self.of.len() >= HEARD_MAX => self.all = true,
            Err(at) => self.of.insert(at, (thread, event)),
        }
    }

    fn join(&mut self, other: &Clock) {
        self.all |= other.all;
        if self.of.is_empty() {
            self.of.extend_from_slice(&other.of);
            return;
        }
        other.of.iter().for_each(|&(thread, event)| self.see(thread, event));
    }
}

thread_local! {
    /// The calling thread's own.
    static HEARD: RefCell<Clock> = const { RefCell::new(Clock::new()) };
}

/// Runs `work` on the thread's clock; nothing where thread-locals are gone already.
fn with_own<R>(thread: &Thread, work: impl FnOnce(&mut Clock) -> R) -> Option<R> {
    let _busy = thread.enter();
    HEARD.try_with(|heard| heard.try_borrow_mut().ok().map(|mut heard| work(&mut heard))).ok().flatten()
}

/// The clock of an object that carries messages.
pub(crate) struct Stamp(Mutex<Clock>);

impl Stamp {
    pub(crate) const fn new() -> Stamp {
        Stamp(Mutex::new(Clock::new()))
    }

    /// The calling thread sends a message by this object. Comes before anybody can receive it.
    pub(crate) fn leave(&self, thread: &Thread) {
        let (id, event) = (thread.id(), thread.event());
        with_own(thread, |own| {
            let mut clock = ignore_poison(self.0.lock());
            clock.join(own);
            clock.see(id, event);
        });
    }

    /// The calling thread has received a message by this object.
    pub(crate) fn take(&self, thread: &Thread) {
        with_own(thread, |own| {
            let clock = ignore_poison(self.0.lock());
            own.join(&clock);
        });
        thread.wait_slot().set_anchor(thread);
    }
}

/// What the thread has come after; `None`: everything.
pub(crate) fn heard(thread: &Thread) -> Option<Vec<(ThreadId, u32)>> {
    with_own(thread, |own| (!own.all).then(|| own.of.clone())).flatten()
}

/// What comes after this point of the calling thread comes after this: for a thread that it starts, or one that joins
/// it.
pub(crate) fn passed_on(thread: &Thread) -> Clock {
    let (id, event) = (thread.id(), thread.event());
    let mut clock = Clock::new();
    with_own(thread, |own| clock.join(own));
    clock.see(id, event);
    clock
}

/// The calling thread begins something that comes after this only, whatever it did before.
pub(crate) fn begin_after(thread: &Thread, clock: &Clock) {
    with_own(thread, |own| {
        *own = Clock::new();
        own.join(clock);
    });
}

/// The calling thread comes after all this from here on.
pub(crate) fn come_after(thread: &Thread, clock: &Clock) {
    with_own(thread, |own| own.join(clock));
}

/// Something that nobody saw may have let the calling thread go on.
pub(crate) fn heard_from_anyone(thread: &Thread) {
    with_own(thread, |own| own.all = true);
    thread.wait_slot().set_anchor(thread);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_keeps_the_latest_of_each_thread() {
        let (mut one, mut other) = (Clock::new(), Clock::new());
        one.see(ThreadId(2), 5);
        one.see(ThreadId(1), 7);
        other.see(ThreadId(2), 9);
        other.see(ThreadId(3), 1);
        other.join(&one);
        assert_eq!(other.of, [(ThreadId(1), 7), (ThreadId(2), 9), (ThreadId(3), 1)]);
        one.join(&other);
        assert_eq!(one.of, other.of);
    }

    #[test]
    fn one_who_hears_of_too_many_comes_after_everything() {
        let mut clock = Clock::new();
        (0..=HEARD_MAX as u32).for_each(|thread| clock.see(ThreadId(thread), 1));
        assert!(clock.all && clock.of.len() == HEARD_MAX);
        let mut other = Clock::new();
        other.join(&clock);
        assert!(other.all);
    }
}
