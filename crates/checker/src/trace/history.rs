//! What of a trace the sync-preserving closure needs: who depends on whom, and every critical section.
//!
//! [`Edges`] are the edges of read-from, fork, join and wake-up, twenty bytes each with their place in the order of
//! the trace, and only those that say more than an earlier one between the same two threads. [`Sections`] has sixteen
//! bytes for each critical section, appended in the order of its thread. That is all the history there is: reads,
//! writes and releases leave no record of their own. Appending is all that happens while the trace is read;
//! [`EdgeIndex`] and [`SectionIndex`] are made of it when, and only if, there is something to search.
//!
//! [`Dependencies`] is a small transitive order that can be asked at any time, for fork and join alone.

use std::ops::Range;

use super::acquires::Shape;

/// An edge to a thread: event `source` of `from` comes before event `at` of the thread in whose list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edge {
    /// Event of the thread; 0 for before the first.
    at: u32,
    /// Whose event comes earlier.
    from: u32,
    /// That event.
    source: u32,
    /// How many edges to `from` come at or before `source`: whoever follows this edge goes on from there.
    version: u32,
}

/// The edges between threads.
#[derive(Default)]
pub(super) struct Edges {
    /// By thread: its edges in the order of the trace. `at` never decreases.
    of_thread: Vec<Vec<Edge>>,
    /// Whose edge each is, in the order of the trace.
    order: Vec<u32>,
    /// `heard[t][u]`: the last `source` of an edge from `u` to `t`.
    heard: Vec<Vec<u32>>,
}

impl Edges {
    /// Has a place for `thread`.
    pub(super) fn add_thread(&mut self, thread: u32) {
        while self.heard.len() <= thread as usize {
            self.heard.push(Vec::new());
            self.of_thread.push(Vec::new());
        }
    }

    /// How many edges `thread` has so far.
    #[inline]
    pub(super) fn count(&self, thread: u32) -> u32 {
        self.of_thread[thread as usize].len() as u32
    }

    /// Adds an edge, unless an earlier one between the two threads says as much.
    pub(super) fn add(&mut self, thread: u32, at: u32, from: u32, source: u32) {
        let heard = self.heard[thread as usize].get(from as usize);
        if heard.is_none_or(|&heard| heard < source) {
            let version = self.of_thread[from as usize].partition_point(|edge| edge.at <= source);
            self.add_known(thread, at, (from, source, version as u32));
        }
    }

    /// The same, and whether it was added, for a source at which its thread had so many edges as the third number says.
    /// To find that out from the history would be to wait for memory.
    #[inline]
    pub(super) fn add_known(
        &mut self,
        thread: u32,
        at: u32,
        (from, source, version): (u32, u32, u32),
    ) -> bool {
        let heard = &mut self.heard[thread as usize];
        if heard.len() <= from as usize {
            heard.resize(from as usize + 1, 0);
        }
        let heard = &mut heard[from as usize];
        if *heard >= source {
            return false;
        }
        *heard = source;
        self.of_thread[thread as usize].push(Edge { at, from, source, version });
        self.order.push(thread);
        true
    }

    /// Bytes of the history proper.
    pub(super) fn bytes(&self) -> usize {
        let edges: usize = self.of_thread.iter().map(Vec::capacity).sum();
        edges * size_of::<Edge>() + self.order.capacity() * size_of::<u32>()
    }
}

/// How many edges of a thread lie between two of its full clocks, at least; with many threads more, so that clocks
/// take half the memory of edges.
const STRIDE: usize = 4;

/// Edges that are looked up before the first of them is followed: each is of another thread, in another place of memory,
/// and so these are waited for all at once.
const BATCH: usize = 64;

/// Edges for each entry of [`EdgeIndex::samples`].
const SAMPLED: usize = 16;

