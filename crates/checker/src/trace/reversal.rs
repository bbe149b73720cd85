//! Races that show only when critical sections change places: optimistic sync-reversal (Shi, Mathur, Pavlogiannis,
//! "Optimistic Prediction of Synchronization-Reversal Data Races", ICSE 2024).
//!
//! For two accesses, in three steps:
//!
//! 1. The smallest set of events that precedes both and is closed under thread order, read-from, fork, join and
//!    wake-up, in which no two sections of a lock that exclude each other are open ([`Rule::Reverse`]). A section that
//!    one of the accesses is in stays open, so that all others of its lock are to come before it, whatever their order
//!    in the trace was. That is the optimism: nothing forbids it yet.
//! 2. The order of the trace is kept for everything else: conflicting accesses, closed sections, messages. Whether
//!    that contradicts the reversals is a question about the reversed acquisitions alone: a cycle among them, where one
//!    precedes another if it reaches a release that has to come before the other. One scan of the trace, from the
//!    first such acquisition on, carries along which of them reach what, one bit each.
//! 3. Where there is no cycle, events in the order of what reaches them (and in that of the trace among equals) are a
//!    run of the program: the witness, in stages.
//!
//! Each step keeps to what is sound. What is bounded is how many pairs are tried and how long a scan may be; a pair that
//! is not tried is not reported, and [`Limit::Reversals`](super::Limit) says so where a bound of the whole trace was
//! met. The published algorithm closes every section that it can; here first only those that have to be, and then
//! those that a later section of the set follows, so that all sync-preserving races are found too.
//!
//! It keeps the trace itself, twelve bytes an event: nothing shorter says which accesses conflict.

use hashbrown::HashMap;
use lockcheck_events::trace_event::{Event, Op};

use super::closure::{Closure, Ideal, Reversing, Rule};
use super::findings::Witness;
use super::history::EdgeIndex;
use super::races::Seen;

/// Most events of a trace that are kept for this; pairs that need later ones are not judged.
pub const MAX_REVERSAL_EVENTS: usize = 1 << 23;
/// Most pairs of accesses that are tried for two groups of equivalent accesses of a variable.
pub const MAX_REVERSAL_PAIRS: usize = 64;
/// Most pairs that are tried in all.
pub const MAX_REVERSALS: u32 = 20_000;
/// Most events that one scan may look at.
pub const MAX_REVERSAL_SCAN: usize = 1 << 20;
/// Most steps of all these searches, of some nanoseconds each.
pub const MAX_REVERSAL_STEPS: u64 = 300_000_000;
/// Most acquisitions that one pair may reverse.
const REVERSED_MAX: usize = 64;

/// The events of the trace.
#[derive(Default)]
pub(super) struct EventLog {
    /// In the order of the trace: thread and operation in one word, and the target.
    events: Vec<(u32, u32)>,
    /// By thread: where its events are in `events`, in order.
    places: Vec<Vec<u32>>,
    /// Whether an event was left out.
    pub(super) full: bool,
}

impl EventLog {
    /// Takes the next event; `matters` is false for what has no effect, such as a second hold of the same lock.
    #[inline]
    pub(super) fn push(&mut self, event: &Event, matters: bool) {
        if self.events.len() >= MAX_REVERSAL_EVENTS {
            self.full = true;
            return;
        }
        let thread = event.thread as usize;
        if self.places.len() <= thread {
            self.places.resize_with(thread + 1, Vec::new);
        }
        self.places[thread].push(self.events.len() as u32);
        let op = if matters { event.op } else { Op::Branch };
        self.events.push((event.thread << 8 | op as u32, event.target));
    }

    /// The event at `place`: thread, operation, target.
    #[inline]
    fn get(&self, place: usize) -> (usize, Op, u32) {
        let (word, target) = self.events[place];
        ((word >> 8) as usize, Op::ALL[(word & 0xFF) as usize], target)
    }

