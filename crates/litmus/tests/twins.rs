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
    for seed in 1..=2000 {
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
    assert!(compared > 1900, "{compared}");
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

/// S stores 1; T waits for U before it stores 2. That T may come first is only seen if the reduction knows that U can
/// end T's wait.
#[test]
fn whoever_can_end_a_wait_is_known() {
    let cases = [
        ("mutex m", "lock m", "lock m; yield; unlock m"),
        ("rlock m", "lock m", "lock m; lock m; unlock m; unlock m"),
        ("rwlock x", "read x", "write x; yield; unlock x"),
        ("rwlock x", "read x", "upgradable_read x; upgrade x; downgrade x; unlock x"),
        ("rwlock x", "read_recursive x", "write x; downgrade x"),
        ("rwlock x", "upgradable_read x", "upgradable_read x; yield; unlock x"),
        ("rwlock x", "write x", "read x; yield; unlock x"),
        ("rwlock x", "upgradable_read x; upgrade x", "read x; yield; unlock x"),
        ("semaphore s = 0", "acquire s", "release s"),
        ("semaphore s = 1 bounded", "acquire s", "acquire s; yield; release s"),
        ("event e", "wait e", "set e; clear e"),
        ("mutex m\ncondvar c", "lock m; wait c with m", "lock m; notify c; unlock m"),
        ("mutex m\ncondvar c", "lock m; wait c with m", "notify_all c"),
        ("barrier b = 2", "arrive b", "arrive b"),
        ("once o", "call_once o { }", "call_once o { yield }"),
        ("channel c = 0", "send c", "recv c"),
        ("channel c = 0", "recv c", "close c"),
        ("channel c = 1", "send c; send c", "recv c"),
        ("channel c = 1", "recv c", "send c"),
        ("queue q = 1", "get q", "put q"),
        ("queue q = 1", "put q; put q", "get q"),
        ("queue q = 1", "put q; join q", "task_done q"),
        ("", "join U", "yield"),
        ("", "join V", "spawn V\nthread V spawned: yield"),
        ("pool p = 1", "submit p { yield } as f; await f", "submit p { yield }"),
        (
            "mutex m",
            "try_lock m { store a = 2; unlock m } else { store a = 3 }; store a = 2",
            "lock m; unlock m",
        ),
    ];
    for (declarations, waits, ends) in cases {
        let text = format!(
            "{declarations}\natomic a\nthread S: store a = 1\nthread T: {waits}; store a = 2\nthread U: {ends}\n\
             finally a == 2\n"
        );
        let program = program(&text, 0);
        let (full, reduced) = (search(&program, &FULL), search(&program, &Limits { reduce: true, ..FULL }));
        assert!(full.assertion, "S can come last\n{text}");
        assert_eq!(essence(&reduced), essence(&full), "{text}");
    }
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