/// Edges with their thread's full clock every so many edges: a closure that starts from nothing jumps to the last
/// clock instead of walking all edges before it.
pub(super) struct EdgeIndex<'a> {
    /// By thread: its edges in order.
    of_thread: &'a [Vec<Edge>],
    /// By thread: `at` of the last of each [`SAMPLED`] edges. A search begins here, where it meets few cache lines.
    samples: Vec<Vec<u32>>,
    /// Edges between two clocks.
    stride: usize,
    /// By thread: clock after each `stride` edges, each as long as there are threads. Transitive.
    clocks: Vec<Vec<u32>>,
}

impl<'a> EdgeIndex<'a> {
    /// Computes the clocks of `edges`.
    pub(super) fn new(edges: &'a Edges) -> EdgeIndex<'a> {
        Self::with_stride(edges, STRIDE.max(edges.heard.len() / 2))
    }

    /// As [`EdgeIndex::new`], with a clock after each `stride` edges.
    fn with_stride(edges: &'a Edges, stride: usize) -> EdgeIndex<'a> {
        let of_thread = &edges.of_thread[..];
        let width = of_thread.len();
        let room = |edges: &Vec<Edge>| Vec::with_capacity(edges.len() / stride * width);
        let clocks = of_thread.iter().map(room).collect();
        let samples = of_thread
            .iter()
            .map(|edges| edges.chunks_exact(SAMPLED).map(|edges| edges[SAMPLED - 1].at).collect());
        let mut index = EdgeIndex { of_thread, samples: samples.collect(), stride, clocks };
        let current = |edge: &Edge| edge.version as usize == index.count(edge.from, edge.source);
        debug_assert!(
            of_thread.iter().flatten().all(current),
            "no edge comes later to what precedes another"
        );
        if of_thread.iter().any(|edges| edges.len() >= stride) {
            index.compute_clocks(edges);
        }
        index
    }

    /// How many edges of `thread` come at or before its event `index`.
    pub(super) fn count(&self, thread: u32, index: u32) -> usize {
        let from = SAMPLED * self.samples[thread as usize].partition_point(|&at| at <= index);
        let edges = &self.of_thread[thread as usize][from..];
        from + edges[..edges.len().min(SAMPLED)].partition_point(|edge| edge.at <= index)
    }

    /// Edges `from` to `to` of `thread`, as (thread, event, edges to that thread up to that event).
    pub(super) fn between(
        &self,
        thread: u32,
        from: usize,
        to: usize,
    ) -> impl Iterator<Item = (u32, u32, u32)> {
        let edges = &self.of_thread[thread as usize][from..to];
        edges.iter().map(|edge| (edge.from, edge.source, edge.version))
    }

    /// The last clock of `thread` after at most `edges` edges, and how many edges it covers.
    pub(super) fn clock(&self, thread: u32, edges: usize) -> (&[u32], usize) {
        let (number, width) = (edges / self.stride, self.of_thread.len());
        if number == 0 {
            return (&[], 0);
        }
        let start = (number - 1) * width;
        (&self.clocks[thread as usize][start..start + width], number * self.stride)
    }

    /// Computes the clocks in one pass in the order of the trace. A thread's clock after some of its edges (a version)
    /// is kept as long as later edges come from there.
    fn compute_clocks(&mut self, edges: &Edges) {
        let threads = self.of_thread.len();
        // By thread and version: how many edges still come from there, or, once it is kept, where.
        let mut users: Vec<Vec<u32>> = self.of_thread.iter().map(|edges| vec![0; edges.len() + 1]).collect();
        for edge in self.of_thread.iter().flatten() {
            users[edge.from as usize][edge.version as usize] += 1;
        }
        // By thread: how many of its edges are in, and its clock.
        let mut now: Vec<(usize, Vec<u32>)> = vec![(0, vec![0; threads]); threads];
        let mut kept = Kept { width: threads, ..Kept::default() };
        let mut next = vec![0; threads];
        let mut batch = Vec::with_capacity(BATCH);
        for order in edges.order.chunks(BATCH) {
            batch.clear();
            for &thread in order {
                let number = &mut next[thread as usize];
                batch.push((thread as usize, *number, self.of_thread[thread as usize][*number]));
                *number += 1;
            }
            for &(thread, number, edge) in &batch {
                let mut clock = std::mem::take(&mut now[thread].1);
                let version = &mut users[thread][number];
                if *version > 0 {
                    *version = kept.keep(&clock, *version);
                }
                let (from, wanted) = (edge.from as usize, edge.version as usize);
                let user = &mut users[from][wanted];
                if now[from].0 == wanted {
                    raise(&mut clock, &now[from].1);
                    *user -= 1;
                } else {
                    raise(&mut clock, kept.row(*user));
                    kept.release(*user);
                }
                clock[from] = clock[from].max(edge.source);
                now[thread].0 = number + 1;
                if now[thread].0.is_multiple_of(self.stride) {
                    self.clocks[thread].extend_from_slice(&clock);
                }
                now[thread].1 = clock;
            }
        }
    }
}

/// Clocks that later edges come from.
#[derive(Default)]
struct Kept {
    /// Entries of a clock.
    width: usize,
    /// Clock after clock.
    clocks: Vec<u32>,
    /// By clock: how many edges still come from it.
    users: Vec<u32>,
    /// Clocks without users.
    spare: Vec<u32>,
}

impl Kept {
    /// Keeps a clock for so many edges; its number.
    fn keep(&mut self, clock: &[u32], users: u32) -> u32 {
        let number = self.spare.pop().unwrap_or_else(|| {
            self.clocks.resize(self.clocks.len() + self.width, 0);
            self.users.push(0);
            self.users.len() as u32 - 1
        });
        let start = number as usize * self.width;
        self.clocks[start..start + self.width].copy_from_slice(clock);
        self.users[number as usize] = users;
        number
    }

    /// Clock `number`.
    fn row(&self, number: u32) -> &[u32] {
        &self.clocks[number as usize * self.width..][..self.width]
    }

    /// One of the edges that come from clock `number` is done.
    fn release(&mut self, number: u32) {
        let users = &mut self.users[number as usize];
        *users -= 1;
        if *users == 0 {
            self.spare.push(number);
        }
    }
}

/// Raises each entry to that of `other`.
fn raise(clock: &mut [u32], other: &[u32]) {
    for (mine, theirs) in clock.iter_mut().zip(other) {
        *mine = (*mine).max(*theirs);
    }
}

/// Marks a section that was not released.
pub(super) const NEVER: u32 = u32::MAX;

/// A partial order that contains the order of each thread, built by edges between events of different threads.
///
/// Events of a thread are numbered from 1; what a fork brings is known at 0, before the first one. The order is transitive by construction: an edge brings all that its source
/// knew at that event.
#[derive(Default)]
pub(super) struct Dependencies {
    /// `now[t][u]`: the events of `u` that come before the current event of `t`.
    now: Vec<Vec<u32>>,
    /// `past[t][u]`: pairs (event of `t`, value of `now[t][u]` from this event on), both strictly increasing.
    past: Vec<Vec<Vec<(u32, u32)>>>,
    /// By thread: the last event at which `now` changed.
    changed: Vec<u32>,
}

impl Dependencies {
    /// Has a place for `thread`.
    pub(super) fn add_thread(&mut self, thread: u32) {
        let threads = thread as usize + 1;
        while self.now.len() < threads {
            self.now.push(Vec::new());
            self.past.push(Vec::new());
            self.changed.push(0);
        }
    }

    /// Whether event `index` of `of` comes before the current event of `thread`.
    #[inline]
    pub(super) fn knows(&self, thread: u32, of: u32, index: u32) -> bool {
        self.now[thread as usize].get(of as usize).is_some_and(|&known| known >= index)
    }

    /// Event `source` of `from` comes before event `at` of `thread`. Returns whether that was news.
    /// Preconditions: no edge came to a later event of `thread` before, the threads differ.
    #[inline]
    pub(super) fn add(&mut self, thread: u32, at: u32, from: u32, source: u32) -> bool {
        if self.knows(thread, from, source) {
            return false;
        }
        self.add_new(thread, at, from, source);
        true
    }

    /// The slow half of [`Dependencies::add`].
    fn add_new(&mut self, thread: u32, at: u32, from: u32, source: u32) {
        let current = self.changed[from as usize] <= source;
        for of in 0..self.now[from as usize].len() as u32 {
            let known =
                if current { self.now[from as usize][of as usize] } else { self.known_at(from, source, of) };
            if of != thread && of != from {
                self.learn(thread, at, of, known);
            }
        }
        self.learn(thread, at, from, source);
        self.changed[thread as usize] = at;
    }

    /// One entry of a clock rises to `value`, if it does.
    fn learn(&mut self, thread: u32, at: u32, of: u32, value: u32) {
        let (now, past) = (&mut self.now[thread as usize], &mut self.past[thread as usize]);
        let of = of as usize;
        if now.len() <= of {
            now.resize(of + 1, 0);
            past.resize(of + 1, Vec::new());
        }
        if value <= now[of] {
            return;
        }
        now[of] = value;
        match past[of].last_mut() {
            Some(last) if last.0 == at => last.1 = value,
            _ => past[of].push((at, value)),
        }
    }

    /// How many events of `of` come before event `index` of `thread` (or are needed by it).
    pub(super) fn known_at(&self, thread: u32, index: u32, of: u32) -> u32 {
        let past = self.past[thread as usize].get(of as usize).map_or(&[][..], |past| past);
        let upto = past.partition_point(|&(at, _)| at <= index);
        if upto == 0 { 0 } else { past[upto - 1].1 }
    }

    /// How many entries the clock of `thread` has.
    pub(super) fn width(&self, thread: u32) -> u32 {
        self.now.get(thread as usize).map_or(0, |now| now.len() as u32)
    }
}

/// One outermost hold of a lock by a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    /// The shape of the acquisition: lock, mode, what else was held, location.
    pub(super) shape: u32,
    /// Number of the acquisition among the events of its thread.
    pub(super) acquired: u32,
    /// Number of the release, or [`NEVER`].
    pub(super) released: u32,
    /// Line of the acquisition; also its place in the order of all events.
    pub(super) line: u32,
}

/// Every critical section of the trace.
#[derive(Default)]
pub(super) struct Sections {
    /// By thread, in the order of acquisition.
    pub(super) of_thread: Vec<Vec<Section>>,
}

impl Sections {
    /// Has a place for `thread`.
    pub(super) fn add_thread(&mut self, thread: u32) {
        while self.of_thread.len() <= thread as usize {
            self.of_thread.push(Vec::new());
        }
    }

