//! What the detector sees through the types that are not locks: initialisers and barriers. Each test looks only for
//! findings about locks with its own names, because all tests of a process share one report. They run one at a time,
//! because a report holds up the learning, which has a limited patience.

#![cfg(any(feature = "check", lockcheck))]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::sync::{MutexGuard as StdGuard, PoisonError};
use std::time::{Duration, Instant};

use tracked::executor::ThreadPoolExecutor;
use tracked::sync::{Barrier, LazyLock, Mutex, Once, OnceLock};
use tracked::{Finding, Tier, thread};

/// One test at a time.
fn alone() -> StdGuard<'static, ()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The findings about a lock of this name.
fn about(name: &str) -> Vec<Finding> {
    let mut findings = tracked::report().findings;
    findings.retain(|finding| {
        finding.tier >= Tier::Likely && finding.locks.iter().any(|lock| lock.name.as_deref() == Some(name))
    });
    findings
}

/// Waits until a finding of this kind about `name` is there.
fn comes_to_be_found(name: &str, kind: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while about(name).iter().all(|finding| finding.kind != kind) {
        assert!(Instant::now() < deadline, "no {kind} was found about `{name}`");
        // Not to order anything: to leave the detector time between two looks.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs both, the second after the first, on threads that nothing orders in the detector's eyes.
fn one_after_the_other(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    let (done, go) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            first();
            done.send(()).unwrap();
        });
        scope.spawn(move || {
            go.recv().unwrap();
            second();
        });
    });
}

#[test]
fn an_initialiser_that_locks_and_a_holder_that_initialises_are_in_opposite_order() {
    let _alone = alone();
    let lock = Mutex::new(0).named("order: lock");
    let once = Once::new().named("order: once");
    // The second call finds it done, and is a request all the same: it could have come first.
    one_after_the_other(
        || once.call_once(|| *lock.lock().unwrap() += 1),
        || {
            let _held = lock.lock().unwrap();
            once.call_once(|| unreachable!("done"));
        },
    );
    let findings = about("order: once");
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].kind.as_str(), findings[0].tier), ("lock-order-cycle", Tier::Likely));
}

#[test]
fn a_lazy_value_made_under_a_lock_by_all_is_silent() {
    let _alone = alone();
    static LAZY: LazyLock<u8> = LazyLock::new(|| 1);
    let lock = Mutex::new(0).named("lazy: lock");
    let cell = OnceLock::new();
    let use_all = || {
        let mut held = lock.lock().unwrap();
        *held += *LAZY + cell.get_or_init(|| 1);
    };
    one_after_the_other(use_all, use_all);
    assert_eq!((about("lazy: lock").len(), *lock.lock().unwrap()), (0, 4));
}

#[test]
fn a_deadlock_through_an_initialiser_is_seen_when_it_forms() {
    let _alone = alone();
    let lock = Arc::new(Mutex::new(0).named("hang: lock"));
    let cell = Arc::new(OnceLock::new().named("hang: cell"));
    let (holds, held) = channel();
    let (begun, begins) = channel();
    // Neither ends: they are left behind when the process does.
    thread::spawn({
        let (lock, cell) = (Arc::clone(&lock), Arc::clone(&cell));
        move || {
            let _held = lock.lock().unwrap();
            holds.send(()).unwrap();
            begins.recv().unwrap();
            cell.get_or_init(|| 1);
        }
    });
    thread::spawn(move || {
        cell.get_or_init(|| {
            held.recv().unwrap();
            begun.send(()).unwrap();
            *lock.lock().unwrap()
        });
    });
    comes_to_be_found("hang: cell", "deadlock");
}

#[test]
fn an_initialiser_that_asks_for_itself_is_a_self_deadlock() {
    let _alone = alone();
    thread::spawn(|| {
        static CELL: OnceLock<u8> = OnceLock::new();
        let lazy = Arc::new(Once::new().named("self: once"));
        lazy.call_once(|| lazy.call_once(|| CELL.set(1).unwrap()));
    });
    comes_to_be_found("self: once", "self-deadlock");
}

/// Locks in one order before `$meet`, and in the other after it, on different threads. A macro, because the same lines
/// would be the same problem to the detector.
macro_rules! opposite_orders_around {
    ($meet:expr, $name:literal) => {
        let (a, b) = (Mutex::new(()).named($name), Mutex::new(()));
        let meet = || {
            $meet;
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                drop((a.lock(), b.lock()));
                meet();
            });
            scope.spawn(|| {
                meet();
                drop((b.lock(), a.lock()));
            });
        });
    };
}

#[test]
fn what_a_barrier_keeps_apart_is_silent_and_what_it_does_not_is_found() {
    let _alone = alone();
    let barrier = Barrier::new(2).named("barrier: meeting");
    opposite_orders_around!(barrier.wait(), "barrier: kept apart");
    assert_eq!(about("barrier: kept apart").len(), 0);
    let unseen = std::sync::Barrier::new(2);
    opposite_orders_around!(unseen.wait(), "barrier: not seen");
    assert_eq!(about("barrier: not seen").len(), 1);
}

