//! Large inputs: what must be found all the same, and what must stay bounded.

use lockcheck_checker::{Novelty, OrderChecker, Tier};
use lockcheck_events::{Attempt, Hold, LockId, Mode, Request, SiteId, StackId, ThreadId, TokenId};

fn hold(lock: u64, site: u32) -> Hold {
    Hold { lock: LockId(lock), mode: Mode::Exclusive, attempt: Attempt::Block, site: SiteId(site), event: 1 }
}

/// `thread` wants the last of the locks and holds the others.
fn request(thread: u32, locks: &[u64], site: u32) -> Request {
    let (wanted, held) = locks.split_last().expect("a lock");
    Request {
        thread: ThreadId(thread),
        event: 2,
        lock: LockId(*wanted),
        mode: Mode::Exclusive,
        attempt: Attempt::Block,
        site: SiteId(site),
        stack: StackId(1),
        holds: held.iter().map(|&lock| hold(lock, site + 1)).collect(),
    }
}

/// A ring of so many locks, each order by a thread of its own; the closing one at a random place.
fn ring(checker: &mut OrderChecker, size: u64, last: u64) -> usize {
    let side = |at: u64| request(at as u32 + 1, &[at + 1, (at + 1) % size + 1], 10 * at as u32 + 1);
    for at in (0..size).filter(|&at| at != last) {
        assert!(checker.request(&side(at)).is_empty());
    }
    let findings = checker.request(&side(last));
    assert!(
        findings.iter().all(|finding| finding.links.len() as u64 == size && finding.tier == Tier::Likely)
    );
    findings.len()
}

#[test]
fn long_rings_are_found() {
    for size in [2, 3, 10, 100, 500] {
        for last in [0, size / 2, size - 1] {
            let mut checker = OrderChecker::new();
            assert_eq!(ring(&mut checker, size, last), 1, "{size} {last}");
            assert_eq!(checker.notes(), Vec::<String>::new());
        }
    }
}

/// The ring's locks also lead into and come from a thicket that is no part of it.
#[test]
fn a_ring_is_found_among_many_other_orders() {
    let mut checker = OrderChecker::new();
    for lock in 1..=50 {
        for other in 0..40 {
            assert!(checker.request(&request(900, &[lock, 1000 + other], 5001)).is_empty());
            assert!(checker.request(&request(901, &[2000 + other, lock], 5003)).is_empty());
        }
    }
    assert_eq!(ring(&mut checker, 50, 17), 1);
    assert_eq!(checker.notes(), Vec::<String>::new());
}

/// Two threads that hold hundreds of locks: each comparison is dear, so there are fewer of them.
#[test]
fn deep_hold_sets_are_judged() {
    let mut checker = OrderChecker::new();
    let up: Vec<u64> = (1..=400).collect();
    let down: Vec<u64> = (1..=400).rev().collect();
    for count in 2..=400 {
        assert!(checker.request(&request(1, &up[..count], 11)).is_empty());
    }
    let findings: Vec<_> =
        (2..=400).flat_map(|count| checker.request(&request(2, &down[..count], 21))).collect();
    assert!(findings.iter().any(|finding| finding.tier == Tier::Likely));
}

#[test]
fn evidence_that_differs_is_kept_when_much_of_the_same_comes() {
    let mut checker = OrderChecker::new();
    // One ungated order early on, then a crowd that always holds the gate.
    checker.request(&request(1, &[1, 2], 11));
    for thread in 2..200 {
        checker.request(&request(thread, &[9, 1, 2], 21));
    }
    let findings = checker.request(&request(300, &[9, 2, 1], 31));
    assert!(findings.iter().any(|finding| finding.tier == Tier::Likely), "{findings:#?}");
    assert_eq!(checker.lost(), 0);
}

#[test]
fn what_gives_way_is_said() {
    let mut checker = OrderChecker::new();
    for gate in 100..150 {
        checker.request(&request(1, &[gate, 1, 2], 11));
    }
    assert_eq!(checker.lost(), 1);
    assert!(checker.notes()[0].contains("16 a pair"), "{:?}", checker.notes());
}

#[test]
fn short_lived_locks_leave_nothing_behind() {
    let mut checker = OrderChecker::new();
    for round in 0..20_000_u64 {
        let (outer, inner, leaf) = (1, 10 + 2 * round, 11 + 2 * round);
        checker.request(&request(1, &[outer, inner], 11));
        checker.request(&request(1, &[outer, inner, leaf], 13));
        checker.dropped(LockId(inner));
        checker.dropped(LockId(leaf));
    }
    assert_eq!((checker.live_edge_count(), checker.edge_count()), (0, 60_000));
    assert_eq!(checker.lost(), 0);
}

