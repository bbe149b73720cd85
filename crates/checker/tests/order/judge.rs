//! Records in, report out.

use lockcheck_checker::{Code, Context, Judge, LockInfo, Report, Tier, Verdict};
use lockcheck_events::{
    Attempt, Frame, Hold, LockId, LockKind, Mode, Record, Request, Site, SiteId, StackId, StuckKind,
    StuckThread, ThreadId,
};

use crate::language::{Call, Program};

/// Names by number.
struct Names;

impl Context for Names {
    fn thread_name(&self, thread: ThreadId) -> String {
        format!("T{}", thread.0)
    }
    fn thread_scope(&self, _: ThreadId) -> Option<String> {
        None
    }
    fn lock(&self, lock: LockId) -> LockInfo {
        LockInfo { kind: LockKind::Mutex, name: None, created: self.site(SiteId(lock.0 as u32)) }
    }
    fn site(&self, site: SiteId) -> Site {
        Site { package: "p".to_owned(), file: "src/main.rs".to_owned(), line: site.0, column: 5 }
    }
    fn backtrace(&self, _: StackId) -> Vec<Frame> {
        Vec::new()
    }
}

fn records(text: &str) -> Vec<Record> {
    let record = |call: Call| match call {
        Call::Request(request) => Record::Request(request),
        Call::Before(thread, token) => Record::Before { thread, token },
        Call::After(thread, token) => Record::After { thread, token },
        Call::Dropped(lock) => Record::LockDropped { lock },
        Call::Ended(thread) => Record::ThreadEnd { thread },
    };
    Program::parse(text).calls.into_iter().map(record).collect()
}

fn report(records: &[Record]) -> Report {
    let mut judge = Judge::new();
    records.iter().for_each(|record| drop(judge.feed(record)));
    judge.report("test", &Names)
}

fn codes(report: &Report) -> Vec<(Code, Tier, u64)> {
    report.findings.iter().map(|finding| (finding.code, finding.tier, finding.instances)).collect()
}

fn request_of(record: &Record) -> Request {
    match record {
        Record::Request(request) => request.clone(),
        other => panic!("no request: {other:?}"),
    }
}

fn stuck(kind: StuckKind, requests: &[Request]) -> Record {
    let threads =
        requests.iter().map(|request| StuckThread { request: request.clone(), waits_for: Vec::new() });
    Record::Stuck { kind, threads: threads.collect(), detected_after_ns: 1 }
}

#[test]
fn what_is_certain_takes_the_place_of_what_was_likely() {
    let waits = records("T1: a b");
    let wait = request_of(waits.iter().rfind(|record| matches!(record, Record::Request(_))).unwrap());
    let certain = stuck(StuckKind::StuckWait, std::slice::from_ref(&wait));
    let threads = vec![StuckThread { request: wait.clone(), waits_for: Vec::new() }];
    let likely = Record::MaybeStuck { kind: StuckKind::StuckWait, threads, doubt: "somebody can".to_owned() };
    let actual = [(Code::StuckWait, Tier::Actual, 1)];
    assert_eq!(codes(&report(&[likely.clone(), certain.clone()])), actual);
    assert_eq!(codes(&report(&[certain.clone(), likely.clone()])), actual);
    assert_eq!(codes(&report(std::slice::from_ref(&likely))), [(Code::StuckWait, Tier::Likely, 1)]);
    // Another wait of the same thread is another matter.
    let later = stuck(StuckKind::StuckWait, &[Request { event: wait.event + 1, site: SiteId(99), ..wait }]);
    assert_eq!(report(&[likely, later]).findings.len(), 2);
}

#[test]
fn a_cycle_is_a_finding_and_a_consistent_order_is_none() {
    let found = report(&records("T1: a b\nT2: b a"));
    assert_eq!(codes(&found), [(Code::LockOrderCycle, Tier::Likely, 1)]);
    assert_eq!(found.verdict, Verdict::Findings);
    assert_eq!(found.findings[0].evidence.len(), 2);
    assert_eq!(found.stats.edges, 2);
    let clean = report(&records("T1: a b\nT2: a b"));
    assert_eq!((clean.verdict, clean.findings.len()), (Verdict::Clean, 0));
}

#[test]
fn notes_and_lints_do_not_count() {
    let found = report(&records("T1: a b\nT1: b a\nT2: c d.timed\nT3: d c.timed"));
    assert_eq!(found.verdict, Verdict::Clean);
    let mut found = codes(&found);
    found.sort_unstable();
    assert_eq!(found, [(Code::LockOrderCycle, Tier::Order, 1), (Code::MaskedByTimeout, Tier::Order, 1)]);
}

#[test]
fn one_finding_a_fingerprint_with_its_instances_and_surest_tier() {
    let found = report(&records("T1@1: a b\nT1@1: b a\nT2@1: b a\nT1@1: c d\nT2@1: d c"));
    assert_eq!(codes(&found), [(Code::LockOrderCycle, Tier::Likely, 2)]);
    let sets = &found.findings[0].instance_locks;
    assert_eq!((sets.len(), sets.iter().all(|set| set.len() == 2 && set.is_sorted())), (2, true), "{sets:?}");
    assert!(sets[0].iter().all(|lock| !sets[1].contains(lock)), "{sets:?}");
    assert!(report(&records("T1: a b\nT2: b a")).findings[0].instance_locks.is_empty(), "it names its own");
    let sorted = report(&records("T1: a b\nT2: b a\nT1: c d\nT2: d c\nT1: e f\nT2: f e"));
    let prints: Vec<&str> = sorted.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
    assert!(prints.is_sorted() && prints.len() == 3, "{prints:?}");
}

