//! The predictors against exhaustive search: random small traces, every correct reordering of them, and naive twins of
//! every relation. What the closure finds must be exactly what exists, and nothing sound may ever be false.

use std::collections::{BTreeSet, HashMap, HashSet};

use lockcheck_checker::trace::{Analysis, Claim, Config, TraceFindings, TraceTier, verify_witness};
use lockcheck_events::trace_event::{Event, Located, Op, WellFormed};
use proptest::prelude::*;

/// Threads, locks, variables and conditions of a random trace.
const SIZES: (u32, u32, u32) = (4, 3, 2);

/// A well-formed trace from arbitrary choices: each is an operation, a thread and a target, dropped if it is not
/// possible now. Locations are line numbers, so that every event is its own.
fn trace_of(choices: &[(u8, u8, u8)]) -> Vec<Located> {
    let mut rules = WellFormed::default();
    let mut events: Vec<Located> = Vec::new();
    for &(op, thread, target) in choices {
        let op = Op::ALL[op as usize];
        let thread = u32::from(thread) % SIZES.0;
        let target = match op {
            Op::Read | Op::Write => u32::from(target) % SIZES.2,
            Op::Fork | Op::Join => u32::from(target) % SIZES.0,
            Op::Begin | Op::End | Op::Branch | Op::Fence => 0,
            Op::Wait | Op::Notify | Op::NotifyAll => 0,
            Op::Signal | Op::Await | Op::Before | Op::After => u32::from(target) % 2,
            // Others than those that are read and written plainly.
            Op::AtomicRead | Op::AtomicWrite | Op::AtomicUpdate => SIZES.2 + u32::from(target) % 2,
            _ => u32::from(target) % SIZES.1,
        };
        let line = events.len() as u32 + 1;
        let event = Event { thread, target, location: line, op };
        let mut trial = rules.clone();
        if trial.check(&event, line).is_ok() && !upgrades(&events, &event) {
            rules = trial;
            events.push(Located { event, line });
        }
    }
    events
}

/// Whether the event acquires a lock again that its thread holds: allowed, but it makes the naive twins longer.
fn upgrades(events: &[Located], event: &Event) -> bool {
    let mut depth = 0;
    for Located { event: other, .. } in events {
        if other.thread == event.thread && other.target == event.target {
            match other.op {
                Op::Acquire | Op::SharedAcquire => depth += 1,
                Op::Release | Op::SharedRelease => depth -= 1,
                _ => {}
            }
        }
    }
    depth > 0 && matches!(event.op, Op::Acquire | Op::SharedAcquire)
}

/// The choices of a random trace; `ops` are the operations with their weights.
fn choices(ops: &'static [(u32, Op)], longest: usize) -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    let weighted: Vec<(u32, Just<u8>)> = ops.iter().map(|&(weight, op)| (weight, Just(op as u8))).collect();
    let op = prop::strategy::Union::new_weighted(weighted);
    prop::collection::vec((op, 0..4u8, 0..12u8), 4..longest)
}

/// What the analysis finds.
fn analyse(events: &[Located]) -> TraceFindings {
    let mut analysis = Analysis::new(Config::default());
    for located in events {
        analysis.event(located).expect("the generator makes well-formed traces");
    }
    analysis.finish()
}

/// Sets of lines, each sorted.
type Lines = BTreeSet<Vec<u32>>;

/// What exhaustive search finds.
#[derive(Default)]
struct Reachable {
    /// Conflicting accesses about to happen at once.
    races: Lines,
    /// Threads about to wait for each other.
    deadlocks: Lines,
}

