//! Naive twins of the relations: definitions written down, by rounds over all events and transitive closure.

use std::collections::HashMap;

use lockcheck_events::trace_event::{Event, Located, Op};

use super::SIZES;
use super::search::{Lines, Search, passes};

/// Pairs of conflicting accesses that a relation leaves unordered, by the transitive closure of its edges. With
/// `reads_from`, edges from a write to its reads are added, and the second access is judged before its own.
pub(super) fn unordered(events: &[Located], reads_from: bool) -> Lines {
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

/// Whether two accesses of one datum, plain or atomic, cannot change places.
fn conflicts(x: Event, y: Event) -> bool {
    let reads = |e: Event| matches!(e.op, Op::Read | Op::AtomicRead);
    let writes = |e: Event| matches!(e.op, Op::Write | Op::AtomicWrite | Op::AtomicUpdate);
    let data = |e: Event| reads(e) || writes(e);
    data(x) && data(y) && x.target == y.target && (writes(x) || writes(y))
}

/// Whether some region is not conflict-serialisable: a cycle in the graph of transactions.
pub(super) fn has_broken_region(events: &[Located]) -> bool {
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

/// All pairs of conflicting accesses of data by different threads.
pub(super) fn conflicting(events: &[Located]) -> impl Iterator<Item = (usize, usize)> {
    let pairs = (0..events.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs.filter(|&(a, b)| {
        let (x, y) = (events[a].event, events[b].event);
        let data = |e: Event| matches!(e.op, Op::Read | Op::Write);
        data(x) && data(y) && x.thread != y.thread && conflicts(x, y)
    })
}

/// The published test for an optimistic sync-reversal race, by rounds over all events: every section ends that can,
/// and the graph of what is left has no cycle.
pub(super) fn naive_reversal(search: &Search<'_>, ids: [usize; 2]) -> bool {
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

/// Whether the smallest sync-preserving closed set before two events contains neither, by rounds over all events.
pub(super) fn naive_tuple(search: &Search<'_>, ids: [usize; 2]) -> bool {
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
