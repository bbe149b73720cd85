//! A queue of threads that wait to be told, first come first served. The building block under conditions,
//! semaphores, events and queues. What a parked thread does when it looks up from its wait is the vigil's.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{AboutToPark, Vigil, choose_waiter, is_spurious, look_for_a_circle, wait_under_control};

/// One waiting thread.
#[derive(Default)]
pub(crate) struct Parker {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What it waits for has come. Stays.
    told: bool,
    /// Somebody wants it to look up. Taken back when it does.
    poked: bool,
}

/// Why a parked thread goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wake {
    Told,
    Poked,
    Late,
}

impl Parker {
    fn tell(&self) {
        ignore_poison(self.state.lock()).told = true;
        self.changed.notify_one();
    }

    /// Makes the thread look up from its wait, which goes on.
    #[cfg_attr(
        not(any(instrumented, test)),
        expect(dead_code, reason = "only the run-time has anything to look at")
    )]
    pub(crate) fn poke(&self) {
        ignore_poison(self.state.lock()).poked = true;
        self.changed.notify_one();
    }

    /// Whether what it waits for has come.
    fn is_told(&self) -> bool {
        ignore_poison(self.state.lock()).told
    }

    /// Blocks until told or poked, or until the deadline.
    fn park(&self, deadline: Option<Instant>) -> Wake {
        if let Some(told) = wait_under_control(deadline, &|| self.is_told()) {
            return if told { Wake::Told } else { Wake::Late };
        }
        let mut state = ignore_poison(self.state.lock());
        loop {
            if state.told {
                return Wake::Told;
            }
            if std::mem::take(&mut state.poked) {
                return Wake::Poked;
            }
            state = match deadline {
                None => ignore_poison(self.changed.wait(state)),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Wake::Late;
                    }
                    ignore_poison(self.changed.wait_timeout(state, left)).0
                }
            };
        }
    }
}

/// Nothing panics while it holds one of these locks, so that poison can only mean a thread killed in the middle.
pub(crate) fn ignore_poison<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Threads that wait, oldest first. A thread is told at most once for each time it queues.
#[derive(Default)]
pub(crate) struct WaitQueue {
    waiting: Mutex<VecDeque<Arc<Parker>>>,
}

/// A place in a queue, before the thread blocks. Given up when it is dropped.
pub(crate) struct Ticket<'a> {
    queue: &'a WaitQueue,
    parker: Arc<Parker>,
    /// It is no longer in the queue.
    left: bool,
    /// Lets the run-time know that the thread is about to park here, where it can be roused.
    _about_to_park: AboutToPark,
}

impl WaitQueue {
    pub(crate) const fn new() -> WaitQueue {
        WaitQueue { waiting: Mutex::new(VecDeque::new()) }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Parker>>> {
        ignore_poison(self.waiting.lock())
    }

    /// Queues the calling thread: from here on it can be told.
    pub(crate) fn enqueue(&self) -> Ticket<'_> {
        let parker = Arc::new(Parker::default());
        self.waiting().push_back(Arc::clone(&parker));
        Ticket { queue: self, parker, left: false, _about_to_park: AboutToPark::now() }
    }

    /// As `enqueue`, if `still` holds; nobody is told in between.
    pub(crate) fn enqueue_if(&self, still: impl FnOnce() -> bool) -> Option<Ticket<'_>> {
        let mut waiting = self.waiting();
        if !still() {
            return None;
        }
        let parker = Arc::new(Parker::default());
        waiting.push_back(Arc::clone(&parker));
        Some(Ticket { queue: self, parker, left: false, _about_to_park: AboutToPark::now() })
    }

    /// Queues the calling thread, unless so many `others` wait already: then they are all told.
    #[cfg_attr(not(any(instrumented, test)), expect(dead_code, reason = "only the watched barrier asks"))]
    pub(crate) fn enqueue_or_tell(&self, others: usize) -> Option<Ticket<'_>> {
        let mut waiting = self.waiting();
        if waiting.len() < others {
            let parker = Arc::new(Parker::default());
            waiting.push_back(Arc::clone(&parker));
            return Some(Ticket { queue: self, parker, left: false, _about_to_park: AboutToPark::now() });
        }
        let all = std::mem::take(&mut *waiting);
        drop(waiting);
        all.iter().for_each(|parker| parker.tell());
        None
    }

    /// Whether nobody waits.
    #[cfg_attr(not(instrumented), expect(dead_code, reason = "only the watched condition variable asks"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    /// Tells the oldest waiter; `false` if nobody waits.
    pub(crate) fn tell_one(&self) -> bool {
        self.tell_one_or(|| ())
    }

    /// As `tell_one`, and calls `nobody` before another thread can queue if nobody waits.
    pub(crate) fn tell_one_or(&self, nobody: impl FnOnce()) -> bool {
        let mut waiting = self.waiting();
        let oldest = waiting.pop_front();
        if oldest.is_none() {
            nobody();
        }
        drop(waiting);
        oldest.inspect(|parker| parker.tell()).is_some()
    }

    /// As `tell_one_or`, for those who have no claim to be told in their order: in an exploration, that is a choice.
    pub(crate) fn tell_any_or(&self, nobody: impl FnOnce()) -> bool {
        let mut waiting = self.waiting();
        let count = waiting.len();
        if count <= 1 {
            drop(waiting);
            return self.tell_one_or(nobody);
        }
        drop(waiting);
        // Under control nobody else runs meanwhile; otherwise it is the oldest.
        let chosen = choose_waiter(count);
        waiting = self.waiting();
        let last = waiting.len().saturating_sub(1);
        let told = waiting.remove(chosen.min(last));
        if told.is_none() {
            nobody();
        }
        drop(waiting);
        told.inspect(|parker| parker.tell()).is_some()
    }

    /// Tells everybody who waits; gives their number.
    pub(crate) fn tell_all(&self) -> usize {
        self.tell_all_or(|| ())
    }

    /// As `tell_all`, and calls `nobody` before another thread can queue if nobody waits.
    pub(crate) fn tell_all_or(&self, nobody: impl FnOnce()) -> usize {
        let mut waiting = self.waiting();
        if waiting.is_empty() {
            nobody();
        }
        let all = std::mem::take(&mut *waiting);
        drop(waiting);
        all.iter().for_each(|parker| parker.tell());
        all.len()
    }
}

