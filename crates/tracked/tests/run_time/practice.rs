//! What published crates have turned up (`docs/practice.md`), each under the crate's name.

/// parking_lot's own tests use a condition variable with two mutexes on purpose: a panic, as documented, and no finding.
#[cfg(feature = "parking_lot_0_12")]
#[test]
fn parking_lot_condvar_with_two_mutexes_panics_and_is_no_finding() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use tracked::parking_lot_0_12::{Condvar, Mutex};
    use tracked::{Tier, thread};

    crate::alone::alone(
        "practice::parking_lot_condvar_with_two_mutexes_panics_and_is_no_finding",
        &[],
        || {
            let shared = Arc::new((Mutex::new(()), Condvar::new()));
            let (locked, is_locked) = std::sync::mpsc::channel();
            let waiter = thread::spawn({
                let shared = shared.clone();
                move || {
                    let mut guard = shared.0.lock();
                    locked.send(()).unwrap();
                    shared.1.wait(&mut guard);
                }
            });
            is_locked.recv().unwrap();
            // Free only once the thread waits.
            drop(shared.0.lock());
            let other = Mutex::new(());
            let wait = AssertUnwindSafe(|| shared.1.wait(&mut other.lock()));
            let panicked = catch_unwind(wait).unwrap_err();
            assert!(panicked.downcast_ref::<&str>().is_some_and(|text| text.contains("more than one mutex")));
            drop(other.try_lock().expect("the guard was dropped"));
            assert_eq!(shared.1.notify_all(), 1);
            waiter.join().unwrap();
            assert_eq!(tracked::report().at_least(Tier::Likely).count(), 0);
        },
    );
}

/// string_cache has a test of its own for threads with little room: one of 50 kB locked for the first time in its life,
/// and had no room for what only a recording needs.
#[test]
fn a_thread_with_a_small_stack_locks_string_cache() {
    let thread = std::thread::Builder::new().stack_size(40 << 10).spawn(|| {
        let (outer, inner) = (tracked::Mutex::new(1), tracked::RwLock::new(2));
        let outer = outer.lock().unwrap();
        *outer + *inner.read().unwrap()
    });
    assert_eq!(thread.unwrap().join().unwrap(), 3);
}
