//! Who can never move again: cases where it must speak and cases where it must stay silent, and a naive twin that tries
//! every set of threads.

use std::collections::BTreeSet;

use lockcheck_checker::world::{
    Call, Ender, Family, Handle, HandleKind, Places, Process, State, Thread, Wait, decide, finding, lines,
    openings, stuck,
};
use lockcheck_events::{Frame, Site};
use proptest::prelude::*;

fn handle(kind: HandleKind, number: u64) -> Handle {
    Handle { kind, object: (1, number, 0) }
}

fn reader(number: u64) -> Handle {
    handle(HandleKind::PipeRead, number)
}

fn writer(number: u64) -> Handle {
    handle(HandleKind::PipeWrite, number)
}

/// Puts a family together.
#[derive(Default)]
struct Building(Family);

impl Building {
    fn process(mut self, parent: Option<usize>, handles: &[Handle]) -> Building {
        let pid = 100 + self.0.processes.len() as i32;
        self.0.processes.push(Process {
            pid,
            program: "program".to_owned(),
            parent,
            handles: handles.iter().copied().collect(),
            stirred_by: None,
            handles_child_end: false,
        });
        self
    }

    fn thread(mut self, state: State) -> Building {
        let process = self.0.processes.len() - 1;
        let tid = 1000 + self.0.threads.len() as i32;
        self.0.threads.push(Thread { process, tid, name: "t".to_owned(), state });
        self
    }

    fn waits(self, call: Call, enders: Vec<Ender>) -> Building {
        self.thread(State::Waits(Wait { call, enders }))
    }

    /// In the process that was added last.
    fn futex(self) -> Building {
        let own = Ender::Process(self.0.processes.len() - 1);
        self.waits(Call::Futex(0x10), vec![own])
    }

    fn reads(self, pipe: u64) -> Building {
        self.waits(Call::Read(reader(pipe)), vec![Ender::Holder(writer(pipe))])
    }

    fn writes(self, pipe: u64) -> Building {
        self.waits(Call::Write(writer(pipe)), vec![Ender::Holder(reader(pipe))])
    }

    fn joins(self, child: usize) -> Building {
        self.waits(Call::Child(Some(child)), vec![Ender::Process(child)])
    }

    fn runs(self) -> Building {
        self.thread(State::Moves("runs"))
    }

    /// The cores, and those behind them.
    #[track_caller]
    fn expect(&self, sets: &[(&[usize], &[usize])]) {
        let found = decide(&self.0);
        let found: Vec<(&[usize], &[usize])> =
            found.iter().map(|set| (&set.core[..], &set.behind[..])).collect();
        assert_eq!(found, sets);
    }
}

#[test]
fn what_keeps_the_world_open_is_said_once_for_each_reason() {
    let mut family = Building::default()
        .process(None, &[reader(1)])
        .reads(1)
        .process(Some(0), &[])
        .futex()
        .runs()
        .runs()
        .process(Some(0), &[])
        .futex()
        .0;
    family.outside.insert(writer(1));
    family.processes[2].stirred_by = Some("has a timer");
    let expected = [
        "still open: process 100 (`program`): thread `t` (1000) waits for what somebody outside has the other end of",
        "still open: process 101 (`program`): 2 threads, each of which runs",
        "still open: process 102 (`program`) has a timer",
    ];
    assert_eq!(openings(&family), expected);
    assert!(openings(&Building::default().process(None, &[]).futex().0).is_empty());
}

#[test]
fn two_threads_that_wait_in_one_process_are_stuck() {
    Building::default().process(None, &[]).futex().futex().futex().expect(&[(&[0, 1, 2], &[])]);
}

#[test]
fn a_thread_that_runs_may_end_any_wait_of_its_process() {
    Building::default().process(None, &[]).futex().futex().runs().expect(&[]);
}

#[test]
fn a_shell_that_waits_for_the_stuck_is_behind_them() {
    Building::default()
        .process(None, &[])
        .joins(1)
        .process(Some(0), &[])
        .futex()
        .futex()
        .expect(&[(&[1, 2], &[0])]);
}

#[test]
fn stuck_children_are_found_while_the_parent_lives() {
    Building::default()
        .process(None, &[])
        .runs()
        .process(Some(0), &[])
        .futex()
        .futex()
        .expect(&[(&[1, 2], &[])]);
}