    /// A section begins; its number within the thread.
    #[inline]
    pub(super) fn open(&mut self, thread: u32, shape: u32, acquired: u32, line: u32) -> u32 {
        let sections = &mut self.of_thread[thread as usize];
        sections.push(Section { shape, acquired, released: NEVER, line });
        sections.len() as u32 - 1
    }

    /// Section `number` of `thread` ends with event `released`.
    #[inline]
    pub(super) fn close(&mut self, thread: u32, number: u32, released: u32) {
        self.of_thread[thread as usize][number as usize].released = released;
    }

    /// Bytes of the history proper.
    pub(super) fn bytes(&self) -> usize {
        self.of_thread.iter().map(|sections| sections.capacity() * size_of::<Section>()).sum()
    }
}

/// Sections by thread and lock, for those locks that more than one thread uses: only these constrain anything.
pub(super) struct SectionIndex<'a> {
    /// All sections.
    pub(super) sections: &'a Sections,
    /// Every pair of a thread and a lock it uses, sorted by thread.
    pub(super) slots: Vec<Slot>,
    /// By thread: its range in `slots`.
    pub(super) of_thread: Vec<Range<usize>>,
    /// By shared lock (dense numbers of its own): its slots.
    pub(super) of_lock: Vec<Vec<u32>>,
    /// By thread and section: its slot, or [`NEVER`] for a lock of one thread; twice that, plus one for shared mode.
    places: Vec<Vec<u32>>,
    /// Numbers of sections within their thread, slot after slot, in the order of acquisition.
    numbers: Vec<u32>,
    /// The acquisitions of these sections, so that a search does not leave this list.
    acquired: Vec<u32>,
}

