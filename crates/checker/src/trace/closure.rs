//! The closure that every sound prediction here rests on, and the search for the first tuple of events it allows.
//!
//! A set of events is sync-preserving closed (Mathur, Pavlogiannis, Viswanathan, POPL 2021; Tunc et al., PLDI 2023) if
//! it is closed under thread order, read-from, fork, join and wake-up, and if of two of its acquisitions of a lock that
//! exclude each other the earlier one is released in it. Such a set, executed in the order of the trace, is a run the
//! program could have had. Events are simultaneously reachable in a sync-preserving way exactly if none of them is in
//! the smallest closed set that contains what precedes them in their threads.
//!
//! A closed set is a number of events for each thread. It only grows while a search moves its candidates forward, so
//! a search costs one pass over the sections it includes, however many tuples it tries. What the closure does NOT see
//! are runs that reverse the order of two critical sections; with [`Rule::Reverse`] it leaves them to `reversal`.

use super::history::{Dependencies, EdgeIndex, NEVER, SectionIndex};

/// Something that grows a set of events until it is closed.
pub(super) trait Ideal {
    /// Starts again with no event.
    fn clear(&mut self);
    /// Includes the first `count` events of `thread`, and everything that these need, and that its being there needs:
    /// even before its first event, that it was forked.
    fn include(&mut self, thread: u32, count: u32);
    /// How many events of `thread` are included.
    fn included(&self, thread: u32) -> u32;
    /// An ideal may start with a part of what closes it, which is cheaper and already rules most tuples out. Goes on
    /// to all of it; false if that has happened before.
    fn deepen(&mut self) -> bool {
        false
    }
}

/// The smallest set closed under a partial order alone.
pub(super) struct Downset<'a> {
    /// The order.
    order: &'a Dependencies,
    /// By thread: events included.
    counts: Vec<u32>,
}

impl<'a> Downset<'a> {
    /// The empty set of a trace with `threads` threads.
    pub(super) fn new(order: &'a Dependencies, threads: usize) -> Self {
        Downset { order, counts: vec![0; threads] }
    }
}

impl Ideal for Downset<'_> {
    fn clear(&mut self) {
        self.counts.fill(0);
    }

    fn include(&mut self, thread: u32, count: u32) {
        let old = &mut self.counts[thread as usize];
        if count > *old || count == 0 {
            *old = count.max(*old);
            for of in 0..self.order.width(thread) {
                let known = self.order.known_at(thread, count, of);
                let entry = &mut self.counts[of as usize];
                *entry = (*entry).max(known);
            }
        }
    }

    fn included(&self, thread: u32) -> u32 {
        self.counts[thread as usize]
    }
}

/// What becomes of two included sections of a lock that exclude each other.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// The one that the trace has first ends.
    Preserve,
    /// One of them ends, whichever can.
    Reverse(Reversing),
}

/// Sections that exclude each other may change places, but no two of them stay open.
#[derive(Clone, Copy)]
pub(super) struct Reversing {
    /// The events that are to come next, as thread and number: the sections they are in do not end.
    pub(super) accesses: [(u32, u32); 2],
    /// Whether a section also ends, if it can, where the trace has an included one behind it.
    pub(super) early: bool,
}

/// An included section whose end is not.
#[derive(Clone, Copy)]
struct OpenSection {
    /// Whether it cannot end.
    pinned: bool,
    /// Its line.
    line: u32,
    /// Whose it is, and the event that ends it.
    thread: u32,
    released: u32,
    /// Whether it is shared.
    shared: bool,
}

/// The closure under thread order, read-from, fork, join, wake-up and a [`Rule`] for sections: the sync-preserving one
/// unless said otherwise.
pub(super) struct Closure<'a> {
    /// Thread order, read-from, fork, join, wake-up.
    edges: &'a EdgeIndex<'a>,
    /// All critical sections.
    index: &'a SectionIndex<'a>,
    /// Whether sections count; before, the set is closed under `edges` alone.
    deep: bool,
    /// What becomes of sections that exclude each other.
    rule: Rule,
    /// Whether two that exclude each other can both not end.
    stuck: bool,
    /// Room for the open sections of a lock.
    open: Vec<OpenSection>,
    /// By thread: what is done.
    threads: Vec<Progress>,
    /// Threads whose edges lag behind, each once.
    lagging: Vec<u32>,
    /// Threads whose sections lag behind, each once.
    unlisted: Vec<u32>,
    /// By slot: how many of its sections are included.
    taken: Vec<u32>,
    /// By lock.
    locks: Vec<LockProgress>,
    /// Locks of which more sections are included than were checked, each once.
    touched: Vec<u32>,
    /// Elementary steps so far, over all searches: the same on every machine.
    pub(super) work: u64,
}

