//! Predictions are confirmed in a run or two, refuted with a reason, or left open; what was found is made short.

mod vm;

use lockcheck_explorer::{
    Constraints, Directed, Generator, Outcome, Point, Random, Recording, Replay, RunEnd, Schedule, Side,
    Strategy, ThreadPath, shrink,
};
use vm::{Program, Step, abba, all_ends, philosophers, run};

fn side(path: &[u32], holds: &[u32], request: u32) -> Side {
    Side { thread: ThreadPath(path.to_vec()), holds: holds.to_vec(), request }
}

/// What came of it, after how many runs, and the last run's schedule.
fn drive(program: &Program, sides: &[Side]) -> (Outcome, u32, Schedule) {
    let mut strategy = Recording::new(Directed::new(Constraints::of_cycle(sides), 100));
    let mut runs = 0;
    while run(program, &mut strategy).is_some() {
        runs += 1;
        if *strategy.strategy().outcome() == Outcome::Other {
            strategy.strategy_mut().go_on();
        }
    }
    let (directed, schedule) = strategy.into_parts();
    (directed.outcome().clone(), runs, schedule)
}

#[test]
fn a_hundred_sections_apart_is_reached_at_once() {
    let mut program = abba(0);
    for section in 0..100 {
        program.threads[1].extend([Step::Lock(2 + section % 2), Step::Unlock(2 + section % 2)]);
        program.threads[2].splice(0..0, [Step::Lock(4), Step::Unlock(4)]);
    }
    let (outcome, runs, schedule) = drive(&program, &[side(&[0], &[0], 1), side(&[1], &[200], 201)]);
    assert_eq!((outcome, runs), (Outcome::Reached, 1));
    assert_eq!(schedule.to_string(), "b1:1.1>2");
    let mut random = Random::new(1, 5000);
    while let Some((_, how)) = run(&program, &mut random) {
        assert_eq!(how, RunEnd::Finished, "or else this test shows nothing");
    }
}

/// Locks by which both sides pass: one gate over all, or none.
fn gated(gate_on_both: bool) -> Program {
    let side = |first: u8, second: u8, gate: bool| {
        let mut steps =
            vec![Step::Lock(first), Step::Lock(second), Step::Unlock(second), Step::Unlock(first)];
        if gate {
            steps.insert(0, Step::Lock(2));
            steps.push(Step::Unlock(2));
        }
        steps
    };
    let main = vec![Step::Spawn(1), Step::Spawn(2), Step::Join(1), Step::Join(2)];
    Program { threads: vec![main, side(0, 1, true), side(1, 0, gate_on_both)], permits: vec![] }
}

#[test]
fn a_gate_refutes_and_is_named() {
    let (outcome, runs, _) = drive(&gated(true), &[side(&[0], &[0, 1], 2), side(&[1], &[0, 1], 2)]);
    let Outcome::Refuted(obstacle) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        obstacle.to_string(),
        "thread 2 cannot do its operation 0 while thread 1 has what it took by its operation 0, so /1.1 does not come \
         before /0.2"
    );
    assert!(runs <= 4, "{runs}");
    let (outcome, ..) = drive(&gated(false), &[side(&[0], &[1], 2), side(&[1], &[0], 1)]);
    assert_eq!(outcome, Outcome::Reached);
}

#[test]
fn an_order_by_join_refutes() {
    let mut program = abba(0);
    program.threads[0] = vec![Step::Spawn(1), Step::Join(1), Step::Spawn(2), Step::Join(2)];
    let (outcome, ..) = drive(&program, &[side(&[0], &[0], 1), side(&[1], &[0], 1)]);
    let Outcome::Refuted(obstacle) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        obstacle.to_string(),
        "thread 0 cannot do its operation 1 yet, so /1.0 does not come before /0.1"
    );
}

/// The second lock is free only if the third thread has not come by: the first order that is tried does not work.
#[test]
fn another_order_of_a_lock_in_between_is_tried() {
    let first =
        vec![Step::Lock(2), Step::Lock(0), Step::Lock(1), Step::Unlock(1), Step::Unlock(0), Step::Unlock(2)];
    let second =
        vec![Step::Lock(2), Step::Unlock(2), Step::Lock(1), Step::Lock(0), Step::Unlock(0), Step::Unlock(1)];
    let main = vec![Step::Spawn(1), Step::Spawn(2), Step::Join(1), Step::Join(2)];
    let program = Program { threads: vec![main, first, second], permits: vec![] };
    let (outcome, runs, _) = drive(&program, &[side(&[0], &[0, 1], 2), side(&[1], &[2], 3)]);
    assert_eq!((outcome, runs), (Outcome::Reached, 2));
}

#[test]
fn another_program_diverges() {
    let (outcome, ..) = drive(&abba(0), &[side(&[0], &[40], 41), side(&[1], &[40], 41)]);
    assert_eq!(outcome, Outcome::Diverged(Point { thread: ThreadPath(vec![0]), index: 40 }));
    let (outcome, ..) = drive(&philosophers(2, true), &[side(&[0], &[0], 1), side(&[7], &[0], 1)]);
    assert_eq!(outcome, Outcome::Diverged(Point { thread: ThreadPath(vec![7]), index: 1 }));
}

#[test]
fn who_waits_for_a_signal_refutes_nothing() {
    let waiter = vec![Step::Acquire(0), Step::Lock(0), Step::Lock(1)];
    let other = vec![Step::Lock(1), Step::Lock(0), Step::Unlock(0), Step::Unlock(1), Step::Release(0)];
    let main = vec![Step::Spawn(1), Step::Spawn(2)];
    let program = Program { threads: vec![main, waiter, other], permits: vec![0] };
    let (outcome, ..) = drive(&program, &[side(&[0], &[1], 2), side(&[1], &[0], 1)]);
    assert_eq!(outcome, Outcome::Unknown);
}