/// One thread's sections of one lock.
pub(super) struct Slot {
    /// The thread.
    pub(super) thread: u32,
    /// The lock, in the dense numbers of [`SectionIndex::of_lock`].
    pub(super) lock: u32,
    /// Range in [`SectionIndex::numbers`].
    range: Range<usize>,
}

impl<'a> SectionIndex<'a> {
    /// Sorts `sections`; `shapes` are those of their acquisitions.
    pub(super) fn new(sections: &'a Sections, shapes: &[Shape]) -> SectionIndex<'a> {
        let most = sections.of_thread.iter().map(Vec::len).sum();
        let mut index = SectionIndex {
            sections,
            slots: Vec::new(),
            of_thread: Vec::new(),
            of_lock: Vec::new(),
            places: Vec::new(),
            numbers: vec![0; most],
            acquired: vec![0; most],
        };
        let dense = index.find_shared_locks(shapes);
        let mut slot_of_lock = vec![NEVER; dense.len()];
        for thread in 0..sections.of_thread.len() {
            index.add_thread(thread, shapes, &dense, &mut slot_of_lock);
        }
        index
    }

    /// By lock: a dense number for the locks that several threads use, [`NEVER`] for the others.
    fn find_shared_locks(&mut self, shapes: &[Shape]) -> Vec<u32> {
        let (mut user, mut dense) = (Vec::new(), Vec::new());
        let mut count = 0;
        for (thread, sections) in self.sections.of_thread.iter().enumerate() {
            for section in sections {
                let lock = shapes[section.shape as usize].hold.lock() as usize;
                if user.len() <= lock {
                    user.resize(lock + 1, NEVER);
                    dense.resize(lock + 1, NEVER);
                }
                if user[lock] == NEVER {
                    user[lock] = thread as u32;
                } else if user[lock] != thread as u32 && dense[lock] == NEVER {
                    dense[lock] = count;
                    count += 1;
                }
            }
        }
        self.of_lock = vec![Vec::new(); count as usize];
        dense
    }

    /// Counts and places the sections of one thread. `slot_of_lock` is [`NEVER`] for every lock, before and after.
    fn add_thread(&mut self, thread: usize, shapes: &[Shape], dense: &[u32], slot_of_lock: &mut [u32]) {
        let sections = &self.sections.of_thread[thread];
        let first = self.slots.len();
        let mut next: Vec<usize> = Vec::new();
        let mut places = Vec::with_capacity(sections.len());
        for section in sections {
            let hold = shapes[section.shape as usize].hold;
            let lock = hold.lock() as usize;
            if dense[lock] == NEVER {
                places.push(NEVER);
                continue;
            }
            if slot_of_lock[lock] == NEVER {
                slot_of_lock[lock] = self.slots.len() as u32;
                self.of_lock[dense[lock] as usize].push(slot_of_lock[lock]);
                self.slots.push(Slot { thread: thread as u32, lock: dense[lock], range: 0..0 });
                next.push(0);
            }
            let slot = slot_of_lock[lock];
            next[slot as usize - first] += 1;
            places.push(slot << 1 | u32::from(hold.shared()));
        }
        let mut total = self.slots[..first].last().map_or(0, |slot| slot.range.end);
        for (slot, count) in self.slots[first..].iter_mut().zip(&mut next) {
            slot.range = total..total + *count;
            *count = total;
            total = slot.range.end;
        }
        for (number, (section, &place)) in sections.iter().zip(&places).enumerate() {
            if place != NEVER {
                let at = &mut next[(place >> 1) as usize - first];
                self.numbers[*at] = number as u32;
                self.acquired[*at] = section.acquired;
                *at += 1;
                slot_of_lock[shapes[section.shape as usize].hold.lock() as usize] = NEVER;
            }
        }
        self.of_thread.push(first..self.slots.len());
        self.places.push(places);
    }

    /// The slot of section `number` of `thread`, if its lock is used by several, and whether it is shared.
    pub(super) fn place(&self, thread: u32, number: usize) -> Option<(u32, bool)> {
        let place = self.places[thread as usize][number];
        (place != NEVER).then_some((place >> 1, place & 1 == 1))
    }

    /// The sections of `slot`, as numbers within their thread.
    pub(super) fn numbers(&self, slot: usize) -> &[u32] {
        &self.numbers[self.slots[slot].range.clone()]
    }

    /// The acquisitions of the sections of `slot`.
    pub(super) fn acquired(&self, slot: usize) -> &[u32] {
        &self.acquired[self.slots[slot].range.clone()]
    }

    /// Section `number` of `thread`.
    pub(super) fn section(&self, thread: u32, number: u32) -> &Section {
        &self.sections.of_thread[thread as usize][number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::random;

    #[test]
    fn an_edge_brings_what_its_source_knew_then() {
        let mut order = Dependencies::default();
        (0..3).for_each(|thread| order.add_thread(thread));
        assert!(order.add(1, 3, 2, 7));
        assert!(order.add(1, 5, 2, 9));
        assert!(order.add(0, 2, 1, 4), "thread 1 knew 7 of thread 2 at its event 4");
        assert_eq!((order.known_at(0, 1, 2), order.known_at(0, 2, 2)), (0, 7));
        assert_eq!(order.known_at(0, 2, 1), 4);
        assert!(!order.add(0, 3, 2, 6), "that is known already");
        assert!(order.add(0, 3, 1, 5));
        assert_eq!((order.known_at(0, 2, 2), order.known_at(0, 3, 2)), (7, 9));
    }

    /// All events that come before event `index` of `thread`, found by walking edges.
    fn walk(edges: &[Vec<Edge>], thread: u32, index: u32, clock: &mut [u32]) {
        for edge in edges[thread as usize].iter().filter(|edge| edge.at <= index) {
            let entry = &mut clock[edge.from as usize];
            if *entry < edge.source {
                *entry = edge.source;
                walk(edges, edge.from, edge.source, clock);
            }
        }
    }

    #[test]
    fn full_clocks_are_what_walking_the_edges_gives() {
        let (threads, mut below) = (5u32, random::numbers());
        for stride in 1..4 {
            let mut edges = Edges::default();
            (0..threads).for_each(|thread| edges.add_thread(thread));
            let mut events = vec![1; threads as usize];
            for _ in 0..200 {
                let (thread, from) = (below(threads), below(threads));
                events[thread as usize] += 1;
                if thread != from {
                    let source = 1 + below(events[from as usize]);
                    edges.add(thread, events[thread as usize], from, source);
                }
            }
            let index = EdgeIndex::with_stride(&edges, stride);
            for thread in 0..threads {
                let list = &index.of_thread[thread as usize];
                for count in 0..=list.len() {
                    let (clock, covered) = index.clock(thread, count);
                    assert_eq!(covered, count / stride * stride);
                    if covered > 0 {
                        let mut expected = vec![0; threads as usize];
                        walk(&edges.of_thread, thread, list[covered - 1].at, &mut expected);
                        let own = thread as usize;
                        for of in (0..threads as usize).filter(|&of| of != own) {
                            assert_eq!(clock[of], expected[of], "stride {stride}");
                        }
                    }
                }
            }
        }
    }
}
