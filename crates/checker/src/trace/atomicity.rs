//! Conflict-serialisability of declared regions, in one pass, with AeroDrome's vector clocks (Mathur and Viswanathan,
//! ASPLOS 2020).
//!
//! A region is a transaction; everything outside of one is a transaction of its own. A thread's clock grows with what
//! conflicting events of others knew; if that contains the beginning of the thread's own open region, the region is
//! both before and after somebody else's event. When a region ends, its final clock reaches whoever saw a part of it:
//! those clocks are noted when they come to contain the region's beginning, so the end costs no pass over all locks
//! and variables. Time is linear in the events for a fixed number of threads.
//!
//! It judges what happened, not what could have: a region that was not disturbed in this run is not reported.

use hashbrown::HashMap;
use lockcheck_events::trace_event::{Event, Op};

/// Most distinct findings that are kept.
pub const MAX_REGIONS: usize = 10_000;

/// An event, as far as a finding needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Who.
    pub(super) thread: u32,
    /// Number among the events of its thread.
    pub(super) index: u32,
    /// Line.
    pub(super) line: u32,
    /// Location.
    pub(super) location: u32,
    /// Operation, as its number.
    pub(super) op: u8,
    /// What is held.
    pub(super) set: u32,
}

/// A clock that an event left at a lock or a variable, and the event.
#[derive(Clone, Default)]
struct Cell {
    /// By thread; shorter than the number of threads where the rest is zero.
    clock: Vec<u32>,
    /// The event.
    place: Place,
    /// By thread: the beginning of its region that was last noted to be in `clock`.
    noted: Vec<u32>,
}

/// What can carry a clock from one thread to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum CellId {
    /// The last release of a lock, by its number in both modes.
    Lock(u32),
    /// The shared releases of a lock by a thread since the last exclusive one.
    Reader(u32, u32),
    /// The last write of a variable.
    Write(u32),
    /// The last read of a variable by a thread since the last write.
    Read(u32, u32),
}

/// One thread.
#[derive(Clone, Default)]
struct ThreadClock {
    /// What comes before its current event.
    clock: Vec<u32>,
    /// Regions open; only the outermost counts.
    depth: u32,
    /// While `depth > 0`: its own entry at the beginning of the region.
    begin: u32,
    /// Where the region began.
    begin_place: Place,
    /// Whether the region was reported.
    reported: bool,
    /// Who forked it, while it has done nothing itself: to that thread its end says nothing.
    idle_child_of: Option<u32>,
    /// Cells that came to contain `begin` since.
    followers: Vec<CellId>,
    /// The last event of its own that received a clock, and the event that had left it.
    received: (Place, Place),
}

/// A region that is not serialisable.
#[derive(Clone, Copy)]
pub(super) struct Broken {
    /// Its `begin`.
    pub(super) begin: Place,
    /// The event of another thread.
    pub(super) intruder: Place,
    /// The region's own event that conflicts with it.
    pub(super) closing: Place,
    /// How often at these locations.
    pub(super) instances: u32,
}

/// The checker. Idle, and free, until the first `begin`: nothing before that can be part of a cycle.
#[derive(Default)]
pub(super) struct Regions {
    /// Whether a region ever began.
    active: bool,
    /// By thread.
    threads: Vec<ThreadClock>,
    /// Threads with an open region, and its beginning.
    open: Vec<(u32, u32)>,
    /// By lock or variable.
    cells: HashMap<CellId, Cell>,
    /// Threads that have a `Reader` or `Read` cell, by lock and by variable.
    readers: HashMap<(bool, u32), Vec<u32>>,
    /// Findings in order.
    pub(super) found: Vec<Broken>,
    /// Locations of `begin` and closing event to the finding.
    numbers: HashMap<(u32, u32), usize>,
    /// Whether a finding was dropped.
    pub(super) dropped: bool,
}

/// Entry `at` of a clock.
fn entry(clock: &[u32], at: u32) -> u32 {
    clock.get(at as usize).copied().unwrap_or(0)
}

/// Raises `clock` to `other`.
fn join(clock: &mut Vec<u32>, other: &[u32]) {
    if clock.len() < other.len() {
        clock.resize(other.len(), 0);
    }
    for (mine, theirs) in clock.iter_mut().zip(other) {
        *mine = (*mine).max(*theirs);
    }
}

