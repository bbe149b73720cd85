//! The predictors against exhaustive search: random small traces, every correct reordering of them, and naive twins of
//! every relation. What the closure finds must be exactly what exists, and nothing sound may ever be false.

mod naive;
mod search;

use std::collections::BTreeSet;

use lockcheck_checker::trace::{Analysis, Claim, Config, TraceFindings, TraceTier, verify_witness};
use lockcheck_events::trace_event::{Event, Located, Op, WellFormed};
use proptest::prelude::*;

use naive::{conflicting, has_broken_region, naive_reversal, naive_tuple, unordered};
use search::{Lines, Search};

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
