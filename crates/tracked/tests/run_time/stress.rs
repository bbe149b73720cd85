//! Many threads that do everything right: no finding, no wrong result, and no deadlock that is none. Run with
//! `LOCKCHECK_ON_DEADLOCK=abort`, so that a false one ends the test.

use std::time::Duration;

use tracked::{Condition, Condvar, Lock, Mutex, RLock, RwLock, RwLockWriteGuard, Tier, thread};

use crate::alone::alone;

const ABORT: &[(&str, &str)] = &[("LOCKCHECK_ON_DEADLOCK", "abort")];

/// xorshift64*: reproducible without a dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    /// `count` different numbers below `limit`, in rising order.
    fn rising(&mut self, count: usize, limit: usize) -> Vec<usize> {
        let mut all: Vec<_> = (0..count).map(|_| self.below(limit)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Runs `work` in so many threads, each with numbers of its own.
fn in_threads(threads: u64, work: impl Fn(&mut Random) + Sync) {
    thread::scope(|scope| {
        for number in 1..=threads {
            let work = &work;
            scope.spawn(move || work(&mut Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))));
        }
    });
}

#[track_caller]
fn nothing_found() {
    let report = tracked::report();
    let counts: Vec<_> = report.at_least(Tier::Likely).collect();
    assert!(counts.is_empty(), "{counts:#?}");
    // So many ways to take so few locks are more than are kept of each pair.
    let named = |note: &&String| !note.contains("not every way to take them is kept");
    assert_eq!(report.notes.iter().find(named), None);
}

#[test]
fn mutexes_in_rising_order() {
    alone("stress::mutexes_in_rising_order", ABORT, || {
        let locks: Vec<_> = (0..12).map(|_| Mutex::new(0)).collect();
        in_threads(8, |random| {
            for _ in 0..1500 {
                let mut held: Vec<_> =
                    random.rising(4, locks.len()).into_iter().map(|at| locks[at].lock().unwrap()).collect();
                held.iter_mut().for_each(|count| **count += 1);
                while !held.is_empty() {
                    let at = random.below(held.len());
                    drop(held.swap_remove(at));
                }
            }
        });
        let total: usize = locks.iter().map(|lock| *lock.lock().unwrap()).sum();
        assert!(total > 8 * 1500);
        nothing_found();
    });
}