/// Notes with every open region whose beginning is in a cell that this cell is to hear of its end. Once for each
/// region and cell, so that a long region costs no more than the cells there are.
fn follow(threads: &mut [ThreadClock], open: &[(u32, u32)], id: CellId, cell: &mut Cell) {
    for &(thread, begin) in open {
        if entry(&cell.clock, thread) >= begin && entry(&cell.noted, thread) != begin {
            let at = thread as usize;
            if cell.noted.len() <= at {
                cell.noted.resize(at + 1, 0);
            }
            cell.noted[at] = begin;
            threads[at].followers.push(id);
        }
    }
}

impl Regions {
    /// Takes one event of the trace. `outermost` is false for re-entrant acquisitions and their releases.
    #[inline]
    pub(super) fn event(&mut self, event: &Event, place: Place, outermost: bool) {
        if self.active || event.op == Op::Begin {
            self.active = true;
            self.active_event(event, place, outermost);
        }
    }

    /// The event, once a region has begun.
    fn active_event(&mut self, event: &Event, place: Place, outermost: bool) {
        let (thread, target) = (event.thread, event.target);
        self.add_thread(thread);
        self.threads[thread as usize].idle_child_of = None;
        match event.op {
            Op::Acquire if outermost => {
                self.receive(thread, CellId::Lock(target), place);
                self.receive_readers(thread, true, target, place);
            }
            Op::SharedAcquire if outermost => self.receive(thread, CellId::Lock(target), place),
            Op::Release if outermost => {
                self.leave(thread, CellId::Lock(target), place);
                self.forget_readers(true, target);
            }
            Op::SharedRelease if outermost => {
                self.leave(thread, CellId::Reader(target, thread), place);
                self.add_reader(true, target, thread);
            }
            Op::Read | Op::AtomicRead => {
                self.receive(thread, CellId::Write(target), place);
                self.leave(thread, CellId::Read(target, thread), place);
                self.add_reader(false, target, thread);
            }
            Op::Write | Op::AtomicWrite | Op::AtomicUpdate => {
                self.receive(thread, CellId::Write(target), place);
                self.receive_readers(thread, false, target, place);
                self.leave(thread, CellId::Write(target), place);
                self.forget_readers(false, target);
            }
            Op::Fork => {
                self.add_thread(target);
                let clock = self.threads[thread as usize].clock.clone();
                join(&mut self.threads[target as usize].clock, &clock);
                self.threads[target as usize].idle_child_of = Some(thread);
            }
            Op::Join => {
                self.add_thread(target);
                let cell = Cell {
                    clock: self.threads[target as usize].clock.clone(),
                    place: Place { thread: target, ..place },
                    noted: Vec::new(),
                };
                if self.threads[target as usize].idle_child_of != Some(thread) {
                    self.receive_cell(thread, &cell, place);
                }
            }
            Op::Begin => self.begin(thread, place),
            Op::End => self.end(thread),
            _ => {}
        }
    }

    /// The trace ends: so do the regions still open, for cycles among them show only then.
    pub(super) fn finish(&mut self) {
        for thread in 0..self.threads.len() {
            if self.threads[thread].depth > 0 {
                self.threads[thread].depth = 1;
                self.end(thread as u32);
            }
        }
    }

    /// Has a clock for `thread`.
    fn add_thread(&mut self, thread: u32) {
        while self.threads.len() <= thread as usize {
            let mut clock = vec![0; self.threads.len() + 1];
            clock[self.threads.len()] = 1;
            self.threads.push(ThreadClock { clock, ..Default::default() });
        }
    }

    /// An outermost region begins.
    fn begin(&mut self, thread: u32, place: Place) {
        let state = &mut self.threads[thread as usize];
        state.depth += 1;
        if state.depth == 1 {
            state.clock[thread as usize] += 1;
            state.begin = state.clock[thread as usize];
            state.begin_place = place;
            state.reported = false;
            state.followers.clear();
            self.open.push((thread, state.begin));
        }
    }