impl Ticket<'_> {
    /// As [`wait`](Self::wait), for a signal that may also be taken for given: in an exploration, on request.
    pub(crate) fn wait_for_signal(self, deadline: Option<Instant>) -> bool {
        if is_spurious() {
            let woken = wait_under_control(deadline, &|| true).is_some();
            // It takes no signal from anybody.
            drop(self);
            return woken;
        }
        self.wait(deadline)
    }

    /// Blocks until told (`true`) or until the deadline (`false`).
    pub(crate) fn wait(mut self, deadline: Option<Instant>) -> bool {
        if self.park(deadline) {
            self.left = true;
            return true;
        }
        // Told between the deadline and here: the word must not be lost, so it counts.
        !self.leave()
    }

    /// As [`wait`](Self::wait), for as long as it takes. One who waits for long calls `look` now and then.
    pub(crate) fn wait_and_look(mut self, look: &dyn Fn()) {
        self.park_for_good(look);
        self.left = true;
    }

    /// Parks, keeping vigil over a wait that has no deadline.
    fn park(&self, deadline: Option<Instant>) -> bool {
        if deadline.is_some() {
            return self.parker.park(deadline) == Wake::Told;
        }
        self.park_for_good(&|| ())
    }

    /// Parks until told.
    fn park_for_good(&self, look: &dyn Fn()) -> bool {
        let mut vigil = Vigil::of_parked(&self.parker);
        let since = Instant::now();
        loop {
            match self.parker.park(vigil.until()) {
                Wake::Told => return true,
                Wake::Poked => vigil.poked(),
                Wake::Late => {
                    vigil.look();
                    look_for_a_circle(since);
                    look();
                }
            }
        }
    }

    /// Takes the place out of the queue; `false` if it was no longer in it.
    fn leave(&mut self) -> bool {
        self.left = true;
        let mut waiting = self.queue.waiting();
        let place = waiting.iter().position(|parker| Arc::ptr_eq(parker, &self.parker));
        place.map(|place| waiting.remove(place)).is_some()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.left {
            self.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_told_first_and_nobody_twice() {
        let queue = WaitQueue::new();
        let (first, second) = (queue.enqueue(), queue.enqueue());
        assert!(queue.tell_one());
        assert!(first.wait(None));
        assert!(!second.wait(Some(Instant::now())), "the second was not told");
        assert!(!queue.tell_one(), "one that gave up has left the queue");
        drop(queue.enqueue());
        assert!(!queue.tell_one(), "one that was dropped has left it too");
        let third = queue.enqueue();
        assert_eq!(queue.tell_all(), 1);
        assert!(third.wait(Some(Instant::now())), "told before it blocked");
    }

    #[test]
    fn that_nobody_waits_is_said_before_anybody_can() {
        let queue = WaitQueue::new();
        let mut said = 0;
        assert!(!queue.tell_one_or(|| said += 1) && queue.tell_all_or(|| said += 1) == 0);
        let ticket = queue.enqueue();
        assert!(queue.tell_one_or(|| said += 1));
        assert_eq!(said, 2);
        drop(ticket);
    }

    #[test]
    fn the_last_of_a_round_tells_the_others_and_one_who_leaves_does_not_count() {
        let queue = WaitQueue::new();
        drop(queue.enqueue_or_tell(1).expect("the first of two waits"));
        let first = queue.enqueue_or_tell(1).expect("the one before has left");
        assert!(queue.enqueue_or_tell(1).is_none(), "the second is the last");
        assert!(first.wait(Some(Instant::now())), "was told");
        assert!(queue.enqueue_or_tell(0).is_none(), "nobody else is waited for");
    }

    #[test]
    fn one_who_is_poked_looks_up_once_and_waits_on() {
        let parker = Parker::default();
        parker.poke();
        assert_eq!(parker.park(None), Wake::Poked);
        assert_eq!(parker.park(Some(Instant::now())), Wake::Late);
        parker.poke();
        parker.tell();
        assert_eq!(parker.park(None), Wake::Told);
    }
}