/// Random critical sections of threads that are sometimes joined between.
fn random_sections(seed: u64) -> Program {
    let mut random = Generator::new(seed);
    let threads = 2 + random.below(2) as u8;
    let mut main: Vec<Step> = Vec::new();
    for t in 1..=threads {
        main.push(Step::Spawn(t));
        if random.one_in(6) {
            main.push(Step::Join(t));
        }
    }
    main.extend((1..=threads).map(Step::Join));
    let mut program = Program { threads: vec![main], permits: vec![] };
    for _ in 0..threads {
        let mut steps = Vec::new();
        for _ in 0..1 + random.below(2) {
            let mut open = Vec::new();
            for _ in 0..1 + random.below(3) {
                let lock = random.below(4) as u8;
                if !open.contains(&lock) {
                    steps.push(Step::Lock(lock));
                    open.push(lock);
                }
            }
            steps.extend(open.into_iter().rev().map(Step::Unlock));
        }
        program.threads.push(steps);
    }
    program
}

/// Locks with the indices of their acquisitions.
type Holds = Vec<(u8, u32)>;

/// The requests of a thread that are made under a lock: index, wanted, the holds with their indices.
fn requests(steps: &[Step]) -> Vec<(u32, u8, Holds)> {
    let mut held = Holds::new();
    let mut requests = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match *step {
            Step::Lock(lock) => {
                if !held.is_empty() {
                    requests.push((index as u32, lock, held.clone()));
                }
                held.push((lock, index as u32));
            }
            Step::Unlock(lock) => held.retain(|(other, _)| *other != lock),
            _ => {}
        }
    }
    requests
}

/// Every inversion of two threads of random programs, gated ones and ordered ones too: what is refuted never happens, and
/// what can happen is reached, most of it at once.
#[test]
fn verdicts_agree_with_a_search_of_all_states() {
    let (mut reached, mut refuted, mut missed, mut runs_to_reach) = (0, 0, 0, 0);
    for seed in 0..2500 {
        let program = random_sections(seed);
        let ends = all_ends(&program);
        for (one, two) in [(1usize, 2usize), (1, 3), (2, 3)] {
            let (Some(mine), Some(theirs)) = (program.threads.get(one), program.threads.get(two)) else {
                continue;
            };
            for (at, wanted, holds) in requests(mine) {
                for (other_at, other_wanted, other_holds) in requests(theirs) {
                    let has = |holds: &[(u8, u32)], lock| holds.iter().any(|(held, _)| *held == lock);
                    if !has(&holds, other_wanted) || !has(&other_holds, wanted) {
                        continue;
                    }
                    let indices =
                        |holds: &[(u8, u32)]| holds.iter().map(|(_, index)| *index).collect::<Vec<_>>();
                    let sides = [
                        side(&[one as u32 - 1], &indices(&holds), at),
                        side(&[two as u32 - 1], &indices(&other_holds), other_at),
                    ];
                    let happens =
                        ends.iter().any(|end| end.stands_at(one, at) && end.stands_at(two, other_at));
                    let (outcome, runs, _) = drive(&program, &sides);
                    match outcome {
                        Outcome::Reached => {
                            assert!(happens, "seed {seed}: {program:?} {sides:?}");
                            reached += 1;
                            runs_to_reach += runs;
                        }
                        Outcome::Refuted(_) => {
                            assert!(!happens, "seed {seed}: {program:?} {sides:?}");
                            refuted += 1;
                        }
                        // On the way there, another deadlock can form.
                        Outcome::Other | Outcome::Unknown => missed += u32::from(happens),
                        other => panic!("seed {seed}: {other:?} {program:?} {sides:?}"),
                    }
                }
            }
        }
    }
    assert!(reached > 100 && refuted > 50, "{reached} {refuted}");
    assert!(runs_to_reach < 2 * reached && missed * 20 < reached, "{reached} {runs_to_reach} {missed}");
}

/// Finds a deadlock at random and shrinks its schedule: its length before, and what is left.
fn shrunk(program: &Program, seed: u64) -> (usize, Schedule) {
    let mut random = Recording::new(Random::new(seed, 100_000));
    let (state, _) = loop {
        let end = run(program, &mut random).expect("it is found");
        if end.1 == RunEnd::Deadlock {
            break end;
        }
    };
    let found = random.schedule().clone();
    let mut same = |strategy: &mut dyn Strategy| run(program, strategy).is_some_and(|(end, _)| end == state);
    let shrunk = shrink(&found, 500, &mut same);
    assert!(shrunk.verified);
    let mut replay = Replay::new(&shrunk.schedule);
    assert!(same(&mut replay) && replay.diverged().is_none(), "{}", shrunk.schedule);
    (found.len(), shrunk.schedule)
}

#[test]
fn schedules_become_short() {
    let mut longest = 0;
    for seed in 0..8 {
        let (_, after) = shrunk(&abba(0), seed);
        assert_eq!(after.to_string(), "b1:1.1>2");
        let (before, after) = shrunk(&philosophers(5, false), seed);
        assert_eq!(after.to_string(), "b1:1.1>2,2.1>3,3.1>4,4.1>5");
        longest = longest.max(before);
    }
    assert!(longest > 4, "what was found was short already");
}

#[test]
fn what_does_not_show_again_is_not_verified() {
    let schedule: Schedule = "b1:0.3>1".parse().unwrap();
    let shrunk = shrink(&schedule, 50, &mut |strategy| {
        run(&abba(0), strategy);
        false
    });
    assert!(!shrunk.verified && shrunk.schedule == schedule && shrunk.runs == 1);
}