    /// Where event `index` (from 1) of `thread` is; `None` for one that was left out or that does not exist.
    fn place(&self, thread: usize, index: u32) -> Option<usize> {
        Some(*self.places.get(thread)?.get((index as usize).checked_sub(1)?)? as usize)
    }
}

/// Which reversed acquisitions reach something: one bit each.
type Mask = u64;

/// An acquisition that sections which the trace has behind it are to precede.
#[derive(Clone, Copy)]
struct Reversed {
    /// Where it is in the log.
    place: usize,
    /// Its lock.
    lock: u32,
    /// Whether it is shared.
    shared: bool,
}

/// Tries pairs of accesses, one after the other.
pub(super) struct Reversals<'a> {
    log: &'a EventLog,
    edges: &'a EdgeIndex<'a>,
    closure: Closure<'a>,
    /// Pairs that may still be tried.
    left: u32,
    /// Events that scans looked at.
    scanned: u64,
    /// Whether a bound was met.
    pub(super) limited: bool,
}

impl<'a> Reversals<'a> {
    /// Tries with this closure, which is used for nothing else.
    pub(super) fn new(log: &'a EventLog, edges: &'a EdgeIndex<'a>, closure: Closure<'a>) -> Self {
        Reversals { log, edges, closure, left: MAX_REVERSALS, scanned: 0, limited: log.full }
    }

    /// A run in which both accesses can come next, if one is found.
    pub(super) fn witness(&mut self, a: &Seen, b: &Seen) -> Option<Witness> {
        if self.left == 0 || self.closure.work + self.scanned > MAX_REVERSAL_STEPS {
            self.limited = true;
            return None;
        }
        self.left -= 1;
        let accesses = [(a.thread, a.index), (b.thread, b.index)];
        self.closure.clear();
        for early in [false, true] {
            self.closure.set_rule(Rule::Reverse(Reversing { accesses, early }));
            for (thread, index) in accesses {
                self.closure.include(thread, index - 1);
            }
            if !early {
                // What the edges alone include, sections do not take out again.
                if self.ends(accesses) {
                    return None;
                }
                self.closure.deepen();
            }
            self.closure.settle_again();
            if self.ends(accesses) {
                return None;
            }
            if let Some(stages) = self.stages() {
                return Some(Witness { events: self.closure.counts(), stages });
            }
        }
        None
    }

    /// Whether the set contains an access, or what cannot be together.
    fn ends(&self, accesses: [(u32, u32); 2]) -> bool {
        let inside = |&(thread, index): &(u32, u32)| self.closure.included(thread) >= index;
        self.closure.is_stuck() || accesses.iter().any(inside)
    }

    /// The set as stages, but for the last: what is executed before each group of reversed acquisitions. `None` where
    /// the reversals contradict what keeps its order, or where that was not looked into.
    fn stages(&mut self) -> Option<Vec<Vec<u32>>> {
        let counts = self.closure.counts();
        let mut reversed = Vec::new();
        let mut known = true;
        self.closure.reversed(|thread, acquired| {
            let place = self.log.place(thread as usize, acquired);
            known &= place.is_some();
            reversed.extend(place.map(|place| {
                let (_, op, lock) = self.log.get(place);
                Reversed { place, lock, shared: op == Op::SharedAcquire }
            }));
        });
        if !known || reversed.len() > REVERSED_MAX {
            self.limited = true;
            return None;
        }
        if reversed.is_empty() {
            return Some(Vec::new());
        }
        let start = reversed.iter().map(|reversed| reversed.place).min()?;
        let mut end = start;
        for (thread, &count) in counts.iter().enumerate() {
            let known = self.log.places.get(thread).map_or(0, Vec::len);
            if count as usize > known && self.log.full {
                self.limited = true;
                return None;
            }
            end = end.max(self.log.place(thread, count.min(known as u32)).unwrap_or(0));
        }
        if end - start > MAX_REVERSAL_SCAN {
            self.limited = true;
            return None;
        }
        self.scanned += (end - start) as u64;
        let mut scan = Scan::new(self.log, self.edges, &counts, &reversed);
        scan.run(start, end);
        let levels = levels(&scan.before)?;
        let last = levels.iter().copied().max().unwrap_or(0);
        Some((0..last).map(|level| scan.counts_up_to(level, &levels)).collect())
    }
}