/// What a closure has done about a thread.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Events included.
    count: u32,
    /// How many edges come to these, or [`NEVER`] where that has to be looked up.
    edges: u32,
    /// Events whose edges were followed; less than `count` exactly while in `lagging`.
    settled: u32,
    /// Edges followed.
    drawn: usize,
    /// Events whose sections were taken.
    listed: u32,
    /// Whether it is in `unlisted`.
    queued: bool,
}

/// What a closure knows of a lock.
#[derive(Clone, Copy, Default)]
struct LockProgress {
    /// Line of the last included acquisition of any mode; 0 for none.
    last: u32,
    /// Line of the last included exclusive acquisition; 0 for none.
    last_exclusive: u32,
    /// Whether it is in `touched`.
    queued: bool,
}

impl<'a> Closure<'a> {
    /// The empty set.
    pub(super) fn new(edges: &'a EdgeIndex<'a>, index: &'a SectionIndex<'a>) -> Self {
        Closure {
            edges,
            index,
            deep: false,
            rule: Rule::Preserve,
            stuck: false,
            open: Vec::new(),
            threads: vec![Progress::default(); index.of_thread.len()],
            lagging: Vec::new(),
            unlisted: Vec::new(),
            taken: vec![0; index.slots.len()],
            locks: vec![LockProgress::default(); index.of_lock.len()],
            touched: Vec::new(),
            work: 0,
        }
    }

    /// The set as the number of events of each thread.
    pub(super) fn counts(&self) -> Vec<u32> {
        self.threads.iter().map(|progress| progress.count).collect()
    }

    /// Includes the first `count` events of `thread`, to which so many `edges` come if that is known; consequences to
    /// be drawn later.
    #[inline]
    fn raise(&mut self, thread: u32, count: u32, edges: u32) {
        let progress = &mut self.threads[thread as usize];
        if count > progress.count {
            if progress.count == progress.settled {
                self.lagging.push(thread);
            }
            (progress.count, progress.edges) = (count, edges);
            if !progress.queued {
                progress.queued = true;
                self.unlisted.push(thread);
            }
        }
    }

    /// Includes the first `count` events of `thread`, to which a full clock says all edges were followed.
    #[inline]
    fn raise_settled(&mut self, thread: u32, count: u32) {
        let progress = &mut self.threads[thread as usize];
        if count > progress.count {
            if progress.count == progress.settled {
                progress.settled = count;
            }
            (progress.count, progress.edges) = (count, NEVER);
            if !progress.queued {
                progress.queued = true;
                self.unlisted.push(thread);
            }
        }
    }

    /// Draws the consequences of everything included, until there are none: first all edges, then the sections that
    /// these include, then what excludes each other.
    fn settle(&mut self) {
        loop {
            if let Some(thread) = self.lagging.pop() {
                let count = self.threads[thread as usize].count;
                self.threads[thread as usize].settled = count;
                self.draw_edges(thread, count);
            } else if !self.deep {
                return;
            } else if let Some(thread) = self.unlisted.pop() {
                let progress = &mut self.threads[thread as usize];
                progress.queued = false;
                let old = std::mem::replace(&mut progress.listed, progress.count);
                let count = progress.count;
                self.take_sections(thread, old, count);
            } else if let Some(lock) = self.touched.pop() {
                self.locks[lock as usize].queued = false;
                match self.rule {
                    Rule::Preserve => self.close_sections(lock as usize),
                    Rule::Reverse(rule) => self.separate_sections(lock as usize, rule),
                }
            } else {
                return;
            }
        }
    }

