//! Real deadlocks, again and again in one process: each is found, and breaks with `LOCKCHECK_ON_DEADLOCK=panic`. One
//! that is missed hangs, and the test with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Barrier, PoisonError};

use tracked::{Lock, Mutex, RwLock, thread};

use crate::alone::alone;

const PANIC: &[(&str, &str)] = &[("LOCKCHECK_ON_DEADLOCK", "panic")];

/// Runs the sides at once, `rounds` times, and asserts that each time some of them, but not all, give way.
fn deadlocks_each_time(rounds: usize, sides: impl Fn() -> Vec<Box<dyn FnOnce() + Send>>) {
    std::panic::set_hook(Box::new(|_| {}));
    for round in 0..rounds {
        let threads: Vec<_> = sides().into_iter().map(thread::spawn).collect();
        let count = threads.len();
        let gave_way = threads.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();
        assert!(gave_way >= 1, "round {round}: no deadlock was seen");
        assert!(count == 1 || gave_way < count, "round {round}: all gave way");
    }
    let _ = std::panic::take_hook();
}

/// A ring of mutexes, each side with one in hand before any asks for the next.
fn ring(size: usize) -> Vec<Box<dyn FnOnce() + Send>> {
    let locks: std::sync::Arc<Vec<_>> = std::sync::Arc::new((0..size).map(|_| Mutex::new(())).collect());
    let all = std::sync::Arc::new(Barrier::new(size));
    (0..size)
        .map(|at| -> Box<dyn FnOnce() + Send> {
            let (locks, all) = (locks.clone(), all.clone());
            Box::new(move || {
                let _held = locks[at].lock().unwrap_or_else(PoisonError::into_inner);
                all.wait();
                drop(locks[(at + 1) % locks.len()].lock().unwrap_or_else(PoisonError::into_inner));
            })
        })
        .collect()
}

#[test]
fn two_mutexes_a_thousand_times() {
    alone("detection::two_mutexes_a_thousand_times", PANIC, || deadlocks_each_time(1000, || ring(2)));
}

#[test]
fn rings_of_five() {
    alone("detection::rings_of_five", PANIC, || deadlocks_each_time(200, || ring(5)));
}

/// Several deadlocks form at the same time, each on its own.
#[test]
fn several_at_once() {
    alone("detection::several_at_once", PANIC, || {
        std::panic::set_hook(Box::new(|_| {}));
        for _ in 0..60 {
            let rings: Vec<_> = (0..4).map(|_| ring(2)).collect();
            let threads: Vec<Vec<_>> =
                rings.into_iter().map(|ring| ring.into_iter().map(thread::spawn).collect()).collect();
            for ring in threads {
                let gave_way = ring.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();
                assert_eq!(gave_way, 1);
            }
        }
        let _ = std::panic::take_hook();
    });
}

/// The same two locks, whose owner hints and orders are old by then.
#[test]
fn the_same_two_locks_again_and_again() {
    static A: Lock<()> = Lock::new(());
    static B: Lock<()> = Lock::new(());
    static BOTH: Barrier = Barrier::new(2);
    alone("detection::the_same_two_locks_again_and_again", PANIC, || {
        deadlocks_each_time(500, || {
            vec![
                Box::new(|| {
                    let _held = A.lock();
                    BOTH.wait();
                    drop(B.lock());
                }),
                Box::new(|| {
                    let _held = B.lock();
                    BOTH.wait();
                    drop(A.lock());
                }),
            ]
        });
        // How long threads had to wait for each other is another matter.
        let findings = tracked::report().findings;
        let problems = findings.iter().filter(|finding| !finding.code.is_timed()).count();
        assert_eq!(problems, 1, "one problem, however often it happens");
    });
}

/// Readers on both sides, writers wanted; others write and read in between the rounds.
#[test]
fn readers_that_want_to_write() {
    static A: RwLock<()> = RwLock::new(());
    static B: RwLock<()> = RwLock::new(());
    static BOTH: Barrier = Barrier::new(2);
    fn side(first: &'static RwLock<()>, second: &'static RwLock<()>) {
        let held = first.read().unwrap_or_else(PoisonError::into_inner);
        BOTH.wait();
        drop(second.write().unwrap_or_else(PoisonError::into_inner));
        drop(held);
    }
    alone("detection::readers_that_want_to_write", PANIC, || {
        deadlocks_each_time(300, || {
            drop((A.write(), B.write()));
            vec![Box::new(|| side(&A, &B)), Box::new(|| side(&B, &A))]
        });
    });
}

/// A nested read behind a writer that queued in between, of a lock that others wrote to before.
#[test]
fn nested_reads_behind_a_writer() {
    static A: RwLock<()> = RwLock::new(());
    static HELD: Barrier = Barrier::new(2);
    alone("detection::nested_reads_behind_a_writer", PANIC, || {
        deadlocks_each_time(300, || {
            vec![
                Box::new(|| {
                    let _held = A.read().unwrap_or_else(PoisonError::into_inner);
                    HELD.wait();
                    while !matches!(A.try_read(), Err(std::sync::TryLockError::WouldBlock)) {
                        thread::yield_now();
                    }
                    drop(A.read().unwrap_or_else(PoisonError::into_inner));
                }),
                Box::new(|| {
                    HELD.wait();
                    drop(A.write().unwrap_or_else(PoisonError::into_inner));
                }),
            ]
        });
    });
}

/// A lock taken twice, in both ways.
#[test]
fn threads_that_wait_for_themselves() {
    alone("detection::threads_that_wait_for_themselves", PANIC, || {
        deadlocks_each_time(100, || {
            vec![Box::new(|| {
                let lock = Lock::new(());
                let held = (lock.lock(), lock.lock());
                drop(held);
            })]
        });
        deadlocks_each_time(100, || {
            vec![Box::new(|| {
                let lock = RwLock::new(());
                let held = (lock.read().unwrap(), lock.write().unwrap());
                drop(held);
            })]
        });
    });
}

/// Joins of a thread that wants what the joining one holds, whichever of the two blocks first.
#[test]
fn joins_under_a_lock() {
    alone("detection::joins_under_a_lock", PANIC, || {
        std::panic::set_hook(Box::new(|_| {}));
        for round in 0..300 {
            let lock = std::sync::Arc::new(Lock::new(()));
            let both = std::sync::Arc::new(Barrier::new(2));
            let held = lock.lock();
            let worker = {
                let (lock, both) = (lock.clone(), both.clone());
                thread::spawn(move || {
                    both.wait();
                    if round % 2 == 0 {
                        thread::yield_now();
                    }
                    drop(lock.lock());
                })
            };
            both.wait();
            if round % 3 == 0 {
                (0..20).for_each(|_| thread::yield_now());
            }
            // Either the worker panics, which is its result, or the join does.
            let joined = catch_unwind(AssertUnwindSafe(|| worker.join()));
            assert!(!matches!(joined, Ok(Ok(()))), "round {round}: no deadlock was seen");
            drop(held);
        }
        let _ = std::panic::take_hook();
    });
}
