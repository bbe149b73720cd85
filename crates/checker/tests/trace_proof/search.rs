//! Exhaustive search: every correct reordering of a small trace, and the races and deadlocks that come about in one.

use std::collections::{BTreeSet, HashMap, HashSet};

use lockcheck_events::trace_event::{Event, Located, Op};

use super::SIZES;

/// Sets of lines, each sorted.
pub(super) type Lines = BTreeSet<Vec<u32>>;

/// What exhaustive search finds.
#[derive(Default)]
pub(super) struct Reachable {
    /// Conflicting accesses about to happen at once.
    pub(super) races: Lines,
    /// Threads about to wait for each other.
    pub(super) deadlocks: Lines,
}

/// Exhaustive search over the correct reorderings of a trace.
pub(super) struct Search<'a> {
    /// The trace.
    pub(super) events: &'a [Located],
    /// By thread: its events, as places in `events`.
    pub(super) of_thread: Vec<Vec<usize>>,
    /// By event: the write that a read reads from.
    pub(super) writer: Vec<Option<usize>>,
    /// By event: the wait before it in its thread and the notifications between the two.
    pub(super) wakeups: Vec<Option<(usize, Vec<usize>)>>,
    /// By event: what it receives, all of which it comes after in every run.
    pub(super) received: Vec<Vec<usize>>,
    /// Whether to keep the order of sections that exclude each other.
    sync_preserving: bool,
}

/// A state: all that the future depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    /// By thread: events done.
    counts: Vec<usize>,
    /// By variable: the last write.
    last_write: Vec<Option<usize>>,
    /// By lock: the last acquisition of any mode and the last exclusive one, as places plus one.
    last_acquired: Vec<(usize, usize)>,
    /// By thread that waits: notifications since, sorted.
    woken: Vec<Vec<usize>>,
}

impl<'a> Search<'a> {
    /// Prepares a search.
    pub(super) fn new(events: &'a [Located], sync_preserving: bool) -> Self {
        let mut of_thread = vec![Vec::new(); SIZES.0 as usize];
        let (mut writer, mut wakeups) = (vec![None; events.len()], vec![None; events.len()]);
        let mut last_write = HashMap::new();
        let mut waits: Vec<Option<(usize, Vec<usize>)>> = vec![None; SIZES.0 as usize];
        for (at, Located { event, .. }) in events.iter().enumerate() {
            let thread = event.thread as usize;
            of_thread[thread].push(at);
            wakeups[at] = waits[thread].take();
            match event.op {
                Op::Read => writer[at] = last_write.get(&event.target).copied(),
                Op::Write => drop(last_write.insert(event.target, at)),
                Op::Wait => waits[thread] = Some((at, Vec::new())),
                Op::Notify | Op::NotifyAll => {
                    waits.iter_mut().flatten().for_each(|wait| wait.1.push(at));
                }
                _ => {}
            }
        }
        let received = (0..events.len())
            .map(|at| (0..at).filter(|&before| passes(events[before].event, events[at].event)).collect())
            .collect();
        Search { events, of_thread, writer, wakeups, received, sync_preserving }
    }

    /// Visits every state, and collects what shows there.
    pub(super) fn run(&self) -> Reachable {
        let mut found = Reachable::default();
        let start = State {
            counts: vec![0; SIZES.0 as usize],
            last_write: vec![None; SIZES.2 as usize],
            last_acquired: vec![(0, 0); SIZES.1 as usize],
            woken: vec![Vec::new(); SIZES.0 as usize],
        };
        let mut seen = HashSet::from([start.clone()]);
        let mut stack = vec![start];
        while let Some(state) = stack.pop() {
            self.collect(&state, &mut found);
            for thread in 0..SIZES.0 as usize {
                if let Some(next) = self.step(&state, thread)
                    && seen.insert(next.clone())
                {
                    stack.push(next);
                }
            }
        }
        found
    }

    /// The event that `thread` is about to do: it is started, woken and not at its end.
    fn next(&self, state: &State, thread: usize) -> Option<usize> {
        let at = *self.of_thread[thread].get(state.counts[thread])?;
        let fork =
            self.events.iter().position(|e| e.event.op == Op::Fork && e.event.target as usize == thread);
        if fork.is_some_and(|fork| !self.done(state, fork)) {
            return None;
        }
        let woken = self.wakeups[at]
            .as_ref()
            .is_none_or(|(_, notifications)| notifications.iter().all(|n| state.woken[thread].contains(n)));
        woken.then_some(at)
    }

    /// Whether an event is done.
    fn done(&self, state: &State, at: usize) -> bool {
        let thread = self.events[at].event.thread as usize;
        self.of_thread[thread][..state.counts[thread]].contains(&at)
    }

    /// The locks `thread` holds, with whether they are shared.
    fn holds(&self, state: &State, thread: usize) -> Vec<(u32, bool)> {
        let mut holds: Vec<(u32, bool)> = Vec::new();
        for &at in &self.of_thread[thread][..state.counts[thread]] {
            let Event { op, target, .. } = self.events[at].event;
            match op {
                Op::Acquire | Op::SharedAcquire => holds.push((target, op == Op::SharedAcquire)),
                Op::Release | Op::SharedRelease => holds.retain(|hold| hold.0 != target),
                _ => {}
            }
        }
        holds
    }

