//! The random strategies find planted bugs, and what they find replays from its schedule.

mod vm;

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;

use lockcheck_explorer::{
    DefaultOrder, Exhaustive, Pct, Portfolio, Pos, Random, Recording, Remote, Replay, RunEnd, Schedule,
    Strategy, Weighted, serve,
};
use proptest::prelude::{any, prop_assert_eq, proptest};
use vm::{Program, State, Step, abba, all_ends, philosophers, random_program, run};

/// Runs until something is found: after how many runs, by which schedule, and the state.
fn hunt(program: &Program, strategy: impl Strategy) -> Option<(u32, Schedule, State)> {
    let mut strategy = Recording::new(strategy);
    let mut runs = 0;
    while let Some((state, how)) = run(program, &mut strategy) {
        runs += 1;
        if how.is_finding() {
            return Some((runs, strategy.schedule().clone(), state));
        }
    }
    None
}

/// A read and a write that another thread's write must come between: an update is lost.
fn lost_update() -> Program {
    let adds = |n: u8| vec![Step::Load(0), Step::Store(0, n), Step::FailIf(1, 1)];
    let watcher = vec![Step::Load(0), Step::Load(0), Step::Add(1), Step::FailIf(0, 2)];
    let main = vec![Step::Spawn(1), Step::Spawn(2), Step::Spawn(3)];
    Program { threads: vec![main, adds(1), adds(2), watcher], permits: vec![] }
}

fn check_finds(program: &Program, runs: u64) {
    let found: [(&str, Option<_>); 6] = [
        ("random", hunt(program, Random::new(1, runs))),
        ("pct", hunt(program, Pct::new(1, runs, 2))),
        ("pos", hunt(program, Pos::new(1, runs))),
        ("urw", hunt(program, Weighted::urw(1, runs))),
        ("surw", hunt(program, Weighted::surw(1, runs))),
        ("portfolio", hunt(program, Portfolio::new(1, runs))),
    ];
    for (name, found) in found {
        let (_, schedule, state) = found.unwrap_or_else(|| panic!("{name} found nothing in {runs} runs"));
        check_replays(program, &schedule, &state);
    }
}

fn check_replays(program: &Program, schedule: &Schedule, state: &State) {
    let text = schedule.to_string();
    let schedule: Schedule = text.parse().unwrap();
    assert_eq!(schedule.to_string(), text);
    let mut replay = Recording::new(Replay::new(&schedule));
    let (again, _) = run(program, &mut replay).expect("one run");
    assert_eq!(replay.strategy().diverged(), None, "{schedule}");
    assert_eq!(again, *state, "{schedule}");
    assert_eq!(replay.schedule(), &schedule);
}

#[test]
fn planted_bugs_are_found_and_replayed() {
    check_finds(&abba(0), 200);
    check_finds(&philosophers(3, false), 1000);
    check_finds(&lost_update(), 500);
}

#[test]
fn a_clean_program_stays_clean() {
    let program = philosophers(4, true);
    assert!(hunt(&program, Random::new(7, 500)).is_none());
    assert!(hunt(&program, Pct::new(7, 500, 3)).is_none());
    assert!(hunt(&program, Pos::new(7, 500)).is_none());
    assert!(hunt(&program, Weighted::surw(7, 500)).is_none());
}

#[test]
fn a_portfolio_that_has_seen_all_stops_with_a_proof() {
    let program = philosophers(3, true);
    let mut portfolio = Portfolio::new(1, 100_000);
    let mut runs = 0;
    while run(&program, &mut portfolio).is_some() {
        runs += 1;
    }
    assert_eq!(portfolio.coverage().to_string(), "all 6 interleavings");
    assert!(runs < 20, "{runs}");
}