/// Writers queue all the time; readers nest reads of different locks in rising order.
#[test]
fn rwlocks_with_queued_writers() {
    enum Held<'a> {
        Read(#[expect(dead_code, reason = "held, not looked at")] tracked::RwLockReadGuard<'a, usize>),
        Written(#[expect(dead_code, reason = "held, not looked at")] RwLockWriteGuard<'a, usize>),
    }
    alone("stress::rwlocks_with_queued_writers", ABORT, || {
        let locks: Vec<_> = (0..6).map(|_| RwLock::new(0)).collect();
        in_threads(8, |random| {
            for _ in 0..1500 {
                let mut held = Vec::new();
                for at in random.rising(3, locks.len()) {
                    let lock = &locks[at];
                    match random.below(4) {
                        0 => {
                            let mut guard = lock.write().unwrap();
                            *guard += 1;
                            held.push(Held::Written(guard));
                        }
                        1 => {
                            let mut guard = lock.write().unwrap();
                            *guard += 1;
                            held.push(Held::Read(RwLockWriteGuard::downgrade(guard)));
                        }
                        _ => held.push(Held::Read(lock.read().unwrap())),
                    }
                }
                if random.below(8) == 0 {
                    thread::yield_now();
                }
                while !held.is_empty() {
                    let at = random.below(held.len());
                    drop(held.swap_remove(at));
                }
            }
        });
        nothing_found();
    });
}

/// Timed and tried locks may be taken in any order: they give up.
#[test]
fn timed_locks_in_any_order() {
    alone("stress::timed_locks_in_any_order", ABORT, || {
        let locks: Vec<_> = (0..6).map(|_| Lock::new(0)).collect();
        in_threads(8, |random| {
            for _ in 0..400 {
                let mut held = vec![locks[random.below(locks.len())].lock()];
                for _ in 0..3 {
                    let lock = &locks[random.below(locks.len())];
                    let patience = Duration::from_micros(random.below(40) as u64);
                    let guard =
                        if random.below(2) == 0 { lock.try_lock_for(patience) } else { lock.try_lock() };
                    held.extend(guard);
                }
                held.iter_mut().for_each(|count| **count += 1);
            }
        });
        nothing_found();
    });
}

/// A holder that blocks on a timed lock is no dead end for those who block behind it for good.
#[test]
fn blocking_behind_those_who_give_up() {
    alone("stress::blocking_behind_those_who_give_up", ABORT, || {
        let (low, high) = (Lock::new(0), Lock::new(0));
        in_threads(6, |random| {
            for _ in 0..300 {
                if random.below(2) == 0 {
                    let _low = low.lock();
                    *high.lock() += 1;
                } else {
                    let _high = high.lock();
                    let patience = Duration::from_micros(random.below(3000) as u64);
                    drop(low.try_lock_for(patience));
                }
            }
        });
        nothing_found();
    });
}

#[test]
fn reentrant_locks_under_others() {
    alone("stress::reentrant_locks_under_others", ABORT, || {
        let (first, second, third) = (Mutex::new(()), RLock::new(()), RLock::new(()));
        in_threads(6, |random| {
            for _ in 0..600 {
                let outer = (random.below(2) == 0).then(|| first.lock());
                let a = second.lock();
                let b = third.lock();
                // Held already: no order, whatever the others do.
                let c = second.lock();
                if random.below(2) == 0 {
                    drop((a, c, b));
                } else {
                    drop((b, a, outer, c));
                }
            }
        });
        nothing_found();
    });
}

/// A bounded buffer of each kind, with a lock around the counting.
#[test]
fn conditions_between_producers_and_consumers() {
    const ITEMS: usize = 400;
    alone("stress::conditions_between_producers_and_consumers", ABORT, || {
        let (buffer, changed) = (Mutex::new(Vec::new()), Condvar::new());
        let other_buffer = Condition::new(Vec::new());
        let sum = Mutex::new(0);
        let produce = || {
            for item in 1..=ITEMS {
                let guard = buffer.lock().unwrap();
                changed.wait_while(guard, |items| items.len() >= 3).unwrap().push(item);
                changed.notify_all();
                let mut guard = other_buffer.lock();
                guard.wait_while(|items| items.len() >= 3);
                guard.push(item);
                guard.notify_all();
            }
        };
        let consume = || {
            for _ in 0..ITEMS {
                let guard = buffer.lock().unwrap();
                let item = changed.wait_while(guard, |items| items.is_empty()).unwrap().pop();
                changed.notify_all();
                *sum.lock().unwrap() += item.unwrap();
                let mut guard = other_buffer.lock();
                guard.wait_while(|items| items.is_empty());
                *sum.lock().unwrap() += guard.pop().unwrap();
                guard.notify_all();
            }
        };
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(produce);
                scope.spawn(consume);
            }
        });
        assert_eq!(sum.into_inner().unwrap(), 2 * 3 * ITEMS * (ITEMS + 1) / 2);
        nothing_found();
    });
}

/// Joins, scopes and locks of their own all over the place.
#[test]
fn trees_of_threads() {
    fn grow(depth: usize, leaves: &Mutex<usize>) {
        let own = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    *own.lock().unwrap() += 1;
                    if depth > 0 {
                        grow(depth - 1, leaves)
                    } else {
                        *leaves.lock().unwrap() += 1
                    }
                    let _own = own.lock().unwrap();
                    drop(leaves.lock());
                });
            }
        });
        assert_eq!(*own.lock().unwrap(), 3);
    }
    alone("stress::trees_of_threads", ABORT, || {
        let leaves = Mutex::new(0);
        for _ in 0..3 {
            grow(3, &leaves);
        }
        assert_eq!(leaves.into_inner().unwrap(), 3 * 81);
        nothing_found();
    });
}

/// Joins of threads that are blocked for a moment, by threads that hold locks these do not need.
#[test]
fn joins_of_blocked_threads() {
    alone("stress::joins_of_blocked_threads", ABORT, || {
        let (shared, mine) = (std::sync::Arc::new(Mutex::new(0)), Mutex::new(()));
        for _ in 0..200 {
            let workers: Vec<_> = (0..4)
                .map(|_| {
                    let shared = shared.clone();
                    thread::spawn(move || *shared.lock().unwrap() += 1)
                })
                .collect();
            let _mine = mine.lock();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        }
        assert_eq!(*shared.lock().unwrap(), 800);
        nothing_found();
    });
}