    /// A region ends: who saw its beginning comes after all of it.
    fn end(&mut self, thread: u32) {
        let state = &mut self.threads[thread as usize];
        // A region that began before the first event seen here does not exist: the first event seen is a `begin`.
        state.depth = state.depth.saturating_sub(1);
        if state.depth > 0 {
            return;
        }
        let (clock, begin) = (state.clock.clone(), state.begin);
        let followers = std::mem::take(&mut state.followers);
        let mut broken = Vec::new();
        for (number, other) in self.threads.iter_mut().enumerate() {
            if number as u32 != thread && entry(&other.clock, thread) >= begin {
                if other.depth > 0 && entry(&clock, number as u32) >= other.begin {
                    broken.push((number as u32, other.received));
                }
                join(&mut other.clock, &clock);
            }
        }
        for (number, (closing, intruder)) in broken {
            self.report(number, intruder, closing);
        }
        self.open.retain(|&(open, _)| open != thread);
        for id in followers {
            let Some(cell) = self.cells.get_mut(&id) else { continue };
            if entry(&cell.clock, thread) >= begin {
                join(&mut cell.clock, &clock);
                follow(&mut self.threads, &self.open, id, cell);
            }
        }
    }

    /// An event of `thread` leaves its clock at a cell.
    fn leave(&mut self, thread: u32, id: CellId, place: Place) {
        let clock = &self.threads[thread as usize].clock;
        let cell = self.cells.entry(id).or_default();
        cell.clock.clone_from(clock);
        cell.place = place;
        if !self.open.is_empty() {
            follow(&mut self.threads, &self.open, id, cell);
        }
    }

    /// An event of `thread` comes after what a cell says.
    fn receive(&mut self, thread: u32, id: CellId, place: Place) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        if cell.place.thread != thread {
            let cell = std::mem::take(cell);
            self.receive_cell(thread, &cell, place);
            self.cells.insert(id, cell);
        }
    }

    /// As [`Regions::receive`], with the cell at hand.
    fn receive_cell(&mut self, thread: u32, cell: &Cell, place: Place) {
        let state = &mut self.threads[thread as usize];
        let closes = state.depth > 0 && entry(&cell.clock, thread) >= state.begin;
        join(&mut state.clock, &cell.clock);
        state.received = (place, cell.place);
        if closes {
            self.report(thread, cell.place, place);
        }
    }

    /// An exclusive event of `thread` comes after the readers of a lock or variable.
    fn receive_readers(&mut self, thread: u32, lock: bool, target: u32, place: Place) {
        let Some(readers) = self.readers.get_mut(&(lock, target)) else { return };
        let readers = std::mem::take(readers);
        for &reader in &readers {
            let id = if lock { CellId::Reader(target, reader) } else { CellId::Read(target, reader) };
            self.receive(thread, id, place);
        }
        self.readers.insert((lock, target), readers);
    }

    /// `thread` is among the readers of a lock or variable.
    fn add_reader(&mut self, lock: bool, target: u32, thread: u32) {
        let readers = self.readers.entry((lock, target)).or_default();
        if !readers.contains(&thread) {
            readers.push(thread);
        }
    }

    /// The exclusive event just left a clock that contains those of the readers.
    fn forget_readers(&mut self, lock: bool, target: u32) {
        if let Some(readers) = self.readers.get_mut(&(lock, target)) {
            for reader in readers.drain(..) {
                let id = if lock { CellId::Reader(target, reader) } else { CellId::Read(target, reader) };
                self.cells.remove(&id);
            }
        }
    }

    /// The open region of `thread` is not serialisable.
    fn report(&mut self, thread: u32, intruder: Place, closing: Place) {
        let state = &mut self.threads[thread as usize];
        if std::mem::replace(&mut state.reported, true) {
            return;
        }
        let begin = state.begin_place;
        if let Some(&number) = self.numbers.get(&(begin.location, closing.location)) {
            self.found[number].instances += 1;
        } else if self.found.len() >= MAX_REGIONS {
            self.dropped = true;
        } else {
            self.numbers.insert((begin.location, closing.location), self.found.len());
            self.found.push(Broken { begin, intruder, closing, instances: 1 });
        }
    }
}