#[test]
fn a_lone_sleeper_counts_only_where_nobody_above_could_end_it() {
    let lone = || Building::default().process(None, &[]);
    lone().futex().expect(&[(&[0], &[])]);
    lone().runs().process(Some(0), &[]).futex().expect(&[]);
    let mut family = lone().joins(1).process(Some(0), &[]).futex();
    family.expect(&[(&[1], &[0])]);
    // A shell that handles signals waits all the same.
    family.0.processes[0].stirred_by = Some("handles signals");
    family.expect(&[(&[1], &[])]);
}

#[test]
fn a_full_pipe_and_a_join_close_a_circle_over_two_processes() {
    let ends = [reader(7), writer(7)];
    let parent = Building::default().process(None, &ends).joins(1);
    let both = parent.process(Some(0), &ends).futex().writes(7);
    both.expect(&[(&[0, 1, 2], &[])]);
    let mut watched = both;
    watched.0.outside.insert(reader(7));
    watched.expect(&[]);
}

#[test]
fn a_pipe_is_ended_by_whoever_holds_the_other_end() {
    let two = |other: &[Handle]| {
        Building::default().process(None, &[reader(1), writer(2)]).reads(1).process(None, other)
    };
    two(&[reader(2), writer(1)]).reads(2).expect(&[(&[0, 1], &[])]);
    two(&[reader(2), writer(1)]).runs().expect(&[]);
    // Each waits for itself alone: nobody else has the ends.
    two(&[]).runs().expect(&[(&[0], &[])]);
}

#[test]
fn what_handles_the_end_of_a_child_is_stirred_by_it() {
    let mut family = Building::default().process(None, &[]).futex().process(Some(0), &[]).runs();
    family.expect(&[(&[0], &[])]);
    family.0.processes[0].handles_child_end = true;
    family.expect(&[]);
}

#[test]
fn a_process_that_something_may_stir_is_never_stuck() {
    let mut family = Building::default().process(None, &[]).joins(1).process(Some(0), &[]).futex().futex();
    family.0.processes[1].stirred_by = Some("has a timer");
    family.expect(&[]);
}

#[test]
fn two_deadlocks_are_two() {
    let two = Building::default().process(None, &[]).waits(Call::Child(None), vec![Ender::Below(0)]);
    let two = two.process(Some(0), &[]).futex().futex().process(Some(0), &[]).futex().futex();
    two.expect(&[(&[1, 2], &[0]), (&[3, 4], &[0])]);
}

struct Nowhere;

impl Places for Nowhere {
    fn index(&self, process: usize) -> u32 {
        process as u32
    }

    fn stack(&self, _thread: usize) -> (Option<Site>, Vec<Frame>) {
        (None, Vec::new())
    }

    fn object(&self, _: usize) -> Option<(Option<String>, Site)> {
        None
    }
}

#[test]
fn the_words_name_who_waits_for_what() {
    let ends = [reader(7), writer(7)];
    let family =
        Building::default().process(None, &ends).joins(1).process(Some(0), &ends).futex().writes(7).0;
    let [set] = &decide(&family)[..] else { panic!() };
    let found = finding(&family, set, &Nowhere);
    assert_eq!(found.code.as_str(), "LC0010");
    assert_eq!(
        found.message,
        "process 100 (`program`) and process 101 (`program`) wait for each other, and nobody else can end \
         their waits"
    );
    let sides: Vec<(u32, &str, &str)> =
        found.evidence.iter().map(|side| (side.process, &*side.thread, &*side.action)).collect();
    assert_eq!(sides, [(0, "t (1000)", "join"), (1, "t (1001)", "wait"), (1, "t (1002)", "send")]);
    let lines = lines(&family, set);
    assert!(
        lines[0].ends_with("thread `t` (1000) waits for the end of process 101 (`program`)"),
        "{lines:?}"
    );
    assert!(
        lines[2].ends_with("writes to pipe:[7], whose other end is held by processes 100 and 101"),
        "{lines:?}"
    );
    assert!(lines[3].starts_with("nothing in the program and its children can move again"), "{lines:?}");
}

#[test]
fn identity_does_not_depend_on_numbers() {
    let mut family = Building::default().process(None, &[]).futex().futex().0;
    let print = |family: &Family| finding(family, &decide(family)[0], &Nowhere).fingerprint;
    let before = print(&family);
    family.processes[0].pid = 9;
    family.threads[1].tid = 77;
    assert_eq!(print(&family), before);
    family.processes[0].program = "other".to_owned();
    assert_ne!(print(&family), before);
}

