//! Queues between threads: first in first out, last in first out, smallest first. Written once over [`crate::base`],
//! watched or plain.
//!
//! After Python's `queue`: bounded or not, with timed forms, and with a count of unfinished tasks that
//! [`join`](Queue::join) waits for.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::panic::Location;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::base::park::{WaitQueue, ignore_poison};
use crate::base::{Hand, Kind, Part, Signal, Site, Step, Turn, Watch, is_time_to_look, left_undone};
use crate::vocabulary::deadline;

/// There was no room in time. Gives the item back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl<T> std::error::Error for Full<T> {}

/// `task_done` was called more often than items were put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyTasksDone;

impl fmt::Display for TooManyTasksDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task_done was called more often than items were put")
    }
}

impl std::error::Error for TooManyTasksDone {}

/// How a queue keeps its items.
trait Store<T> {
    fn push(&mut self, item: T);
    fn pop(&mut self) -> Option<T>;
    fn len(&self) -> usize;
}

struct Fifo<T>(VecDeque<T>);

impl<T> Store<T> for Fifo<T> {
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

struct Lifo<T>(Vec<T>);

impl<T> Store<T> for Lifo<T> {
    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

struct Priority<T>(BinaryHeap<Reverse<T>>);

impl<T: Ord> Store<T> for Priority<T> {
    fn push(&mut self, item: T) {
        self.0.push(Reverse(item));
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop().map(|Reverse(item)| item)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// What all queues share.
struct Core<S> {
    state: Mutex<State<S>>,
    /// Items at the most.
    capacity: usize,
    /// Threads that wait for an item.
    getters: WaitQueue,
    /// Threads that wait for room.
    putters: WaitQueue,
    /// Threads that wait for the last task to be done.
    joiners: WaitQueue,
    watch: Watch,
    /// What threads wait for: that it has an item, has room, has none left to be done.
    item: Part,
    room: Part,
    done: Part,
}

struct State<S> {
    items: S,
    /// Items put and taken so far.
    put: u64,
    taken: u64,
    /// Items put for which `task_done` was not called yet.
    unfinished: usize,
    /// Of each thread that is watched and has taken items for which it has not called `task_done`: their number, and
    /// where it took the last one.
    hands: Vec<(Hand, usize, Site)>,
    /// Somebody called `task_done` for what others took: `hands` says nothing of who is to.
    passed_on: bool,
}

impl<S> State<S> {
    /// The owner of `hand` has taken an item.
    fn takes(&mut self, hand: Option<Hand>, site: Site) {
        let Some(hand) = hand.filter(|_| !self.passed_on && self.hands.len() < HANDS_MAX) else { return };
        match self.hands.iter_mut().find(|(other, ..)| other.is_same(&hand)) {
            Some((_, count, last)) => (*count, *last) = (*count + 1, site),
            None => self.hands.push((hand, 1, site)),
        }
    }

    /// The owner of `hand` says that one is done.
    fn has_done(&mut self, hand: Option<&Hand>) {
        let own = |hand: &Hand| self.hands.iter().position(|(other, ..)| other.is_same(hand));
        match hand.and_then(own) {
            Some(at) if self.hands[at].1 > 1 => self.hands[at].1 -= 1,
            Some(at) => drop(self.hands.swap_remove(at)),
            None => {
                self.passed_on = true;
                self.hands = Vec::new();
            }
        }
    }
}

/// Threads that have taken items of a queue of which it is known; in queues that nobody ever calls `task_done` for, all
/// that took any.
const HANDS_MAX: usize = 256;

impl<S> Core<S> {
    #[track_caller]
    const fn new(items: S, capacity: usize) -> Core<S> {
        assert!(capacity > 0, "a queue needs room for one item at least");
        Core {
            state: Mutex::new(State {
                items,
                put: 0,
                taken: 0,
                unfinished: 0,
                hands: Vec::new(),
                passed_on: false,
            }),
            capacity,
            getters: WaitQueue::new(),
            putters: WaitQueue::new(),
            joiners: WaitQueue::new(),
            watch: Watch::new(Kind::Queue),
            item: Part::new(),
            room: Part::new(),
            done: Part::new(),
        }
    }

    fn name(&self, name: &str) {
        self.watch.name(name);
        for part in [&self.item, &self.room, &self.done] {
            self.watch.name_part(part, name);
        }
    }

    /// Whether there may be too little room.
    fn is_bounded(&self) -> bool {
        self.capacity < usize::MAX
    }

    fn len<T>(&self) -> usize
    where
        S: Store<T>,
    {
        ignore_poison(self.state.lock()).items.len()
    }

    /// As `len`, for one who goes by it.
    fn looks_at_len<T>(&self) -> usize
    where
        S: Store<T>,
    {
        self.watch.step(Step::Look, None);
        self.len()
    }

    /// Gives the number of the item.
    fn push<T>(&self, item: T) -> Result<u64, Full<T>>
    where
        S: Store<T>,
    {
        let mut state = ignore_poison(self.state.lock());
        if state.items.len() >= self.capacity {
            return Err(Full(item));
        }
        // While the state is locked: whoever takes the item comes later.
        self.watch.part_sends(&self.item);
        state.items.push(item);
        state.unfinished += 1;
        state.put += 1;
        let number = state.put - 1;
        drop(state);
        self.getters.tell_one();
        Ok(number)
    }

    fn try_put<T>(&self, item: T, site: Site) -> Result<(), Full<T>>
    where
        S: Store<T>,
    {
        self.watch.step(Step::Give, Some(site));
        let signal = Signal::about_to();
        let number = self.push(item)?;
        self.watch.part_signalled(&self.item, site, &signal, Turn::number(number));
        Ok(())
    }

    /// Puts `item`, waiting for room until `deadline`.
    fn put<T>(&self, mut item: T, site: Site, deadline: Option<Instant>) -> Result<(), Full<T>>
    where
        S: Store<T>,
    {
        self.watch.step(Step::Give, Some(site));
        let signal = Signal::about_to();
        let mut waited = false;
        let number = loop {
            item = match self.push(item) {
                Ok(number) => break number,
                Err(Full(item)) => item,
            };
            let still_full = || self.len() >= self.capacity;
            // Room that is made after this look is told to the ticket.
            let Some(ticket) = self.putters.enqueue_if(still_full) else { continue };
            if !std::mem::replace(&mut waited, true) {
                let next = ignore_poison(self.state.lock()).taken;
                self.watch.part_awaited(&self.room, site, deadline, Turn::number(next));
            }
            if !self.watch.waiting(site, deadline, || ticket.wait(deadline)) {
                return Err(Full(item));
            }
        };
        if self.is_bounded() {
            if let (false, Some(before)) = (waited, number.checked_sub(self.capacity as u64)) {
                self.watch.part_awaited(&self.room, site, deadline, Turn::number(before));
            }
            self.watch.part_hears(&self.room);
        }
        self.watch.part_signalled(&self.item, site, &signal, Turn::number(number));
        Ok(())
    }

    /// Gives the item and its number.
    fn pop<T>(&self, site: Site) -> Option<(T, u64)>
    where
        S: Store<T>,
    {
        let hand = Hand::own();
        let mut state = ignore_poison(self.state.lock());
        let item = state.items.pop()?;
        if self.is_bounded() {
            // While the state is locked: whoever uses the room comes later.
            self.watch.part_sends(&self.room);
        }
        state.taken += 1;
        let number = state.taken - 1;
        state.takes(hand, site);
        drop(state);
        self.putters.tell_one();
        Some((item, number))
    }

    /// An item was taken.
    fn took(&self, site: Site, signal: &Signal, number: u64) {
        self.watch.part_hears(&self.item);
        if self.is_bounded() {
            self.watch.part_signalled(&self.room, site, signal, Turn::number(number));
        }
    }

    fn try_get<T>(&self, site: Site) -> Option<T>
    where
        S: Store<T>,
    {
        self.watch.step(Step::Try, Some(site));
        let signal = Signal::about_to();
        let (item, number) = self.pop(site)?;
        self.took(site, &signal, number);
        Some(item)
    }

    /// Takes the next item, waiting for one until `deadline`.
    fn get<T>(&self, site: Site, deadline: Option<Instant>) -> Option<T>
    where
        S: Store<T>,
    {
        self.watch.step(Step::Take, Some(site));
        let signal = Signal::about_to();
        let mut waited = false;
        let (item, number) = loop {
            if let Some(taken) = self.pop(site) {
                break taken;
            }
            let still_empty = || self.len() == 0;
            let Some(ticket) = self.getters.enqueue_if(still_empty) else { continue };
            if !std::mem::replace(&mut waited, true) {
                let next = ignore_poison(self.state.lock()).put;
                self.watch.part_awaited(&self.item, site, deadline, Turn::number(next));
            }
            if !self.watch.waiting(site, deadline, || ticket.wait(deadline)) {
                return None;
            }
        };
        if !waited {
            self.watch.part_awaited(&self.item, site, deadline, Turn::number(number));
        }
        self.took(site, &signal, number);
        Some(item)
    }

    fn task_done(&self, site: Site) -> Result<(), TooManyTasksDone> {
        self.watch.step(Step::Change, Some(site));
        let signal = Signal::about_to();
        let hand = Hand::own();
        let mut state = ignore_poison(self.state.lock());
        let Some(unfinished) = state.unfinished.checked_sub(1) else {
            drop(state);
            self.watch.misused(site, "`task_done` was called more often than items were put");
            return Err(TooManyTasksDone);
        };
        self.watch.part_sends(&self.done);
        state.unfinished = unfinished;
        state.has_done(hand.as_ref());
        let all_done = state.unfinished == 0;
        drop(state);
        if all_done {
            self.joiners.tell_all();
        }
        self.watch.part_signalled(&self.done, site, &signal, Turn::ALL);
        Ok(())
    }

    fn join(&self, site: Site) {
        self.watch.step(Step::Look, Some(site));
        let unfinished = || ignore_poison(self.state.lock()).unfinished > 0;
        self.watch.part_awaited(&self.done, site, None, Turn::ALL);
        // Told means that all were done at that moment, which is enough, whatever was put since.
        if let Some(ticket) = self.joiners.enqueue_if(unfinished) {
            let since = Instant::now();
            let wait = || ticket.wait_and_look(&|| self.look_for_the_dead(since));
            self.watch.waiting(site, None, wait);
        }
        self.watch.part_hears(&self.done);
    }

    /// Looks whether a thread died with an item in hand: then the calling thread waits for ever.
    fn look_for_the_dead(&self, since: Instant) {
        if !is_time_to_look(since) {
            return;
        }
        let mut state = ignore_poison(self.state.lock());
        if let Some(at) = state.hands.iter().position(|(hand, ..)| hand.is_dead()) {
            let (hand, _, site) = state.hands.swap_remove(at);
            drop(state);
            left_undone(&hand, site);
        }
    }
}

macro_rules! queue {
    ($(#[$doc:meta])* $name:ident, $store:ident, $items:ident $(, $bound:ident)?) => {
        $(#[$doc])*
        ///
        /// Threads that wait are served first come, first served, unless one that does not wait gets in between.
        pub struct $name<T> {
            core: Core<$store<T>>,
        }

        impl<T $(: $bound)?> $name<T> {
            /// An empty queue with room for `capacity` items. The calling line is its creation site.
            ///
            /// # Panics
            ///
            /// If `capacity` is 0: such a queue could never hold anything.
            #[must_use]
            #[track_caller]
            pub const fn bounded(capacity: usize) -> $name<T> {
                $name { core: Core::new($store($items::new()), capacity) }
            }

            /// An empty queue that always has room. The calling line is its creation site.
            #[must_use]
            #[track_caller]
            pub const fn unbounded() -> $name<T> {
                $name { core: Core::new($store($items::new()), usize::MAX) }
            }

            /// Gives the queue a name for reports.
            #[must_use]
            pub fn named(self, name: &str) -> $name<T> {
                self.core.name(name);
                self
            }

            /// Puts an item, blocking until there is room.
            #[track_caller]
            pub fn put(&self, item: T) {
                if self.core.put(item, Location::caller(), None).is_err() {
                    unreachable!("a wait without a deadline does not time out");
                }
            }

            /// Puts an item if there is room.
            ///
            /// # Errors
            ///
            /// With the item, if there is none.
            #[track_caller]
            pub fn try_put(&self, item: T) -> Result<(), Full<T>> {
                self.core.try_put(item, Location::caller())
            }

            /// Puts an item unless `timeout` passes before there is room.
            ///
            /// # Errors
            ///
            /// With the item, if it did.
            #[track_caller]
            pub fn put_for(&self, item: T, timeout: Duration) -> Result<(), Full<T>> {
                self.core.put(item, Location::caller(), deadline(timeout))
            }

            /// Takes the next item, blocking until there is one.
            #[track_caller]
            pub fn get(&self) -> T {
                let site = Location::caller();
                self.core.get(site, None).expect("a wait without a deadline does not time out")
            }

            /// Takes the next item if there is one.
            #[track_caller]
            pub fn try_get(&self) -> Option<T> {
                self.core.try_get(Location::caller())
            }

            /// Takes the next item unless `timeout` passes before there is one.
            #[track_caller]
            pub fn get_for(&self, timeout: Duration) -> Option<T> {
                self.core.get(Location::caller(), deadline(timeout))
            }

            /// Says that the work on one item is done. To be called once for each item that was taken.
            ///
            /// # Errors
            ///
            /// If it was called once for each item that was ever put, already.
            #[track_caller]
            pub fn task_done(&self) -> Result<(), TooManyTasksDone> {
                self.core.task_done(Location::caller())
            }

            /// Blocks until the work on every item put so far is done.
            #[track_caller]
            pub fn join(&self) {
                self.core.join(Location::caller());
            }

            /// How many items are in it at this moment.
            pub fn len(&self) -> usize {
                self.core.looks_at_len()
            }

            /// Whether it is empty at this moment.
            pub fn is_empty(&self) -> bool {
                self.core.looks_at_len() == 0
            }

            /// Whether it is full at this moment.
            pub fn is_full(&self) -> bool {
                self.core.looks_at_len() >= self.core.capacity
            }
        }

        impl<T $(: $bound)?> Default for $name<T> {
            #[track_caller]
            fn default() -> $name<T> {
                $name::unbounded()
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

queue! {
    /// A queue that gives items in the order in which they were put.
    Queue, Fifo, VecDeque
}
queue! {
    /// A queue that gives the youngest item first.
    LifoQueue, Lifo, Vec
}
queue! {
    /// A queue that gives the smallest item first. Comparing items must not use the queue itself.
    PriorityQueue, Priority, BinaryHeap, Ord
}
