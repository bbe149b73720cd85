//! Threads that can never go on.

use std::sync::Arc;

use tracked::explore::Strategy;
use tracked::{Explore, Mutex, RwLock, Tier, thread};

use crate::program::{abba, gated_abba, kind, philosophers};

#[test]
fn opposite_orders_are_found_and_replayed_from_the_string() {
    let report = Explore::new().strategy(Strategy::Random).check(abba);
    assert_eq!(kind(&report), "deadlock");
    let finding = report.finding().unwrap();
    assert_eq!(finding.tier, Tier::Confirmed);
    assert_eq!((finding.locks.len(), finding.evidence.len()), (2, 2), "{report}");
    let schedule = finding.schedule.clone().unwrap();
    let again = Explore::new().replay(&schedule).check(abba);
    assert_eq!(again.runs, 1);
    let same = again.finding().unwrap_or_else(|| panic!("{schedule} does not replay:\n{again}"));
    assert_eq!(
        (same.fingerprint.as_str(), same.schedule.as_ref()),
        (finding.fingerprint.as_str(), Some(&schedule))
    );
}

#[test]
fn opposite_orders_take_two_deviations_at_most() {
    let report = Explore::new().strategy(Strategy::Random).seed(3).check(abba);
    let schedule = &report.failures[0].schedule;
    assert!(schedule.matches(['>', '=']).count() <= 2, "{schedule}");
}

#[test]
fn opposite_orders_under_a_gate_are_proved_clean() {
    let report = Explore::new().exhaustive().check(gated_abba);
    assert!(report.is_clean(), "{report}");
    let proof = report.proof.as_ref().unwrap_or_else(|| panic!("no proof: {report}"));
    assert!(proof.interleavings >= 2, "{proof}");
    assert!(report.to_string().starts_with("all "), "{report}");
    assert!(report.threads <= 2, "threads are used again, {} were started", report.threads);
}

#[test]
fn philosophers_are_searched_to_the_end() {
    let report = Explore::new().exhaustive().check(|| philosophers(3, true));
    assert!(report.is_clean() && report.proof.is_some(), "{report}");
    let report = Explore::new().exhaustive().check(|| philosophers(3, false));
    assert_eq!(kind(&report), "deadlock");
    let report = Explore::new().preemptions(1).check(|| philosophers(2, true));
    assert_eq!(report.proof.as_ref().and_then(|proof| proof.preemptions), Some(1), "{report}");
}

#[test]
fn five_philosophers_take_five_deviations_at_most() {
    let report = Explore::new().runs(5_000).check(|| philosophers(5, false));
    assert_eq!(kind(&report), "deadlock");
    let schedule = &report.failures[0].schedule;
    assert!(schedule.matches(['>', '=']).count() <= 5, "{schedule}");
}

#[test]
fn a_schedule_of_another_program_is_recognised() {
    let schedule = Explore::new().strategy(Strategy::Random).check(abba).failures[0].schedule.clone();
    let report = Explore::new().replay(&schedule).check(|| ());
    assert!(!report.is_clean() && report.diverged.is_some(), "{report}");
}

#[tracked::test(explore = 50)]
fn an_explored_test_passes_where_nothing_is_wrong() -> Result<(), String> {
    gated_abba();
    Ok(())
}

#[tracked::test(explore = 50)]
#[should_panic(expected = "deadlock")]
fn an_explored_test_fails_with_the_report() {
    abba();
}

#[test]
fn philosophers_who_all_reach_left_first_starve() {
    let report = Explore::new().strategy(Strategy::Random).runs(5_000).check(|| philosophers(3, false));
    assert_eq!(kind(&report), "deadlock");
    assert_eq!(report.finding().unwrap().evidence.len(), 3, "{report}");
}

#[test]
fn philosophers_of_whom_one_reaches_right_first_eat() {
    let report = Explore::new().strategy(Strategy::Random).runs(300).check(|| philosophers(3, true));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_lock_that_is_taken_twice_by_its_holder_is_a_self_deadlock() {
    let report = Explore::new().check(|| {
        let lock = Mutex::new(0);
        let _first = lock.lock().unwrap();
        let _second = lock.lock().unwrap();
    });
    assert_eq!(kind(&report), "self-deadlock");
}

#[test]
fn a_partial_deadlock_is_seen_although_others_could_go_on() {
    let report = Explore::new().strategy(Strategy::Random).runs(2_000).check(|| {
        let other = thread::spawn(|| {
            for _ in 0..20 {
                thread::yield_now();
            }
        });
        abba();
        other.join().unwrap();
    });
    assert_eq!(kind(&report), "deadlock");
}

#[test]
fn a_second_read_behind_a_waiting_writer_is_a_deadlock() {
    let report = Explore::new().strategy(Strategy::Random).runs(2_000).check(|| {
        let lock = Arc::new(RwLock::new(0));
        let theirs = Arc::clone(&lock);
        let writer = thread::spawn(move || *theirs.write().unwrap() += 1);
        {
            let _first = lock.read().unwrap();
            let _second = lock.read().unwrap();
        }
        writer.join().unwrap();
    });
    assert!(!report.is_clean(), "{report}");
    let finding = report.finding().unwrap();
    assert!(["deadlock", "rwlock-recursion"].contains(&finding.kind.as_str()), "{report}");
}

#[test]
fn readers_do_not_stand_in_each_others_way() {
    let report = Explore::new().strategy(Strategy::Random).runs(300).check(|| {
        let locks = Arc::new((RwLock::new(0), RwLock::new(0)));
        let theirs = Arc::clone(&locks);
        let other = thread::spawn(move || {
            let _b = theirs.1.read().unwrap();
            let _a = theirs.0.read().unwrap();
        });
        {
            let _a = locks.0.read().unwrap();
            let _b = locks.1.read().unwrap();
        }
        other.join().unwrap();
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_join_under_a_lock_that_the_other_needs_is_a_deadlock() {
    let report = Explore::new().check(|| {
        let lock = Arc::new(Mutex::new(0));
        let theirs = Arc::clone(&lock);
        let held = lock.lock().unwrap();
        let other = thread::spawn(move || *theirs.lock().unwrap() += 1);
        other.join().unwrap();
        drop(held);
    });
    assert_eq!(kind(&report), "join-deadlock");
}

#[test]
fn an_attempt_does_not_close_a_circle() {
    let report = Explore::new().strategy(Strategy::Random).runs(300).check(|| {
        let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
        let theirs = Arc::clone(&locks);
        let other = thread::spawn(move || {
            let _b = theirs.1.lock().unwrap();
            let _a = theirs.0.try_lock();
        });
        {
            let _a = locks.0.lock().unwrap();
            let _b = locks.1.lock().unwrap();
        }
        other.join().unwrap();
    });
    assert!(report.is_clean(), "{report}");
}
