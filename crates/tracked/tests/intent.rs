//! What a program states about its own locking, and what comes of it: each statement where it is kept to, broken, and
//! refuted. What follows from statements is the checker's, whose own tests are in `crates/checker/tests`.

use std::panic::catch_unwind;

use tracked::{Code, Finding, Lock, Tier, thread};

/// Locks of a class of their own: the line that uses this creates them.
macro_rules! locks {
    ($count:expr) => {
        (0..$count).map(|value| Lock::new(value)).collect::<Vec<Lock<u32>>>()
    };
}

/// Takes one lock under another at lines of its own: problems are told apart by where they are.
macro_rules! take {
    ($first:expr, $second:expr) => {{
        let _first = $first.lock();
        drop($second.lock());
    }};
}

/// Runs the two one after the other, in threads that nothing orders for the detector.
fn one_after_the_other(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    let between = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            first();
            between.wait();
        });
        scope.spawn(|| {
            between.wait();
            second();
        });
    });
}

/// All that was found at the lines between `line` and the call.
#[track_caller]
fn findings_at(line: u32) -> Vec<Finding> {
    let lines = line..std::panic::Location::caller().line();
    let here = |finding: &Finding| finding.evidence.iter().any(|side| lines.contains(&side.site.line));
    tracked::report().findings.into_iter().filter(here).collect()
}

fn panics_with(body: impl FnOnce() + std::panic::UnwindSafe) -> String {
    *catch_unwind(body).expect_err("must panic").downcast::<String>().expect("a text")
}

#[tracked::test]
fn levels_upwards_are_silent() {
    let nodes = locks!(3);
    let root = tracked::nested(0).run(|| nodes[0].lock());
    let child = tracked::nested(1).run(|| nodes[1].lock());
    drop(root);
    let _grandchild = tracked::nested(2).run(|| nodes[2].lock());
    drop(child);
}

#[tracked::test]
fn a_lock_without_a_level_is_at_the_bottom() {
    let others = locks!(2);
    let _plain = others[0].lock();
    let _one = tracked::nested(1).run(|| others[1].lock());
}

#[test]
fn a_level_that_does_not_rise_is_a_finding_in_one_thread() {
    let line = line!();
    let nodes = locks!(2);
    {
        let _level = tracked::nested(2);
        let _child = nodes[0].lock();
        let _level = tracked::nested(1);
        drop(nodes[1].lock());
    }
    let findings = findings_at(line);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = &findings[0];
    assert_eq!((finding.code, finding.tier, finding.evidence.len()), (Code::LockOrderCycle, Tier::Likely, 1));
    assert!(
        finding.message.ends_with("against the stated order: level 1 is asked for under level 2"),
        "{finding:?}"
    );
    assert_eq!(finding.evidence[0].holds[0].site.line, line + 4);
    assert_eq!(finding.evidence[0].site.line, line + 6);
    assert_eq!(finding.locks.len(), 2, "both locks are shown");
}

#[test]
fn equal_keys_order_nothing() {
    let line = line!();
    let accounts = locks!(2);
    let _one = tracked::ordered_by(7).run(|| accounts[0].lock());
    let _two = tracked::ordered_by(7).run(|| accounts[1].lock());
    let message = panics_with(|| tracked::assert_no_cycles!());
    assert!(message.contains("key 7 is asked for under key 7"), "{message}");
    assert_eq!(findings_at(line).len(), 1);
}

#[tracked::test]
fn keys_upwards_are_silent_from_many_threads() {
    let accounts = locks!(4);
    let transfer = |from: usize, to: usize| {
        let (low, high) = (from.min(to), from.max(to));
        let _low = tracked::ordered_by(low).run(|| accounts[low].lock());
        let _high = tracked::ordered_by(high).run(|| accounts[high].lock());
    };
    thread::scope(|scope| {
        for from in 0..4 {
            scope.spawn(move || (0..4).filter(|&to| to != from).for_each(|to| transfer(from, to)));
        }
    });
}

#[test]
fn a_key_out_of_order_is_a_finding_also_where_the_locks_have_a_line_each() {
    let line = line!();
    let a = Lock::new(0);
    let b = Lock::new(0);
    // The same statement is made about both, which makes them one class.
    fn lock<'a>(key: &str, lock: &'a Lock<u32>) -> tracked::Guard<'a, u32> {
        let _order = tracked::ordered_by(key);
        lock.lock()
    }
    let _b = lock("b", &b);
    let _a = lock("a", &a);
    let findings = findings_at(line);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.contains("key \"a\" is asked for under key \"b\""), "{findings:?}");
}