/// A walk that weighs by what remains reaches the order in which the short thread is last in about one run of as many
/// as there are orders; the plain walk nearly never.
#[test]
fn weights_make_a_short_thread_late() {
    let long = vec![Step::Add(0); 30];
    let short = vec![Step::FailIf(0, 30), Step::Load(0), Step::FailIf(0, 30)];
    let program =
        Program { threads: vec![vec![Step::Spawn(1), Step::Spawn(2)], long, short], permits: vec![] };
    // Only the short thread's end looks: it fails if all of the long one came before.
    let times = |mut strategy: Box<dyn Strategy>| {
        let mut times = 0;
        while let Some((_, how)) = run(&program, &mut *strategy) {
            times += u32::from(how == RunEnd::Found);
        }
        times
    };
    let uniform = times(Box::new(Weighted::urw(3, 2000)));
    let plain = times(Box::new(Random::new(3, 2000)));
    assert!(uniform > 20 && plain < 5, "{uniform} {plain}");
}

#[test]
fn the_default_order_is_the_empty_schedule() {
    let mut recording = Recording::new(DefaultOrder::new());
    let (state, how) = run(&abba(2), &mut recording).unwrap();
    assert_eq!(how, RunEnd::Finished);
    assert!(recording.schedule().is_empty());
    assert_eq!(run(&abba(2), &mut recording), None);
    check_replays(&abba(2), &Schedule::new(), &state);
}

#[test]
fn a_changed_program_is_recognised() {
    let (_, schedule, _) = hunt(&abba(3), Random::new(5, 1000)).unwrap();
    let mut replay = Replay::new(&schedule);
    run(&philosophers(2, true), &mut replay);
    let words = replay.diverged().expect("another program").to_string();
    assert!(words.starts_with("the program differs from the one this schedule was made for at `"), "{words}");
    let early: Schedule = "b1:0.0>1".parse().unwrap();
    let mut replay = Replay::new(&early);
    run(&abba(0), &mut replay);
    assert_eq!(
        replay.diverged().unwrap().to_string(),
        "the program differs from the one this schedule was made for at `0.0>1`: there is no thread 1 yet"
    );
}

/// A search that goes on from process to process: here, from connection to connection.
#[test]
fn a_search_can_sit_at_the_other_end() {
    let program = philosophers(3, false);
    let mut search = Exhaustive::new(1000);
    let mut ends = BTreeSet::new();
    while search.begin() {
        let (mut here, there) = UnixStream::pair().unwrap();
        let theirs = program.clone();
        let other = std::thread::spawn(move || run(&theirs, &mut Remote::new(there)));
        let how = serve(&mut here, &mut search).unwrap();
        let (state, their_how) = other.join().unwrap().unwrap();
        assert_eq!(how, Some(their_how));
        if their_how != RunEnd::Abandoned {
            ends.insert(state);
        }
    }
    assert_eq!(search.coverage().to_string(), "all 7 interleavings");
    assert_eq!(ends, all_ends(&program));
}

#[test]
fn a_program_that_goes_away_cuts_its_run() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let mut search = Exhaustive::new(10);
    assert!(search.begin());
    let mut remote = Remote::new(there);
    assert!(remote.begin());
    drop(remote);
    assert_eq!(serve(&mut here, &mut search).unwrap(), None);
    assert!(!search.coverage().complete);
}

proptest! {
    /// Whatever any strategy does with any program replays, through the text, to the same end.
    #[test]
    fn every_run_replays(seed in any::<u64>(), program in 0u64..100_000) {
        let program = random_program(program, 6);
        let mut strategy = Recording::new(Portfolio::new(seed, 12));
        while let Some((state, how)) = run(&program, &mut strategy) {
            if how != RunEnd::Abandoned {
                check_replays(&program, strategy.schedule(), &state);
            }
        }
    }

    /// No text makes the parser panic, and what it takes it writes the same way again.
    #[test]
    fn any_text_is_a_schedule_or_an_error(text in "(b1:)?[0-9.,>=#x ]{0,40}") {
        if let Ok(schedule) = text.parse::<Schedule>() {
            prop_assert_eq!(schedule.to_string().parse(), Ok(schedule));
        }
    }
}
