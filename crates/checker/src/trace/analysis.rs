//! The pass over the events: dispatches each to whoever learns from it, and keeps what threads hold.

use lockcheck_events::trace_event::{Effect, Event, Located, Op, Rule, WellFormed};

use super::acquires::{Acquires, Kind, Want};
use super::atomicity::{Place, Regions};
use super::clocks::{Clocks, LockStamps, Stamp};
use super::findings::TraceFindings;
use super::history::{Dependencies, Edges, Sections};
use super::holds::{EMPTY, Hold, HoldSets, SetId};
use super::order::{LockOrder, joined_under_lock};
use super::races::{FoundRace, Races, Readers, Relations, Seen, Variable};
use super::reversal::EventLog;
use super::shapes::{Update, Updates};

/// What to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Lock-order cycles and sync-preserving deadlocks.
    pub deadlocks: bool,
    /// Races by happens-before.
    pub hb: bool,
    /// Races by schedulable happens-before.
    pub shb: bool,
    /// Sync-preserving races.
    pub syncp: bool,
    /// Races that reverse critical sections: all sync-preserving ones and more.
    pub osr: bool,
    /// Variables without a common lock.
    pub locksets: bool,
    /// Serialisability of declared regions, and broken updates.
    pub atomicity: bool,
    /// Whether to keep the history that predictions need, which follows the length of the trace. Without it memory
    /// does not, but all that [`Analysis::finish`] can say about cycles and sound races is in
    /// [`Analysis::needs_history`]: screen a long trace so, and read it again only if that is true.
    pub history: bool,
}

impl Default for Config {
    /// Everything.
    fn default() -> Self {
        Config {
            deadlocks: true,
            hb: true,
            shb: true,
            syncp: true,
            osr: true,
            locksets: true,
            atomicity: true,
            history: true,
        }
    }
}

impl Config {
    /// Whether happens-before runs: schedulable happens-before judges the pairs that it finds.
    fn happens_before(self) -> bool {
        self.hb || self.shb
    }

    /// Whether hold sets of accesses are intersected: a pair can only race if its variable has no common lock.
    fn intersects(self) -> bool {
        self.locksets || self.syncp || self.osr
    }

    /// Whether the closure runs at the end, and needs its history.
    pub(super) fn closure(self) -> bool {
        self.history && (self.deadlocks || self.syncp || self.osr || self.shb)
    }
}

/// An event that contradicts the rules of locks or threads. Nothing after it is analysed; what precedes it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The event.
    pub at: Located,
    /// The rule it breaks.
    pub rule: Rule,
    /// The line that set up the contradiction, 0 where there is none.
    pub since: u32,
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Located { event, line } = self.at;
        write!(f, "line {line}: {} by thread number {} breaks {:?}", event.op.word(), event.thread, self.rule)
    }
}

impl std::error::Error for Rejected {}

/// Events between two looks at what all threads know, at least.
const FLOOR_STEP: u32 = 64;

/// A lock that a thread holds now.
#[derive(Clone, Copy)]
pub(super) struct HeldNow {
    /// Lock and mode.
    pub(super) hold: Hold,
    /// Line of the acquisition.
    pub(super) line: u32,
    /// Its section, among those of the thread.
    section: u32,
    /// What the thread held before it.
    before: SetId,
    /// Whether a thread was forked under it.
    guards: bool,
}

/// A request that was not granted yet.
#[derive(Clone, Copy)]
pub(super) struct PendingRequest {
    /// The lock.
    pub(super) lock: u32,
    /// What the thread holds.
    pub(super) set: SetId,
    /// Where.
    pub(super) location: u32,
    /// Number among the events of the thread.
    pub(super) index: u32,
    /// Line.
    pub(super) line: u32,
}

/// What is known of a thread.
#[derive(Clone, Default)]
pub(super) struct ThreadState {
    /// Events so far.
    pub(super) index: u32,
    /// What it holds, outermost first.
    holds: Vec<HeldNow>,
    /// The same as a set.
    set: SetId,
    /// Locks that another thread (named second) has held since before this one was forked, and, once both are known,
    /// until after its end.
    pub(super) guards: Vec<(Hold, u32)>,
    /// Changes with every synchronisation.
    segment: u32,
    /// A `req` without its acquisition yet.
    request: Option<PendingRequest>,
    /// Waits for a notification: between `wait` and the next event.
    waiting: bool,
    /// Notifications that came meanwhile, in both clocks.
    wakeups: Vec<(Stamp, Stamp)>,
    /// Somebody joined it.
    joined: bool,
}