/// Exhaustive search over the correct reorderings of a trace.
struct Search<'a> {
    /// The trace.
    events: &'a [Located],
    /// By thread: its events, as places in `events`.
    of_thread: Vec<Vec<usize>>,
    /// By event: the write that a read reads from.
    writer: Vec<Option<usize>>,
    /// By event: the wait before it in its thread and the notifications between the two.
    wakeups: Vec<Option<(usize, Vec<usize>)>>,
    /// By event: what it receives, all of which it comes after in every run.
    received: Vec<Vec<usize>>,
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
    fn new(events: &'a [Located], sync_preserving: bool) -> Self {
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
    fn run(&self) -> Reachable {
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

/// The lines of the predicted cycles.
fn predicted_cycles(findings: &TraceFindings) -> Lines {
    let cycles = findings.cycles.iter().filter(|cycle| cycle.tier == TraceTier::Predicted);
    cycles
        .map(|cycle| {
            let mut lines = cycle.lines();
            lines.sort_unstable();
            lines
        })
        .collect()
}

/// The lines of the races that `keep`.
fn races(findings: &TraceFindings, keep: impl Fn(&lockcheck_checker::trace::Race) -> bool) -> Lines {
    let kept = findings.races.iter().filter(|race| keep(race));
    kept.map(|race| vec![race.first.line, race.second.line]).collect()
}

/// Pairs of conflicting accesses that a relation leaves unordered, by the transitive closure of its edges. With
/// `reads_from`, edges from a write to its reads are added, and the second access is judged before its own.
fn unordered(events: &[Located], reads_from: bool) -> Lines {
    let n = events.len();
    let search = Search::new(events, false);
    let mut before = vec![vec![false; n]; n];
    let mut pairs = Lines::new();
    for b in 0..n {
        let y = events[b].event;
        let before_y = |&a: &usize| ordered(events[a].event, y) || passes(events[a].event, y);
        let mut direct: Vec<usize> = (0..b).filter(before_y).collect();
        if let Some((_, notifications)) = &search.wakeups[b] {
            direct.extend(notifications);
        }
        for &a in &direct {
            follow(&mut before, a, b);
        }
        for a in 0..b {
            let x = events[a].event;
            let data = |e: Event| matches!(e.op, Op::Read | Op::Write);
            let conflict = data(x) && data(y) && x.target == y.target && (x.op, y.op) != (Op::Read, Op::Read);
            if conflict && x.thread != y.thread && !before[b][a] {
                pairs.insert(vec![events[a].line, events[b].line]);
            }
        }
        if let Some(a) = search.writer[b].filter(|_| reads_from) {
            follow(&mut before, a, b);
        }
    }
    pairs
}

/// Everything before `a`, and `a` itself, is before `b`.
fn follow(before: &mut [Vec<bool>], a: usize, b: usize) {
    let mut row = before[a].clone();
    row[a] = true;
    before[b].iter_mut().zip(row).for_each(|(mine, theirs)| *mine |= theirs);
}

/// Whether happens-before has an edge from `x` to the later `y`.
fn ordered(x: Event, y: Event) -> bool {
    let releases = matches!(x.op, Op::Release | Op::SharedRelease);
    let acquires = matches!(y.op, Op::Acquire | Op::SharedAcquire);
    let shared = x.op == Op::SharedRelease && y.op == Op::SharedAcquire;
    x.thread == y.thread
        || (releases && acquires && x.target == y.target && !shared)
        || (x.op == Op::Fork && x.target == y.thread)
        || (x.op == Op::Fork && y.op == Op::Join && x.target == y.target)
        || (y.op == Op::Join && y.target == x.thread)
}

/// Whether `x` leaves something that the later `y` receives.
fn passes(x: Event, y: Event) -> bool {
    let left = matches!(x.op, Op::Signal | Op::Before | Op::Notify | Op::NotifyAll);
    let taken = matches!(y.op, Op::Await | Op::After);
    let stored = matches!(x.op, Op::AtomicWrite | Op::AtomicUpdate);
    let loaded = matches!(y.op, Op::AtomicRead | Op::AtomicUpdate);
    y.op == Op::Fence || ((left && taken || stored && loaded) && x.target == y.target)
}

/// Whether two accesses of one datum, plain or atomic, cannot change places.
fn conflicts(x: Event, y: Event) -> bool {
    let reads = |e: Event| matches!(e.op, Op::Read | Op::AtomicRead);
    let writes = |e: Event| matches!(e.op, Op::Write | Op::AtomicWrite | Op::AtomicUpdate);
    let data = |e: Event| reads(e) || writes(e);
    data(x) && data(y) && x.target == y.target && (writes(x) || writes(y))
}

/// Whether some region is not conflict-serialisable: a cycle in the graph of transactions.
fn has_broken_region(events: &[Located]) -> bool {
    let n = events.len();
    let mut transaction = Vec::new();
    let mut open: HashMap<u32, (u32, usize)> = HashMap::new();
    for (at, Located { event, .. }) in events.iter().enumerate() {
        let state = open.entry(event.thread).or_default();
        if event.op == Op::Begin {
            if state.0 == 0 {
                state.1 = at;
            }
            state.0 += 1;
        }
        transaction.push(if state.0 > 0 { state.1 } else { at });
        if event.op == Op::End {
            state.0 -= 1;
        }
    }
    let mut reach = vec![vec![false; n]; n];
    for b in 0..n {
        for a in 0..b {
            let (x, y) = (events[a].event, events[b].event);
            if transaction[a] != transaction[b] && (conflicts(x, y) || ordered(x, y)) {
                reach[transaction[a]][transaction[b]] = true;
            }
        }
    }
    for c in 0..n {
        for a in 0..n {
            for b in 0..n {
                reach[a][b] |= reach[a][c] && reach[c][b];
            }
        }
    }
    (0..n).any(|a| reach[a][a])
}

/// Every witness is a run, and shows what it claims.
fn check_witnesses(events: &[Located], findings: &TraceFindings) {
    let plain: Vec<Event> = events.iter().map(|located| located.event).collect();
    let threads = || plain.iter().map(|event| event.thread);
    let verify = |witness: &lockcheck_checker::trace::Witness, claim| {
        let steps = witness.steps(threads());
        if let Err(fault) = verify_witness(&plain, &steps, claim) {
            panic!("{fault}\n{claim:?}\n{steps:?}");
        }
    };
    for cycle in &findings.cycles {
        assert_eq!(cycle.witness.is_some(), cycle.tier == TraceTier::Predicted);
        if let Some(witness) = &cycle.witness {
            verify(witness, Claim::Cycle(cycle));
        }
    }
    for race in &findings.races {
        assert_eq!(race.witness.is_some(), race.tier == TraceTier::Predicted);
        if let Some(witness) = &race.witness {
            verify(witness, Claim::Race(race));
        }
    }
}

/// The trace as text.
fn show(events: &[Located]) -> String {
    let line =
        |e: &Located| format!("{} t{}|{}({})\n", e.line, e.event.thread, e.event.op.word(), e.event.target);
    events.iter().map(line).collect()
}

/// An analysis without history misses nothing, or says that it might.
fn check_screening(events: &[Located], findings: &TraceFindings) -> Result<(), TestCaseError> {
    let mut analysis = Analysis::new(Config { history: false, ..Config::default() });
    for located in events {
        analysis.event(located).expect("the generator makes well-formed traces");
    }
    if !analysis.needs_history() {
        let mut screened = analysis.finish();
        screened.stats = findings.stats;
        prop_assert_eq!(&screened, findings, "screening");
    }
    Ok(())
}

/// Races that may reverse critical sections: none that does not exist, all that the textbook finds, all that keep the
/// order of sections.
fn check_reversals(events: &[Located], preserving: &Lines, all: &Lines) -> Result<(), TestCaseError> {
    let config = Config { hb: false, shb: false, syncp: false, ..Config::default() };
    let mut analysis = Analysis::new(config);
    for located in events {
        analysis.event(located).expect("the generator makes well-formed traces");
    }
    let findings = analysis.finish();
    check_witnesses(events, &findings);
    let found = races(&findings, |race| race.relations.osr);
    prop_assert!(found.is_subset(all), "{:?} of {:?}", found, all);
    prop_assert!(preserving.is_subset(&found), "{:?} of {:?}", preserving, found);
    let search = Search::new(events, false);
    for (a, b) in conflicting(events) {
        let lines = vec![events[a].line, events[b].line];
        prop_assert!(
            !naive_reversal(&search, [a, b]) || found.contains(&lines),
            "{:?} of {:?}",
            lines,
            found
        );
    }
    Ok(())
}

/// All pairs of conflicting accesses of data by different threads.
fn conflicting(events: &[Located]) -> impl Iterator<Item = (usize, usize)> {
    let pairs = (0..events.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs.filter(|&(a, b)| {
        let (x, y) = (events[a].event, events[b].event);
        let data = |e: Event| matches!(e.op, Op::Read | Op::Write);
        data(x) && data(y) && x.thread != y.thread && conflicts(x, y)
    })
}

/// The published test for an optimistic sync-reversal race, by rounds over all events: every section ends that can,
/// and the graph of what is left has no cycle.
fn naive_reversal(search: &Search<'_>, ids: [usize; 2]) -> bool {
    let events = search.events;
    let place = |at: usize| {
        let thread = events[at].event.thread as usize;
        (thread, search.of_thread[thread].iter().position(|&other| other == at).expect("it is there"))
    };
    let acquires = |e: Event| matches!(e.op, Op::Acquire | Op::SharedAcquire);
    let release_of = |at: usize| {
        (at + 1..events.len()).find(|&other| {
            let (e, o) = (events[at].event, events[other].event);
            let releases = matches!(o.op, Op::Release | Op::SharedRelease);
            o.thread == e.thread && o.target == e.target && releases
        })
    };
    let mut counts = vec![0; SIZES.0 as usize];
    let inside = |counts: &[usize], at: usize| place(at).1 < counts[place(at).0];
    let fork_of =
        |thread: u32| events.iter().position(|e| e.event.op == Op::Fork && e.event.target == thread);
    let mut forced: Vec<usize> = ids.iter().filter_map(|&at| fork_of(events[at].event.thread)).collect();
    ids.iter().for_each(|&at| counts[place(at).0] = counts[place(at).0].max(place(at).1));
    loop {
        let before = counts.clone();
        for at in (0..events.len()).filter(|&at| inside(&before, at)) {
            let Event { thread, target, op, .. } = events[at].event;
            forced.extend(search.writer[at]);
            forced.extend(fork_of(thread));
            forced.extend(&search.received[at]);
            if op == Op::Join {
                forced.extend(&search.of_thread[target as usize]);
                forced.extend(fork_of(target).filter(|&fork| fork < at));
            }
            if op == Op::Wait {
                let next = search.of_thread[thread as usize].get(place(at).1 + 1);
                forced.extend(next.iter().flat_map(|&&next| search.wakeups[next].clone()).flat_map(|w| w.1));
            }
            if acquires(events[at].event) {
                let pinned =
                    |&release: &usize| ids.iter().any(|&id| place(id).0 == thread as usize && release > id);
                forced.extend(release_of(at).filter(|release| !pinned(release)));
            }
        }
        for at in forced.drain(..) {
            let (thread, number) = place(at);
            counts[thread] = counts[thread].max(number + 1);
        }
        if counts == before {
            break;
        }
    }
    let all: Vec<usize> = (0..events.len()).filter(|&at| inside(&counts, at)).collect();
    if ids.iter().any(|&at| inside(&counts, at)) {
        return false;
    }
    let open = |at: usize| acquires(events[at].event) && release_of(at).is_none_or(|r| !inside(&counts, r));
    let condition = |e: Event| matches!(e.op, Op::Wait | Op::Notify | Op::NotifyAll);
    let n = events.len();
    let mut reach = vec![vec![false; n]; n];
    for (&a, &b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))).filter(|(a, b)| a < b) {
        let (x, y) = (events[a].event, events[b].event);
        let shared = |e: Event| matches!(e.op, Op::SharedAcquire | Op::SharedRelease);
        let excludes = x.target == y.target && !(shared(x) && shared(y));
        if open(a) && open(b) && excludes && x.thread != y.thread {
            return false;
        }
        let of_lock = |e: Event| acquires(e) || matches!(e.op, Op::Release | Op::SharedRelease);
        let order = x.thread == y.thread || !(of_lock(x) && of_lock(y)) && ordered(x, y);
        let woken = search.wakeups[b].as_ref().is_some_and(|wakeup| wakeup.1.contains(&a));
        let section = of_lock(x) && !acquires(x) && acquires(y) && excludes;
        reach[a][b] |= order || conflicts(x, y) || passes(x, y) || woken || section;
        reach[a][b] |= condition(x) && condition(y);
        reach[b][a] |= open(a) && of_lock(y) && !acquires(y) && excludes && x.thread != y.thread;
    }
    for c in 0..n {
        for a in 0..n {
            for b in 0..n {
                reach[a][b] |= reach[a][c] && reach[c][b];
            }
        }
    }
    (0..n).all(|a| !reach[a][a])
}

/// Checks a trace whose locations are its lines; gives its races by reversal, and those by the other sound relations.
fn by_reversal_and_else(events: &[(u32, Op, u32)]) -> (Lines, Lines) {
    let located = events.iter().zip(1..).map(|(&(thread, op, target), line)| Located {
        event: Event { thread, op, target, location: line },
        line,
    });
    let located: Vec<Located> = located.collect();
    check(&located).unwrap();
    let found = analyse(&located);
    (
        races(&found, |race| race.relations.osr),
        races(&found, |race| race.relations.syncp || race.relations.shb),
    )
}

/// A race that only a reversal of critical sections shows, and twins that are none: the same without the reversal
/// being possible.
#[test]
fn what_only_a_reversal_shows() {
    use Op::{Acquire as A, Read as R, Release as L, Write as W};
    let of = by_reversal_and_else;
    let none = Lines::new();
    // Thread 0 writes in its section of lock 0; thread 1 reads after its own, which the trace has behind it.
    let reversed = [(0, A, 0), (0, W, 0), (0, L, 0), (1, A, 0), (1, L, 0), (1, R, 0)];
    assert_eq!(of(&reversed), (BTreeSet::from([vec![2, 6]]), none.clone()));
    // The section of thread 1 reads what that of thread 0 wrote before: it cannot come first.
    let read = [(0, A, 0), (0, W, 1), (0, W, 0), (0, L, 0), (1, A, 0), (1, R, 1), (1, L, 0), (1, R, 0)];
    assert_eq!(of(&read), (none.clone(), none.clone()));
    // It writes what the section of thread 0 read: that had to read the older value.
    let wrote = [(0, A, 0), (0, R, 1), (0, W, 0), (0, L, 0), (1, A, 0), (1, W, 1), (1, L, 0), (1, R, 0)];
    assert_eq!(of(&wrote), (none.clone(), none.clone()));
    // Both accesses in sections of the lock.
    let locked = [(0, A, 0), (0, W, 0), (0, L, 0), (1, A, 0), (1, R, 0), (1, L, 0)];
    assert_eq!(of(&locked), (none.clone(), none));
}

/// Receiving without anything having been left is no order: it was taken for one with whatever else happened to the
/// object before or after.
#[test]
fn an_await_does_not_forbid_a_reversal() {
    use Op::{Acquire as A, Await, Read as R, Release as L, Signal, Wait, Write as W};
    let (one, other, reader) = (1, 2, 0);
    for (first, second) in [(Await, Wait), (Await, Signal), (Signal, Signal)] {
        let trace = [
            (other, A, 1),
            (other, first, 0),
            (other, R, 1),
            (one, second, 0),
            (other, L, 1),
            (one, A, 1),
            (one, W, 1),
            (one, L, 1),
            (reader, R, 1),
            (reader, W, 1),
        ];
        let (reversed, _) = by_reversal_and_else(&trace);
        assert!(reversed.contains(&vec![3, 10]), "{first:?} and {second:?}: {reversed:?}");
    }
}

/// Everything about one trace, which a failure shows.
fn check(events: &[Located]) -> Result<(), TestCaseError> {
    let verdict = std::panic::catch_unwind(|| check_silently(events));
    let verdict = verdict.unwrap_or_else(|_| Err(TestCaseError::fail("a panic")));
    verdict.map_err(|error| TestCaseError::fail(format!("{error}\n{}", show(events))))
}

/// As [`check`], without the trace.
fn check_silently(events: &[Located]) -> Result<(), TestCaseError> {
    let findings = analyse(events);
    check_witnesses(events, &findings);
    let preserving = Search::new(events, true).run();
    prop_assert_eq!(predicted_cycles(&findings), preserving.deadlocks, "sync-preserving deadlocks");
    prop_assert_eq!(
        races(&findings, |race| race.relations.syncp),
        preserving.races.clone(),
        "sync-preserving races"
    );
    prop_assert_eq!(races(&findings, |r| r.relations.hb), unordered(events, false), "hb");
    prop_assert_eq!(races(&findings, |r| r.relations.shb), unordered(events, true), "shb");
    let all = Search::new(events, false).run();
    prop_assert!(races(&findings, |r| r.tier == TraceTier::Predicted).is_subset(&all.races));
    prop_assert!(races(&findings, |r| r.relations.shb).is_subset(&preserving.races));
    prop_assert_eq!(!findings.broken_regions.is_empty(), has_broken_region(events), "regions");
    check_reversals(events, &preserving.races, &all.races)?;
    check_screening(events, &findings)?;
    prop_assert_eq!(findings, analyse(events), "determinism");
    Ok(())
}

/// Locks and data.
const PLAIN: &[(u32, Op)] =
    &[(6, Op::Acquire), (6, Op::Release), (3, Op::Read), (3, Op::Write), (1, Op::Request)];

/// Locks alone, for deep nesting and long cycles.
const LOCKS: &[(u32, Op)] = &[(6, Op::Acquire), (3, Op::Release)];

/// Everything.
const MIXED: &[(u32, Op)] = &[
    (6, Op::Acquire),
    (6, Op::Release),
    (3, Op::SharedAcquire),
    (3, Op::SharedRelease),
    (4, Op::Read),
    (4, Op::Write),
    (2, Op::Fork),
    (1, Op::Join),
    (2, Op::Begin),
    (1, Op::End),
    (1, Op::Wait),
    (1, Op::Notify),
    (1, Op::NotifyAll),
];

/// What threads leave for each other, besides locks and data.
const SIGNALS: &[(u32, Op)] = &[
    (5, Op::Acquire),
    (5, Op::Release),
    (3, Op::Read),
    (4, Op::Write),
    (1, Op::Begin),
    (1, Op::End),
    (1, Op::Wait),
    (1, Op::Notify),
    (2, Op::Signal),
    (2, Op::Await),
    (1, Op::Before),
    (1, Op::After),
    (1, Op::AtomicRead),
    (1, Op::AtomicWrite),
    (1, Op::AtomicUpdate),
    (1, Op::Fence),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn locks_and_data(choices in choices(PLAIN, 40)) {
        check(&without_requests(&trace_of(&choices)))?;
    }

    #[test]
    fn locks_alone(choices in choices(LOCKS, 40)) {
        check(&trace_of(&choices))?;
    }

    #[test]
    fn signals(choices in choices(SIGNALS, 40)) {
        check(&trace_of(&choices))?;
    }

    #[test]
    fn everything(choices in choices(MIXED, 45)) {
        check(&trace_of(&choices))?;
    }
}

/// A fence comes after the beginning of a wait, not after the notification that ends it: the race after it is one.
#[test]
fn a_fence_does_not_wait_for_those_who_wait() {
    let op = |thread, op, target| (thread, op, target);
    let events = [
        op(0, Op::Wait, 0),
        op(1, Op::Fence, 0),
        op(1, Op::Write, 1),
        op(2, Op::Read, 1),
        op(1, Op::Notify, 0),
        op(0, Op::Wait, 0),
    ];
    let located = events.iter().zip(1..).map(|(&(thread, op, target), line)| Located {
        event: Event { thread, op, target, location: line },
        line,
    });
    check(&located.collect::<Vec<_>>()).unwrap();
}

/// Drops requests that no acquisition of the thread follows, which the naive search does not know, and renumbers.
fn without_requests(events: &[Located]) -> Vec<Located> {
    let later = |at: usize, thread: u32| {
        let mut rest = events[at + 1..].iter().filter(|e| e.event.thread == thread);
        rest.any(|e| e.event.op != Op::Request)
    };
    let keep = |(at, e): &(usize, &Located)| e.event.op != Op::Request || later(*at, e.event.thread);
    let kept = events.iter().enumerate().filter(keep);
    kept.zip(1..).map(|((_, e), line)| Located { event: Event { location: line, ..e.event }, line }).collect()
}

/// The trace with few locations, so that each stands for many events.
fn with_locations(events: &[Located], locations: u32) -> Vec<Located> {
    let few = |e: &Located| Located { event: Event { location: e.line % locations, ..e.event }, ..*e };
    events.iter().map(few).collect()
}

/// Location and operation of both sides of a race, sorted.
type Key = [(u32, Op); 2];

/// Pairs of lines as keys.
fn keys(events: &[Located], pairs: &Lines) -> BTreeSet<Key> {
    let side = |line: u32| {
        let event = events[line as usize - 1].event;
        (event.location, event.op)
    };
    pairs
        .iter()
        .map(|pair| {
            let mut key = [side(pair[0]), side(pair[1])];
            key.sort_unstable();
            key
        })
        .collect()
}

/// The keys of the races that `keep`.
fn race_keys(
    events: &[Located],
    findings: &TraceFindings,
    keep: impl Fn(&lockcheck_checker::trace::Race) -> bool,
) -> BTreeSet<Key> {
    keys(events, &races(findings, keep))
}

/// Whether the smallest sync-preserving closed set before two events contains neither, by rounds over all events.
fn naive_tuple(search: &Search<'_>, ids: [usize; 2]) -> bool {
    let events = search.events;
    let mut counts = vec![0; SIZES.0 as usize];
    let place = |at: usize| {
        let thread = events[at].event.thread as usize;
        (thread, search.of_thread[thread].iter().position(|&other| other == at).expect("it is there"))
    };
    let raise = |counts: &mut Vec<usize>, at: usize| {
        let (thread, number) = place(at);
        counts[thread] = counts[thread].max(number + 1);
    };
    let position = |wanted: Event| {
        events.iter().position(|e| e.event.op == wanted.op && e.event.target == wanted.target)
    };
    for at in ids {
        let (thread, number) = place(at);
        counts[thread] = counts[thread].max(number);
        let fork = Event { thread: 0, target: thread as u32, location: 0, op: Op::Fork };
        position(fork).into_iter().for_each(|fork| raise(&mut counts, fork));
    }
    loop {
        let before = counts.clone();
        let inside = |counts: &[usize], at: usize| place(at).1 < counts[place(at).0];
        for at in (0..events.len()).filter(|&at| inside(&before, at)) {
            let Event { thread, target, op, .. } = events[at].event;
            search.writer[at].into_iter().for_each(|writer| raise(&mut counts, writer));
            let fork = Event { thread: 0, target: thread, location: 0, op: Op::Fork };
            position(fork).into_iter().for_each(|fork| raise(&mut counts, fork));
            if op == Op::Join {
                search.of_thread[target as usize].iter().for_each(|&other| raise(&mut counts, other));
                let fork = Event { thread: 0, target, location: 0, op: Op::Fork };
                position(fork).into_iter().for_each(|fork| raise(&mut counts, fork));
            }
            let acquires = |e: Event| matches!(e.op, Op::Acquire | Op::SharedAcquire);
            let later = (at + 1..events.len()).any(|other| {
                let o = events[other].event;
                inside(&before, other)
                    && acquires(o)
                    && o.target == target
                    && (o.op, op) != (Op::SharedAcquire, Op::SharedAcquire)
            });
            if acquires(events[at].event) && later {
                let release = (at + 1..events.len()).find(|&other| {
                    let o = events[other].event;
                    let releases = matches!(o.op, Op::Release | Op::SharedRelease);
                    o.thread == thread && o.target == target && releases
                });
                raise(&mut counts, release.expect("a later section excludes it"));
            }
        }
        if counts == before {
            return ids.iter().all(|&at| !inside(&counts, at));
        }
    }
}

/// Locks, data, forks and joins.
const LONG: &[(u32, Op)] = &[
    (6, Op::Acquire),
    (6, Op::Release),
    (2, Op::SharedAcquire),
    (2, Op::SharedRelease),
    (6, Op::Read),
    (5, Op::Write),
    (1, Op::Fork),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Long enough for variables with logs and threads with full clocks.
    #[test]
    fn every_racing_pair_of_locations(choices in choices(LONG, 500)) {
        let lines = trace_of(&choices);
        let events = with_locations(&lines, 9);
        let findings = analyse(&events);
        check_witnesses(&events, &findings);
        let mut told = Analysis::new(Config::default());
        let threads = events.iter().map(|e| e.event.thread.max(if e.event.op == Op::Fork { e.event.target } else { 0 }));
        told.expect_threads(threads.max().map(|last| last + 1));
        events.iter().for_each(|located| told.event(located).expect("the generator makes well-formed traces"));
        // Of equal pairs another one may stand for all.
        let told = told.finish();
        prop_assert_eq!(race_keys(&events, &told, |r| r.relations.hb), race_keys(&events, &findings, |r| r.relations.hb));
        prop_assert_eq!(race_keys(&events, &told, |r| r.relations.shb), race_keys(&events, &findings, |r| r.relations.shb));
        prop_assert_eq!((&told.lost_updates, &told.stale_updates), (&findings.lost_updates, &findings.stale_updates));
        check_witnesses(&events, &told);
        let hb = keys(&events, &unordered(&events, false));
        let shb = keys(&events, &unordered(&events, true));
        prop_assert_eq!(race_keys(&events, &findings, |race| race.relations.hb), hb);
        prop_assert_eq!(race_keys(&events, &findings, |race| race.relations.shb), shb);
    }

    #[test]
    fn every_sync_preserving_pair_of_locations(choices in choices(LONG, 110)) {
        let events = with_locations(&trace_of(&choices), 5);
        let search = Search::new(&events, true);
        let mut pairs = Lines::new();
        for b in 0..events.len() {
            for a in 0..b {
                let (x, y) = (events[a].event, events[b].event);
                let data = |e: Event| matches!(e.op, Op::Read | Op::Write);
                let conflict = data(x) && data(y) && x.target == y.target && (x.op, y.op) != (Op::Read, Op::Read);
                if conflict && x.thread != y.thread && naive_tuple(&search, [a, b]) {
                    pairs.insert(vec![events[a].line, events[b].line]);
                }
            }
        }
        let found = race_keys(&events, &analyse(&events), |race| race.relations.syncp);
        prop_assert_eq!(found, keys(&events, &pairs));
    }
}
