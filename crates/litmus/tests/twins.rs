//! Random sketches: the reduced search must say what the full search says, and a printed sketch must read back.

mod random;

use lockcheck_litmus::{FindingKind, Limits, Program, Verdict, parse, predict, search, sequential};

const FULL: Limits = Limits { states: 30_000, bytes: 1 << 26, findings: 10, reduce: false };

fn program(text: &str, seed: u64) -> Program {
    parse("random", text.as_bytes()).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"))
}

/// Everything about a verdict that the reduction must keep.
fn essence(v: &Verdict) -> String {
    format!(
        "deadlock {} self {} lost {} race {} assertion {} misuse {} leak {} finish {} classes {:?}",
        v.deadlock,
        v.self_deadlock,
        v.lost_wakeup,
        v.race,
        v.assertion,
        v.misuse,
        v.leak,
        v.can_finish,
        v.classes
    )
}

/// The length of the shortest witness of each kind of finding.
fn shortest(v: &Verdict, kind: FindingKind) -> Option<usize> {
    v.findings.iter().filter(|f| f.kind == kind).map(|f| f.witness.len()).min()
}

#[test]
fn reduction_keeps_every_verdict() {
    let mut compared = 0;
    let mut flags = [0; 7];
    let (mut full_states, mut reduced_states) = (0, 0);
    for seed in 1..=3000 {
        let text = random::sketch(seed, 4);
        let program = program(&text, seed);
        let full = search(&program, &FULL);
        if !full.complete {
            continue;
        }
        let reduced = search(&program, &Limits { reduce: true, ..FULL });
        assert_eq!(essence(&reduced), essence(&full), "seed {seed}\n{text}");
        assert!(reduced.complete && reduced.states <= full.states, "seed {seed}\n{text}");
        let deadlock = |v: &Verdict| shortest(v, FindingKind::Deadlock);
        assert_eq!(
            deadlock(&reduced),
            deadlock(&full),
            "seed {seed}: equivalent runs are equally long\n{text}"
        );
        compared += 1;
        full_states += full.states;
        reduced_states += reduced.states;
        let v = &full;
        let set = [v.deadlock, v.self_deadlock, v.lost_wakeup, v.race, v.assertion, v.misuse, v.leak];
        set.iter().zip(&mut flags).for_each(|(set, count)| *count += usize::from(*set));
    }
    println!("{compared} sketches, states {full_states} full, {reduced_states} reduced, flags {flags:?}");
    assert!(compared > 2500, "{compared}");
    assert!(flags.iter().all(|&count| count > 50), "every flag occurs: {flags:?}");
    assert!(reduced_states * 5 < full_states * 4, "the reduction reduces: {reduced_states} of {full_states}");
}

/// States of the reduced and the full search.
fn states(text: &str) -> (usize, usize) {
    let program = program(text, 0);
    (search(&program, &Limits { reduce: true, ..FULL }).states, search(&program, &FULL).states)
}

#[test]
fn what_is_independent_is_run_once() {
    let text = "mutex a b c\nthread A: lock a; yield; unlock a\nthread B: lock b; yield; unlock b\n\
                thread C: lock c; yield; unlock c";
    assert_eq!(states(text), (10, 64), "nine steps one after the other");
    let text = "rwlock x\nthread R S T: read x; yield; unlock x";
    assert_eq!(states(text), (10, 64), "readers do not disturb each other");
    let text = "mutex m\nvar v\nthread A B: lock m; add v 1; unlock m; yield; yield";
    let (reduced, full) = states(text);
    assert!(reduced * 5 < full * 3, "{reduced} of {full}: what is held back does not count");
}

#[test]
fn what_is_printed_reads_back() {
    for seed in 1..=1500 {
        let text = random::sketch(seed, 8);
        let program = program(&text, seed);
        let printed = program.to_string();
        let again =
            parse("printed", printed.as_bytes()).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{printed}"));
        assert_eq!(again.tree(), program.tree(), "seed {seed}\n{text}");
        assert_eq!(again.to_string(), printed, "seed {seed}");
        assert_eq!(predict(&again).tier, predict(&program).tier, "seed {seed}\n{text}");
    }
}

#[test]
fn the_sequential_run_is_one_of_the_runs() {
    for seed in 1..=1000 {
        let text = random::sketch(seed, 4);
        let program = program(&text, seed);
        let all = search(&program, &Limits { reduce: true, ..FULL });
        let run = sequential(&program);
        if all.complete {
            let possible = if run.pending.is_empty() { all.can_finish } else { all.deadlock };
            assert!(possible, "seed {seed}: pending {:?}\n{text}", run.pending);
        }
        assert_eq!(predict(&program).run_finished, run.pending.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_search_that_stops_says_so() {
    let mut stopped = 0;
    for seed in 1..=300 {
        let text = random::sketch(seed, 6);
        let program = program(&text, seed);
        let few = search(&program, &Limits { states: 20, ..FULL });
        assert!(few.states <= 20, "seed {seed}");
        let all = search(&program, &FULL);
        assert_eq!(few.complete, all.states <= 20, "seed {seed}\n{text}");
        stopped += usize::from(!few.complete);
        let small = search(&program, &Limits { bytes: 2000, ..FULL });
        assert!(small.complete || small.states < 100, "seed {seed}");
        // What an incomplete search reports is true.
        for (some, every) in [(few.deadlock, all.deadlock), (few.race, all.race), (few.misuse, all.misuse)] {
            assert!(!some || every || !all.complete, "seed {seed}\n{text}");
        }
    }
    assert!(stopped > 100, "{stopped}");
}