/// What threads left in an object for others: in happens-before and in schedulable happens-before, the last of each
/// thread.
#[derive(Default)]
struct Signals(LockStamps, LockStamps);

/// What carries a signal.
#[derive(Clone, Copy)]
enum Carrier {
    /// A condition, or anything else that threads wait for.
    Condition,
    /// An atomic.
    Atomic,
}

/// The analysis of one trace.
#[derive(Default)]
pub struct Analysis {
    /// What to look for.
    pub(super) config: Config,
    /// The rules of a trace.
    rules: WellFormed,
    /// By thread.
    pub(super) threads: Vec<ThreadState>,
    /// One more than the largest lock acquired.
    pub(super) locks: u32,
    /// By lock: what acquisitions come after, in happens-before and in schedulable happens-before.
    stamps: Vec<(LockStamps, LockStamps)>,
    /// Happens-before.
    hb: Clocks,
    /// Schedulable happens-before.
    shb: Clocks,
    /// Hold sets.
    pub(super) sets: HoldSets,
    /// Abstract acquires.
    pub(super) acquires: Acquires,
    /// Critical sections.
    pub(super) sections: Sections,
    /// Read-from, fork, join, wake-up.
    pub(super) depends: Edges,
    /// Thread order, fork, join.
    pub(super) forks: Dependencies,
    /// The events themselves, where sections may change places.
    pub(super) log: EventLog,
    /// Variables and races.
    pub(super) races: Races,
    /// Regions.
    pub(super) regions: Regions,
    /// Broken updates.
    pub(super) updates: Updates,
    /// By condition: threads that wait now.
    waiters: Vec<Vec<u32>>,
    /// By condition: what was left in it.
    signals: Vec<Signals>,
    /// By atomic: what its stores pass on.
    stores: Vec<Signals>,
    /// By thread: how many of its events come before whatever happens from here on, as far as that was looked into.
    floor: Vec<u32>,
    /// When to look into that again, in events.
    next_floor: u32,
    /// How many threads there are to be; `None` where nobody knows.
    expected: Option<u32>,
    /// Whether there were more, and their races may be missing.
    pub(super) surprised: bool,
    /// Events so far.
    pub(super) events: u32,
    /// Whether a read or write was seen.
    pub(super) data: bool,
}

impl Analysis {
    /// An analysis that looks for what `config` says.
    pub fn new(config: Config) -> Self {
        Analysis { config, ..Default::default() }
    }

    /// Says how many threads the trace has at most. Known from the beginning, it saves memory and time: accesses that
    /// all of them have come after need not be kept.
    pub fn expect_threads(&mut self, threads: Option<u32>) {
        self.expected = threads;
    }

    /// Whether there are more threads than was said, so that races of theirs may be missing.
    pub fn is_surprised(&self) -> bool {
        self.surprised
    }

    /// Looks which events of each thread all others have come after.
    #[cold]
    fn raise_floor(&mut self) {
        let threads = self.threads.len() as u32;
        self.next_floor = self.events.saturating_add(FLOOR_STEP.max(threads.saturating_mul(2 * threads)));
        if self.expected.is_none_or(|expected| threads < expected) || !self.config.happens_before() {
            return;
        }
        let live = (0..threads).filter(|&thread| !self.threads[thread as usize].joined);
        self.hb.floor(live, &mut self.floor);
        // What a thread does after this is known to those that it forks then only if they are forked after it.
        for (floor, state) in self.floor.iter_mut().zip(&self.threads) {
            *floor = (*floor).min(state.index);
        }
    }

    /// Takes the next event.
    #[inline]
    pub fn event(&mut self, located: &Located) -> Result<(), Rejected> {
        let (event, line) = (&located.event, located.line);
        let rejected = |(rule, since)| Rejected { at: *located, rule, since };
        self.rules.check_thread(event.thread, line).map_err(rejected)?;
        // What an event does cannot be foretold by the processor, so that it is looked at once, for the rules and for
        // the rest. Accesses and locks are nearly all events.
        match event.op {
            Op::Read | Op::Write => {
                let index = self.begin(event, line, Effect::None);
                self.access(event, index, line);
            }
            Op::Acquire | Op::SharedAcquire => {
                let effect = self.rules.check_op(event, line).map_err(rejected)?;
                let index = self.begin(event, line, effect);
                self.acquire(event, index, line, effect);
            }
            Op::Release | Op::SharedRelease => {
                let effect = self.rules.check_op(event, line).map_err(rejected)?;
                let index = self.begin(event, line, effect);
                self.release(event, index, effect);
            }
            _ => {
                let effect = self.rules.check_op(event, line).map_err(rejected)?;
                let index = self.begin(event, line, effect);
                self.rare(event, index, line);
            }
        }
        Ok(())
    }

