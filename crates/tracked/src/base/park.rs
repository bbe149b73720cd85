//! A queue of threads that wait to be told, first come first served. The building block under conditions,
//! semaphores, events and queues; knows nothing of being watched.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One waiting thread.
#[derive(Default)]
struct Parker {
    told: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn tell(&self) {
        *ignore_poison(self.told.lock()) = true;
        self.changed.notify_one();
    }

    /// Blocks until told (`true`) or until the deadline (`false`).
    fn park(&self, deadline: Option<Instant>) -> bool {
        let mut told = ignore_poison(self.told.lock());
        while !*told {
            told = match deadline {
                None => ignore_poison(self.changed.wait(told)),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    ignore_poison(self.changed.wait_timeout(told, left)).0
                }
            };
        }
        true
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

/// A place in a queue, before the thread blocks.
pub(crate) struct Ticket<'a> {
    queue: &'a WaitQueue,
    parker: Arc<Parker>,
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
        Ticket { queue: self, parker }
    }

    /// As `enqueue`, if `still` holds; nobody is told in between.
    pub(crate) fn enqueue_if(&self, still: impl FnOnce() -> bool) -> Option<Ticket<'_>> {
        let mut waiting = self.waiting();
        if !still() {
            return None;
        }
        let parker = Arc::new(Parker::default());
        waiting.push_back(Arc::clone(&parker));
        Some(Ticket { queue: self, parker })
    }

    /// Tells the oldest waiter; `false` if nobody waits.
    pub(crate) fn tell_one(&self) -> bool {
        let oldest = self.waiting().pop_front();
        oldest.inspect(|parker| parker.tell()).is_some()
    }

    /// Tells everybody who waits; gives their number.
    pub(crate) fn tell_all(&self) -> usize {
        let all = std::mem::take(&mut *self.waiting());
        all.iter().for_each(|parker| parker.tell());
        all.len()
    }
}

impl Ticket<'_> {
    /// Blocks until told (`true`) or until the deadline (`false`).
    pub(crate) fn wait(self, deadline: Option<Instant>) -> bool {
        if self.parker.park(deadline) {
            return true;
        }
        let mut waiting = self.queue.waiting();
        let place = waiting.iter().position(|parker| Arc::ptr_eq(parker, &self.parker));
        // Told between the deadline and here: the word must not be lost, so it counts.
        place.map(|place| waiting.remove(place)).is_none()
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
        let third = queue.enqueue();
        assert_eq!(queue.tell_all(), 1);
        assert!(third.wait(Some(Instant::now())), "told before it blocked");
    }
}