#[test]
fn dropped_locks_that_could_matter_stay_up_to_a_limit() {
    let mut checker = OrderChecker::new();
    for round in 0..10_000_u64 {
        checker.request(&request(1, &[1, 10 + round], 11));
        checker.request(&request(3, &[10 + round, 2], 13));
        checker.dropped(LockId(10 + round));
    }
    assert!(checker.live_edge_count() <= 2 * lockcheck_checker::order::DROPPED_MAX);
    assert!(checker.notes()[0].contains("dropped locks were forgotten"), "{:?}", checker.notes());
    let findings = checker.request(&request(2, &[2, 1], 21));
    assert!(findings.iter().any(|finding| finding.tier == Tier::Likely));
}

/// Dropping the locks of one large component one by one is not quadratic, and those that are left still work.
#[test]
fn a_component_can_be_dropped_lock_by_lock() {
    let mut checker = OrderChecker::new();
    for lock in 1..2000 {
        checker.request(&request(1, &[lock, lock + 1], 11));
        checker.request(&request(1, &[lock + 1, lock], 13));
    }
    for lock in 1..1999 {
        checker.dropped(LockId(lock));
    }
    let findings = checker.request(&request(2, &[2000, 1999], 11));
    assert!(findings.iter().any(|finding| finding.tier == Tier::Likely), "{findings:#?}");
}

#[test]
fn threads_that_come_and_go_in_order_stay_silent() {
    let mut checker = OrderChecker::new();
    let (main, mut token) = (ThreadId(1), 0);
    for worker in 2..20_000 {
        let thread = ThreadId(worker);
        checker.before(main, TokenId(token));
        checker.after(thread, TokenId(token));
        let locks = if worker % 2 == 0 { [1, 2] } else { [2, 1] };
        assert!(checker.request(&request(worker, &locks, 11)).is_empty(), "{worker}");
        checker.before(thread, TokenId(token + 1));
        checker.ended(thread);
        checker.after(main, TokenId(token + 1));
        checker.forget(TokenId(token));
        checker.forget(TokenId(token + 1));
        token += 2;
    }
    checker.before(main, TokenId(token));
    checker.after(ThreadId(90_000), TokenId(token));
    checker.after(ThreadId(90_001), TokenId(token));
    assert!(checker.request(&request(90_000, &[1, 2], 11)).is_empty());
    assert_eq!(checker.request(&request(90_001, &[2, 1], 11)).len(), 1);
}

/// The run-time should name a thread's end before it says that the thread has ended; the other way round is
/// understood as well.
#[test]
fn an_end_may_be_named_late() {
    let mut checker = OrderChecker::new();
    checker.request(&request(2, &[1, 2], 11));
    checker.ended(ThreadId(2));
    checker.before(ThreadId(2), TokenId(1));
    checker.after(ThreadId(1), TokenId(1));
    assert!(checker.request(&request(1, &[2, 1], 13)).is_empty());
}

#[test]
fn a_crowd_in_the_same_two_lines_is_one_problem_with_bounded_instances() {
    let mut checker = OrderChecker::new();
    let mut problems = 0;
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..20_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (from, to, thread) = (state % 200, (state >> 20) % 200, (state >> 40) % 8);
        if from != to {
            let findings = checker.request(&request(thread as u32 + 1, &[from + 1, to + 1], 11));
            problems += findings.iter().filter(|finding| finding.novelty == Novelty::Problem).count();
        }
    }
    assert_eq!(problems, 1);
}

#[test]
fn strange_input_does_no_harm() {
    let mut checker = OrderChecker::new();
    let (nobody, point) = (ThreadId(0), TokenId(7));
    checker.after(nobody, point);
    checker.ended(nobody);
    checker.before(nobody, point);
    checker.forget(point);
    checker.dropped(LockId(5));
    assert!(checker.request(&request(0, &[5], 1)).is_empty());
    assert!(checker.request(&request(0, &[5, 5], 1)).is_empty());
    assert!(checker.request(&request(0, &[5, 5, 5, 6, 6, 7], 1)).is_empty());
    // A lock that was dropped and is named again all the same.
    checker.dropped(LockId(7));
    checker.dropped(LockId(7));
    checker.ended(nobody);
    assert!(!checker.request(&request(1, &[7, 6], 3)).is_empty() || checker.edge_count() > 0);
}
