//! Atomics under control: all interleavings, and loops that wait for another thread to change one.

use std::sync::Arc;

use tracked::explore::Strategy;
use tracked::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tracked::{Explore, thread};

#[test]
fn an_update_in_two_steps_loses_one() {
    let body = || {
        let count = Arc::new(AtomicU32::new(0));
        let theirs = Arc::clone(&count);
        let other = thread::spawn(move || {
            let seen = theirs.load(Ordering::SeqCst);
            theirs.store(seen + 1, Ordering::SeqCst);
        });
        let seen = count.load(Ordering::SeqCst);
        count.store(seen + 1, Ordering::SeqCst);
        other.join().unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2, "one was lost");
    };
    let report = Explore::new().check(body);
    assert!(report.to_string().contains("one was lost"), "{report}");
    assert!(!Explore::new().replay(&report.failures[0].schedule).check(body).is_clean());
}

#[test]
fn an_update_in_one_step_loses_none() {
    let report = Explore::new().exhaustive().check(|| {
        let count = Arc::new(AtomicU32::new(0));
        let theirs = Arc::clone(&count);
        let other = thread::spawn(move || theirs.fetch_add(1, Ordering::SeqCst));
        count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| Some(count + 1)).unwrap();
        other.join().unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2);
    });
    assert!(report.is_clean() && report.proof.is_some(), "{report}");
}

#[test]
fn who_spins_lets_the_others_go_on() {
    for strategy in [Strategy::Portfolio, Strategy::Random, Strategy::Default, Strategy::Pos] {
        let report = Explore::new().strategy(strategy).runs(50).steps(2_000).check(|| {
            let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(true)));
            let theirs = Arc::clone(&flags);
            let other = thread::spawn(move || {
                theirs.0.store(true, Ordering::Release);
                theirs.1.store(false, Ordering::Release);
            });
            while !flags.0.load(Ordering::Acquire) {}
            while flags.1.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_err() {}
            other.join().unwrap();
        });
        assert!(report.is_clean() && report.notes.is_empty(), "{strategy:?}: {report}");
    }
}

#[test]
fn an_atomic_is_taken_for_stds() {
    let flag = AtomicBool::new(true);
    let stds: &std::sync::atomic::AtomicBool = &flag;
    assert!(stds.load(Ordering::Relaxed) && flag.fetch_not(Ordering::Relaxed) && !flag.into_inner());
}