    /// Includes where the edges to the first `count` events of `thread` come from, from the last full clock on.
    fn draw_edges(&mut self, thread: u32, count: u32) {
        let edges = self.edges;
        let upto = match self.threads[thread as usize].edges {
            _ if count == 0 => edges.count(thread, 0),
            NEVER => edges.count(thread, count),
            known => known as usize,
        };
        let (clock, covered) = edges.clock(thread, upto);
        let drawn = self.threads[thread as usize].drawn;
        if covered > drawn {
            for (of, &known) in clock.iter().enumerate() {
                self.raise_settled(of as u32, known);
            }
        }
        let rest = drawn.max(covered).min(upto);
        self.work += (upto - rest) as u64 + 8;
        for (from, source, known) in edges.between(thread, rest, upto) {
            self.raise(from, source, known);
        }
        self.threads[thread as usize].drawn = drawn.max(upto);
    }

    /// Notes the sections that `thread` acquired after its event `old`, up to `count`: one by one if they are few,
    /// else with a search in each lock's list.
    fn take_sections(&mut self, thread: u32, old: u32, count: u32) {
        let sections = &self.index.sections.of_thread[thread as usize];
        let slots = self.index.of_thread[thread as usize].clone();
        let from = sections.partition_point(|section| section.acquired <= old);
        let near = sections.get(from..from + 8 * slots.len()).unwrap_or(&sections[from..]);
        if near.last().is_none_or(|section| section.acquired > count) || from + near.len() == sections.len() {
            let near = near.iter().take_while(|section| section.acquired <= count);
            for (number, section) in near.enumerate() {
                self.work += 1;
                if let Some((slot, shared)) = self.index.place(thread, from + number) {
                    self.taken[slot as usize] += 1;
                    self.note(slot, section.line, shared);
                }
            }
            return;
        }
        self.work += 8 * slots.len() as u64;
        for slot in slots {
            let taken = self.taken[slot] as usize;
            let acquired = &self.index.acquired(slot)[taken..];
            let more = acquired.partition_point(|&acquired| acquired <= count);
            self.taken[slot] += more as u32;
            for &number in self.index.numbers(slot)[taken..taken + more].iter().rev() {
                let place = self.index.place(thread, number as usize);
                let shared = place.is_some_and(|place| place.1);
                self.note(slot as u32, sections[number as usize].line, shared);
                if !shared {
                    break;
                }
            }
        }
    }

    /// An acquisition on `line` is now included.
    fn note(&mut self, slot: u32, line: u32, shared: bool) {
        let number = self.index.slots[slot as usize].lock;
        let lock = &mut self.locks[number as usize];
        lock.last = lock.last.max(line);
        if !shared {
            lock.last_exclusive = lock.last_exclusive.max(line);
        }
        if !lock.queued {
            lock.queued = true;
            self.touched.push(number);
        }
    }

    /// Includes the release of every section of `lock` that a later included acquisition excludes.
    fn close_sections(&mut self, lock: usize) {
        let LockProgress { last, last_exclusive, .. } = self.locks[lock];
        let index = self.index;
        self.work += index.of_lock[lock].len() as u64;
        for &slot in &index.of_lock[lock] {
            let slot = slot as usize;
            let Some(newest) = (self.taken[slot] as usize).checked_sub(1) else { continue };
            let thread = index.slots[slot].thread;
            let number = index.numbers(slot)[newest];
            let section = index.section(thread, number);
            let shared = index.place(thread, number as usize).is_some_and(|place| place.1);
            let later = if shared { last_exclusive } else { last };
            if later > section.line && section.released > self.threads[thread as usize].count {
                debug_assert_ne!(section.released, NEVER, "a well-formed trace releases it first");
                self.raise(thread, section.released, NEVER);
            }
        }
    }
}