#[test]
fn what_may_be_of_one_class_is_a_note_and_names_say_that_it_is_not() {
    let line = line!();
    let (first, second) = (
        Lock::new(0),
        Lock::new(0), // a line of its own
    );
    let high = tracked::nested(2).run(|| first.lock());
    drop(tracked::nested(1).run(|| second.lock()));
    let findings = findings_at(line);
    assert_eq!(
        findings.iter().map(|finding| finding.tier).collect::<Vec<_>>(),
        [Tier::Order],
        "{findings:?}"
    );
    drop(high);
    let line = line!();
    let table = Lock::new(0).named("table");
    let row = Lock::new(0).named("row");
    let _table = tracked::nested(2).run(|| table.lock());
    drop(tracked::nested(1).run(|| row.lock()));
    assert_eq!(findings_at(line), []);
}

#[test]
fn what_std_creates_is_of_one_class_where_the_statements_are() {
    let line = line!();
    let nodes: Vec<Lock<u32>> = (0..2).map(Lock::new).collect();
    let _child = tracked::nested(1).run(|| nodes[1].lock());
    drop(tracked::nested(0).run(|| nodes[0].lock()));
    let findings = findings_at(line);
    assert_eq!(
        findings.iter().map(|finding| finding.tier).collect::<Vec<_>>(),
        [Tier::Likely],
        "{findings:?}"
    );
}

#[tracked::test]
fn locks_of_another_class_come_along_in_silence() {
    let accounts = locks!(2);
    let log = Lock::new(0);
    let _order = tracked::ordered_by(1);
    let _one = accounts[0].lock();
    drop(log.lock());
    let _order = tracked::ordered_by(2);
    let _two = accounts[1].lock();
    drop(log.lock());
}

#[test]
fn a_cycle_whose_sides_keep_to_their_levels_is_a_note() {
    let line = line!();
    let nodes = locks!(2);
    let descend = |parent: usize, child: usize| {
        let parent = tracked::nested(0).run(|| nodes[parent].lock());
        drop(tracked::nested(1).run(|| nodes[child].lock()));
        drop(parent);
    };
    one_after_the_other(|| descend(0, 1), || descend(1, 0));
    let findings = findings_at(line);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].code, findings[0].tier), (Code::LockOrderCycle, Tier::Order));
    assert!(
        findings[0].message.contains("unless each of the locks has only one of the levels"),
        "{findings:?}"
    );
}

#[test]
fn a_cycle_whose_keys_contradict_each_other_counts() {
    let line = line!();
    let accounts = locks!(2);
    let lying = |first: usize, second: usize| {
        let first = tracked::ordered_by(0).run(|| accounts[first].lock());
        drop(tracked::ordered_by(1).run(|| accounts[second].lock()));
        drop(first);
    };
    one_after_the_other(|| lying(0, 1), || lying(1, 0));
    let findings = findings_at(line);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].tier, findings[0].evidence.len()), (Tier::Likely, 2));
}

#[test]
fn a_timed_request_out_of_order_is_a_note_and_a_try_is_nothing() {
    let line = line!();
    let nodes = locks!(3);
    let _high = tracked::nested(2).run(|| nodes[2].lock());
    tracked::nested(1).run(|| drop(nodes[1].try_lock_for(std::time::Duration::from_secs(9))));
    tracked::nested(0).run(|| drop(nodes[0].try_lock()));
    let findings = findings_at(line);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].tier, Tier::Order);
}

#[tracked::test]
fn a_gate_keeps_a_cycle_silent() {
    let pair = locks!(2);
    one_after_the_other(
        || tracked::gate("file lock").run(|| take!(&pair[0], &pair[1])),
        || tracked::gate("file lock").run(|| take!(&pair[1], &pair[0])),
    );
}

#[test]
fn a_gate_on_one_side_keeps_nothing_silent() {
    let line = line!();
    let pair = locks!(2);
    one_after_the_other(
        || tracked::gate("half a gate").run(|| take!(&pair[0], &pair[1])),
        || take!(&pair[1], &pair[0]),
    );
    let findings = findings_at(line);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].code, findings[0].tier), (Code::LockOrderCycle, Tier::Likely));
}