/// Every thread that could end the wait of this one, and whether somebody outside could.
fn naive_enders(family: &Family, thread: usize) -> Option<(BTreeSet<usize>, bool)> {
    let State::Waits(wait) = &family.threads[thread].state else { return None };
    let own = family.threads[thread].process;
    if family.processes[own].stirred_by.is_some() {
        return None;
    }
    let is_below = |process: usize, above: usize| {
        let parent = |&process: &usize| family.processes[process].parent;
        std::iter::successors(parent(&process), parent).any(|over| over == above)
    };
    let mut enders = wait.enders.clone();
    enders.extend(family.processes[own].handles_child_end.then_some(Ender::Below(own)));
    let ends = |process: usize| {
        enders.iter().any(|ender| match ender {
            Ender::Process(ender) => process == *ender,
            Ender::Below(over) => is_below(process, *over),
            Ender::Holder(handle) => family.processes[process].handles.contains(handle),
        })
    };
    let by = (0..family.threads.len()).filter(|&thread| ends(family.threads[thread].process)).collect();
    let outside = enders.iter().any(|ender| matches!(ender, Ender::Holder(h) if family.outside.contains(h)));
    Some((by, outside))
}

/// Every set of threads that wait for nobody but members of the set.
fn closed_sets(family: &Family) -> Vec<BTreeSet<usize>> {
    let count = family.threads.len();
    let sets = (1_u32..1 << count).map(|bits| (0..count).filter(|at| bits >> at & 1 == 1).collect());
    let closed = |set: &BTreeSet<usize>| {
        set.iter().all(|&thread| {
            naive_enders(family, thread).is_some_and(|(by, outside)| !outside && by.is_subset(set))
        })
    };
    sets.filter(closed).collect()
}

fn any_handle() -> impl Strategy<Value = Handle> {
    (0..4_u64, any::<bool>()).prop_map(|(number, read)| if read { reader(number) } else { writer(number) })
}

prop_compose! {
    fn any_family()(count in 1..5_usize)(
        parents in prop::collection::vec(0..5_usize, count),
        handles in prop::collection::vec(prop::collection::btree_set(any_handle(), 0..4), count),
        stirred in prop::collection::vec(prop::bool::weighted(0.1), count),
        handlers in prop::collection::vec(prop::bool::weighted(0.2), count),
        threads in prop::collection::vec(
            (0..count, prop::bool::weighted(0.1), prop::collection::vec((0..3, 0..count, any_handle()), 0..3)),
            1..9,
        ),
        outside in prop::collection::btree_set(any_handle(), 0..2),
    ) -> Family {
        let mut building = Building::default();
        for (at, handles) in handles.iter().enumerate() {
            let parent = (parents[at] < at).then_some(parents[at]);
            building = building.process(parent, &handles.iter().copied().collect::<Vec<_>>());
            building.0.processes[at].stirred_by = stirred[at].then_some("may be stirred");
            building.0.processes[at].handles_child_end = handlers[at];
        }
        for (process, runs, enders) in threads {
            let ender = |(kind, process, handle)| match kind {
                0 => Ender::Process(process),
                1 => Ender::Below(process),
                _ => Ender::Holder(handle),
            };
            let wait = Wait { call: Call::Poll, enders: enders.into_iter().map(ender).collect() };
            building = match runs {
                true => building.runs(),
                false => building.thread(State::Waits(wait)),
            };
            building.0.threads.last_mut().unwrap().process = process;
        }
        building.0.outside = outside;
        building.0
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn the_naive_twin_agrees(family in any_family()) {
        let closed = closed_sets(&family);
        let largest: BTreeSet<usize> = closed.iter().flatten().copied().collect();
        prop_assert_eq!(stuck(&family), largest.into_iter().collect::<Vec<_>>());
        let minimal = closed.iter().filter(|set| !closed.iter().any(|other| other != *set && other.is_subset(set)));
        let mut minimal: Vec<Vec<usize>> = minimal.map(|set| set.iter().copied().collect()).collect();
        minimal.sort();
        let found = decide(&family);
        // Lone threads may be left out, on purpose; nothing else may.
        prop_assert!(found.iter().all(|set| minimal.contains(&set.core)));
        for core in minimal.iter().filter(|core| core.len() > 1) {
            prop_assert!(found.iter().any(|set| set.core == *core));
        }
    }
}