impl Closure<'_> {
    /// From here on this becomes of sections that exclude each other.
    pub(super) fn set_rule(&mut self, rule: Rule) {
        self.rule = rule;
    }

    /// Whether the set contains two sections that exclude each other and cannot end.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Draws the consequences of everything included, all over again: the rule is another one, or sections count now.
    pub(super) fn settle_again(&mut self) {
        self.settle();
        for lock in 0..self.locks.len() {
            if self.locks[lock].last != 0 && !self.locks[lock].queued {
                self.locks[lock].queued = true;
                self.touched.push(lock as u32);
            }
        }
        self.work += self.locks.len() as u64;
        self.settle();
    }

    /// The newest included section of a slot, if its end is not included.
    fn open_section(&self, slot: usize) -> Option<OpenSection> {
        let newest = (self.taken[slot] as usize).checked_sub(1)?;
        let index = self.index;
        let thread = index.slots[slot].thread;
        let number = index.numbers(slot)[newest];
        let section = index.section(thread, number);
        let shared = index.place(thread, number as usize).is_some_and(|place| place.1);
        let (line, released) = (section.line, section.released);
        let open = released > self.threads[thread as usize].count;
        open.then_some(OpenSection { pinned: released == NEVER, line, thread, released, shared })
    }

    /// Of the open sections of `lock`, lets those end that exclude others, so that of these one stays open at most:
    /// one that cannot end, else the last of the trace.
    fn separate_sections(&mut self, lock: usize, rule: Reversing) {
        let LockProgress { last, last_exclusive, .. } = self.locks[lock];
        let slots = &self.index.of_lock[lock];
        self.work += slots.len() as u64;
        let mut open = std::mem::take(&mut self.open);
        open.clear();
        open.extend(slots.iter().filter_map(|&slot| self.open_section(slot as usize)));
        for section in &mut open {
            let ends = |&(thread, index): &(u32, u32)| thread == section.thread && section.released > index;
            section.pinned |= rule.accesses.iter().any(ends);
        }
        open.sort_by_key(|section| (!section.pinned, std::cmp::Reverse(section.line)));
        let mut kept = 0;
        for at in 0..open.len() {
            let section = open[at];
            let clash = open[..kept].iter().any(|other| !(other.shared && section.shared));
            let later = if section.shared { last_exclusive } else { last };
            if section.pinned {
                self.stuck |= clash;
            } else if clash || rule.early && later > section.line {
                self.raise(section.thread, section.released, NEVER);
                continue;
            }
            open[kept] = section;
            kept += 1;
        }
        self.open = open;
    }

    /// Calls `each` with the open sections, as thread and number of the acquisition, that exclude an included one which
    /// the trace has behind them.
    pub(super) fn reversed(&mut self, mut each: impl FnMut(u32, u32)) {
        for (lock, slots) in self.index.of_lock.iter().enumerate() {
            let LockProgress { last, last_exclusive, .. } = self.locks[lock];
            self.work += 1;
            if last == 0 {
                continue;
            }
            self.work += slots.len() as u64;
            for &slot in slots {
                let Some(section) = self.open_section(slot as usize) else { continue };
                if section.line < if section.shared { last_exclusive } else { last } {
                    let number = self.index.numbers(slot as usize)[self.taken[slot as usize] as usize - 1];
                    each(section.thread, self.index.section(section.thread, number).acquired);
                }
            }
        }
    }
}

impl Ideal for Closure<'_> {
    fn clear(&mut self) {
        self.stuck = false;
        self.threads.fill(Progress::default());
        self.unlisted.clear();
        if self.deep {
            self.taken.fill(0);
            self.locks.fill(LockProgress::default());
        }
        self.deep = false;
    }

    fn include(&mut self, thread: u32, count: u32) {
        self.raise(thread, count, NEVER);
        if count == 0 {
            self.draw_edges(thread, 0);
        }
        self.settle();
    }

    fn included(&self, thread: u32) -> u32 {
        self.threads[thread as usize].count
    }

    fn deepen(&mut self) -> bool {
        !std::mem::replace(&mut self.deep, true)
    }
}

/// One event that may take part in a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its number among the events of its thread.
    pub(super) index: u32,
    /// Its line.
    pub(super) line: u32,
}

/// The first tuple, one candidate of each list, that the ideal of what precedes them does not contain: positions in
/// the lists. `lists` are pairs of a thread and its candidates in order; the threads differ.
///
/// A candidate inside the ideal stays inside as the others move forward, so each list is walked once (SPDOffline's
/// phase 2). Afterwards `ideal` is the witness. What a part of the ideal contains, all of it contains, so that nothing is
/// lost by walking with the part first.
pub(super) fn first_tuple(ideal: &mut impl Ideal, lists: &[(u32, &[Candidate])]) -> Option<Vec<usize>> {
    ideal.clear();
    let mut at = vec![0; lists.len()];
    loop {
        for (&(thread, list), &at) in lists.iter().zip(&at) {
            ideal.include(thread, list.get(at)?.index - 1);
        }
        let mut moved = false;
        for (&(thread, list), at) in lists.iter().zip(&mut at) {
            let included = ideal.included(thread);
            let inside = list[*at..].partition_point(|candidate| candidate.index <= included);
            moved |= inside > 0;
            *at += inside;
        }
        if !moved && !ideal.deepen() {
            return Some(at);
        }
    }
}
