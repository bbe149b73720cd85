//! The exhaustive search finds exactly what there is to find: compared with a naive search that visits every state.

mod vm;

use std::collections::BTreeSet;

use lockcheck_explorer::{Exhaustive, RunEnd};
use vm::{Program, State, Step, abba, all_ends, philosophers, random_program, run};

/// A second or two. The first 40,000 agreed on 2026-11-22.
const PROGRAMS: u64 = 1500;

/// Ends, and how many runs it took.
fn ends(program: &Program, mut search: Exhaustive) -> (BTreeSet<State>, Exhaustive) {
    let mut found = BTreeSet::new();
    while let Some((state, how)) = run(program, &mut search) {
        if how != RunEnd::Abandoned {
            found.insert(state);
        }
    }
    (found, search)
}

#[test]
fn every_end_of_random_programs_is_found() {
    let mut interleavings = 0;
    let mut redundant = 0;
    for seed in 0..PROGRAMS {
        let program = random_program(seed, 3);
        let (found, search) = ends(&program, Exhaustive::new(1_000_000));
        let coverage = search.coverage();
        assert!(coverage.complete, "seed {seed}: {coverage:?}");
        assert_eq!(found, all_ends(&program), "seed {seed}: {program:?}");
        interleavings += coverage.interleavings;
        redundant += coverage.redundant;
    }
    assert!(redundant * 20 < interleavings, "{redundant} redundant runs to {interleavings} others");
}

#[test]
fn every_end_within_a_generous_bound_is_found() {
    for seed in 0..80 {
        let program = random_program(seed, 2);
        let (found, search) = ends(&program, Exhaustive::bounded(6, 1_000_000));
        assert!(search.coverage().complete);
        let all = all_ends(&program);
        assert!(found.is_subset(&all), "seed {seed}");
        if program.threads.iter().map(Vec::len).sum::<usize>() <= 8 {
            assert_eq!(found, all, "seed {seed}");
        }
    }
}

/// Interleavings, redundant runs, and how many of the ends are deadlocks.
fn count(program: &Program) -> (u64, u64, usize) {
    let (found, search) = ends(program, Exhaustive::new(10_000_000));
    let coverage = search.coverage();
    assert!(coverage.complete);
    let stuck = found.iter().filter(|state| state.is_stuck(program)).count();
    (coverage.interleavings, coverage.redundant, stuck)
}

#[test]
fn counts_on_known_programs() {
    assert_eq!(count(&abba(0)), (3, 0, 1));
    assert_eq!(count(&philosophers(3, false)), (7, 0, 1));
    assert_eq!(count(&philosophers(3, true)), (6, 0, 0));
    let writers = |n: u8| {
        let mut threads = vec![(1..=n).map(Step::Spawn).collect::<Vec<_>>()];
        threads.extend((0..n).map(|_| vec![Step::Add(0)]));
        Program { threads, permits: vec![] }
    };
    assert_eq!(count(&writers(4)), (24, 0, 0));
    let apart = Program {
        threads: vec![
            vec![Step::Spawn(1), Step::Lock(0), Step::Unlock(0)],
            vec![Step::Lock(1), Step::Unlock(1)],
        ],
        permits: vec![],
    };
    assert_eq!(count(&apart), (1, 0, 0));
}

#[test]
fn a_bound_leaves_out_what_needs_more() {
    let stuck = |bound| {
        let program = abba(0);
        let (found, search) = ends(&program, Exhaustive::bounded(bound, 1_000_000));
        assert!(search.coverage().complete);
        (found.iter().any(|state| state.is_stuck(&program)), search.coverage().to_string())
    };
    assert!(!stuck(0).0);
    let (found, words) = stuck(1);
    assert!(found, "{words}");
    assert!(words.ends_with(" interleavings with at most 1 preemption"), "{words}");
}
