//! Data that nothing guards: two accesses that either thread could make first.

use std::sync::Arc;

use tracked::cell::Shared;
use tracked::{Explore, Mutex, thread};

use crate::program::kind;

#[test]
fn two_accesses_that_nothing_orders_race() {
    let body = || {
        let datum = Arc::new(Shared::new(0));
        let theirs = Arc::clone(&datum);
        let other = thread::spawn(move || theirs.set(1));
        datum.get();
        other.join().unwrap();
    };
    let report = Explore::new().check(body);
    assert_eq!(kind(&report), "data-race");
    let evidence = &report.finding().unwrap().evidence;
    let mut actions: Vec<&str> = evidence.iter().map(|access| access.action.as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["read", "write"], "{report}");
    assert!(!Explore::new().replay(&report.failures[0].schedule).check(body).is_clean());
}

#[test]
fn accesses_under_a_lock_or_before_a_join_do_not() {
    let report = Explore::new().exhaustive().check(|| {
        let datum = Arc::new((Mutex::new(()), Shared::new(0)));
        let theirs = Arc::clone(&datum);
        datum.1.set(1);
        let other = thread::spawn(move || {
            let _guard = theirs.0.lock().unwrap();
            theirs.1.set(2);
        });
        {
            let _guard = datum.0.lock().unwrap();
            datum.1.get();
        }
        other.join().unwrap();
        assert_eq!(datum.1.get(), 2);
    });
    assert!(report.is_clean() && report.proof.is_some(), "{report}");
}

#[test]
fn two_readers_do_not_race() {
    let report = Explore::new().check(|| {
        let datum = Arc::new(Shared::new(0));
        let theirs = Arc::clone(&datum);
        let other = thread::spawn(move || theirs.get());
        assert_eq!((datum.get(), other.join().unwrap()), (0, 0));
    });
    assert!(report.is_clean(), "{report}");
}
