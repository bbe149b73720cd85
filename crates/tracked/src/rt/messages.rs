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
    /// Sorted by thread. Empty where it comes after everything.
    of: Vec<(ThreadId, u32)>,
    /// It comes after everything, for all that is known.
    all: bool,
}

impl Clock {
    pub(crate) const fn new() -> Clock {
        Clock { of: Vec::new(), all: false }
    }

    /// From here on it comes after everything.
    fn see_all(&mut self) {
        self.all = true;
        self.of.clear();
    }

    fn see(&mut self, thread: ThreadId, event: u32) {
        if self.all {
            return;
        }
        let at = self.of.partition_point(|&(known, _)| known < thread);
        self.see_at(at, thread, event);
    }

    /// The same where `at` is the place of the thread, or where it ought to stand.
    fn see_at(&mut self, at: usize, thread: ThreadId, event: u32) {
        let is_full = self.of.len() >= HEARD_MAX;
        match self.of.get_mut(at) {
            Some(known) if known.0 == thread => known.1 = known.1.max(event),
            _ if is_full => self.see_all(),
            _ => self.of.insert(at, (thread, event)),
        }
    }

    fn join(&mut self, other: &Clock) {
        if self.all {
            return;
        }
        if other.all {
            return self.see_all();
        }
        if self.of.is_empty() {
            self.of.extend_from_slice(&other.of);
            return;
        }
        // Both are sorted, and mostly of the same threads: step by step, the next one is at hand.
        let mut at = 0;
        for &(thread, event) in &other.of {
            while self.of.get(at).is_some_and(|&(known, _)| known < thread) {
                at += 1;
            }
            self.see_at(at, thread, event);
            if self.all {
                return;
            }
        }
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
    with_own(thread, Clock::see_all);
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

    /// Against maps, on clocks of all shapes.
    #[test]
    fn joined_clocks_have_what_either_has() {
        use std::collections::BTreeMap;

        let mut state = 1_u64;
        let mut below = |limit: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % limit
        };
        for _ in 0..500 {
            let mut sides = [(); 2].map(|()| (Clock::new(), BTreeMap::new()));
            for (clock, map) in &mut sides {
                for _ in 0..below(30) {
                    let (thread, event) = (ThreadId(below(20) as u32), below(9) as u32);
                    clock.see(thread, event);
                    map.entry(thread).and_modify(|own: &mut u32| *own = event.max(*own)).or_insert(event);
                }
            }
            let [(mut one, mut both), (other, map)] = sides;
            one.join(&other);
            for (thread, event) in map {
                both.entry(thread).and_modify(|own| *own = event.max(*own)).or_insert(event);
            }
            assert_eq!(one.of, both.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_who_hears_of_too_many_comes_after_everything() {
        let mut clock = Clock::new();
        (0..=HEARD_MAX as u32).for_each(|thread| clock.see(ThreadId(thread), 1));
        assert!(clock.all && clock.of.is_empty());
        let mut other = Clock::new();
        other.join(&clock);
        assert!(other.all);
    }
}