#[test]
fn a_barrier_with_more_threads_than_places_orders_nothing() {
    let _alone = alone();
    let barrier = Barrier::new(2);
    // Two others have met here before: in another run, these two might meet one of them each.
    thread::scope(|scope| {
        scope.spawn(|| barrier.wait());
        scope.spawn(|| barrier.wait());
    });
    opposite_orders_around!(barrier.wait(), "barrier: shared");
    assert_eq!(about("barrier: shared").len(), 1);
}

#[test]
fn what_comes_before_a_task_or_after_its_result_is_not_concurrent_with_it() {
    let _alone = alone();
    let executor = ThreadPoolExecutor::new(1).named("order: pool");
    let pair = Arc::new((Mutex::new(()).named("pool: apart"), Mutex::new(())));
    drop((pair.0.lock(), pair.1.lock()));
    let task = executor.submit({
        let pair = Arc::clone(&pair);
        move || drop((pair.1.lock(), pair.0.lock()))
    });
    task.result().unwrap();
    drop((pair.0.lock(), pair.1.lock()));
    assert_eq!(about("pool: apart").len(), 0);
}

#[test]
fn tasks_of_two_workers_are_concurrent() {
    let _alone = alone();
    let executors = [ThreadPoolExecutor::new(1), ThreadPoolExecutor::new(1)];
    let pair = Arc::new((Mutex::new(()).named("pool: concurrent"), Mutex::new(())));
    let (done, go) = channel();
    let first = {
        let pair = Arc::clone(&pair);
        executors[0].submit(move || {
            drop((pair.0.lock(), pair.1.lock()));
            done.send(()).unwrap();
        })
    };
    let second = executors[1].submit(move || {
        go.recv().unwrap();
        drop((pair.1.lock(), pair.0.lock()));
    });
    first.result().unwrap();
    second.result().unwrap();
    assert_eq!(about("pool: concurrent").len(), 1);
}

/// The mirror of parking_lot's 0.13 line.
#[cfg(feature = "parking_lot_0_13")]
mod parking_lot {
    use tracked::Named;
    use tracked::parking_lot::{Condvar, Mutex, RwLock, RwLockUpgradableReadGuard};

    use super::*;

    #[test]
    fn opposite_orders_are_found_at_the_callers_lines() {
        let _alone = alone();
        let lock = RwLock::new(()).named("parking_lot: lock");
        let mutex = Mutex::new(());
        one_after_the_other(
            || {
                let _held = mutex.lock();
                // The upgradable hold itself is left out of what the upgrade is asked with.
                drop(RwLockUpgradableReadGuard::upgrade(lock.upgradable_read()));
            },
            || {
                let _held = lock.read();
                assert!(mutex.try_lock_for(Duration::from_secs(60)).is_some());
                drop(mutex.lock());
            },
        );
        let findings = about("parking_lot: lock");
        assert_eq!(
            findings.iter().map(|finding| finding.kind.as_str()).collect::<Vec<_>>(),
            ["lock-order-cycle"]
        );
        for evidence in &findings[0].evidence {
            assert_eq!(evidence.site.file, "tests/findings.rs");
        }
        assert!(findings[0].locks.iter().all(|lock| lock.created.file == "tests/findings.rs"));
    }

    #[test]
    fn an_upgrade_in_a_consistent_order_and_a_recursive_read_are_silent() {
        let _alone = alone();
        let lock = RwLock::new(0).named("parking_lot: consistent");
        let condvar = Condvar::new().named("parking_lot: condvar");
        let inner = Mutex::new(0);
        let work = || {
            let upgradable = lock.upgradable_read();
            let mut guard = inner.lock();
            condvar.wait_for(&mut guard, Duration::from_millis(1));
            drop(guard);
            let mut writer = RwLockUpgradableReadGuard::upgrade(upgradable);
            *writer += *inner.lock() + 1;
        };
        one_after_the_other(work, work);
        assert_eq!((about("parking_lot: consistent").len(), *lock.read()), (0, 2));
    }

    /// Takes the first lock, does something about its guard, then takes the second; elsewhere the other way round.
    #[cfg(feature = "send_guard")]
    macro_rules! then_in_opposite_order {
        ($name:literal, $with_guard:expr) => {
            let (a, b) = (Mutex::new(()).named($name), Mutex::new(()));
            one_after_the_other(
                || {
                    {
                        let _kept = $with_guard(a.lock());
                        drop(b.lock());
                    }
                    // The stray hold is gone for good: this is no self-deadlock.
                    drop(a.lock());
                },
                || {
                    let _held = b.lock();
                    drop(a.lock());
                },
            );
        };
    }

    #[cfg(feature = "send_guard")]
    #[test]
    fn a_guard_that_was_sent_away_is_held_no_more() {
        let _alone = alone();
        then_in_opposite_order!("parking_lot: kept", |guard| {
            thread::scope(|scope| scope.spawn(|| ()).join().unwrap());
            guard
        });
        assert_eq!(about("parking_lot: kept").len(), 1);
        then_in_opposite_order!("parking_lot: sent away", |guard| {
            thread::scope(|scope| scope.spawn(move || drop(guard)).join().unwrap());
        });
        assert_eq!(about("parking_lot: sent away").len(), 0);
    }
}