    /// What every event that keeps the rules does; its number among those of its thread.
    #[inline(always)]
    fn begin(&mut self, event: &Event, line: u32, effect: Effect) -> u32 {
        self.events += 1;
        if self.events >= self.next_floor {
            self.raise_floor();
        }
        if event.thread as usize >= self.threads.len() {
            self.add_thread(event.thread);
        }
        let state = &mut self.threads[event.thread as usize];
        state.index += 1;
        let index = state.index;
        if state.waiting {
            self.wake(event.thread, index);
        }
        if self.config.osr && self.config.history {
            self.log.push(event, effect != Effect::Reentrant);
        }
        if self.config.atomicity {
            let set = self.threads[event.thread as usize].set;
            let op = event.op as u8;
            let Event { thread, location, .. } = *event;
            let place = Place { thread, index, line, location, op, set };
            self.regions.event(event, place, effect != Effect::Reentrant);
        }
        index
    }

    /// An event that is neither an access nor of a lock's.
    fn rare(&mut self, event: &Event, index: u32, line: u32) {
        match event.op {
            Op::Request => self.request(event, index, line),
            Op::Fork => self.fork(event, index),
            Op::Join => self.join(event, index, line),
            Op::Wait => self.wait(event),
            Op::Notify | Op::NotifyAll => self.notify(event, index),
            Op::Signal | Op::Before => self.signal(event, index, Carrier::Condition),
            Op::Await => self.receive(event, index, Carrier::Condition, false),
            Op::After => self.receive(event, index, Carrier::Condition, true),
            Op::AtomicRead | Op::AtomicWrite | Op::AtomicUpdate => self.atomic(event, index, line),
            Op::Fence => self.fence(event, index),
            Op::Begin | Op::End | Op::Branch => {}
            Op::Read | Op::Write => unreachable!("an access is not rare"),
            Op::Acquire | Op::SharedAcquire | Op::Release | Op::SharedRelease => {
                unreachable!("nor is what locks do")
            }
        }
    }

    /// A lock is asked for.
    fn request(&mut self, event: &Event, index: u32, line: u32) {
        let state = &mut self.threads[event.thread as usize];
        let (lock, location, set) = (event.target, event.location, state.set);
        state.request = Some(PendingRequest { lock, set, location, index, line });
    }

    /// The request with which `thread` ended, if it did, and whether it holds the lock already.
    pub(super) fn pending_request(&self, thread: u32) -> Option<(PendingRequest, bool)> {
        let state = &self.threads[thread as usize];
        let request = state.request.filter(|request| request.index == state.index)?;
        let held = state.holds.iter().any(|held| held.hold.lock() == request.lock);
        Some((request, held))
    }

    /// Of an analysis without history: whether one with history could say more. If not, its findings are complete.
    /// Once true because of a race or a cycle, it stays true.
    pub fn needs_history(&self) -> bool {
        let kinds = &self.acquires.kinds;
        let sound = |found: &FoundRace| super::races::sound(found.relations);
        let cycle = || {
            let asks = (0..self.threads.len() as u32).any(|t| self.pending_request(t).is_some());
            let joined = joined_under_lock(kinds, self.threads.len()).contains(&true);
            let order = || LockOrder::new(kinds, &self.sets, self.locks, self.threads.len());
            asks || joined || order().has_cycle()
        };
        (self.config.syncp || self.config.osr) && !self.races.hints.is_empty()
            || self.races.found.values().any(sound)
            || self.config.deadlocks && cycle()
    }

    /// Draws the conclusions that need the whole trace.
    pub fn finish(self) -> TraceFindings {
        super::judge::judge(self)
    }

    /// Has a place for `thread` everywhere.
    #[cold]
    fn add_thread(&mut self, thread: u32) {
        if self.threads.len() <= thread as usize {
            self.threads.resize(thread as usize + 1, ThreadState::default());
            let expected = self.expected.is_none_or(|expected| thread < expected);
            self.surprised |= !self.floor.is_empty() && !expected;
        }
        self.hb.add_thread(thread);
        self.shb.add_thread(thread);
        self.depends.add_thread(thread);
        self.forks.add_thread(thread);
        self.acquires.add_thread(thread);
        self.sections.add_thread(thread);
    }