#[test]
fn two_threads_in_a_gate_refute_it_and_bring_back_what_it_kept_silent() {
    let line = line!();
    let pair = locks!(2);
    one_after_the_other(
        || tracked::gate("leaky").run(|| take!(&pair[0], &pair[1])),
        || tracked::gate("leaky").run(|| take!(&pair[1], &pair[0])),
    );
    assert_eq!(findings_at(line), []);
    let meet = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| tracked::gate("leaky").run(|| meet.wait().is_leader()));
        }
    });
    let findings = findings_at(line);
    let of = |code| findings.iter().find(|finding: &&Finding| finding.code == code);
    let refuted = of(Code::AtomicityViolation).expect("the gate is refuted");
    assert!(refuted.message.contains("were in `leaky` at once"), "{refuted:?}");
    assert_eq!((refuted.evidence.len(), refuted.tier), (2, Tier::Likely));
    assert_eq!((refuted.evidence[0].action.as_str(), refuted.locks[0].class.as_str()), ("acquire", "gate"));
    let back = of(Code::LockOrderCycle).expect("the cycle is told");
    assert_eq!((back.tier, back.evidence.len()), (Tier::Likely, 2));
}

#[tracked::test]
fn a_thread_may_be_in_a_gate_twice() {
    let lock = Lock::new(0);
    tracked::gate("re-entered").run(|| tracked::gate("re-entered").run(|| drop(lock.lock())));
}

#[test]
fn an_ignored_side_is_silent_and_a_needless_ignore_is_said_to_be_stale() {
    let line = line!();
    let pair = locks!(2);
    one_after_the_other(
        || take!(&pair[0], &pair[1]),
        || tracked::ignore("the second thread starts later", || take!(&pair[1], &pair[0])),
    );
    tracked::ignore("there is nothing here", || drop(pair[0].lock()));
    let cycles: Vec<Finding> = tracked::report()
        .findings
        .into_iter()
        .filter(|finding| finding.locks.iter().any(|lock| lock.created.line == line + 1))
        .collect();
    assert!(cycles.is_empty(), "{cycles:?}");
    let notes = tracked::report().notes;
    assert!(notes.iter().any(|note| note.contains("`there is nothing here`")), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("starts later")), "{notes:?}");
}

#[test]
fn what_is_done_again_outside_of_an_ignore_is_told() {
    let pair = [Lock::new(0), Lock::new(0)];
    let line = line!() - 1;
    let again = || take!(&pair[1], &pair[0]);
    one_after_the_other(
        || take!(&pair[0], &pair[1]),
        || {
            tracked::ignore("at first", again);
            again();
        },
    );
    let cycles = tracked::report().findings;
    let found = cycles.iter().find(|finding| finding.locks.iter().any(|lock| lock.created.line == line));
    assert_eq!(found.map(|found| (found.code, found.tier)), Some((Code::LockOrderCycle, Tier::Likely)));
}

#[test]
fn a_lint_is_silent_within_an_ignore_and_told_outside_of_it() {
    let lock = Lock::new(0);
    let line = line!();
    let sleep = || thread::sleep(std::time::Duration::from_millis(11));
    let held = lock.lock();
    tracked::ignore("the hardware needs it", sleep);
    tracked::ignore("the hardware needs it", sleep);
    assert!(findings_at(line).is_empty());
    sleep();
    drop(held);
    let found: Vec<_> = findings_at(line).iter().map(|found| (found.code, found.tier)).collect();
    assert_eq!(found, [(Code::BlockingWhileHolding, Tier::Order)]);
    let notes = tracked::report().notes;
    assert!(!notes.iter().any(|note| note.contains("the hardware needs it")), "{notes:?}");
}

#[test]
fn a_deadlock_that_a_timeout_breaks_is_silent_within_an_ignore() {
    let pair = locks!(2);
    let line = line!();
    let both = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _held = pair[0].lock();
            both.wait();
            tracked::ignore("it comes back later", || {
                assert!(pair[1].try_lock_for(std::time::Duration::from_millis(200)).is_none());
            });
        });
        scope.spawn(|| {
            let _held = pair[1].lock();
            both.wait();
            drop(pair[0].lock());
        });
    });
    let found: Vec<_> = findings_at(line).iter().map(|found| found.code).collect();
    assert!(!found.contains(&Code::MaskedByTimeout), "{found:?}");
}

#[test]
fn an_ignore_needs_a_reason() {
    let message = catch_unwind(|| tracked::ignore(" ", || ())).expect_err("must panic");
    assert!(message.downcast::<&str>().expect("a text").contains("needs a reason"));
}

#[test]
fn a_statement_ends_with_a_panic() {
    let nodes = locks!(2);
    let line = line!();
    let unwound = catch_unwind(std::panic::AssertUnwindSafe(|| {
        tracked::nested(5).run(|| std::panic::resume_unwind(Box::new(())));
    }));
    assert!(unwound.is_err());
    let _first = nodes[0].lock();
    drop(tracked::nested(1).run(|| nodes[1].lock()));
    assert!(findings_at(line).is_empty());
}