/// By reversed acquisition: one more than the largest of those that precede it, from 1. `None` where there is a cycle.
fn levels(before: &[Mask]) -> Option<Vec<u32>> {
    let mut levels = vec![0; before.len()];
    let mut open: Mask = 0;
    (0..before.len()).for_each(|bit| open |= 1 << bit);
    for level in 1.. {
        if open == 0 {
            break;
        }
        let ready = (0..before.len()).filter(|&bit| open >> bit & 1 == 1 && before[bit] & open == 0);
        let ready: Vec<usize> = ready.collect();
        if ready.is_empty() {
            return None;
        }
        for bit in ready {
            levels[bit] = level;
            open &= !(1 << bit);
        }
    }
    Some(levels)
}

/// What locks, data and conditions pass on in one scan.
#[derive(Clone, Copy, Default)]
struct Passed {
    /// To everything: from releases of exclusive sections, or from writes.
    exclusive: Mask,
    /// To what is exclusive: from releases of shared sections, or from reads.
    shared: Mask,
}

/// Objects of a scan, by kind and number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Object {
    Lock(u32),
    Datum(u32),
    Condition(u32),
}

/// One look at a part of the trace, in its order.
struct Scan<'a> {
    log: &'a EventLog,
    edges: &'a EdgeIndex<'a>,
    /// By thread: how many of its events belong to the set.
    counts: &'a [u32],
    reversed: &'a [Reversed],
    /// By thread: what reaches its events from one on, as pairs (event, mask); both rise.
    reached: Vec<Vec<(u32, Mask)>>,
    /// By thread: how many of its edges were followed; `None` until its first event.
    followed: Vec<Option<usize>>,
    /// What objects pass on; none that pass on nothing.
    passed: HashMap<Object, Passed>,
    /// By reversed acquisition: those that have to precede it.
    before: Vec<Mask>,
}

impl<'a> Scan<'a> {
    fn new(log: &'a EventLog, edges: &'a EdgeIndex<'a>, counts: &'a [u32], reversed: &'a [Reversed]) -> Self {
        Scan {
            log,
            edges,
            counts,
            reversed,
            reached: vec![Vec::new(); counts.len()],
            followed: vec![None; counts.len()],
            passed: HashMap::new(),
            before: vec![0; reversed.len()],
        }
    }

    /// Looks at everything from `start` to `end`. What is before `start` nothing reaches.
    fn run(&mut self, start: usize, end: usize) {
        let mut next: Vec<u32> = Vec::new();
        for places in &self.log.places {
            next.push(places.partition_point(|&place| (place as usize) < start) as u32);
        }
        for place in start..=end {
            let (thread, op, target) = self.log.get(place);
            next[thread] += 1;
            let index = next[thread];
            if self.counts.get(thread).is_some_and(|&count| index <= count) {
                self.event(place, (thread, index), op, target);
            }
        }
    }