    /// A lock is acquired.
    #[inline]
    fn acquire(&mut self, event: &Event, index: u32, line: u32, effect: Effect) {
        let thread = event.thread;
        let state = &mut self.threads[thread as usize];
        state.request = None;
        if effect == Effect::Reentrant {
            return;
        }
        state.segment += 1;
        let shared = event.op == Op::SharedAcquire;
        let hold = Hold::new(event.target, shared);
        self.locks = self.locks.max(event.target + 1);
        let (number, shape) = self.acquires.shape((hold, state.set, event.location), &mut self.sets);
        let closure = self.config.closure();
        if (self.config.deadlocks || closure) && shape.is_nested() {
            self.acquires.note(thread, number);
        }
        let section = if closure { self.sections.open(thread, number, index, line) } else { 0 };
        state.holds.push(HeldNow { hold, line, section, before: state.set, guards: false });
        state.set = shape.after;
        if self.config.happens_before() {
            if self.stamps.len() <= event.target as usize {
                self.stamps.resize_with(event.target as usize + 1, Default::default);
            }
            let stamps = &self.stamps[event.target as usize];
            stamps.0.acquire(&mut self.hb, thread, shared);
            if self.config.shb {
                stamps.1.acquire(&mut self.shb, thread, shared);
            }
        }
    }

    /// A lock is released.
    #[inline]
    fn release(&mut self, event: &Event, index: u32, effect: Effect) {
        if effect == Effect::Reentrant {
            return;
        }
        let thread = event.thread;
        let state = &mut self.threads[thread as usize];
        state.segment += 1;
        let shared = event.op == Op::SharedRelease;
        let at = state.holds.iter().rposition(|held| held.hold.lock() == event.target);
        let at = at.expect("the rules of a trace let only holders release");
        let held = state.holds.remove(at);
        if at == state.holds.len() {
            state.set = held.before;
        } else {
            state.set = EMPTY;
            for held in &mut state.holds {
                held.before = state.set;
                state.set = self.sets.with(state.set, held.hold);
            }
        }
        if self.config.closure() {
            self.sections.close(thread, held.section, index);
        }
        if held.guards {
            self.end_guard(held.hold, thread);
        }
        if self.config.happens_before() {
            let stamps = &mut self.stamps[event.target as usize];
            stamps.0.release(&mut self.hb, thread, index, shared);
            if self.config.shb {
                stamps.1.release(&mut self.shb, thread, index, shared);
            }
        }
    }

    /// `owner` releases a lock under which it had forked: it guards only those threads that have ended by now.
    fn end_guard(&mut self, hold: Hold, owner: u32) {
        for thread in 0..self.threads.len() {
            let state = &mut self.threads[thread];
            let over = state.joined && self.forks.knows(owner, thread as u32, state.index);
            if !over {
                state.guards.retain(|&guard| guard != (hold, owner));
            }
        }
    }

    /// A variable is read or written.
    #[inline]
    fn access(&mut self, event: &Event, index: u32, line: u32) {
        self.data = true;
        let (thread, variable) = (event.thread, event.target);
        let state = &self.threads[thread as usize];
        let write = event.op == Op::Write;
        let seen = Seen { thread, write, location: event.location, index, line, set: state.set };
        let segment = state.segment;
        self.races.add_variable(variable);
        let Variable { write: last, edges, readers, .. } = self.races.variables[variable as usize];
        let first = !last.is_some() && readers == Readers::None;
        if write && self.config.atomicity && last.is_some() && last.thread != thread {
            self.check_update(variable, &seen, last, readers);
        }
        let relations = Relations {
            hb: self.config.happens_before().then_some(&self.hb),
            shb: self.config.shb.then_some(&self.shb),
            record: self.config.happens_before() || self.config.atomicity,
            floor: &self.floor,
            newest: self.config.atomicity,
        };
        self.races.access(variable, &seen, &relations);
        if self.config.intersects() {
            self.races.intersect(variable, &seen, first, &mut self.sets);
        }
        if (self.config.syncp || self.config.osr) && self.config.history {
            self.races.remember(variable, &seen, segment);
        }
        if write {
            self.wrote(variable, thread, index);
        } else if last.is_some() && last.thread != thread {
            if self.config.shb {
                self.shb.receive(thread, last);
            }
            let source = (last.thread, last.index, edges);
            if self.config.closure() && self.depends.add_known(thread, index, source) {
                self.threads[thread as usize].segment = segment + 1;
            }
        }
    }