#[test]
fn a_table_of_three_and_one_of_five_have_the_same_fingerprint() {
    let table = |seats: u32| {
        let lines = (0..seats).map(|seat| format!("T{seat}@1: f{seat} f{}", (seat + 1) % seats));
        let found = report(&records(&lines.collect::<Vec<_>>().join("\n")));
        assert_eq!(found.findings.len(), 1);
        found.findings[0].fingerprint.clone()
    };
    assert_eq!(table(3), table(5));
}

/// The 3-cycle stands only on sides that have shorter cycles; whether it was seen first must not matter.
#[test]
fn a_cycle_all_of_whose_sides_stand_in_shorter_ones_is_left_out() {
    let lines = ["T1@1: a b", "T2@2: b c", "T3@3: c a", "T4@4: b a", "T5@5: c b", "T6@6: a c"];
    let mut sets = Vec::new();
    for first in 0..lines.len() {
        let mut order = lines.to_vec();
        order.rotate_left(first);
        let found = report(&records(&order.join("\n")));
        sets.push(found.findings.iter().map(|finding| finding.fingerprint.clone()).collect::<Vec<_>>());
    }
    assert_eq!(sets[0].len(), 3);
    assert!(sets.iter().all(|set| *set == sets[0]), "{sets:?}");
}

#[test]
fn a_deadlock_replaces_the_cycle_it_came_from() {
    let mut all = records("T1: a b\nT2: b a");
    let requests: Vec<Request> = all.iter().map(request_of).collect();
    all.push(stuck(StuckKind::Deadlock, &requests));
    let found = report(&all);
    assert_eq!(codes(&found), [(Code::Deadlock, Tier::Actual, 1)]);
    assert_eq!(found.verdict, Verdict::Hang);
}

#[test]
fn a_deadlock_leaves_cycles_over_other_locks_or_sites_alone() {
    let mut all = records("T1@1: a b\nT2@2: b a\nT3@3: c d\nT4@4: d c\nT5@5: a b\nT6@6: b a");
    let requests: Vec<Request> = all[..2].iter().map(request_of).collect();
    all.push(stuck(StuckKind::Deadlock, &requests));
    let codes = codes(&report(&all));
    assert_eq!(codes.iter().filter(|(code, ..)| *code == Code::Deadlock).count(), 1);
    // c and d; and a and b from the other lines, with each other and with either side of the deadlock.
    assert_eq!(codes.iter().filter(|(code, ..)| *code == Code::LockOrderCycle).count(), 4);
}

#[test]
fn a_thread_that_waits_for_itself_is_a_self_deadlock() {
    let hold =
        Hold { lock: LockId(1), mode: Mode::Exclusive, attempt: Attempt::Block, site: SiteId(7), event: 1 };
    let request = Request {
        thread: ThreadId(1),
        event: 2,
        lock: LockId(1),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        site: SiteId(8),
        stack: StackId(0),
        holds: vec![hold],
    };
    let found = report(&[Record::Request(request.clone()), stuck(StuckKind::SelfDeadlock, &[request])]);
    assert_eq!(codes(&found), [(Code::SelfDeadlock, Tier::Actual, 1)]);
}

/// Two upgraders: the hold that the other waits for is not among those of the request.
#[test]
fn the_hold_of_an_upgrade_is_shown() {
    let own =
        |event| Hold { lock: LockId(1), mode: Mode::Shared, attempt: Attempt::Block, site: SiteId(3), event };
    let member = |thread: u32, other: u32| StuckThread {
        request: Request {
            thread: ThreadId(thread),
            event: 2,
            lock: LockId(1),
            mode: Mode::Exclusive,
            attempt: Attempt::Block,
            site: SiteId(4),
            stack: StackId(0),
            holds: Vec::new(),
        },
        waits_for: vec![(ThreadId(other), own(1))],
    };
    let threads = vec![member(1, 2), member(2, 1)];
    let found = report(&[Record::Stuck { kind: StuckKind::Deadlock, threads, detected_after_ns: 1 }]);
    assert_eq!(codes(&found), [(Code::Deadlock, Tier::Actual, 1)]);
    assert!(found.findings[0].evidence.iter().all(|side| side.holds.len() == 1));
}

#[test]
fn a_member_that_holds_nothing_does_no_harm() {
    let request = request_of(&records("T1: a b")[0]);
    let bare = Request { holds: Vec::new(), ..request };
    assert_eq!(codes(&report(&[stuck(StuckKind::Deadlock, &[bare])])), [(Code::Deadlock, Tier::Actual, 1)]);
    assert_eq!(report(&[stuck(StuckKind::Deadlock, &[])]).verdict, Verdict::Clean);
}

#[test]
fn limits_of_the_run_time_are_said() {
    let what = "4096 sites: later ones are unnamed".to_owned();
    let found = report(&[Record::Dropped { what: what.clone() }, Record::Dropped { what: what.clone() }]);
    assert_eq!((found.stats.dropped, found.notes), (2, vec![what]));
}