    /// Whether `thread` holds `lock` in a mode that excludes `shared`.
    fn excludes(&self, state: &State, thread: usize, lock: u32, shared: bool) -> bool {
        self.holds(state, thread).iter().any(|hold| hold.0 == lock && !(shared && hold.1))
    }

    /// The state after the next event of `thread`, if that can happen.
    fn step(&self, state: &State, thread: usize) -> Option<State> {
        let at = self.next(state, thread)?;
        let Event { op, target, .. } = self.events[at].event;
        if !self.received[at].iter().all(|&signal| self.done(state, signal)) {
            return None;
        }
        let mut next = state.clone();
        next.counts[thread] += 1;
        next.woken[thread].clear();
        match op {
            Op::Acquire | Op::SharedAcquire => {
                let shared = op == Op::SharedAcquire;
                let free = (0..SIZES.0 as usize)
                    .all(|other| other == thread || !self.excludes(state, other, target, shared));
                let last = &mut next.last_acquired[target as usize];
                let before = if shared { last.1 } else { last.0 };
                if !free || (self.sync_preserving && before > at) {
                    return None;
                }
                if self.sync_preserving {
                    last.0 = last.0.max(at + 1);
                    last.1 = if shared { last.1 } else { last.1.max(at + 1) };
                }
            }
            Op::Read if state.last_write[target as usize] != self.writer[at] => return None,
            Op::Write => next.last_write[target as usize] = Some(at),
            Op::Join if state.counts[target as usize] < self.of_thread[target as usize].len() => {
                return None;
            }
            Op::Join => {
                // A thread without events has still been started before it can have ended.
                let fork = |e: &Located| e.event.op == Op::Fork && e.event.target == target;
                let fork = self.events.iter().position(fork);
                if fork.is_some_and(|fork| fork < at && !self.done(state, fork)) {
                    return None;
                }
            }
            Op::Notify | Op::NotifyAll => {
                for waiter in 0..SIZES.0 as usize {
                    let last = state.counts[waiter].checked_sub(1);
                    let waits = last
                        .is_some_and(|last| self.events[self.of_thread[waiter][last]].event.op == Op::Wait);
                    if waits && waiter != thread {
                        next.woken[waiter].push(at);
                        next.woken[waiter].sort_unstable();
                    }
                }
            }
            _ => {}
        }
        Some(next)
    }

    /// What shows in one state.
    fn collect(&self, state: &State, found: &mut Reachable) {
        let next: Vec<Option<usize>> = (0..SIZES.0 as usize).map(|thread| self.next(state, thread)).collect();
        let line = |at: usize| self.events[at].line;
        for (a, b) in next.iter().flatten().flat_map(|a| next.iter().flatten().map(move |b| (*a, *b))) {
            let (x, y) = (self.events[a].event, self.events[b].event);
            let data = |e: Event| matches!(e.op, Op::Read | Op::Write);
            if a < b && data(x) && data(y) && x.target == y.target && (x.op, y.op) != (Op::Read, Op::Read) {
                found.races.insert(vec![line(a), line(b)]);
            }
        }
        for start in 0..next.len() {
            self.cycles(state, &next, &mut vec![start], found);
        }
    }

    /// Extends a path of threads, each waiting for the next, to the cycles that start with its smallest thread.
    fn cycles(&self, state: &State, next: &[Option<usize>], path: &mut Vec<usize>, found: &mut Reachable) {
        let thread = path[path.len() - 1];
        let Some(at) = next[thread] else { return };
        let Event { op, target, .. } = self.events[at].event;
        for other in 0..next.len() {
            let blocks = match op {
                Op::Acquire => other != thread && self.excludes(state, other, target, false),
                Op::SharedAcquire => other != thread && self.excludes(state, other, target, true),
                Op::Join => other == target as usize,
                _ => false,
            };
            if !blocks {
                continue;
            }
            if other == path[0] {
                let mut lines: Vec<u32> =
                    path.iter().map(|&t| self.events[next[t].expect("it waits")].line).collect();
                lines.sort_unstable();
                found.deadlocks.insert(lines);
            } else if other > path[0] && !path.contains(&other) {
                let wants = |t: usize| next[t].map(|at| self.events[at].event);
                let same = |t: &usize| match (wants(*t), wants(other)) {
                    (Some(a), Some(b)) => a.op != Op::Join && b.op != Op::Join && a.target == b.target,
                    _ => true,
                };
                if !path.iter().any(same) {
                    path.push(other);
                    self.cycles(state, next, path, found);
                    path.pop();
                }
            }
        }
    }
}

/// Whether `x` leaves something that the later `y` receives.
pub(super) fn passes(x: Event, y: Event) -> bool {
    let left = matches!(x.op, Op::Signal | Op::Before | Op::Notify | Op::NotifyAll);
    let taken = matches!(y.op, Op::Await | Op::After);
    let stored = matches!(x.op, Op::AtomicWrite | Op::AtomicUpdate);
    let loaded = matches!(y.op, Op::AtomicRead | Op::AtomicUpdate);
    y.op == Op::Fence || ((left && taken || stored && loaded) && x.target == y.target)
}