    /// A write is the last one from now on.
    #[inline]
    fn wrote(&mut self, variable: u32, thread: u32, index: u32) {
        let state = &mut self.races.variables[variable as usize];
        if self.config.shb {
            self.shb.restamp(&mut state.write, thread, index);
        } else {
            state.write = Stamp::bare(thread, index);
        }
        if self.config.closure() {
            state.edges = self.depends.count(thread);
        }
    }

    /// A thread writes a variable that another one wrote last: does that undo a write it has not seen?
    fn check_update(&mut self, variable: u32, write: &Seen, last: Stamp, readers: Readers) {
        let unread = match readers {
            Readers::None => true,
            Readers::One(thread, _) => thread != write.thread,
            Readers::Many => true,
        };
        if !unread {
            return;
        }
        let mine = self.races.records(variable).filter(|seen| seen.thread == write.thread);
        let Some(read) = mine.max_by_key(|seen| seen.index).filter(|seen| !seen.write) else {
            return;
        };
        let of_last = |seen: &Seen| seen.thread == last.thread && seen.index == last.index;
        let Some(intruder) = self.races.records(variable).find(of_last) else { return };
        if read.line > intruder.line || self.forks.knows(write.thread, last.thread, last.index) {
            return;
        }
        let (of_read, of_write) = (self.sets.get(read.set), self.sets.get(write.set));
        let common = |hold: &&Hold| of_write.iter().any(|other| other.lock() == hold.lock());
        let lock = of_read.iter().find(common).map(|hold| hold.lock());
        if let Some(lock) = lock {
            let holds = &self.threads[write.thread as usize].holds;
            let taken_again = holds.iter().any(|h| h.hold.lock() == lock && h.line > read.line);
            let held_by_intruder = self.sets.get(intruder.set).iter().any(|hold| hold.lock() == lock);
            if !taken_again || !held_by_intruder {
                return;
            }
        }
        self.updates.report(Update { variable, lock, read, intruder, write: *write, variables: Vec::new() });
    }

    /// A thread is started.
    fn fork(&mut self, event: &Event, index: u32) {
        let (thread, child) = (event.thread, event.target);
        self.add_thread(child);
        let state = &mut self.threads[thread as usize];
        state.segment += 1;
        state.holds.iter_mut().for_each(|held| held.guards = true);
        let mut guards: Vec<(Hold, u32)> = state.holds.iter().map(|h| (h.hold, thread)).collect();
        guards.extend(&state.guards);
        self.threads[child as usize].guards = guards;
        self.depends.add(child, 0, thread, index);
        self.forks.add(child, 0, thread, index);
        self.pass_clocks(thread, index, child);
    }

    /// A thread has ended.
    fn join(&mut self, event: &Event, index: u32, line: u32) {
        let (thread, child) = (event.thread, event.target);
        self.add_thread(child);
        // A thread without events still passes on that it was forked: its end counts as its first event.
        let last = self.threads[child as usize].index.max(1);
        self.threads[child as usize].joined = true;
        let state = &mut self.threads[thread as usize];
        state.segment += 1;
        if self.config.deadlocks {
            let (set, location) = (state.set, event.location);
            let kind = Kind { thread, want: Want::End(child), set, location };
            self.acquires.unfinished(kind, index, line);
        }
        self.depends.add(thread, index, child, last);
        self.forks.add(thread, index, child, last);
        self.pass_clocks(child, last, thread);
    }

    /// Everything up to event `index` of `from` comes before what `to` does next.
    fn pass_clocks(&mut self, from: u32, index: u32, to: u32) {
        for clocks in [&mut self.hb, &mut self.shb] {
            let mut stamp = clocks.stamp(from, index);
            clocks.receive(to, stamp);
            clocks.drop_stamp(&mut stamp);
        }
    }

    /// A thread begins to wait for a condition.
    fn wait(&mut self, event: &Event) {
        if self.waiters.len() <= event.target as usize {
            self.waiters.resize(event.target as usize + 1, Vec::new());
        }
        self.waiters[event.target as usize].push(event.thread);
        let state = &mut self.threads[event.thread as usize];
        state.segment += 1;
        state.waiting = true;
    }