    /// Looks at an event of the set.
    fn event(&mut self, place: usize, (thread, index): (usize, u32), op: Op, target: u32) {
        let known = self.reached[thread].last().map_or(0, |last| last.1);
        let mut mask = known | self.of_edges(thread, index, op);
        match op {
            Op::Read | Op::AtomicRead => mask |= self.take(Object::Datum(target), mask, true),
            Op::Write | Op::AtomicWrite | Op::AtomicUpdate => {
                mask |= self.take(Object::Datum(target), mask, false);
            }
            Op::Wait | Op::Notify | Op::NotifyAll => {
                mask |= self.take(Object::Condition(target), mask, false);
            }
            Op::Acquire | Op::SharedAcquire => {
                let passed = self.passed.get(&Object::Lock(target)).copied().unwrap_or_default();
                mask |= passed.exclusive;
                if op == Op::Acquire {
                    mask |= passed.shared;
                }
                if let Some(bit) = self.reversed.iter().position(|reversed| reversed.place == place) {
                    self.before[bit] |= mask;
                    mask |= 1 << bit;
                }
            }
            Op::Release | Op::SharedRelease => self.release(target, op == Op::SharedRelease, mask),
            // What is received comes after what was left, by an edge; nothing else about these is an order.
            Op::Signal | Op::Await | Op::Before | Op::After => {}
            Op::Request | Op::Fork | Op::Join | Op::Begin | Op::End | Op::Branch | Op::Fence => {}
        }
        if mask != known {
            self.reached[thread].push((index, mask));
        }
    }

    /// What reaches an event through edges from other threads.
    fn of_edges(&mut self, thread: usize, index: u32, op: Op) -> Mask {
        let number = thread as u32;
        // The edges of a wake-up lead to the wait, so that what is about to go on was woken. In the order of events
        // they lead to what comes after it.
        let upto = self.edges.count(number, if op == Op::Wait { index - 1 } else { index });
        let first = || if index < 2 { 0 } else { self.edges.count(number, index - 2) };
        let from = self.followed[thread].unwrap_or_else(first);
        self.followed[thread] = Some(upto.max(from));
        if from >= upto {
            return 0;
        }
        let masks = self.edges.between(number, from, upto).map(|(other, source, _)| {
            let reached = &self.reached[other as usize];
            let before = reached.partition_point(|&(at, _)| at <= source);
            if before == 0 { 0 } else { reached[before - 1].1 }
        });
        masks.fold(0, |all, mask| all | mask)
    }

    /// An access that keeps its place among those that it conflicts with: what it takes from them. It passes on both
    /// that and `mask`.
    fn take(&mut self, object: Object, mask: Mask, shared: bool) -> Mask {
        let passed = self.passed.get(&object).copied().unwrap_or_default();
        let taken = if shared { passed.exclusive } else { passed.exclusive | passed.shared };
        let left = mask | taken;
        if left != 0 {
            let passed = self.passed.entry(object).or_default();
            *(if shared { &mut passed.shared } else { &mut passed.exclusive }) |= left;
        }
        taken
    }

    /// The end of a section: before the reversed acquisitions of its lock that it excludes.
    fn release(&mut self, lock: u32, shared: bool, mask: Mask) {
        if mask == 0 {
            return;
        }
        for (bit, reversed) in self.reversed.iter().enumerate() {
            if reversed.lock == lock && !(reversed.shared && shared) {
                self.before[bit] |= mask;
            }
        }
        let passed = self.passed.entry(Object::Lock(lock)).or_default();
        *(if shared { &mut passed.shared } else { &mut passed.exclusive }) |= mask;
    }

    /// By thread: how many of its events nothing beyond this level reaches.
    fn counts_up_to(&self, level: u32, levels: &[u32]) -> Vec<u32> {
        let beyond = |mask: Mask| (0..levels.len()).any(|bit| mask >> bit & 1 == 1 && levels[bit] > level);
        let count = |(thread, reached): (usize, &Vec<(u32, Mask)>)| {
            let first = reached.iter().find(|&&(_, mask)| beyond(mask));
            first.map_or(self.counts[thread], |&(index, _)| index - 1)
        };
        self.reached.iter().enumerate().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_precedes_comes_on_an_earlier_level_and_cycles_have_none() {
        assert_eq!(levels(&[0b000, 0b001, 0b011]), Some(vec![1, 2, 3]));
        assert_eq!(levels(&[0, 0, 0b011]), Some(vec![1, 1, 2]));
        assert_eq!(levels(&[0b10, 0b01]), None);
        assert_eq!(levels(&[0b1]), None);
        assert_eq!(levels(&[0; 64]), Some(vec![1; 64]));
    }
}