    /// A condition is notified: whoever waits now may owe its wake-up to that.
    fn notify(&mut self, event: &Event, index: u32) {
        let thread = event.thread;
        self.signal(event, index, Carrier::Condition);
        let Some(waiters) = self.waiters.get(event.target as usize) else { return };
        for &waiter in waiters {
            let stamps = (self.hb.stamp(thread, index), self.shb.stamp(thread, index));
            self.threads[waiter as usize].wakeups.push(stamps);
        }
    }

    /// Something is left in an object: whoever receives from it later comes after this.
    fn signal(&mut self, event: &Event, index: u32, carrier: Carrier) {
        let (thread, at) = (event.thread, event.target as usize);
        self.threads[thread as usize].segment += 1;
        let all = match carrier {
            Carrier::Condition => &mut self.signals,
            Carrier::Atomic => &mut self.stores,
        };
        if all.len() <= at {
            all.resize_with(at + 1, Signals::default);
        }
        // As readers of a lock leave their mark: the last of each thread.
        all[at].0.release(&mut self.hb, thread, index, true);
        all[at].1.release(&mut self.shb, thread, index, true);
    }

    /// Something was received from an object: this comes after all that was left in it so far, in this run and in
    /// every run that is predicted; `certainly` also where only fork and join count.
    fn receive(&mut self, event: &Event, index: u32, carrier: Carrier, certainly: bool) {
        let (thread, at) = (event.thread, event.target as usize);
        let all = match carrier {
            Carrier::Condition => &self.signals,
            Carrier::Atomic => &self.stores,
        };
        let Some(Signals(hb, shb)) = all.get(at) else { return };
        self.threads[thread as usize].segment += 1;
        hb.acquire(&mut self.hb, thread, false);
        shb.acquire(&mut self.shb, thread, false);
        for (from, source) in hb.readers() {
            if from != thread {
                if self.config.closure() {
                    self.depends.add(thread, index, from, source);
                }
                if certainly {
                    self.forks.add(thread, index, from, source);
                }
            }
        }
    }

    /// An atomic is loaded, stored to or both. It orders threads whatever ordering was asked for, and never races.
    fn atomic(&mut self, event: &Event, index: u32, line: u32) {
        let (thread, variable) = (event.thread, event.target);
        let set = self.threads[thread as usize].set;
        let write = event.op != Op::AtomicRead;
        if event.op != Op::AtomicWrite {
            self.receive(event, index, Carrier::Atomic, false);
        }
        let seen = Seen { thread, write, location: event.location, index, line, set };
        self.races.add_variable(variable);
        let known = self.races.variables[variable as usize];
        let checked = self.config.atomicity && event.op == Op::AtomicWrite;
        if checked && known.write.is_some() && known.write.thread != thread {
            self.check_update(variable, &seen, known.write, known.readers);
        }
        let record = self.config.atomicity;
        let relations = Relations { hb: None, shb: None, record, floor: &self.floor, newest: true };
        self.races.access(variable, &seen, &relations);
        if write {
            self.wrote(variable, thread, index);
            self.signal(event, index, Carrier::Atomic);
        }
    }

    /// The thread comes after everything so far.
    #[cold]
    fn fence(&mut self, event: &Event, index: u32) {
        let thread = event.thread;
        self.threads[thread as usize].segment += 1;
        for from in 0..self.threads.len() as u32 {
            let last = self.threads[from as usize].index;
            if from != thread && last > 0 {
                // One that waits now has begun to; it was not woken yet, as it must be to go on from there. A witness
                // can always have it begin.
                let done = last - u32::from(self.threads[from as usize].waiting);
                if self.config.closure() && done > 0 {
                    self.depends.add(thread, index, from, done);
                }
                self.pass_clocks(from, last, thread);
            }
        }
    }

    /// A thread acts again after a wait: it comes after every notification since, for one of them woke it.
    #[cold]
    fn wake(&mut self, thread: u32, index: u32) {
        let state = &mut self.threads[thread as usize];
        state.waiting = false;
        let wakeups = std::mem::take(&mut state.wakeups);
        for waiters in &mut self.waiters {
            waiters.retain(|&waiter| waiter != thread);
        }
        for (mut hb, mut shb) in wakeups {
            if hb.thread != thread {
                // At the wait, not after it: to be about to get the lock back, a thread must have been woken.
                self.depends.add(thread, index - 1, hb.thread, hb.index);
            }
            self.hb.receive(thread, hb);
            self.shb.receive(thread, shb);
            self.hb.drop_stamp(&mut hb);
            self.shb.drop_stamp(&mut shb);
        }
    }
}
